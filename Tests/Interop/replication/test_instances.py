"""Several instances of one flow, as processes: they come and go, die, freeze and lose their clusters under load.

Records are numbered per partition: at the end nothing may be missing, doubled or out of order, whoever copied it, and
the position of a group that reads all the while is at the same record on both clusters.
"""

import contextlib
import os
import signal
import threading
import time
import warnings

import pytest
from confluent_kafka import Consumer, KafkaException
from kafka.admin import KafkaAdminClient

from support.brokers import start_on_free_ports, stopped_at_the_end
from support.checks import PATIENCE, check, equal, eventually, measured
from support.clients import QUIET, admin, committed
from support.distance import distance
from support.instances import LONG, SESSION, instances
from support.program import command
from support.records import batches_of, produce_numbers
from support.topics import watermarks
from support.traffic import Traffic

GROUP = "__replicator.flow"
READERS = "readers"
PARTITIONS = 8
QUICK = {"group_min_session_timeout_ms": 500, "group_initial_rebalance_delay_ms": 0}

pytestmark = [pytest.mark.west(**QUICK), pytest.mark.timeout(900)]


class Readers:
    """A group that reads a topic and commits what it has read, until it is told to stop."""

    def __init__(self, bootstrap, topic):
        self.client = Consumer({
            "bootstrap.servers": bootstrap, "group.id": READERS, "enable.auto.commit": False,
            "auto.offset.reset": "earliest", **QUIET})
        self.client.subscribe([topic])
        self.read = 0
        self.ended = threading.Event()
        self.thread = threading.Thread(target=self.run)
        self.thread.start()

    def run(self):
        while not self.ended.is_set():
            found = [m for m in self.client.consume(100, timeout=0.2) if not m.error()]
            self.read += len(found)
            if found:
                self.client.commit(asynchronous=False)

    def stop(self):
        self.ended.set()
        self.thread.join()
        self.client.close()


@contextlib.contextmanager
def shared(east, west, *names, replicas=1):
    """Instances under load, with a group that reads at the source; in the end everything must be on the target, once
    and in order, and the group must be at the same record there."""
    with instances(east, west, *names, partitions=PARTITIONS, replicas=replicas,
                   consumerGroups={"allow": [READERS]}) as running:
        traffic = Traffic(east, "orders", PARTITIONS)
        readers = Readers(east, "orders")
        try:
            yield running
        finally:
            readers.stop()
            traffic.stop()
        copied = eventually(lambda: sum(ends(west).values()) >= traffic.count and counts(west) >= traffic.count, LONG, 0.5)
        check("everything is copied", copied, "" if copied else f"{traffic.count} produced, {ends(west)}\n{running.report()}")
        traffic.check(west, "east.orders")
        check("the group has read", readers.read > 0)
        same_record(east, west, running)


def ends(bootstrap):
    """Of each partition on the target; empty while it cannot be asked."""
    try:
        return {p: end for p, (_, end) in watermarks(bootstrap, "east.orders").items()}
    except (KafkaException, KeyError):
        return {}


def places(bootstrap):
    """Of each partition on the target: number → offset. Takeovers leave markers, so that offsets differ from the
    source's."""
    found = {p: {} for p in range(PARTITIONS)}
    for messages in batches_of(bootstrap, "east.orders"):
        for m in messages:
            found[m.partition()][int(m.value())] = m.offset()
    return found


def counts(bootstrap):
    """How many of the records are there, each counted once."""
    try:
        return sum(map(len, places(bootstrap).values()))
    except (KafkaException, RuntimeError):
        return 0


def same_record(east, west, running):
    """Whether the group goes on at the record on the target at which it goes on at the source."""
    here = committed(east, READERS, "orders", PARTITIONS)
    offsets = places(west)
    bounds = {}
    for p, place in here.items():
        if place > 0:
            last = p + (place - 1) * PARTITIONS
            after = offsets[p].get(last + PARTITIONS, ends(west)[p])
            bounds[p] = range(offsets[p][last] + 1, after + 1)
    found = {}

    def are_exact():
        found.update(committed(west, READERS, "east.orders", PARTITIONS))
        return all(found[p] in wanted for p, wanted in bounds.items())

    holds = eventually(are_exact, LONG, 0.2)
    check("the group goes on at the same record", holds and bounds,
          "" if holds else f"{found}, wanted {bounds}\n{running.report()}")


def test_one_becomes_five_becomes_two(east, west):
    with shared(east.bootstrap, west.bootstrap, "i-0") as running:
        for name in ("i-1", "i-2", "i-3", "i-4"):
            running.start(name)
        running.settle()
        names = {"i-0", "i-1", "i-2", "i-3", "i-4"}
        check("librdkafka describes the group", eventually(
            lambda: seen(west.bootstrap) == ("Stable", "replicator", "sticky-load", names), LONG), str(seen(west.bootstrap)))
        equal("kafka-python lists it", listed(west.bootstrap).get(GROUP), "replicator")
        running.stop("i-1")
        running.kill("i-2")
        running.stop("i-3")
        running.settle("i-0", "i-4")
        for name in running.running:
            equal(f"{name} has no failures", running[name].failures(), [])


