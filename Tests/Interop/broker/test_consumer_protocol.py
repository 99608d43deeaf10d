"""Consumer groups of the newer protocol (KIP-848) with foreign clients: rebalances, static members, expressions, a broker
that is killed, and members of both protocols in one group."""

import asyncio
import collections
import contextlib
import subprocess
import sys
import threading
import time

import pytest
from aiokafka import AIOKafkaConsumer
from aiokafka.coordinator.assignors.range import RangePartitionAssignor as AioRange
from confluent_kafka import (
    Consumer, ConsumerGroupState, ConsumerGroupTopicPartitions, ConsumerGroupType, KafkaError, KafkaException, Producer, TopicPartition)
from confluent_kafka.admin import (
    AdminClient, AlterConfigOpType, ConfigEntry, ConfigResource, NewPartitions, NewTopic)
from kafka import KafkaConsumer
from kafka.coordinator.assignors.range import RangePartitionAssignor

from support.checks import check, equal, eventually
from support.clients import QUIET

PARTITIONS = 6
# Short enough for a test; Kafka's own bounds begin at seconds.
QUICK = {
    "group_consumer_min_heartbeat_interval_ms": 100, "group_consumer_heartbeat_interval_ms": 200,
    "group_consumer_min_session_timeout_ms": 1000, "group_consumer_session_timeout_ms": 20000,
}
PATIENCE = 60


class Log:
    """What all members of a group have read, and who owns which partition."""

    def __init__(self):
        self.lock = threading.Lock()
        self.seen = collections.Counter()
        self.owned = {}

    def shares(self):
        """How many partitions each member has, ascending; empty while one is owned twice."""
        with self.lock:
            every = [p for partitions in self.owned.values() for p in partitions]
            return sorted(map(len, self.owned.values())) if len(every) == len(set(every)) else []

    def own(self, name, partitions):
        with self.lock:
            self.owned[name] = sorted((p.topic, p.partition) for p in partitions)

    def forget(self, name):
        with self.lock:
            self.owned.pop(name, None)


class Member:
    """A confluent-kafka consumer on a thread of its own, which commits what it read before it gives anything up."""

    def __init__(self, cluster, log, name, topics=("g",), protocol="consumer", group="team", **settings):
        self.log, self.name, self.error, self.topics = log, name, None, list(topics)
        self.stopping, self.lost = threading.Event(), 0
        own = {"group.protocol": protocol} if protocol == "consumer" else {
            "partition.assignment.strategy": "range", "session.timeout.ms": 6000, "heartbeat.interval.ms": 200}
        self.consumer = Consumer({
            "bootstrap.servers": cluster.bootstrap, "group.id": group, "client.id": name, "auto.offset.reset": "earliest",
            "enable.auto.commit": False, "topic.metadata.refresh.interval.ms": 500, **QUIET, **own,
            **{key.replace("_", "."): value for key, value in settings.items()}})
        self.thread = threading.Thread(target=self.run, daemon=True)
        self.thread.start()

    def run(self):
        self.consumer.subscribe(self.topics, on_revoke=self.revoked, on_lost=self.was_lost)
        dirty = False
        while not self.stopping.is_set():
            message = self.consumer.poll(0.05)
            self.log.own(self.name, self.consumer.assignment())
            if message is None:
                if dirty:
                    dirty = not self.commit()
            elif message.error():
                if message.error().code() != KafkaError.UNKNOWN_TOPIC_OR_PART:
                    self.error = message.error()
                if message.error().fatal():
                    break
            else:
                with self.log.lock:
                    self.log.seen[message.value()] += 1
                dirty = True
        self.commit_all()
        self.consumer.close()
        self.log.forget(self.name)

    def revoked(self, consumer, partitions):
        self.commit_all()

    def was_lost(self, consumer, partitions):
        self.lost += 1

    def commit_all(self):
        for _ in range(100):
            if self.commit():
                return
            time.sleep(0.05)

    def commit(self):
        """Whether everything read is committed. A commit that a new epoch has overtaken is to be repeated."""
        try:
            self.consumer.commit(asynchronous=False)
        except KafkaException as error:
            return error.args[0].code() == KafkaError._NO_OFFSET
        return True

    def stop(self):
        self.stopping.set()
        self.thread.join(PATIENCE)
        check(f"{self.name} ends", not self.thread.is_alive())


