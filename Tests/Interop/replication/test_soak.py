"""Exactly once under a random, seeded, bounded schedule of faults; counts how often each fault was hit.

`SOAK_SECONDS` says for how long (90), `SOAK_PROTOCOL=consumer` makes the group one of KIP-848, `SOAK_OFFSETS=preserve` lets copies
have the offsets of their source, `SOAK_SEED` repeats a run: the seed is printed, and decides about the faults,
their order, their places and the pauses between them. `SOAK_BEGIN=adopted` lets another replicator copy first, killed and run again, and the
flow adopt that: what that one has copied twice is no fault, and is counted. Records are numbered per partition; at the end the target must
hold what was produced, record by record: nothing missing, doubled, reordered, altered or misplaced. A second topic is
created anew now and then, a third loses the end of its log at the source: the target must hold all that these ever
held. Topics appear, settings change, and a group's position follows. One to three instances share the flow: they are killed
and frozen, come and go. Only where the target's log was cut under batches
on their way may records be there twice, no more of them than the replicator says itself: the last of each in its place
(Docs/ReplicationSemantics.md).

With `SOAK_OFFSETS=preserve` transactions that are aborted leave holes among the records, and consumers of two makes compare the
copy with its source offset by offset, one of them in both isolation levels. Left out is what such a copy cannot survive, and stops for: a
topic that is created anew, or loses its end, at the source; a target that loses its end under batches on their way, of records
that brokers have forgotten the producer of.
"""

import array
import collections
import contextlib
import json
import os
import random
import re
import signal
import threading
import time

import pytest
from confluent_kafka import TIMESTAMP_CREATE_TIME, Consumer, KafkaException, Producer, TopicPartition
from confluent_kafka.admin import AlterConfigOpType, ConfigEntry, ConfigResource

from support.checks import PATIENCE, check, equal, eventually, failures, measured
from support.clients import QUIET, admin
from support.copier import Copier
from support.instances import SESSION, Together
from support.offsets import Placed, confluent_records, python_records
from support.program import command
from support.records import Copy, batches_of, numbers, produce_numbers
from support.replicators import flow
from support.topics import add_partitions, create_topic, limit_client, partition_count, watermarks

SECONDS = float(os.environ.get("SOAK_SECONDS", 90))
PARTITIONS = 3
NODES = 3
MOST_INSTANCES = 3
GROUP = "readers"
PROTOCOL = os.environ.get("SOAK_PROTOCOL", "classic")
BEGIN = os.environ.get("SOAK_BEGIN", "empty")
PRESERVES = os.environ.get("SOAK_OFFSETS", "translate") == "preserve"
# What cannot be kept in the offsets of the source.
FATAL = {"create_a_topic_anew", "cut_the_source", "cut_the_target"} if PRESERVES else set()
# Topics that appear while it runs, at most.
MOST_NEW = 5
# What a log says about positions.
NOTABLE = re.compile(r"accounted for|backwards|in flight|are lost|created anew|went|cannot find out|starting|stopped")
# Far more than what a cut or a crash can take back from the target: the source must still have that.
KEPT = 15_000
DAY = 86_400_000

COORDINATOR_ERRORS = ["NOT_COORDINATOR", "COORDINATOR_LOAD_IN_PROGRESS", "COORDINATOR_NOT_AVAILABLE"]
CONTROLLER_ERRORS = ["NOT_CONTROLLER", "REQUEST_TIMED_OUT"]