def described(bootstrap):
    """The group with its members, as librdkafka's call for groups of any protocol type has it."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)
        return admin(bootstrap).list_groups(GROUP, timeout=PATIENCE)[0]


def seen(bootstrap):
    """State, protocol type and protocol of the group, and its members by the names of their instances."""
    found = described(bootstrap)
    # A coordinator makes the id of a static member of that name and 36 characters.
    return found.state, found.protocol_type, found.protocol, {m.id[:-37] for m in found.members}


def listed(bootstrap):
    """Groups as kafka-python lists them: name → protocol type."""
    client = KafkaAdminClient(bootstrap_servers=bootstrap)
    try:
        return {g["group_id"]: g["protocol_type"] for g in client.list_groups()}
    finally:
        client.close()


def test_one_that_is_killed_is_replaced_and_comes_back(east, west):
    with shared(east.bootstrap, west.bootstrap, "i-0", "i-1", "i-2") as running:
        lost = running.part("i-1")
        killed = time.monotonic()
        running.kill("i-1")
        before = ends(west.bootstrap)
        check("its partitions are written again", eventually(
            lambda: (now := ends(west.bootstrap)) and all(now[p] > before[p] + 40 for p in lost), LONG), running.report())
        measured(f"partitions of a killed instance were written again after {time.monotonic() - killed:.1f} s, "
                 f"with a session of {SESSION} s")
        running.settle("i-0", "i-2")
        running.start("i-1")
        running.settle()


def test_one_that_is_frozen_for_longer_than_its_session_does_no_harm(east, west):
    with shared(east.bootstrap, west.bootstrap, "i-0", "i-1") as running:
        frozen = running["i-0"].process
        frozen.send_signal(signal.SIGSTOP)
        running.settle("i-1")
        frozen.send_signal(signal.SIGCONT)
        running.settle()
        log = running["i-0"].log()
        check("it says that it was away", "has continued without it" in log or "was fenced" in log, log[-3000:])
        # What it was told of them while it slept was late.
        equal("nothing has failed", running["i-0"].failures() + running["i-1"].failures(), [])


@contextlib.contextmanager
def two_ways(**settings):
    """A broker that is reached directly, and through a relay; yields both addresses, and the relay's process."""
    def arguments(first):
        own = {"listeners": f"PLAINTEXT://127.0.0.1:{first},FAR://127.0.0.1:{first + 1}",
               "advertised.listeners": f"PLAINTEXT://127.0.0.1:{first},FAR://127.0.0.1:{first + 2}",
               "listener.security.protocol.map": "PLAINTEXT:PLAINTEXT,FAR:PLAINTEXT"}
        own.update({key.replace("_", "."): value for key, value in settings.items()})
        return [argument for key, value in own.items() for argument in ("--set", f"{key}={value}")]

    running, first = start_on_free_ports(3, arguments)
    with stopped_at_the_end(running), distance(first + 2, first + 1, 0) as relay:
        yield f"127.0.0.1:{first}", f"127.0.0.1:{first + 2}", relay


@pytest.mark.parametrize("side", ["source", "target"])
def test_what_one_that_is_cut_off_from_a_cluster_has_goes_to_others(side):
    with two_ways() as (east, far_east, at_source), two_ways(**QUICK) as (west, far_west, at_target):
        with shared(east, west, "near") as running:
            far = running.start("far", source=far_east, target=far_west)
            running.settle()
            relay = at_source if side == "source" else at_target
            # As with a cable that is cut: nothing is refused, and what was under way arrives much later.
            os.kill(relay.pid, signal.SIGSTOP)
            try:
                running.settle("near")
                name = "east" if side == "source" else GROUP
                check("the other one says what is wrong", eventually(lambda: name in far.obstacles(), LONG), far.obstacles())
            finally:
                os.kill(relay.pid, signal.SIGCONT)
            running.settle()
            check("it is ready again", eventually(lambda: not far.obstacles(), LONG), far.obstacles())
            equal("nothing has failed", far.failures() + running["near"].failures(), [])


