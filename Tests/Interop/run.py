"""Runs every interop script against one replicator executable: `run.py EXECUTABLE [NAME ...]`.

The last line is `N passed, N failed`, summed over the scripts. The exit status is 1 if anything failed, or if a
script ended without having checked anything.
"""

import os
import pathlib
import re
import signal
import subprocess
import sys
import time

HERE = pathlib.Path(__file__).resolve().parent
# Only there to end what hangs; machines differ by far more than a factor of ten.
TIME_LIMIT = 600 + float(os.environ.get("SOAK_SECONDS", 0))
CLOSING = re.compile(r"^(\d+) passed, (\d+) failed$")


def run(script, environment):
    """Checks that passed and failed, and what was printed."""
    # A group of its own, so that brokers which a script left behind end with it.
    process = subprocess.Popen(
        [sys.executable, str(script)], env=environment, cwd=HERE, text=True, errors="replace",
        stdout=subprocess.PIPE, stderr=subprocess.STDOUT, start_new_session=True)
    try:
        output, _ = process.communicate(timeout=TIME_LIMIT)
        status = process.returncode
    except subprocess.TimeoutExpired:
        os.killpg(process.pid, 9)
        output, _ = process.communicate()
        return 0, 1, output + f"\ntook longer than {TIME_LIMIT} s"
    try:
        os.killpg(process.pid, 9)
    except ProcessLookupError:
        pass
    closing = [m for m in map(CLOSING.match, output.splitlines()) if m]
    if not closing:
        return 0, 1, output + f"\nended with status {status} before its closing line"
    passed, failed = map(int, closing[-1].groups())
    if passed + failed == 0:
        return 0, 1, output + "\nchecked nothing"
    return passed, max(failed, 1 if status else 0), output


def informational(output):
    """What a script measured, for people."""
    return [line for line in output.splitlines() if line.startswith("measured: ")]


def main():
    # A shell that starts this in the background has INT ignored, and what is ignored stays so in every child: checks
    # that interrupt a program would wait in vain.
    signal.signal(signal.SIGINT, signal.default_int_handler)
    if len(sys.argv) < 2:
        sys.exit("usage: run.py EXECUTABLE [NAME ...]")
    executable = pathlib.Path(sys.argv[1]).resolve()
    if not executable.exists():
        sys.exit(f"{executable} does not exist: build it first")
    wanted = {pathlib.Path(name).stem for name in sys.argv[2:]}
    scripts = sorted([*HERE.glob("broker_*.py"), *HERE.glob("replicate_*.py")])
    environment = dict(os.environ, REPLICATOR=str(executable), PYTHONUNBUFFERED="1")
    passed, failed = 0, 0
    for script in scripts:
        if wanted and script.stem not in wanted:
            continue
        started = time.monotonic()
        good, bad, output = run(script, environment)
        print(f"{script.name}: {good} passed, {bad} failed, {time.monotonic() - started:.0f} s", flush=True)
        if bad:
            print(output, flush=True)
        else:
            for line in informational(output):
                print(f"  {line}", flush=True)
        passed += good
        failed += bad
    print(f"{passed} passed, {failed} failed")
    sys.exit(1 if failed or not passed else 0)


main()
