"""Expectations that are counted: a test goes on after one that does not hold, and fails at its end with all of those.
"""

import pathlib
import sys
import threading
import time

SUPPORT = pathlib.Path(__file__).resolve().parent
FOLDER = SUPPORT.parent

# Nothing here is a time limit that a check is about: it only ends what would otherwise hang.
PATIENCE = 60
# Values of a list that a report shows one by one.
MOST_SHOWN = 50


class Record:
    """What one test has expected and measured so far; `is_over` when nothing more can be added to its report."""

    def __init__(self, name, compare=None):
        self.name = name
        self.compare = compare
        self.held = 0
        self.failed = 0
        self.news = []
        self.measured = []
        self.is_over = False
        self.lock = threading.Lock()

    def add(self, holds, message):
        with self.lock:
            if holds:
                self.held += 1
            else:
                self.failed += 1
                self.news.append(message())

    def take_news(self):
        """What has failed since the last time."""
        with self.lock:
            news, self.news = self.news, []
            return news


# Of the test that runs in this process; what is expected before the first one counts for nobody.
_current = Record("no test")


def begin(name, compare=None):
    """From now on expectations are those of this test. `compare` explains how two values differ, in lines."""
    global _current
    _current = Record(name, compare)
    return _current


# A thread belongs to the test that started it, however long it lives.
_start = threading.Thread.start


def _start_for_a_test(thread):
    thread.record_of_checks = _record()
    _start(thread)


threading.Thread.start = _start_for_a_test


def _record():
    return getattr(threading.current_thread(), "record_of_checks", _current)


def threads_of(record):
    """What would still count for a test; threads of libraries that end with the process are none of it."""
    return [thread for thread in threading.enumerate()
            if not thread.daemon and getattr(thread, "record_of_checks", None) is record]


def check(what, holds, detail=""):
    """Counts one expectation and reports it when it does not hold."""
    record = _record()
    if record.is_over:
        # Too late for its own report, but not lost.
        what, record = f"{what} (of {record.name}, which was over)", _current
    record.add(holds, lambda: _message(what, detail))


def equal(what, found, expected):
    """The same for two values, of which the report shows both."""
    if found == expected:
        check(what, True)
        return
    if isinstance(found, list) and isinstance(expected, list) and max(len(found), len(expected)) > MOST_SHOWN:
        check(what, False, _difference(found, expected))
        return
    compare = _record().compare
    lines = [f"expected {shortened(expected)}", f"found    {shortened(found)}"]
    lines += compare(found, expected) if compare else []
    check(what, False, "\n".join(lines))


def _difference(found, expected):
    """The parts of two long lists between the beginnings and the ends that they have in common."""
    least = min(len(found), len(expected))
    same = next((i for i in range(least) if found[i] != expected[i]), least)
    behind = next((i for i in range(least - same) if found[-1 - i] != expected[-1 - i]), least - same)
    lines = [f"expected {len(expected)}, found {len(found)}, the same in front of {same}"]
    for name, values in ("expected", expected), ("found", found):
        part = values[same:len(values) - behind]
        lines.append(f"{name} there: {len(part)} {_ends(part)}")
    return "\n".join(lines)


def _ends(values):
    """The first and the last of some values."""
    return shortened(values if len(values) <= 4 else [*values[:2], "…", *values[-2:]], 300)


def failures():
    """How many expectations of this test did not hold so far."""
    return _record().failed


def measured(text):
    """Something for people: it is shown at the end of the whole run, and proves nothing."""
    print(f"measured: {text}", flush=True)
    _record().measured.append(text)


def eventually(condition, seconds=20, pause=0.05):
    """The first true value of `condition()` within a time limit, else its last one."""
    end = time.monotonic() + seconds
    while True:
        value = condition()
        if value or time.monotonic() > end:
            return value
        # The only place where a test sleeps until it looks again.
        time.sleep(pause)


def shortened(value, most=2000):
    text = repr(value)
    return text if len(text) <= most else f"{text[:most]}… ({len(text)} characters)"


def _message(what, detail):
    lines = "\n".join(f"    {line}" for line in str(detail).splitlines())
    return f"{what}{chr(10) if lines else ''}{lines}\n    at {_place()}"


def _place():
    """Where in the tests the expectation stands: file:line (function), and who called that."""
    found, frame = [], sys._getframe(1)
    while frame:
        path = pathlib.Path(frame.f_code.co_filename)
        if path.is_relative_to(FOLDER) and not path.is_relative_to(SUPPORT) and path.name != "conftest.py":
            found.append(f"{path.relative_to(FOLDER)}:{frame.f_lineno} ({frame.f_code.co_name})")
        frame = frame.f_back
    # A thread that only the helpers know.
    return ", called at ".join(found) or f"thread {threading.current_thread().name}"
