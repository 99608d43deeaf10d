"""Runs the interoperability tests against one replicator executable: `run.py EXECUTABLE [PYTEST ARGUMENT ...]`.

First those that may run side by side, then those that need the machine for themselves (`alone`), one after the other.
The arguments are pytest's, as `-k soak` or `operations/test_drill.py`. JUnit files and a table of seconds go to the
folder INTEROP_TIMES names, or to .build/test-times; INTEROP_WORKERS says how many run side by side.

The last line is `N passed, N failed`, which counts expectations of both parts. The exit status is 1 if anything failed,
or if nothing was checked.
"""

import collections
import os
import pathlib
import signal
import subprocess
import sys
import time
import xml.etree.ElementTree

HERE = pathlib.Path(__file__).resolve().parent
ROOT = HERE.parents[1]
# Nearly all of them wait most of the time, so there may be more of them than processors.
WORKERS = int(os.environ.get("INTEROP_WORKERS", 4 * (os.cpu_count() or 2)))
NOTHING_SELECTED = 5

Test = collections.namedtuple("Test", "file name seconds")


def run(part, arguments, environment, report):
    """One session of pytest; its exit status."""
    # A group of its own, so that whatever is left behind ends with it.
    process = subprocess.Popen(
        [sys.executable, "-m", "pytest", *part, f"--junitxml={report}", *arguments], env=environment, cwd=HERE,
        start_new_session=True)
    try:
        return process.wait()
    except KeyboardInterrupt:
        # Tests end what they have started.
        os.killpg(process.pid, signal.SIGINT)
        process.wait()
        raise
    finally:
        try:
            os.killpg(process.pid, signal.SIGKILL)
            process.wait()
        except ProcessLookupError:
            pass


def results(report):
    """Checks that passed and failed, and the time of each test, by pytest's report."""
    passed, failed, tests = 0, 0, []
    if not report.exists():
        return 0, 1, []
    for case in xml.etree.ElementTree.parse(report).iter("testcase"):
        checks = {p.get("name"): p.get("value") for p in case.iter("property")}
        is_bad = case.find("failure") is not None or case.find("error") is not None
        passed += int(checks.get("checks passed", 0))
        # One that did not come to its end has counted nothing.
        failed += max(int(checks.get("checks failed", 0)), is_bad)
        tests.append(Test(case.get("classname").replace(".", "/") + ".py", case.get("name"), float(case.get("time"))))
    return passed, failed, tests


def table(tests, seconds):
    files = collections.Counter()
    for test in tests:
        files[test.file] += test.seconds
    yield "seconds of each file, workers that ran side by side added up:"
    yield from (f"{spent:8.1f}  {name}" for name, spent in files.most_common())
    yield "the slowest tests:"
    yield from (f"{test.seconds:8.1f}  {test.file}::{test.name}"
                for test in sorted(tests, key=lambda t: -t.seconds)[:25])
    yield "by the clock:"
    yield from (f"{spent:8.1f}  {part}" for part, spent in seconds.items())


def main():
    # A shell that starts this in the background has INT ignored, and what is ignored stays so in every child.
    signal.signal(signal.SIGINT, signal.default_int_handler)
    signal.signal(signal.SIGTERM, lambda *_: sys.exit("terminated"))
    if len(sys.argv) < 2:
        sys.exit("usage: run.py EXECUTABLE [PYTEST ARGUMENT ...]")
    executable, arguments = pathlib.Path(sys.argv[1]).resolve(), sys.argv[2:]
    if not executable.exists():
        sys.exit(f"{executable} does not exist: build it first")
    folder = pathlib.Path(os.environ.get("INTEROP_TIMES", ROOT / ".build" / "test-times")).resolve()
    folder.mkdir(parents=True, exist_ok=True)
    environment = dict(os.environ, REPLICATOR=str(executable), PYTHONUNBUFFERED="1")
    # What does not even end at the limit of its test is ended with its worker; some may be told to take longer.
    seconds_more = 2 * float(os.environ.get("SOAK_SECONDS", 0)) + float(os.environ.get("TOPICS", 0)) / 5
    limit = ["-o", f"faulthandler_timeout={700 + seconds_more}"]
    parts = {
        "side by side": ["-m", "not alone", "-n", str(WORKERS), "--maxschedchunk", "1", *limit],
        "alone": ["-m", "alone", *limit]}
    passed, failed, tests, seconds = 0, 0, [], {}
    for name, part in parts.items():
        report = folder / f"interop-{name.replace(' ', '-')}.xml"
        report.unlink(missing_ok=True)
        started = time.monotonic()
        status = run(part, arguments, environment, report)
        seconds[name] = time.monotonic() - started
        good, bad, some = results(report)
        if status == NOTHING_SELECTED:
            continue
        passed += good
        failed += max(bad, status != 0)
        tests += some
    lines = list(table(tests, seconds))
    (folder / "interop.txt").write_text("\n".join(lines) + "\n")
    print(*lines, f"{passed} passed, {failed} failed", sep="\n", flush=True)
    sys.exit(1 if failed or not passed else 0)


if __name__ == "__main__":
    try:
        main()
    except KeyboardInterrupt:
        sys.exit(130)
