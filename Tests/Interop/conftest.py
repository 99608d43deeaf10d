"""How pytest runs these tests: brokers are started and ended, expectations counted and reported, and nothing is left
behind."""

import collections
import signal

import pytest

from support import checks, processes
from support.brokers import broker

PASSED, FAILED = "checks passed", "checks failed"
MEASURED = "measured"


def pytest_configure(config):
    # A shell that starts this in the background has INT ignored, and what is ignored stays so in every child: checks
    # that interrupt a program would wait in vain.
    signal.signal(signal.SIGINT, signal.default_int_handler)
    processes.adopt_orphans()
    if not hasattr(config, "workerinput"):
        config.pluginmanager.register(Summary())


def pytest_collection_modifyitems(items):
    items.sort(key=lambda item: item.get_closest_marker("long") is None)


# Fixtures


def _broker_of(request, name):
    marker = request.node.get_closest_marker(name)
    settings = dict(marker.kwargs) if marker else {}
    if settings.pop("data", False):
        settings["data"] = request.getfixturevalue("tmp_path") / name
    with broker(**settings) as running:
        yield running


@pytest.fixture
def east(request):
    """The broker that is copied from. `@pytest.mark.east(nodes=3, control=True, data=True)` says how it is set."""
    yield from _broker_of(request, "east")


@pytest.fixture
def west(request):
    """The broker that is copied to; set in the same way."""
    yield from _broker_of(request, "west")


@pytest.fixture
def cluster(request):
    """The broker of a test that has only one; set in the same way."""
    yield from _broker_of(request, "cluster")


# Expectations


def _explained(config):
    """How pytest says in what way two values differ."""
    def compare(left, right):
        found = config.hook.pytest_assertrepr_compare(config=config, op="==", left=left, right=right)
        return next((lines for lines in found if lines), [])
    return compare


def _judged(record, at_the_end):
    """Wraps a part of a test: it fails when expectations did not hold meanwhile, with all of them."""
    try:
        try:
            result = yield
        finally:
            at_the_end()
    except pytest.skip.Exception:
        raise
    except BaseException as error:
        # What ends a test is one more that failed.
        record.failed += 1
        news = record.take_news()
        if news:
            error.add_note("\n".join(["", f"checks that failed before it: {len(news)}", *news]))
        raise
    news = record.take_news()
    if news:
        count = f"{len(news)} of {record.held + record.failed} checks failed"
        pytest.fail("\n".join([f"{count}: {news[0]}", *news[1:]]), pytrace=False)
    return result


@pytest.hookimpl(wrapper=True)
def pytest_runtest_protocol(item):
    item.record = checks.begin(item.nodeid, _explained(item.config))
    item.others = processes.descendants()
    return (yield)


@pytest.hookimpl(wrapper=True)
def pytest_runtest_setup(item):
    return (yield from _judged(item.record, lambda: None))


@pytest.hookimpl(wrapper=True)
def pytest_runtest_call(item):
    result = yield from _judged(item.record, lambda: None)
    if not item.record.held:
        item.record.failed += 1
        pytest.fail("checked nothing", pytrace=False)
    return result


@pytest.hookimpl(wrapper=True)
def pytest_runtest_teardown(item):
    try:
        return (yield from _judged(item.record, lambda: _ends_with_all_it_started(item)))
    finally:
        record = item.record
        record.is_over = True
        item.user_properties += [(PASSED, record.held), (FAILED, record.failed)]
        item.user_properties += [(MEASURED, text) for text in record.measured]


def pytest_assertion_pass(item):
    item.record.add(True, str)


def _ends_with_all_it_started(item):
    """What a test has started and left running fails it, and is ended where that is possible."""
    def left():
        return processes.descendants() - item.others, checks.threads_of(item.record)

    # A browser's helpers take a moment longer than the browser.
    if checks.eventually(lambda: not any(left()), 5):
        return
    pids, threads = left()
    for what in [*map(processes.command_line, pids), *threads]:
        item.record.add(False, lambda: f"left running: {what}")
    processes.kill(pids)


# Reports, in the process that shows them


class Summary:
    """What the tests of a session have checked and measured."""

    def __init__(self):
        self.passed, self.failed = 0, 0
        self.measured = collections.defaultdict(list)

    def pytest_runtest_logreport(self, report):
        if report.when == "teardown":
            for name, value in report.user_properties:
                if name == PASSED:
                    self.passed += value
                elif name == FAILED:
                    self.failed += value
                elif name == MEASURED:
                    self.measured[report.nodeid].append(value)
        elif report.when not in ("setup", "call"):
            # Its worker has died.
            self.failed += 1

    def pytest_collectreport(self, report):
        self.failed += report.failed

    def pytest_terminal_summary(self, terminalreporter):
        if self.measured:
            terminalreporter.section("measured")
        for name, texts in sorted(self.measured.items()):
            terminalreporter.line(name)
            for text in texts:
                terminalreporter.line(f"    {text}")
        terminalreporter.section(f"{self.passed} checks passed, {self.failed} checks failed")

    @pytest.hookimpl(optionalhook=True)
    def pytest_testnodedown(self, node, error):
        """What a worker has started is ours when it dies: nobody else would end it."""
        if error:
            processes.kill(processes.descendants(with_environment=f"PYTEST_XDIST_WORKER={node.gateway.id}"))