# Every API that the replicator asks in such a flow, with what Kafka answers when it cannot just then.
ERRORS = {
    "ApiVersions": ["REQUEST_TIMED_OUT"],
    "CreatePartitions": CONTROLLER_ERRORS,
    "CreateTopics": CONTROLLER_ERRORS,
    "DescribeAcls": ["REQUEST_TIMED_OUT"],
    "DescribeCluster": ["REQUEST_TIMED_OUT"],
    "DescribeConfigs": ["REQUEST_TIMED_OUT"],
    "DescribeGroups": COORDINATOR_ERRORS,
    "DescribeProducers": ["NOT_LEADER_OR_FOLLOWER"],
    "Fetch": ["NOT_LEADER_OR_FOLLOWER", "UNKNOWN_LEADER_EPOCH", "FETCH_SESSION_ID_NOT_FOUND", "OFFSET_NOT_AVAILABLE"],
    "FindCoordinator": ["COORDINATOR_NOT_AVAILABLE"],
    "Heartbeat": [*COORDINATOR_ERRORS, "UNKNOWN_MEMBER_ID"],
    "IncrementalAlterConfigs": CONTROLLER_ERRORS,
    "InitProducerId": COORDINATOR_ERRORS,
    "JoinGroup": [*COORDINATOR_ERRORS, "UNKNOWN_MEMBER_ID"],
    "ListGroups": ["COORDINATOR_LOAD_IN_PROGRESS", "COORDINATOR_NOT_AVAILABLE"],
    "ListOffsets": ["NOT_LEADER_OR_FOLLOWER", "OFFSET_NOT_AVAILABLE"],
    "Metadata": ["LEADER_NOT_AVAILABLE"],
    "OffsetCommit": COORDINATOR_ERRORS,
    "OffsetFetch": COORDINATOR_ERRORS,
    "OffsetForLeaderEpoch": ["NOT_LEADER_OR_FOLLOWER", "FENCED_LEADER_EPOCH", "UNKNOWN_LEADER_EPOCH"],
    "Produce": ["NOT_LEADER_OR_FOLLOWER", "REQUEST_TIMED_OUT", "NOT_ENOUGH_REPLICAS_AFTER_APPEND",
                "KAFKA_STORAGE_ERROR",
                "NOT_ENOUGH_REPLICAS"],
    "SyncGroup": [*COORDINATOR_ERRORS, "REBALANCE_IN_PROGRESS"],
    "WriteTxnMarkers": ["NOT_LEADER_OR_FOLLOWER"],
}


class Load:
    """Numbered records into every partition until it is told to stop. The broker may die meanwhile."""

    def __init__(self, bootstrap, age):
        self.age = age
        self.producer = Producer({
            "bootstrap.servers": bootstrap, "enable.idempotence": True, "linger.ms": 2, "message.timeout.ms": 300_000,
            "retry.backoff.ms": 50, "reconnect.backoff.max.ms": 500, **QUIET})
        self.stopping = threading.Event()
        self.failed = []
        # Time stamps by number: with its number a record is known. Of millions no more is kept.
        self.time_stamps = array.array("q")
        # Numbers of the records that were written, in order.
        self.written = {partition: array.array("q") for partition in range(PARTITIONS)}
        # Of each of them.
        self.offsets = {partition: array.array("q") for partition in range(PARTITIONS)}
        self.thread = threading.Thread(target=self.run)
        self.thread.start()

    def run(self):
        while not self.stopping.is_set():
            for partition in range(PARTITIONS):
                for _ in range(20):
                    number = self.count
                    self.time_stamps.append(int(time.time() * 1000) - self.age)
                    record = self.record(number)
                    self.producer.produce(
                        "t", key=record.key, value=record.value, partition=partition, timestamp=record.timestamp[1],
                        on_delivery=self.delivered)
                    self.written[partition].append(number)
            self.producer.poll(0)
            self.stopping.wait(0.02)

    @property
    def count(self):
        return len(self.time_stamps)

    def record(self, number):
        """The record of a number, as it was written."""
        text = b"%d" % number
        return Copy(b"k" + text, text + b":" + b"x" * 200, [], (TIMESTAMP_CREATE_TIME, self.time_stamps[number]))

    def delivered(self, error, message):
        if error:
            self.failed.append(error)
        else:
            self.offsets[message.partition()].append(message.offset())

    def repeated(self, partition):
        """Records that the source itself holds twice: after a crash it has forgotten a producer whose records are old, and
        takes a batch again whose answer was lost."""
        return self.offsets[partition][-1] + 1 - len(self.offsets[partition])

    def stop(self):
        self.stopping.set()
        self.thread.join()
        self.producer.flush(PATIENCE)
        equal("everything was produced", (len(self.producer), self.failed[:3]), (0, []))


