"""Consumer groups of foreign clients: rebalances, static members, a coordinator that moves, administration."""

import asyncio
import collections
import subprocess
import sys
import threading
import time

import pytest
from aiokafka import AIOKafkaConsumer
from aiokafka.coordinator.assignors.range import RangePartitionAssignor as AioRange
from confluent_kafka import (
    Consumer, ConsumerGroupState, ConsumerGroupTopicPartitions, KafkaError, KafkaException, Producer, TopicPartition)
from confluent_kafka.admin import AdminClient, NewTopic
from kafka import KafkaConsumer
from kafka.coordinator.assignors.range import RangePartitionAssignor

from support.checks import check, equal, eventually

PARTITIONS = 6


class Log:
    """What all members of a group have read, and who owns which partition."""

    def __init__(self):
        self.lock = threading.Lock()
        self.seen = collections.Counter()
        self.owned = {}

    def read(self, value):
        with self.lock:
            self.seen[value] += 1

    def assigned(self):
        """How many partitions each member has, ascending; empty while one is owned twice."""
        with self.lock:
            every = [p for partitions in self.owned.values() for p in partitions]
            return sorted(map(len, self.owned.values())) if len(every) == len(set(every)) else []


class Member:
    """A confluent-kafka consumer on a thread of its own, which commits what it read before it gives anything up."""

    def __init__(self, cluster, log, name, strategy="range", group="team", **settings):
        self.log, self.name, self.error = log, name, None
        self.stopping = threading.Event()
        self.consumer = Consumer({
            "bootstrap.servers": cluster.bootstrap, "group.id": group, "client.id": name, "log_level": 0,
            "auto.offset.reset": "earliest",
            "enable.auto.commit": False, "session.timeout.ms": 6000, "heartbeat.interval.ms": 200,
            "partition.assignment.strategy": strategy,
            **{key.replace("_", "."): value for key, value in settings.items()}})
        self.thread = threading.Thread(target=self.run, daemon=True)
        self.thread.start()

    def run(self):
        self.consumer.subscribe(["g"], on_assign=self.changed, on_revoke=self.revoked, on_lost=self.changed)
        dirty = False
        while not self.stopping.is_set():
            message = self.consumer.poll(0.05)
            self.own()
            if message is None:
                if dirty:
                    dirty = not self.commit()
            elif message.error():
                self.error = message.error()
                if message.error().fatal():
                    break
            else:
                self.log.read(message.value())
                dirty = True
        self.commit_all()
        self.consumer.close()
        with self.log.lock:
            self.log.owned.pop(self.name, None)

    def own(self):
        with self.log.lock:
            self.log.owned[self.name] = [(p.topic, p.partition) for p in self.consumer.assignment()]

    def changed(self, consumer, partitions):
        pass

    def revoked(self, consumer, partitions):
        self.commit_all()

    def commit_all(self):
        for _ in range(100):
            if self.commit():
                return
            time.sleep(0.05)
        self.error = KafkaError(KafkaError.ILLEGAL_GENERATION)

    def commit(self):
        """Whether everything read is committed. A commit that a new generation has overtaken is to be repeated (KIP-429)."""
        try:
            self.consumer.commit(asynchronous=False)
        except KafkaException as error:
            if error.args[0].code() in (KafkaError.ILLEGAL_GENERATION, KafkaError.REBALANCE_IN_PROGRESS):
                return False
            if error.args[0].code() != KafkaError._NO_OFFSET:
                self.error = error.args[0]
        return True

    def stop(self):
        self.stopping.set()
        self.thread.join(30)
        check(f"{self.name} ends", not self.thread.is_alive())


def prepare(cluster):
    admin = AdminClient({"bootstrap.servers": cluster.bootstrap})
    admin.create_topics([NewTopic("g", PARTITIONS, min(len(cluster.addresses), 2))])["g"].result(20)
    return admin


class Writer:
    """Keeps writing numbered records until it is stopped."""

    def __init__(self, cluster):
        self.producer = Producer({"bootstrap.servers": cluster.bootstrap, "linger.ms": 5, "enable.idempotence": True})
        self.values, self.stopping = [], threading.Event()
        self.thread = threading.Thread(target=self.run, daemon=True)
        self.thread.start()

    def run(self):
        while not self.stopping.is_set():
            value = b"%d" % len(self.values)
            self.producer.produce("g", value, partition=len(self.values) % PARTITIONS)
            self.values.append(value)
            self.producer.poll(0)
            self.stopping.wait(0.001)

    def stop(self):
        self.stopping.set()
        self.thread.join()
        equal("everything is written", self.producer.flush(30), 0)
        return self.values


def exactly_once(what, log, values):
    check(f"{what}: everything is read", eventually(lambda: len(log.seen) == len(values), 30),
          f"{len(log.seen)} of {len(values)}")
    twice = [value for value, count in log.seen.items() if count > 1]
    check(f"{what}: nothing twice", not twice, twice[:10])


