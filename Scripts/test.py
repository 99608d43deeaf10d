#!/usr/bin/env python3
"""Builds and runs tests, and says where the time went.

    Scripts/test.py check              # the inner loop: lint, pure Swift suites, one flow end to end
    Scripts/test.py all                # everything
    Scripts/test.py swift [REGEX]      # Swift suites, all or those whose target and name match
    Scripts/test.py times              # the table of the last runs

Pure Swift suites run side by side in one process. Suites with sockets run one test at a time, each suite in a process of
its own, a few such processes at once: they mostly wait. Interoperability checks are Tests/Interop/run.py's.
Times are kept in .build/test-times. The last lines are `Swift: N passed, N failed` and `Interop: N passed, N failed`.
"""

import atexit
import concurrent.futures
import contextlib
import functools
import json
import os
import pathlib
import re
import signal
import subprocess
import sys
import tempfile
import time

ROOT = pathlib.Path(__file__).resolve().parent.parent
SWIFT = os.environ.get("SWIFT", "swift")
RELEASE = ROOT / ".build" / "release"
BUNDLE = RELEASE / "replicatorPackageTests.xctest"
PYTHON = ROOT / ".venv" / "bin" / "python"
TIMES = ROOT / ".build" / "test-times"
WITH_SOCKETS = re.compile(r"^(\w*SocketTests|EndToEndTests)\.")
# Processes with sockets at once. They wait for each other's machine rarely: a suite uses a twentieth of a core.
LANES = 4
# Only there to end what hangs.
TIME_LIMIT = 900
CASE = re.compile(r'Test (?:case passing .* to )?(".*"|\w+\(\)).* (passed|failed) after ([\d.]+) seconds')
SUITE = re.compile(r"Suite (\w+) (?:passed|failed) after ([\d.]+) seconds")
CLOSING = re.compile(r"Test run with (\d+) tests? .*(passed|failed) after ([\d.]+) seconds")


def timed(name, command, **options):
    """Runs a command as it is; ends the program when it fails, remembers how long it took."""
    print(f"== {name}", flush=True)
    started = time.monotonic()
    status = subprocess.run(command, cwd=ROOT, **options).returncode
    remember(name.replace(" ", "-"), {name: time.monotonic() - started})
    if status:
        sys.exit(status)


def remember(file, seconds):
    TIMES.mkdir(parents=True, exist_ok=True)
    (TIMES / f"{file}.json").write_text(json.dumps(seconds, indent=1))


def recalled(file):
    path = TIMES / f"{file}.json"
    return json.loads(path.read_text()) if path.exists() else {}


class SwiftRun:
    """What a process of Swift tests came to."""

    def __init__(self, name, arguments):
        self.name = name
        started = time.monotonic()
        command = [BUNDLE, "--testing-library", "swift-testing", *arguments]
        environment = dict(os.environ, REPLICATOR_PYTHON=str(PYTHON), NO_COLOR="1")
        try:
            done = subprocess.run(
                command, cwd=ROOT, env=environment, text=True, errors="replace", stdout=subprocess.PIPE,
                stderr=subprocess.STDOUT, timeout=TIME_LIMIT)
            self.output, status = done.stdout, done.returncode
        except subprocess.TimeoutExpired as expired:
            self.output = (expired.stdout or b"").decode(errors="replace") + f"\ntook longer than {TIME_LIMIT} s"
            status = -1
        self.seconds = time.monotonic() - started
        closing = CLOSING.findall(self.output)
        total = int(closing[-1][0]) if closing else 0
        bad = {what for what, how, _ in CASE.findall(self.output) if how == "failed"}
        # A process that died has not said which test it was: that counts as one.
        self.failed = max(len(bad), 1 if status or not total else 0)
        self.passed = total - min(self.failed, total)
        self.suites = {suite: float(seconds) for suite, seconds in SUITE.findall(self.output)}


def swift_tests(pure=".", sockets="."):
    """Runs the suites whose names match: `pure` those without sockets, `sockets` those with. Returns passed and failed."""
    print("== swift tests", flush=True)
    runs = []

    def report(run):
        print(f"{run.name}: {run.passed} passed, {run.failed} failed, {run.seconds:.1f} s", flush=True)
        if run.failed:
            print(run.output, flush=True)
        runs.append(run)

    started = time.monotonic()
    if any(re.search(pure, name) for name in suites() if not WITH_SOCKETS.match(name)):
        report(SwiftRun("pure suites", ["--parallel", "--skip", WITH_SOCKETS.pattern, "--filter", pure]))
    before = recalled("swift")
    names = [name for name in suites() if WITH_SOCKETS.match(name) and re.search(sockets, name)]
    with concurrent.futures.ThreadPoolExecutor(LANES) as lanes:
        # Those first that took longest last time.
        futures = [
            lanes.submit(SwiftRun, name, ["--no-parallel", "--filter", f"^{re.escape(name)}/"])
            for name in sorted(names, key=lambda name: -before.get(name, 0))]
        for future in concurrent.futures.as_completed(futures):
            report(future.result())
    if (pure, sockets) == (".", "."):
        seconds = {run.name: run.seconds for run in runs}
        seconds.update((f"  {suite}", value) for suite, value in runs[0].suites.items())
        remember("swift", seconds)
        remember("swift-total", {"swift tests": time.monotonic() - started})
    return sum(run.passed for run in runs), sum(run.failed for run in runs)