class Copied:
    """Records of the copy: their numbers and offsets by partition, and what is not as it was written."""

    def __init__(self, bootstrap, load):
        self.numbers = {partition: array.array("q") for partition in range(PARTITIONS)}
        self.offsets = {partition: array.array("q") for partition in range(PARTITIONS)}
        self.altered = []
        for messages in batches_of(bootstrap, "east.t"):
            for m in messages:
                number = self.number(m, load)
                if number is None:
                    self.altered.append((m.partition(), m.offset(), m.key(), (m.value() or b"")[:20]))
                else:
                    self.numbers[m.partition()].append(number)
                    self.offsets[m.partition()].append(m.offset())

    @staticmethod
    def number(message, load):
        text = (message.value() or b"").partition(b":")[0]
        if not text.isdigit() or int(text) >= load.count:
            return None
        found = Copy(message.key(), message.value(), message.headers() or [], message.timestamp())
        return int(text) if found == load.record(int(text)) else None

    def __len__(self):
        return sum(map(len, self.numbers.values()))

    def last_offset(self, partition, number):
        """The offset of the last record with a number."""
        numbers = self.numbers[partition]
        return self.offsets[partition][next(i for i in reversed(range(len(numbers))) if numbers[i] == number)]

    def last_of_each(self, partition, count):
        """Numbers without those that come once more further on."""
        numbers = self.numbers[partition]
        last = array.array("q", [-1]) * count
        for place, number in enumerate(numbers):
            last[number] = place
        return array.array("q", (number for place, number in enumerate(numbers) if last[number] == place))


class Aborted:
    """Records of transactions that are aborted, among those of a load: each leaves its own offsets and a marker's. A transaction
    that cannot be ended is left to the next, which begins in a later epoch."""

    def __init__(self, bootstrap, dice):
        self.bootstrap, self.dice = bootstrap, dice
        self.count = 0
        self.stopping = threading.Event()
        self.thread = threading.Thread(target=self.run)
        self.thread.start()

    def run(self):
        while not self.stopping.is_set():
            try:
                self.abort_some(self.producer())
            except KafkaException:
                self.stopping.wait(0.2)

    def producer(self):
        client = Producer({"bootstrap.servers": self.bootstrap, "transactional.id": "aborted", "linger.ms": 1,
                           "transaction.timeout.ms": 10_000, "reconnect.backoff.max.ms": 500, **QUIET})
        client.init_transactions(20)
        return client

    def abort_some(self, client):
        while not self.stopping.is_set():
            client.begin_transaction()
            for _ in range(self.dice.randint(1, 8)):
                client.produce("t", value=b"never", partition=self.dice.randrange(PARTITIONS))
            client.flush(20)
            client.abort_transaction(20)
            self.count += 1
            self.stopping.wait(self.dice.uniform(0, 0.3))

    def stop(self):
        """Nothing is left open."""
        self.stopping.set()
        self.thread.join()
        insist(self.producer)


class Numbers:
    """A topic whose first partition holds numbers from 0 on at the source, or once held them: the target must have them
    all."""

    def __init__(self, name, source, target):
        self.name, self.source, self.target = name, source, target
        self.count = 0
        self.partitions = 1

    def grow(self, by):
        produce_numbers(self.source.bootstrap, self.name, range(self.count, self.count + by), partitions=1)
        self.count += by

    def found(self):
        return numbers(self.target.bootstrap, f"east.{self.name}")[0]

    def is_copied(self):
        try:
            return len(self.found()) >= self.count
        except (KafkaException, KeyError, RuntimeError):
            # An earlier fault still strikes, or the topic is not there yet.
            return False