@pytest.mark.cluster(nodes=3)
@pytest.mark.parametrize("strategy", ["range", "roundrobin", "cooperative-sticky"])
def test_rebalances_lose_and_double_nothing(cluster, strategy):
    prepare(cluster)
    log, writer = Log(), Writer(cluster)
    members = [Member(cluster, log, "a", strategy)]
    check(f"{strategy}: one has all", eventually(lambda: log.assigned() == [6]), log.owned)
    members.append(Member(cluster, log, "b", strategy))
    check(f"{strategy}: two share", eventually(lambda: log.assigned() == [3, 3]), log.owned)
    members.append(Member(cluster, log, "c", strategy))
    check(f"{strategy}: three share", eventually(lambda: log.assigned() == [2, 2, 2]), log.owned)
    members.pop(0).stop()
    check(f"{strategy}: two take over", eventually(lambda: log.assigned() == [3, 3]), log.owned)
    values = writer.stop()
    exactly_once(strategy, log, values)
    for member in members:
        member.stop()
        # Compared by name: an error of this client cannot be compared with None.
        equal(f"{strategy}: {member.name} met no error", member.error and member.error.name(), None)


def test_static_members_are_kept_and_fenced(cluster):
    admin = prepare(cluster)
    log, writer = Log(), Writer(cluster)
    a = Member(cluster, log, "a", group_instance_id="one")
    b = Member(cluster, log, "b", group_instance_id="two")
    check("two share", eventually(lambda: log.assigned() == [3, 3]), log.owned)
    before = dict(log.owned)
    a.stop()  # a static member does not leave
    equal("its place is kept", describe(admin, "team").state, ConsumerGroupState.STABLE)
    equal("both are members", len(describe(admin, "team").members), 2)
    a = Member(cluster, log, "a", group_instance_id="one")
    check("the same partitions after the restart", eventually(
        lambda: sorted(log.owned.get("a", [])) == sorted(before["a"])), log.owned)
    equal("the other one kept its own", sorted(log.owned["b"]), sorted(before["b"]))
    exactly_once("static", log, writer.stop())

    usurper = Member(cluster, log, "c", group_instance_id="two")
    check("the former holder of the id is fenced", eventually(
        lambda: b.error and b.error.code() == KafkaError._FATAL and "fenced" in b.error.str(), 20), b.error)
    check("the new one has its partitions", eventually(
        lambda: sorted(log.owned.get("c", [])) == sorted(before["b"]), 20), log.owned)
    for member in (a, usurper, b):
        member.stop()


DOOMED = """
import sys
from confluent_kafka import Consumer

consumer = Consumer({"bootstrap.servers": sys.argv[1], "group.id": "team", "session.timeout.ms": 1500,
                     "heartbeat.interval.ms": 300, "partition.assignment.strategy": "range"})
consumer.subscribe(["g"])
while len(consumer.assignment()) != 3:
    consumer.poll(0.05)
print(3, flush=True)
while True:
    consumer.poll(1)
"""


@pytest.mark.cluster(group_min_session_timeout_ms=500)
def test_member_that_dies(cluster):
    prepare(cluster)
    log = Log()
    survivor = Member(cluster, log, "a", session_timeout_ms=1500)
    dead = subprocess.Popen([sys.executable, "-c", DOOMED, cluster.bootstrap], stdout=subprocess.PIPE, text=True)
    equal("the other process has its share", dead.stdout.readline(), "3\n")
    dead.kill()
    dead.wait()
    check("its partitions go to the other one after the session", eventually(
        lambda: log.assigned() == [6], 20), log.owned)
    survivor.stop()


