"""Several instances of one flow, as processes: they come and go, die, freeze and lose their clusters under load.

Records are numbered per partition: nothing may be missing, doubled or out of order at the end, and the position of a
group is where the source has it.
"""

import contextlib
import json
import signal

import pytest
from confluent_kafka import Consumer, TopicPartition
from kafka.admin import KafkaAdminClient

from support.checks import PATIENCE, check, equal, eventually
from support.clients import QUIET
from support.program import command
from support.replicators import configured, flow
from support.topics import create_topic
from support.traffic import Traffic

PARTITIONS = 10
GROUP = "__replicator.flow"
# Far longer than a session of 6 s, on a machine that may have much else to do.
LONG = 3 * PATIENCE

pytestmark = [pytest.mark.alone, pytest.mark.timeout(900)]


class Instances:
    """Processes that share the flow `flow` over `orders`, by name."""

    def __init__(self, east, west, stack):
        self.east, self.west, self.stack = east, west, stack
        self.all = {}

    def start(self, name, source=None, target=None, limits=None, **instance):
        one = self.stack.enter_context(configured(
            source or self.east.bootstrap, target or self.west.bootstrap,
            flow(topics=["orders"], **({"limits": limits} if limits else {}))))
        document = one.document()
        document["instance"] = {"id": name, **instance}
        one.write(document)
        self.all[name] = one.start()
        return one

    def kill(self, name):
        self.all.pop(name).kill()

    def stop(self, name):
        equal(f"{name} stops in order", self.all.pop(name).stop(), 0)

    def part(self, name):
        """Partitions that an instance says it has."""
        return [p["partition"] for p in self.document(name).get("partitions", []) if p.get("instance") == name]

    def document(self, name):
        try:
            return json.loads(self.all[name].get("/api/status?scope=instance"))["flows"][0]
        except (OSError, ValueError, IndexError):
            return {}

    def are_settled(self, *names):
        """Whether these, and nobody else, have every partition once, and each of them some."""
        names = names or tuple(self.all)
        parts = {name: self.part(name) for name in names}
        return all(parts.values()) and sorted(sum(parts.values(), [])) == list(range(PARTITIONS))

    def settle(self, *names):
        holds = eventually(lambda: self.are_settled(*names), LONG)
        check(f"{', '.join(names or self.all)} share everything", holds,
              "" if holds else "\n".join(f"{n}: {self.part(n)}\n{one.log()[-2000:]}" for n, one in self.all.items()))


@contextlib.contextmanager
def shared(east, west, *names):
    """Instances under load; in the end everything must be on the target, once and in order."""
    create_topic(east.bootstrap, "orders", partitions=PARTITIONS)
    with contextlib.ExitStack() as stack:
        instances = Instances(east, west, stack)
        for name in names:
            instances.start(name)
        instances.settle()
        traffic = Traffic(east.bootstrap, "orders", PARTITIONS)
        try:
            yield instances
        finally:
            traffic.stop()
        ends = {p: len(range(p, traffic.count, PARTITIONS)) for p in range(PARTITIONS)}
        copied = eventually(lambda: watermark(west.bootstrap) == ends, LONG)
        check("everything is copied", copied,
              "" if copied else f"{watermark(west.bootstrap)}\n" + "\n".join(
                  one.log()[-2000:] for one in instances.all.values()))
        traffic.check(west.bootstrap, "east.orders")


def watermark(bootstrap):
    client = Consumer({"bootstrap.servers": bootstrap, "group.id": "ends", **QUIET})
    try:
        return {p: client.get_watermark_offsets(TopicPartition("east.orders", p), timeout=20)[1] for p in range(PARTITIONS)}
    except Exception:  # The cluster may be away at this moment.
        return {}
    finally:
        client.close()


def commit(bootstrap, offset):
    client = Consumer({"bootstrap.servers": bootstrap, "group.id": "readers", "enable.auto.commit": False, **QUIET})
    client.commit(offsets=[TopicPartition("orders", p, offset) for p in range(PARTITIONS)], asynchronous=False)
    client.close()


def committed(bootstrap):
    client = Consumer({"bootstrap.servers": bootstrap, "group.id": "readers", **QUIET})
    try:
        places = client.committed([TopicPartition("east.orders", p) for p in range(PARTITIONS)], timeout=20)
        return {p.offset for p in places}
    finally:
        client.close()