class Faults:
    """What can happen, each as a method; `hits` counts what did."""

    def __init__(self, dice, source, target, running):
        self.dice, self.source, self.target, self.running = dice, source, target, running
        self.hits = collections.Counter()
        self.asked = collections.Counter()
        self.renewed = Numbers("u", source, target)
        self.shortened = Numbers("v", source, target)
        self.new = []
        self.retention = None

    def pause(self, least, most):
        """Of the schedule: nothing is waited for, this is for how long something lasts."""
        time.sleep(self.dice.uniform(least, most))

    def side(self):
        return self.dice.choice([("source", self.source, "t"), ("target", self.target, "east.t")])

    def kill_an_instance(self):
        one = self.dice.choice(self.running.wanted)
        one.kill()
        self.pause(0, self.dice.choice([0.1, 2 * SESSION]))
        one.start()

    def freeze_an_instance(self):
        """Often for longer than its session: others copy its part by then."""
        one = self.dice.choice(self.running.wanted)
        one.process.send_signal(signal.SIGSTOP)
        self.pause(0.5, 2 * SESSION)
        one.process.send_signal(signal.SIGCONT)
        return "of several" if self.running.count > 1 else "alone"

    def let_an_instance_come_or_go(self):
        if self.running.count == MOST_INSTANCES or (self.running.count > 1 and self.dice.random() < 0.5):
            self.runs()
            equal("it leaves with status 0", self.running.leave(), 0)
            return "goes"
        self.running.join()
        return "comes"

    def supervise(self):
        """What a service manager does: a start that met a cluster out of reach is repeated."""
        for one in self.running.wanted:
            if one.is_alive():
                continue
            reason = one.log().strip().rpartition("\n")[2]
            check("it ends by itself only where a cluster is out of reach",
                  one.process.returncode == 1 and reason.startswith(("east:", "west:")), reason)
            self.hits["start again"] += 1
            one.start()

    def runs(self):
        """Waits until it runs, whatever met the start."""
        eventually(lambda: self.supervise() or self.running.runs())

    def stop_in_order(self):
        self.runs()
        equal("it stops with status 0", self.running.stop(), 0)

    def stop_the_replicator(self):
        self.stop_in_order()
        self.running.start()

    def kill_a_cluster(self):
        name, cluster, _ = self.side()
        # Errors that nobody has met go with it.
        self.asked -= self.not_met(cluster)
        cluster.kill()
        self.pause(0, 0.5)
        cluster.restart_on_same_ports()
        return name

    def freeze_a_node(self):
        name, cluster, _ = self.side()
        node = self.dice.randint(1, NODES)
        cluster.control.node(node, "freeze")
        self.pause(0.1, 1.5)
        cluster.control.node(node, "thaw")
        return name

    def cut_connections(self):
        name, cluster, _ = self.side()
        cluster.control.cut()
        return name

    def move_a_leader(self):
        name, cluster, topic = self.side()
        cluster.control.partition(
            topic, self.dice.randrange(PARTITIONS), "leader", node=self.dice.randint(1, NODES))
        return name

    def answer_with_errors(self):
        name, cluster, _ = self.side()
        times = self.dice.randint(1, 4)
        api = self.dice.choice(sorted(ERRORS))
        cluster.control.intercept(api, "error", error=self.dice.choice(ERRORS[api]), times=times)
        self.asked[api] += times
        return name

    def not_met(self, cluster):
        left = collections.Counter()
        for entry in cluster.control.interceptions():
            if entry["action"] == "error":
                left[entry["api"]] += entry["times"]
        return left

    def injected(self):
        """How many requests of each API were answered with an error."""
        return self.asked - self.not_met(self.source) - self.not_met(self.target)

    def lose_answers(self):
        api = self.dice.choice(
            ["Produce", "Produce", "WriteTxnMarkers", "InitProducerId", "JoinGroup", "SyncGroup", "Heartbeat"])
        self.target.control.intercept(
            api, self.dice.choice(["disconnectAfterHandling", "disconnect"]), times=self.dice.randint(1, 3))
        return api

    def delay_answers(self):
        name, cluster, _ = self.side()
        cluster.control.intercept(
            self.dice.choice(["Produce", "Fetch"]), "delay", delayMs=self.dice.randint(50, 800),
            times=self.dice.randint(1, 5))
        return name

    def slow_disk(self):
        name, cluster, _ = self.side()
        with self.disk(cluster, delayMs=self.dice.randint(5, 60)):
            self.pause(0.2, 1.5)
        return name

    def full_disk(self):
        name, cluster, _ = self.side()
        with self.disk(cluster, bytesLeft=self.dice.choice([0, 100, 20_000])):
            self.pause(0.2, 1.5)
        return name

    @staticmethod
    @contextlib.contextmanager
    def disk(cluster, **state):
        cluster.control.disk(**state)
        try:
            yield
        finally:
            cluster.control.disk()

    def throttle(self):
        name, cluster, _ = self.side()
        quota = "consumer_byte_rate" if name == "source" else "producer_byte_rate"
        limit_client(cluster.bootstrap, quota, self.dice.randint(300_000, 600_000))
        self.pause(0.2, 1)
        limit_client(cluster.bootstrap, quota, None)
        return name

    def expire_the_source(self):
        """What has been copied for a while is gone from the source."""
        partition = self.dice.randrange(PARTITIONS)
        copied = [p["sourceOffset"] for p in self.running.partitions()
                  if (p["topic"], p["partition"]) == ("t", partition)]
        if not copied or copied[0] <= KEPT:
            return "nothing yet"
        self.source.control.partition("t", partition, "expire", offset=copied[0] - KEPT)
        return None

    def after_copying(self, topic, change):
        """Changes a topic of numbers when all it holds is copied, in half of the cases while nobody replicates, and
        soon enough for the last checkpoint to be older."""
        eventually(lambda: self.supervise() or topic.is_copied())
        is_down = self.dice.random() < 0.5
        if is_down:
            topic.grow(self.dice.randint(1, 100))
            eventually(lambda: self.supervise() or topic.is_copied())
            self.running.kill()
        try:
            change()
            topic.grow(self.dice.randint(1, 100))
        finally:
            if is_down:
                self.running.start()
        return "at rest" if is_down else "running"

    def create_a_topic_anew(self):
        """Its records of this life are copied; those of the next begin at offset 0 again."""
        return self.after_copying(self.renewed, lambda: self.source.control.recreate("u"))

    def cut_the_source(self):
        """What it loses is copied; what comes instead has the same offsets."""
        def cut():
            end = self.source.control.topic("v")["partitions"][0]["logEndOffset"]
            self.source.control.partition("v", 0, "truncate", offset=max(0, end - self.dice.randint(1, 150)))

        return self.after_copying(self.shortened, cut)

    def let_a_topic_appear(self):
        if len(self.new) == MOST_NEW:
            return "enough of them"
        topic = Numbers(f"new{len(self.new)}", self.source, self.target)
        insist(lambda: create_topic(self.source.bootstrap, topic.name, partitions=1, replicas=NODES))
        self.new.append(topic)
        topic.grow(self.dice.randint(1, 50))
        return None

    def give_a_topic_partitions(self):
        if not self.new:
            return "no topic"
        topic = self.dice.choice(self.new)
        topic.partitions += 1
        insist(lambda: add_partitions(self.source.bootstrap, topic.name, topic.partitions))
        return None

    def change_a_setting(self):
        self.retention = str(self.dice.randint(30, 60) * DAY)
        resource = ConfigResource(ConfigResource.Type.TOPIC, "t", incremental_configs=[
            ConfigEntry("retention.ms", self.retention, incremental_operation=AlterConfigOpType.SET)])
        client = admin(self.source.bootstrap)
        insist(lambda: client.incremental_alter_configs([resource])[resource].result(PATIENCE))

    def has_setting(self):
        resource = ConfigResource(ConfigResource.Type.TOPIC, "east.t")
        client = admin(self.target.bootstrap)
        found = insist(lambda: client.describe_configs([resource])[resource].result(PATIENCE))
        return self.retention in (None, found["retention.ms"].value)

    def move_a_group(self):
        """To a place that was copied; only forward."""
        places = [
            TopicPartition("t", p["partition"], self.dice.randint(p["sourceOffset"] // 2, p["sourceOffset"]))
            for p in self.running.partitions() if p["topic"] == "t" and p["sourceOffset"] > 0]
        if places:
            commit(self.source.bootstrap, places)

    def cut_the_target(self):
        self.cut_the_target_log()

    def cut_the_target_between_runs(self):
        self.stop_in_order()
        try:
            self.cut_the_target_log()
        finally:
            self.running.start()

    def cut_the_target_log(self):
        partition = self.dice.randrange(PARTITIONS)
        state = self.target.control.topic("east.t")
        found = next(p for p in state["partitions"] if p["partition"] == partition)
        end = found["logEndOffset"]
        if end > 0:
            self.target.control.partition(
                "east.t", partition, "truncate", offset=max(0, end - self.dice.randint(1, 200)))

    def strike(self):
        name = self.dice.choice([name for name in [
            "kill_an_instance", "kill_an_instance", "freeze_an_instance", "let_an_instance_come_or_go",
            "stop_the_replicator", "kill_a_cluster", "freeze_a_node",
            "cut_connections", "move_a_leader", "answer_with_errors", "answer_with_errors", "lose_answers",
            "lose_answers", "delay_answers", "slow_disk", "full_disk", "throttle", "cut_the_target",
            "cut_the_target_between_runs", "expire_the_source", "create_a_topic_anew", "cut_the_source",
            "let_a_topic_appear", "give_a_topic_partitions", "change_a_setting", "move_a_group"] if name not in FATAL])
        self.supervise()
        where = getattr(self, name)()
        self.hits[name.replace("_", " ") + (f" ({where})" if where else "")] += 1


def insist(action):
    """Does what an injected error may refuse a few times; what it returns."""
    refusals = []

    def done():
        try:
            return [action()]
        except KafkaException as error:
            refusals.append(error)
            if len(refusals) == 20:
                raise

    found = eventually(done, PATIENCE, 0.2)
    if not found:
        raise refusals[-1]
    return found[0]


def join(bootstrap, topic):
    """The group has had a member, and is of the kind that its protocol makes it."""
    client = Consumer({
        "bootstrap.servers": bootstrap, "group.id": GROUP, "enable.auto.commit": False, "group.protocol": PROTOCOL, **QUIET})
    try:
        client.subscribe([topic])
        check("the group is joined", eventually(lambda: client.poll(0.2) is not None or client.assignment(), PATIENCE, 0))
    finally:
        client.close()


def commit(bootstrap, places):
    """Positions of the group; those that are behind where it stands are left out."""
    client = Consumer({"bootstrap.servers": bootstrap, "group.id": GROUP, "enable.auto.commit": False, **QUIET})
    try:
        known = {p.partition: p.offset for p in insist(lambda: client.committed(places, timeout=PATIENCE))}
        places = [p for p in places if p.offset > known[p.partition]]
        if places:
            insist(lambda: client.commit(offsets=places, asynchronous=False))
    finally:
        client.close()


def committed(bootstrap, topic):
    """Where the group stands: partition → offset."""
    client = Consumer({"bootstrap.servers": bootstrap, "group.id": GROUP, "enable.auto.commit": False, **QUIET})
    try:
        places = [TopicPartition(topic, p) for p in range(PARTITIONS)]
        return {p.partition: p.offset for p in client.committed(places, timeout=PATIENCE)}
    finally:
        client.close()


def adopt_copies(east, west, path, dice):
    """Another replicator copies some of what the source holds, and the flow adopts that: the source offset at which each
    partition continues, and how many records are there twice by then."""
    create_topic(west.bootstrap, "east.t", partitions=PARTITIONS, replicas=NODES)
    copier = Copier(east.bootstrap, west.bootstrap, "t", "east.t", [], dice.randrange(1 << 32))
    for _ in range(dice.randint(1, 4)):
        copier.run(dice.uniform(0.3, 1))
    done = command("adopt", "--config", str(path), "--flow", "flow", "--json", timeout=300)
    equal("the copies are adopted", (done.returncode, done.stderr), (0, ""))
    report = json.loads(done.stdout)["partitions"]
    found = {p["partition"]: p["position"] for p in report if p["topic"] == "t"}
    equal("behind the last record that was copied", found, copier.ends)
    equal("what is there twice is counted", {p["partition"]: p["doubled"] for p in report if p["topic"] == "t"},
          copier.doubled)
    measured(f"adopted at {found}, {sum(copier.doubled.values())} records twice by then")
    return found, copier.doubled


@pytest.mark.alone
# At the end all that was produced is read several times.
@pytest.mark.timeout(600 + 2 * SECONDS)
@pytest.mark.east(nodes=NODES, data=True, control=True)
@pytest.mark.west(
    nodes=NODES, data=True, control=True, group_min_session_timeout_ms=500, group_initial_rebalance_delay_ms=0)
def test_exactly_once_under_random_faults(east, west):
    seed = int(os.environ.get("SOAK_SEED", random.SystemRandom().randrange(1 << 32)))
    dice = random.Random(seed)
    # Older than brokers remember producers, or of today.
    age = dice.choice([0, 3 * DAY])
    compression = dice.choice(["keep", "lz4"])
    count = dice.randint(1, MOST_INSTANCES)
    measured(f"seed {seed}, {SECONDS:.0f} s, {count} instances at first, records {age // DAY} days old, "
             f"compression {compression}")
    create_topic(east.bootstrap, "t", partitions=PARTITIONS, replicas=NODES)
    create_topic(east.bootstrap, "u", partitions=1, replicas=NODES)
    create_topic(east.bootstrap, "v", partitions=1, replicas=NODES)
    join(east.bootstrap, "t")
    mode = {"offsets": "preserve"} if PRESERVES else {"policies": {"recreated": "continue", "truncated": "continue"}}
    settings = flow(compression=compression, consumerGroups={"allow": [GROUP]}, **mode)
    with contextlib.ExitStack() as stack:
        running = Together(east.bootstrap, west.bootstrap, settings, MOST_INSTANCES, stack)
        load, begun, copied_twice = None, {}, collections.Counter()
        if BEGIN == "adopted":
            load = Load(east.bootstrap, age)
            stack.callback(load.stopping.set)
            eventually(lambda: load.count > 5_000)
            begun, copied_twice = adopt_copies(east, west, running.members[0].path, dice)
        for _ in range(count):
            running.join()
        running.awaits("the replicator runs", running.runs)
        faults = Faults(dice, east, west, running)
        for topic in (faults.renewed, faults.shortened):
            topic.grow(dice.randint(1, 100))
        load = load or Load(east.bootstrap, age)
        aborted = Aborted(east.bootstrap, random.Random(seed)) if PRESERVES else None
        end = time.monotonic() + SECONDS
        try:
            while time.monotonic() < end:
                faults.strike()
                faults.pause(0.05, 1.5)
        finally:
            load.stop()
            if aborted:
                aborted.stop()
        injected = faults.injected()
        for cluster in (east, west):
            cluster.control.clear()
        faults.runs()
        topics = ["t", "u", "v"] + [topic.name for topic in faults.new]
        running.copies(east.bootstrap, topics, seconds=180)
        equal("no partition has stopped", running.failures(), [])
        for p in running.partitions():
            equal(
                f"the account of {p['topic']}-{p['partition']} is not short of anything",
                passed_before(p, begun) + p["written"] + sum(p["skipped"].values()) >= p["sourceOffset"], True)
        wanted = load.written
        places = {p: len(wanted[p]) - dice.randint(1, 50) for p in range(PARTITIONS)}
        commit(east.bootstrap, [TopicPartition("t", p, load.offsets[p][place]) for p, place in places.items()])
        # What was truncated at the last moment is noticed by the next batch, or the next start.
        equal("it stops with status 0", running.stop(), 0)
        running.start()
        running.copies(east.bootstrap, topics, seconds=180)
        eventually(lambda: sum(map(len, batches_of(west.bootstrap, "east.t"))) >= load.count)
        for topic in (faults.renewed, faults.shortened, *faults.new):
            eventually(topic.is_copied)
        found = Copied(west.bootstrap, load)
        equal("each record is as it was written", found.altered[:3], [])
        for p, place in places.items():
            before, next_one = (found.last_offset(p, wanted[p][n]) for n in (place - 1, place))
            eventually(lambda: before < committed(west.bootstrap, "east.t")[p] <= next_one)
            there = committed(west.bootstrap, "east.t")[p]
            check(f"the group reads on at record {place} of partition {p}", before < there <= next_one,
                  f"behind {before} and not behind {next_one} was expected, it is {there} (seed {seed})\n"
                  + "\n".join(str(document.get("groups")) for document in running.documents()))
        if faults.retention:
            check("the setting has followed", eventually(faults.has_setting), faults.retention)
        log = running.log()
        doubled = {}
        running.awaits("each partition has its account", lambda: doubled.update(
            {p["partition"]: p["doubled"] for p in running.partitions() if p["topic"] == "t"}) or len(doubled) == PARTITIONS)
        equal("it stops with status 0", running.stop(), 0)
    if PRESERVES:
        measured(f"{aborted.count} transactions were aborted")
        for topic in topics:
            same_offsets(east.bootstrap, west.bootstrap, topic, f"(seed {seed})")
    for partition in range(PARTITIONS):
        # Where offsets are kept, none is left for a record that is there twice.
        if not PRESERVES:
            extra = len(found.numbers[partition]) - len(wanted[partition])
            repeated = load.repeated(partition)
            others = copied_twice[partition]
            check(f"partition {partition} holds no more than is counted as doubled",
                  extra <= doubled[partition] + repeated + others,
                  f"{extra} more than were produced, {doubled[partition]} counted, {repeated} twice at the source, "
                  f"{others} copied twice before (seed {seed})")
        in_place = found.last_of_each(partition, load.count)
        same = in_place == wanted[partition]
        check(f"partition {partition} holds what was produced", same,
              "" if same else difference(wanted[partition], in_place) + f" (seed {seed})")
    for topic in (faults.renewed, faults.shortened, *faults.new):
        equal(f"{topic.name} holds all that it ever held (seed {seed})", topic.found(), list(range(topic.count)))
        equal(f"{topic.name} has all partitions", partition_count(west.bootstrap, f"east.{topic.name}"),
              topic.partitions)
    if failures():
        print("\n".join(line for line in log.splitlines() if NOTABLE.search(line)), flush=True)
    measured(f"{load.count} records, {sum(doubled.values())} counted as doubled; " + ", ".join(
        f"{count} × {name}" for name, count in sorted(faults.hits.items())))
    measured("requests answered with an error: " + ", ".join(
        f"{count} × {api}" for api, count in sorted(injected.items())))


def passed_before(partition, begun):
    """Offsets of the source that had been copied before the flow was to copy them."""
    return begun.get(partition["partition"], 0) if partition["topic"] == "t" else 0


def same_offsets(source, target, topic, remark):
    """Every record that the source still has is at its offset on the target, and nothing else is there in front of its end."""
    bounds = watermarks(source, topic)
    wanted = Placed(confluent_records(source, topic, "read_committed"))
    firsts = {p: first for p, (first, _) in bounds.items()}
    copy = f"east.{topic}"
    equal(f"{copy} ends where its source does {remark}", {p: end for p, (_, end) in watermarks(target, copy).items()},
          {p: end for p, (_, end) in bounds.items()})
    # kafka-python is slow, and sees all there is with the second.
    readers = [("confluent-kafka", confluent_records, "read_committed"),
               ("kafka-python", python_records, "read_uncommitted"),
               ("confluent-kafka", confluent_records, "read_uncommitted")]
    for client, records, isolation in readers:
        there = Placed(records(target, copy, isolation))
        differences = there.differences(wanted, firsts)
        check(f"{copy}, {client}, {isolation}: the same records at the same offsets {remark}", not differences,
              f"{len(there)} beside {len(wanted)}, {len(differences)} differ: {differences[:5]}")


def difference(wanted, found):
    """In what way two lists of numbers differ."""
    after = set(found)
    missing = [n for n in wanted if n not in after]
    place = next((i for i, (a, b) in enumerate(zip(wanted, found)) if a != b), min(len(wanted), len(found)))
    return (f"produced {len(wanted)}, target {len(found)}, missing {len(missing)} {missing[:2]}, "
            f"first difference at {place}")