@pytest.mark.cluster(nodes=2)
def test_different_clients_share_a_group(cluster):
    prepare(cluster)
    log, writer, stop = Log(), Writer(cluster), threading.Event()
    confluent = Member(cluster, log, "confluent")

    def kafka_python():
        consumer = KafkaConsumer(
            "g", bootstrap_servers=cluster.addresses, group_id="team", auto_offset_reset="earliest",
            enable_auto_commit=False, session_timeout_ms=6000, heartbeat_interval_ms=200,
            partition_assignment_strategy=[RangePartitionAssignor])
        while not stop.is_set():
            consumer.poll(timeout_ms=50)
            with log.lock:
                log.owned["kafka-python"] = [(p.topic, p.partition) for p in consumer.assignment()]
        consumer.close(autocommit=False)

    async def aiokafka():
        consumer = AIOKafkaConsumer(
            "g", bootstrap_servers=cluster.bootstrap, group_id="team", auto_offset_reset="earliest",
            enable_auto_commit=False, session_timeout_ms=6000, heartbeat_interval_ms=200,
            partition_assignment_strategy=[AioRange])
        await consumer.start()
        while not stop.is_set():
            await consumer.getmany(timeout_ms=50)
            with log.lock:
                log.owned["aiokafka"] = [(p.topic, p.partition) for p in consumer.assignment()]
        await consumer.stop()

    threads = [threading.Thread(target=kafka_python), threading.Thread(target=lambda: asyncio.run(aiokafka()))]
    for thread in threads:
        thread.start()
    check("three clients share one group", eventually(lambda: log.assigned() == [2, 2, 2], 40), log.owned)
    stop.set()
    for thread in threads:
        thread.join(20)
    with log.lock:
        log.owned.pop("kafka-python", None)
        log.owned.pop("aiokafka", None)
    check("the last one has all", eventually(lambda: log.assigned() == [6], 20), log.owned)
    writer.stop()
    confluent.stop()

    other = Member(cluster, log, "d", "range")
    check("alone with range", eventually(lambda: log.assigned() == [6]), log.owned)
    odd = Member(cluster, log, "e", "roundrobin")
    check("another protocol is refused", eventually(
        lambda: odd.error and odd.error.code() == KafkaError.INCONSISTENT_GROUP_PROTOCOL), odd.error)
    odd.stop()
    other.stop()


@pytest.mark.cluster(nodes=3, control=True)
def test_coordinator_that_moves(cluster):
    prepare(cluster)
    log, writer = Log(), Writer(cluster)
    members = [Member(cluster, log, name) for name in "ab"]
    check("two share", eventually(lambda: log.assigned() == [3, 3]), log.owned)
    for _ in range(2):
        group = next(g for g in cluster.control.state()["groups"] if g["id"] == "team")
        cluster.control.node(group["coordinator"], "stop")
        members.append(Member(cluster, log, f"m{len(members)}"))
        check("a member can join while the coordinator's node is away", eventually(
            lambda: sum(log.assigned()) == 6 and len(log.assigned()) == len(members), 40), log.owned)
        cluster.control.node(group["coordinator"], "start")
    values = writer.stop()
    check("nothing is lost", eventually(lambda: len(log.seen) == len(values), 40), f"{len(log.seen)}, {len(values)}")
    for member in members:
        member.stop()


def describe(admin, group):
    return admin.describe_consumer_groups([group])[group].result(20)


def error_of(future):
    try:
        future.result(20)
        return None
    except KafkaException as error:
        return error.args[0].code()


@pytest.mark.cluster(nodes=3)
def test_groups_are_described_altered_and_deleted(cluster):
    admin = prepare(cluster)
    producer = Producer({"bootstrap.servers": cluster.bootstrap})
    for n in range(60):
        producer.produce("g", b"%d" % n, partition=n % PARTITIONS)
    producer.flush()
    log = Log()
    member = Member(cluster, log, "a")
    check("read", eventually(lambda: len(log.seen) == 60))
    check("stable", eventually(lambda: describe(admin, "team").state == ConsumerGroupState.STABLE))
    described = describe(admin, "team")
    equal("assignor", described.partition_assignor, "range")
    equal("partitions of the member", len(described.members[0].assignment.topic_partitions), 6)
    listed = admin.list_consumer_groups(states={ConsumerGroupState.STABLE}).result(20)
    equal("listed by state", [g.group_id for g in listed.valid], ["team"])
    equal("no other state", admin.list_consumer_groups(states={ConsumerGroupState.EMPTY}).result(20).valid, [])
    equal("not deleted while it has members", error_of(admin.delete_consumer_groups(["team"])["team"]),
          KafkaError.NON_EMPTY_GROUP)
    altered = admin.alter_consumer_group_offsets(
        [ConsumerGroupTopicPartitions("team", [TopicPartition("g", 0, 3)])])["team"].result(20)
    equal("offsets are not altered while it has members", altered.topic_partitions[0].error.code(),
          KafkaError.UNKNOWN_MEMBER_ID)
    member.stop()
    check("empty", eventually(lambda: describe(admin, "team").state == ConsumerGroupState.EMPTY))

    admin.alter_consumer_group_offsets(
        [ConsumerGroupTopicPartitions("team", [TopicPartition("g", p, p) for p in range(6)])])["team"].result(20)
    offsets = admin.list_consumer_group_offsets([ConsumerGroupTopicPartitions("team")])["team"].result(20)
    equal("offsets as altered", {p.partition: p.offset for p in offsets.topic_partitions}, {p: p for p in range(6)})
    equal("an unknown group has none", admin.list_consumer_group_offsets(
        [ConsumerGroupTopicPartitions("nobody")])["nobody"].result(20).topic_partitions, [])
    admin.delete_consumer_groups(["team"])["team"].result(20)
    equal("deleted", error_of(admin.delete_consumer_groups(["team"])["team"]), KafkaError.GROUP_ID_NOT_FOUND)