@pytest.mark.east(nodes=3)
@pytest.mark.west(nodes=3, control=True, offsets_topic_num_partitions=1, **QUICK)
def test_the_coordinator_moves_and_dies(east, west):
    with shared(east.bootstrap, west.bootstrap, "i-0", "i-1", replicas=3) as running:
        def coordinator():
            return west.control.topic("__consumer_offsets")["partitions"][0]["leader"]

        parts, first = running.parts(), coordinator()
        second = next(node for node in (1, 2, 3) if node != first)
        west.control.partition("__consumer_offsets", 0, "leader", node=second)
        before = ends(west.bootstrap)
        check("all partitions are written after the move", eventually(
            lambda: (now := ends(west.bootstrap)) and all(now[p] > before[p] + 100 for p in before), LONG), running.report())
        equal("nothing has moved", running.parts(), parts)
        west.control.node(second, "stop")
        check("another node coordinates", eventually(lambda: coordinator() != second, PATIENCE))
        running.settle()
        before = ends(west.bootstrap)
        check("all partitions are written without the node", eventually(
            lambda: (now := ends(west.bootstrap)) and all(now[p] > before[p] + 100 for p in before), LONG), running.report())
        west.control.node(second, "start")
        running.settle()


def test_a_rolling_restart_through_two_versions_of_the_assignment(east, west):
    names = ("i-0", "i-1", "i-2")
    with shared(east.bootstrap, west.bootstrap) as running:
        for name in names:
            running.start(name, assignmentVersion=1)
        running.settle()
        # A member that is just joining has no assignment.
        check("all use the older version", eventually(lambda: versions(west.bootstrap) == {1}, PATIENCE),
              str(versions(west.bootstrap)))
        for name in names:
            running.stop(name)
            running.start(name)
            running.settle()
        check("all use the newer version", eventually(lambda: versions(west.bootstrap) == {2}, PATIENCE),
              str(versions(west.bootstrap)))


def versions(bootstrap):
    """Of the assignments as the coordinator hands them out: the older one is JSON, the newer one is not."""
    return {1 if bytes(m.assignment)[:1] == b"{" else 2 for m in described(bootstrap).members}


def test_pauses_and_retries_concern_all(east, west):
    with shared(east.bootstrap, west.bootstrap, "i-0", "i-1") as running:
        def paused(name):
            return running.document(name).get("paused")

        def tell(name, what):
            done = command(what, "--flow", "flow", "--url", running[name].http)
            check(f"{what}: the answer speaks of the others", done.returncode == 0 and "other instances" in done.stdout,
                  f"{done.returncode} {done.stdout} {done.stderr}")

        tell("i-0", "pause")
        check("both obey", eventually(lambda: paused("i-0") == paused("i-1") == ["the flow"], PATIENCE), running.report())
        check("what was read before is written", eventually(lambda: is_at_rest(west.bootstrap), LONG))
        there, here = ends(west.bootstrap), sum(end for _, end in watermarks(east.bootstrap, "orders").values())
        check("the source goes on", eventually(
            lambda: sum(end for _, end in watermarks(east.bootstrap, "orders").values()) > here + 500, LONG))
        equal("nothing is written", ends(west.bootstrap), there)
        # It outlasts all of them.
        running.stop("i-0")
        running.kill("i-1")
        running.start("i-0")
        running.start("i-1")
        running.settle()
        check("both still obey", eventually(lambda: paused("i-0") == paused("i-1") == ["the flow"], PATIENCE), running.report())
        tell("i-1", "resume")
        check("both go on", eventually(lambda: paused("i-0") == paused("i-1") == [], PATIENCE), running.report())
        tell("i-0", "retry")


def is_at_rest(bootstrap):
    before = ends(bootstrap)
    time.sleep(0.5)
    return before and ends(bootstrap) == before


def test_a_limit_is_kept_by_all_together(east, west):
    limit, records = 100_000, 20_000
    with instances(east.bootstrap, west.bootstrap, partitions=PARTITIONS, limits={"bytesPerSecond": "100kB"}) as running:
        # Small batches: each comes whole, whatever the limit.
        produce_numbers(east.bootstrap, "orders", range(records), PARTITIONS, padding=200, **{"batch.size": 4_000})
        began = time.monotonic()
        for name in ("i-0", "i-1"):
            running.start(name)
        running.settle()

        def read():
            return {name: sum(p["readBytes"] for p in running.document(name).get("partitions", [])) for name in running.running}

        check("both read", eventually(lambda: all(count > limit / 2 for count in read().values()), LONG), str(read()))
        count, seconds = sum(read().values()), time.monotonic() - began
        check("both together read no more than the limit", count <= limit * (seconds + 1),
              f"{read()} bytes after {seconds:.1f} s")
        for name in running.running:
            equal(f"{name} knows the limit", running.document(name)["bytesPerSecondLimit"], limit)
        one = running["i-0"]
        document = one.document()
        document["flows"][0]["limits"] = {"bytesPerSecond": "1GB"}
        one.write(document)
        one.process.send_signal(signal.SIGHUP)
        check("a reload of one changes it for both", eventually(
            lambda: {running.document(name).get("bytesPerSecondLimit") for name in running.running} == {1_000_000_000},
            PATIENCE), running.report())
        check("everything is copied", eventually(
            lambda: sum(end for _, end in watermarks(west.bootstrap, "east.orders").values()) >= records, LONG), running.report())