@functools.cache
def suites():
    """Names of all suites, with their targets."""
    listed = subprocess.run(
        [BUNDLE, "--testing-library", "swift-testing", "--list-tests"], capture_output=True, text=True, check=True)
    return sorted({line.split("/")[0] for line in listed.stdout.splitlines() if "/" in line})


def lint():
    timed("lint", [SWIFT, "format", "lint", "--strict", "--recursive", "--parallel", "Sources", "Tests", "Package.swift"])
    timed("lint of the page", [PYTHON, "Scripts/lint_page.py"])
    timed("lint of words", [PYTHON, "Scripts/lint_words.py"])


def build(*arguments):
    timed("build", [SWIFT, "build", "-c", "release", *arguments])


class BackgroundBuild:
    """A build with what others leave of the processors. Its output is shown when it has ended."""

    def __init__(self, name, *arguments):
        self.name = name
        self.started = time.monotonic()
        self.output = tempfile.TemporaryFile("w+", errors="replace")
        self.process = subprocess.Popen(
            [SWIFT, "build", "-c", "release", *arguments], cwd=ROOT, stdout=self.output, stderr=subprocess.STDOUT,
            start_new_session=True, preexec_fn=self._be_kind)
        # It has a session of its own, which no terminal interrupts.
        atexit.register(self._stop)

    @staticmethod
    def _be_kind():
        os.nice(19)
        # Where Linux shares processors among sessions first, nice values count within one only.
        with contextlib.suppress(OSError):
            pathlib.Path("/proc/self/autogroup").write_text("19")

    def _stop(self):
        with contextlib.suppress(ProcessLookupError):
            os.killpg(self.process.pid, signal.SIGTERM)

    def finish(self):
        """Waits for its end; ends the program when it fails."""
        status = self.process.wait()
        self.output.seek(0)
        print(f"== {self.name}\n{self.output.read()}", end="", flush=True)
        remember(self.name.replace(" ", "-"), {self.name: time.monotonic() - self.started})
        if status:
            sys.exit(status)


def table(title, seconds, most):
    """Rows of seconds, largest first; the rest as one."""
    rows = sorted(seconds.items(), key=lambda row: -row[1])
    shown, rest = rows[:most], rows[most:]
    if rest:
        shown.append((f"{len(rest)} others", sum(value for _, value in rest)))
    width = max((len(name) for name, _ in shown), default=0)
    return [title, *(f"  {name:<{width}} {value:8.1f} s" for name, value in shown), ""]


def times():
    """The table of times: printed, and written beside what it was made of."""
    whole = {}
    for file in ("lint", "build", "build-of-the-suites", "swift-total", "interop-total"):
        whole.update(recalled(file))
    lines = table("Time spent", whole, 10)
    lines += table("Swift suites; pure ones, inset, side by side", recalled("swift"), 30)
    interop = TIMES / "interop.txt"
    lines += ["Interoperability", *(interop.read_text().splitlines() if interop.exists() else [])]
    text = "\n".join(lines)
    TIMES.mkdir(parents=True, exist_ok=True)
    (TIMES / "times.txt").write_text(text)
    print(text, flush=True)


def interop():
    """The interoperability checks. Returns passed and failed."""
    print("== interoperability checks", flush=True)
    started = time.monotonic()
    process = subprocess.Popen(
        [PYTHON, "Tests/Interop/run.py", RELEASE / "replicator"], cwd=ROOT, text=True, errors="replace",
        stdout=subprocess.PIPE)
    last = ""
    for line in process.stdout:
        print(line, end="", flush=True)
        last = line.strip() or last
    closing = re.fullmatch(r"(\d+) passed, (\d+) failed", last)
    passed, failed = map(int, closing.groups()) if closing else (0, 1)
    if process.wait() and not failed:
        failed = 1
    remember("interop-total", {"interoperability checks": time.monotonic() - started})
    return passed, failed


def check():
    lint()
    build("--build-tests")
    finish([("Swift", swift_tests(sockets=r"^EndToEndTests\.MirrorTests$"))])


def everything():
    lint()
    build("--product", "replicator")
    # The interoperability checks need the program alone, and mostly wait: the suites are built meanwhile.
    suites_build = BackgroundBuild("build of the suites", "--build-tests")
    outside = interop()
    suites_build.finish()
    results = [("Swift", swift_tests()), ("Interop", outside)]
    times()
    finish(results)


def finish(results):
    bad = False
    for name, (passed, failed) in results:
        print(f"{name}: {passed} passed, {failed} failed", flush=True)
        bad = bad or failed or not passed
    sys.exit(1 if bad else 0)


def main():
    match sys.argv[1:]:
        case ["check"]:
            check()
        case ["all"]:
            everything()
        case ["swift", *pattern]:
            pattern = pattern[0] if pattern else "."
            finish([("Swift", swift_tests(pattern, pattern))])
        case ["times"]:
            times()
        case _:
            sys.exit(__doc__)


main()