def admin_of(cluster):
    return AdminClient({"bootstrap.servers": cluster.bootstrap, **QUIET})


def create(cluster, *names, partitions=PARTITIONS, replicas=1):
    admin = admin_of(cluster)
    for future in admin.create_topics([NewTopic(name, partitions, replicas) for name in names]).values():
        future.result(20)
    return admin


def describe(admin, group="team"):
    return admin.describe_consumer_groups([group])[group].result(20)


def shares(what, log, wanted):
    check(what, eventually(lambda: log.shares() == wanted, PATIENCE), log.owned)


class Writer:
    """Keeps writing numbered records until it is stopped."""

    def __init__(self, cluster, topic="g"):
        self.producer = Producer(
            {"bootstrap.servers": cluster.bootstrap, "linger.ms": 5, "enable.idempotence": True, **QUIET})
        self.topic, self.values, self.stopping = topic, [], threading.Event()
        self.thread = threading.Thread(target=self.run, daemon=True)
        self.thread.start()

    def run(self):
        while not self.stopping.is_set():
            value = b"%d" % len(self.values)
            self.producer.produce(self.topic, value, partition=len(self.values) % PARTITIONS)
            self.values.append(value)
            self.producer.poll(0)
            self.stopping.wait(0.002)

    def stop(self):
        self.stopping.set()
        self.thread.join()
        equal("everything is written", self.producer.flush(PATIENCE), 0)
        return self.values


def read_exactly_once(log, values):
    check("everything is read", eventually(lambda: len(log.seen) == len(values), PATIENCE),
          f"{len(log.seen)} of {len(values)}")
    twice = [value for value, count in log.seen.items() if count > 1]
    check("nothing twice", not twice, twice[:10])


@pytest.mark.cluster(nodes=3, **QUICK)
@pytest.mark.parametrize("assignor", ["uniform", "range"])
def test_rebalances_lose_and_double_nothing(cluster, assignor):
    admin = create(cluster, "g")
    log, writer = Log(), Writer(cluster)
    settings = {"group_remote_assignor": assignor}
    members = [Member(cluster, log, "a", **settings)]
    shares("one has all", log, [6])
    members.append(Member(cluster, log, "b", **settings))
    shares("two share", log, [3, 3])
    members.append(Member(cluster, log, "c", **settings))
    shares("three share", log, [2, 2, 2])
    check("the group is stable", eventually(
        lambda: describe(admin).state == ConsumerGroupState.STABLE, PATIENCE), describe(admin).state)
    described = describe(admin)
    equal("it is a consumer group", described.type, ConsumerGroupType.CONSUMER)
    equal("its assignor", described.partition_assignor, assignor)
    equal("its members", sorted(m.client_id for m in described.members), ["a", "b", "c"])
    equal("what they have is what they shall have", [m.assignment.topic_partitions for m in described.members],
          [m.target_assignment.topic_partitions for m in described.members])
    listed = admin.list_consumer_groups(types={ConsumerGroupType.CONSUMER}).result(20).valid
    equal("listed by type", [(g.group_id, g.type) for g in listed], [("team", ConsumerGroupType.CONSUMER)])
    equal("no classic one", admin.list_consumer_groups(types={ConsumerGroupType.CLASSIC}).result(20).valid, [])
    members.pop(0).stop()
    shares("two take over", log, [3, 3])
    read_exactly_once(log, writer.stop())
    for member in members:
        member.stop()
        equal(f"{member.name} met no error", member.error and member.error.name(), None)
    check("nobody is left", eventually(lambda: describe(admin).state == ConsumerGroupState.EMPTY, PATIENCE))
    admin.delete_consumer_groups(["team"])["team"].result(20)
    equal("deleted", admin.list_consumer_groups().result(20).valid, [])