def test_one_becomes_five_becomes_two(east, west):
    with shared(east, west, "i-0") as instances:
        for name in ("i-1", "i-2", "i-3", "i-4"):
            instances.start(name)
        instances.settle()
        check("the group is seen by other clients", eventually(lambda: described(west) == (
            "replicator", {"i-0", "i-1", "i-2", "i-3", "i-4"}), PATIENCE), str(described(west)))
        commit(east.bootstrap, 5)
        instances.stop("i-1")
        instances.kill("i-2")
        instances.stop("i-3")
        instances.settle("i-0", "i-4")
        check("the group's positions are exact", eventually(lambda: committed(west.bootstrap) == {5}, LONG),
              str(committed(west.bootstrap)))
        for name in list(instances.all):
            check(f"{name} has no failures", not instances.all[name].failures(), str(instances.all[name].failures()))


def described(west):
    """The group as kafka-python sees it: protocol type and static members."""
    client = KafkaAdminClient(bootstrap_servers=west.bootstrap)
    try:
        found = client.describe_consumer_groups([GROUP])
        found = found[GROUP] if isinstance(found, dict) else found[0]
        read = (lambda key: found[key]) if isinstance(found, dict) else (lambda key: getattr(found, key))
        members = read("members")
        names = set()
        for member in members:
            value = member.get("group_instance_id") if isinstance(member, dict) else getattr(
                member, "group_instance_id", None)
            names.add(value)
        return read("protocol_type"), names
    finally:
        client.close()


def test_one_that_is_killed_is_replaced(east, west):
    with shared(east, west, "i-0", "i-1", "i-2") as instances:
        instances.kill("i-1")
        instances.settle("i-0", "i-2")


def test_one_that_is_frozen_for_longer_than_its_session_does_no_harm(east, west):
    with shared(east, west, "i-0", "i-1") as instances:
        frozen = instances.all["i-0"].process
        frozen.send_signal(signal.SIGSTOP)
        instances.settle("i-1")
        frozen.send_signal(signal.SIGCONT)
        instances.settle("i-0", "i-1")
        log = instances.all["i-0"].log()
        check("it says that it was away", "everything is let go of" in log or "was fenced" in log, log[-3000:])


@pytest.mark.east(control=True)
@pytest.mark.west(control=True)
@pytest.mark.parametrize("side", ["source", "target"])
def test_a_cluster_out_of_reach_costs_nothing_but_time(east, west, side):
    """All instances lose one side, whose node freezes for longer than a session."""
    cluster = east if side == "source" else west
    with shared(east, west, "i-0", "i-1") as instances:
        cluster.control.node(1, "freeze")
        if side == "target":
            check("they let go of everything", eventually(
                lambda: not any(instances.part(name) for name in instances.all), LONG), "")
        cluster.control.node(1, "thaw")
        instances.settle("i-0", "i-1")


def test_a_rolling_restart_through_two_versions_of_the_assignment(east, west):
    with shared(east, west, "i-0", "i-1", "i-2") as instances:
        for version in (1, 2):
            for name in ("i-0", "i-1", "i-2"):
                instances.stop(name)
                instances.start(name, assignmentVersion=version)
                instances.settle("i-0", "i-1", "i-2")


def test_a_pause_holds_for_all_and_outlasts_them(east, west):
    with shared(east, west, "i-0", "i-1") as instances:
        one = instances.all["i-0"]
        answer = command("pause", "--flow", "flow", "--topic", "orders", "--url", one.http)
        check("the answer speaks of the others", "the other instances are told" in answer.stdout, answer.stdout)
        paused = lambda name: instances.document(name).get("paused") == ["topic orders"]
        check("both obey", eventually(lambda: all(map(paused, instances.all)), PATIENCE), "")
        instances.stop("i-0")
        instances.kill("i-1")
        instances.start("i-2")
        check("one that starts later obeys", eventually(lambda: paused("i-2"), LONG), instances.all["i-2"].log()[-2000:])
        check("it resumes", command(
            "resume", "--flow", "flow", "--topic", "orders", "--url", instances.all["i-2"].http).returncode == 0, "")


def test_a_limit_is_shared(east, west):
    with shared(east, west, "i-0") as instances:
        pass
    with contextlib.ExitStack() as stack:
        instances = Instances(east, west, stack)
        for name in ("l-0", "l-1"):
            instances.start(name, limits={"bytesPerSecond": "100kB"})
        instances.settle()
        limit = lambda name: instances.document(name).get("bytesPerSecondLimit")
        equal("both have the limit", {limit(name) for name in instances.all}, {100_000})
        one = instances.all["l-0"]
        document = one.document()
        document["flows"][0]["limits"] = {"bytesPerSecond": "200kB"}
        one.write(document)
        one.process.send_signal(signal.SIGHUP)
        check("a reload of one changes it for both", eventually(
            lambda: {limit(name) for name in instances.all} == {200_000}, PATIENCE), "")