@pytest.mark.cluster(**QUICK)
def test_topics_that_appear_and_grow_and_go(cluster):
    admin = create(cluster, "logs-a", "other", partitions=2)
    log = Log()
    member = Member(cluster, log, "a", topics=["^logs-.*"])
    check("what the expression matches", eventually(
        lambda: log.owned.get("a") == [("logs-a", 0), ("logs-a", 1)], PATIENCE), log.owned)
    create(cluster, "logs-b", partitions=1)
    check("a topic that appears", eventually(
        lambda: log.owned.get("a") == [("logs-a", 0), ("logs-a", 1), ("logs-b", 0)], PATIENCE), log.owned)
    admin.create_partitions([NewPartitions("logs-b", 2)])["logs-b"].result(20)
    check("a topic that grows", eventually(lambda: len(log.owned.get("a", [])) == 4, PATIENCE), log.owned)
    admin.delete_topics(["logs-a"])["logs-a"].result(20)
    check("a topic that goes", eventually(
        lambda: log.owned.get("a") == [("logs-b", 0), ("logs-b", 1)], PATIENCE), log.owned)
    member.stop()


@pytest.mark.cluster(**QUICK)
def test_expressions_that_are_none(cluster):
    create(cluster, "g")
    log = Log()
    # A reference, which the client's own library knows and RE2 does not.
    member = Member(cluster, log, "a", topics=["^(g)\\1"])
    check("it is refused", eventually(
        lambda: member.error and "regular expression" in member.error.str().lower(), PATIENCE), member.error)
    member.stop()


@pytest.mark.cluster(**QUICK)
def test_static_members_keep_their_place(cluster):
    admin = create(cluster, "g")
    log, writer = Log(), Writer(cluster)
    a = Member(cluster, log, "a", group_instance_id="one")
    b = Member(cluster, log, "b", group_instance_id="two")
    shares("two share", log, [3, 3])
    before = dict(log.owned)
    a.stop()
    equal("its place is kept", sorted(m.group_instance_id for m in describe(admin).members), ["one", "two"])
    a = Member(cluster, log, "a", group_instance_id="one")
    check("the same partitions after the restart", eventually(
        lambda: log.owned.get("a") == before["a"], PATIENCE), log.owned)
    equal("the other one kept its own", log.owned["b"], before["b"])
    read_exactly_once(log, writer.stop())
    usurper = Member(cluster, log, "c", group_instance_id="two")
    check("who is there keeps the instance", eventually(
        lambda: usurper.error and "still used by another member" in usurper.error.str(), PATIENCE), usurper.error)
    equal("and its partitions", log.owned["b"], before["b"])
    for member in (usurper, a, b):
        member.stop()


@pytest.mark.cluster(data=True, **QUICK)
def test_a_broker_that_is_killed(cluster):
    admin = create(cluster, "g")
    log, writer = Log(), Writer(cluster)
    members = [Member(cluster, log, name) for name in "ab"]
    shares("two share", log, [3, 3])
    check("stable", eventually(lambda: describe(admin).state == ConsumerGroupState.STABLE, PATIENCE))
    before = dict(log.owned)
    cluster.kill()
    cluster.restart_on_same_ports()
    values_then = len(log.seen)
    check("both read on", eventually(lambda: len(log.seen) > values_then + 20, PATIENCE), len(log.seen))
    equal("nobody lost anything", [m.lost for m in members], [0, 0])
    equal("each has what it had", log.owned, before)
    members.append(Member(cluster, log, "c"))
    shares("a third one is taken in", log, [2, 2, 2])
    values = writer.stop()
    check("everything is read", eventually(lambda: len(log.seen) == len(values), PATIENCE),
          f"{len(log.seen)} of {len(values)}")
    for member in members:
        member.stop()


DOOMED = """
import sys
from confluent_kafka import Consumer

consumer = Consumer({"bootstrap.servers": sys.argv[1], "group.id": "team", "group.protocol": "consumer"})
consumer.subscribe(["g"])
while len(consumer.assignment()) != 3:
    consumer.poll(0.05)
print(3, flush=True)
while True:
    consumer.poll(1)
"""


@pytest.mark.cluster(**{**QUICK, "group_consumer_session_timeout_ms": 2000})
def test_a_member_that_dies_loses_its_partitions(cluster):
    create(cluster, "g")
    log = Log()
    survivor = Member(cluster, log, "a")
    dead = subprocess.Popen([sys.executable, "-c", DOOMED, cluster.bootstrap], stdout=subprocess.PIPE, text=True)
    equal("the other process has its share", dead.stdout.readline(), "3\n")
    dead.kill()
    dead.wait()
    shares("the other one has all after the session", log, [6])
    survivor.stop()


@pytest.mark.cluster(nodes=3, control=True, **QUICK)
def test_a_coordinator_that_moves(cluster):
    create(cluster, "g", replicas=3)
    log, writer = Log(), Writer(cluster)
    members = [Member(cluster, log, name) for name in "ab"]
    shares("two share", log, [3, 3])
    for _ in range(2):
        group = next(g for g in cluster.control.state()["groups"] if g["id"] == "team")
        cluster.control.node(group["coordinator"], "stop")
        members.append(Member(cluster, log, f"m{len(members)}"))
        check("a member can join while the coordinator's node is away", eventually(
            lambda: sum(log.shares()) == 6 and len(log.shares()) == len(members), PATIENCE), log.owned)
        cluster.control.node(group["coordinator"], "start")
    values = writer.stop()
    check("nothing is lost", eventually(lambda: len(log.seen) == len(values), PATIENCE),
          f"{len(log.seen)} of {len(values)}")
    for member in members:
        member.stop()


@pytest.mark.cluster(group_min_session_timeout_ms=500, **QUICK)
def test_a_static_member_changes_its_protocol(cluster):
    admin = create(cluster, "g")
    log = Log()
    old = Member(cluster, log, "old", group_instance_id="one")
    shares("one has all", log, [6])
    old.stop()
    classic = Member(cluster, log, "classic", protocol="classic", group_instance_id="one")
    shares("its place is taken by the other protocol", log, [6])
    equal("a classic group now", group_type(admin), ConsumerGroupType.CLASSIC)
    new = Member(cluster, log, "new", group_instance_id="two")
    shares("and a consumer group again", log, [3, 3])
    equal("by its type", group_type(admin), ConsumerGroupType.CONSUMER)
    new.stop()
    classic.stop()


@contextlib.contextmanager
def kafka_python(cluster, log, name="kafka-python"):
    stop = threading.Event()

    def run():
        consumer = KafkaConsumer(
            "g", bootstrap_servers=cluster.addresses, group_id="team", client_id=name, auto_offset_reset="earliest",
            enable_auto_commit=False, session_timeout_ms=6000, heartbeat_interval_ms=200,
            partition_assignment_strategy=[RangePartitionAssignor])
        while not stop.is_set():
            consumer.poll(timeout_ms=50)
            log.own(name, [TopicPartition(p.topic, p.partition) for p in consumer.assignment()])
        consumer.close(autocommit=False)
        log.forget(name)

    yield from running(run, stop)


@contextlib.contextmanager
def aiokafka(cluster, log, name="aiokafka"):
    stop = threading.Event()

    async def consume():
        consumer = AIOKafkaConsumer(
            "g", bootstrap_servers=cluster.bootstrap, group_id="team", client_id=name, auto_offset_reset="earliest",
            enable_auto_commit=False, session_timeout_ms=6000, heartbeat_interval_ms=200,
            partition_assignment_strategy=[AioRange])
        await consumer.start()
        while not stop.is_set():
            await consumer.getmany(timeout_ms=50)
            log.own(name, [TopicPartition(p.topic, p.partition) for p in consumer.assignment()])
        await consumer.stop()
        log.forget(name)

    yield from running(lambda: asyncio.run(consume()), stop)


def running(run, stop):
    thread = threading.Thread(target=run, daemon=True)
    thread.start()
    try:
        yield
    finally:
        stop.set()
        thread.join(PATIENCE)


def group_type(admin):
    return next((g.type for g in admin.list_consumer_groups().result(20).valid if g.group_id == "team"), None)


@pytest.mark.cluster(group_min_session_timeout_ms=500, **QUICK)
def test_members_of_both_protocols(cluster):
    admin = create(cluster, "g")
    log, writer = Log(), Writer(cluster)
    classic = Member(cluster, log, "classic", protocol="classic")
    shares("a classic member has all", log, [6])
    equal("a classic group", group_type(admin), ConsumerGroupType.CLASSIC)
    new = Member(cluster, log, "new")
    shares("one of the newer protocol shares with it", log, [3, 3])
    equal("a consumer group now", group_type(admin), ConsumerGroupType.CONSUMER)
    with kafka_python(cluster, log), aiokafka(cluster, log):
        shares("four clients", log, [1, 1, 2, 2])
        equal("all are members", sorted(m.client_id for m in describe(admin).members),
              ["aiokafka", "classic", "kafka-python", "new"])
        new.stop()
        shares("without the newer protocol they assign among themselves", log, [2, 2, 2])
        equal("a classic group again", group_type(admin), ConsumerGroupType.CLASSIC)
    shares("the last one has all", log, [6])
    values = writer.stop()
    # The other two commit nothing: what they had is read again.
    check("nothing is left out", eventually(lambda: committed(admin) == len(values), PATIENCE),
          f"{committed(admin)} of {len(values)}")
    classic.stop()
    empty = Member(cluster, log, "again")
    shares("an empty classic group is taken over", log, [6])
    equal("as a consumer group", group_type(admin), ConsumerGroupType.CONSUMER)
    empty.stop()


def committed(admin):
    request = [ConsumerGroupTopicPartitions("team", [TopicPartition("g", p) for p in range(PARTITIONS)])]
    found = admin.list_consumer_group_offsets(request)["team"].result(20)
    return sum(max(p.offset, 0) for p in found.topic_partitions)


@pytest.mark.cluster(group_min_session_timeout_ms=500, group_consumer_migration_policy="disabled", **QUICK)
def test_protocols_are_kept_apart(cluster):
    admin = create(cluster, "g")
    log = Log()
    classic = Member(cluster, log, "classic", protocol="classic")
    shares("a classic member has all", log, [6])
    new = Member(cluster, log, "new")
    check("the newer protocol is refused", eventually(
        lambda: new.error and "group id does not exist" in new.error.str(), PATIENCE), new.error)
    equal("a classic group", group_type(admin), ConsumerGroupType.CLASSIC)
    new.stop()
    classic.stop()


@pytest.mark.cluster(data=True, **QUICK)
def test_settings_of_a_group(cluster):
    admin = create(cluster, "g")
    key, resource = "consumer.session.timeout.ms", ConfigResource(ConfigResource.Type.GROUP, "team")

    def value():
        return admin.describe_configs([resource])[resource].result(20)[key]

    def alter(text, operation=AlterConfigOpType.SET):
        wanted = ConfigResource(ConfigResource.Type.GROUP, "team", incremental_configs=[ConfigEntry(
            key, text, incremental_operation=operation)])
        return error_of(admin.incremental_alter_configs([wanted])[wanted])

    equal("the broker's", value().value, "20000")
    equal("set", alter("30000"), None)
    equal("its own", value().value, "30000")
    equal("too short", alter("10"), KafkaError.INVALID_CONFIG)
    cluster.kill()
    cluster.restart_on_same_ports()
    equal("still its own", value().value, "30000")
    equal("taken back", alter(None, AlterConfigOpType.DELETE), None)
    equal("the broker's again", value().value, "20000")


def error_of(future):
    try:
        future.result(20)
        return None
    except KafkaException as error:
        return error.args[0].code()
