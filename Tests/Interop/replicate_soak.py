"""Exactly once under a random, seeded, bounded schedule of faults; counts how often each fault was hit.

`SOAK_SECONDS` says for how long (45), `SOAK_SEED` repeats a run: the seed is printed, and decides about the faults, their
order, their places and the pauses between them. Records are numbered per partition; at the end the target must hold what was
produced, record by record: nothing missing, doubled, reordered, altered or misplaced. A second topic is created anew now and
then: the target must hold its records of all lives. Only where the target's log was cut
under batches on their way may records be there twice, no more of them than the replicator says itself: the last of each in its
place (Docs/ReplicationSemantics.md).
"""

import collections
import os
import random
import tempfile
import threading
import time

from confluent_kafka import TIMESTAMP_CREATE_TIME, KafkaException, Producer

from harness import broker, check, equal, eventually, main
from replicator import (
    PATIENCE, QUIET, Copy, create_topic, flow, limit_client, numbers, produce_numbers, read, replicator)

PARTITIONS = 3
NODES = 3
# Far more than what a cut or a crash can take back from the target: the source must still have that.
KEPT = 15_000
DAY = 86_400_000

ERRORS = {
    "Produce": ["NOT_LEADER_OR_FOLLOWER", "REQUEST_TIMED_OUT", "NOT_ENOUGH_REPLICAS_AFTER_APPEND", "KAFKA_STORAGE_ERROR",
                "NOT_ENOUGH_REPLICAS"],
    "Fetch": ["NOT_LEADER_OR_FOLLOWER", "UNKNOWN_LEADER_EPOCH", "FETCH_SESSION_ID_NOT_FOUND", "OFFSET_NOT_AVAILABLE"],
    "ListOffsets": ["NOT_LEADER_OR_FOLLOWER", "OFFSET_NOT_AVAILABLE"],
    "Metadata": ["LEADER_NOT_AVAILABLE"],
    "WriteTxnMarkers": ["NOT_LEADER_OR_FOLLOWER"],
    "DescribeProducers": ["NOT_LEADER_OR_FOLLOWER"],
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
        self.count = 0
        self.written = {partition: [] for partition in range(PARTITIONS)}
        self.thread = threading.Thread(target=self.run)
        self.thread.start()

    def run(self):
        while not self.stopping.is_set():
            for partition in range(PARTITIONS):
                for _ in range(20):
                    number = b"%d" % self.count
                    time_stamp = int(time.time() * 1000) - self.age
                    record = Copy(b"k" + number, number + b":" + b"x" * 200, [], (TIMESTAMP_CREATE_TIME, time_stamp))
                    self.producer.produce(
                        "t", key=record.key, value=record.value, partition=partition, timestamp=time_stamp,
                        on_delivery=lambda error, _: self.failed.append(error) if error else None)
                    self.written[partition].append(record)
                    self.count += 1
            self.producer.poll(0)
            self.stopping.wait(0.02)

    def stop(self):
        self.stopping.set()
        self.thread.join()
        self.producer.flush(PATIENCE)
        equal("everything was produced", (len(self.producer), self.failed[:3]), (0, []))


class Faults:
    """What can happen, each as a method; `hits` counts what did."""

    def __init__(self, dice, source, target, running):
        self.dice, self.source, self.target, self.running = dice, source, target, running
        self.hits = collections.Counter()
        self.renewed = 0

    def side(self):
        return self.dice.choice([("source", self.source, "t"), ("target", self.target, "east.t")])

    def kill_the_replicator(self):
        self.running.kill()
        self.running.start()

    def supervise(self):
        """What a service manager does: a start that met a cluster out of reach is repeated."""
        if self.running.is_alive():
            return
        reason = self.running.log().strip().rpartition("\n")[2]
        check("it ends by itself only where a cluster is out of reach",
              self.running.process.returncode == 1 and reason.startswith(("east:", "west:")), reason)
        self.hits["start again"] += 1
        self.running.start()

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
        cluster.kill()
        time.sleep(self.dice.uniform(0, 0.5))
        cluster.restart_on_same_ports()
        return name

    def freeze_a_node(self):
        name, cluster, _ = self.side()
        node = self.dice.randint(1, NODES)
        cluster.control.node(node, "freeze")
        time.sleep(self.dice.uniform(0.1, 1.5))
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
        api = self.dice.choice(sorted(ERRORS))
        cluster.control.intercept(api, "error", error=self.dice.choice(ERRORS[api]), times=self.dice.randint(1, 4))
        return f"{name} {api}"

    def lose_answers(self):
        api = self.dice.choice(["Produce", "Produce", "WriteTxnMarkers", "InitProducerId"])
        self.target.control.intercept(
            api, self.dice.choice(["disconnectAfterHandling", "disconnect"]), times=self.dice.randint(1, 3))
        return api

    def delay_answers(self):
        name, cluster, _ = self.side()
        cluster.control.intercept(
            self.dice.choice(["Produce", "Fetch"]), "delay", delayMs=self.dice.randint(50, 800),
            times=self.dice.randint(1, 5))
        return name

    def throttle(self):
        name, cluster, _ = self.side()
        quota = "consumer_byte_rate" if name == "source" else "producer_byte_rate"
        limit_client(cluster.bootstrap, quota, self.dice.randint(300_000, 600_000))
        time.sleep(self.dice.uniform(0.2, 1))
        limit_client(cluster.bootstrap, quota, None)
        return name

    def expire_the_source(self):
        """What has been copied for a while is gone from the source."""
        partition = self.dice.randrange(PARTITIONS)
        copied = [p["sourceOffset"] for p in self.running.partitions() if (p["topic"], p["partition"]) == ("t", partition)]
        if not copied or copied[0] <= KEPT:
            return "nothing yet"
        self.source.control.partition("t", partition, "expire", offset=copied[0] - KEPT)
        return None

    def create_a_topic_anew(self):
        """Its records of this life are copied; those of the next begin at offset 0 again."""
        eventually(lambda: self.supervise() or self.has_copied_second_topic())
        self.source.control.recreate("u")
        self.fill_the_second_topic()

    def has_copied_second_topic(self):
        try:
            return len(numbers(self.target.bootstrap, "east.u")[0]) >= self.renewed
        except KafkaException:
            # An earlier fault still strikes.
            return False

    def fill_the_second_topic(self):
        count = self.dice.randint(1, 100)
        produce_numbers(self.source.bootstrap, "u", range(self.renewed, self.renewed + count), partitions=1)
        self.renewed += count

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
        name = self.dice.choice([
            "kill_the_replicator", "kill_the_replicator", "stop_the_replicator", "kill_a_cluster", "freeze_a_node",
            "cut_connections", "move_a_leader", "answer_with_errors", "answer_with_errors", "lose_answers",
            "lose_answers", "delay_answers", "cut_the_target", "cut_the_target_between_runs", "throttle",
            "expire_the_source", "create_a_topic_anew"])
        self.supervise()
        where = getattr(self, name)()
        self.hits[name.replace("_", " ") + (f" ({where})" if where else "")] += 1


def soak():
    seed = int(os.environ.get("SOAK_SEED", random.SystemRandom().randrange(1 << 32)))
    seconds = float(os.environ.get("SOAK_SECONDS", 45))
    dice = random.Random(seed)
    # Older than brokers remember producers, or of today.
    age = dice.choice([0, 3 * DAY])
    compression = dice.choice(["keep", "lz4"])
    print(f"measured: seed {seed}, {seconds:.0f} s, records {age // DAY} days old, compression {compression}", flush=True)
    with tempfile.TemporaryDirectory(prefix="soak-") as folder, \
            broker(nodes=NODES, data=f"{folder}/east", control=True) as source, \
            broker(nodes=NODES, data=f"{folder}/west", control=True) as target:
        create_topic(source.bootstrap, "t", partitions=PARTITIONS, replicas=NODES)
        create_topic(source.bootstrap, "u", partitions=1, replicas=NODES)
        settings = flow(compression=compression, policies={"recreated": "continue"})
        with replicator(source.bootstrap, target.bootstrap, settings) as running:
            running.awaits("the replicator runs", running.runs)
            faults = Faults(dice, source, target, running)
            faults.fill_the_second_topic()
            load = Load(source.bootstrap, age)
            end = time.monotonic() + seconds
            try:
                while time.monotonic() < end:
                    faults.strike()
                    time.sleep(dice.uniform(0.05, 1.5))
            finally:
                load.stop()
            for cluster in (source, target):
                cluster.control.clear()
            faults.runs()
            running.copies(source.bootstrap, ["t", "u"], seconds=180)
            equal("no partition has stopped", running.failures(), [])
            for p in running.partitions():
                equal(
                    f"the account of {p['topic']}-{p['partition']} is not short of anything",
                    p["written"] + sum(p["skipped"].values()) >= p["sourceOffset"], True)
            wanted = load.written
            # What was truncated at the last moment is noticed by the next batch, or the next start.
            equal("it stops with status 0", running.stop(), 0)
            running.start()
            running.copies(source.bootstrap, ["t", "u"], seconds=180)
            eventually(lambda: sum(map(len, read(target.bootstrap, "east.t").values())) >= sum(map(len, wanted.values())))
            eventually(faults.has_copied_second_topic)
            found = read(target.bootstrap, "east.t")
            doubled = {p["partition"]: p["doubled"] for p in running.partitions() if p["topic"] == "t"}
        for partition in range(PARTITIONS):
            extra = len(found[partition]) - len(wanted[partition])
            check(f"partition {partition} holds no more than is counted as doubled", extra <= doubled[partition],
                  f"{extra} more than were produced, {doubled[partition]} counted (seed {seed})")
            in_place = last_of_each(found[partition])
            same = in_place == wanted[partition]
            check(f"partition {partition} holds what was produced", same,
                  "" if same else difference(wanted[partition], in_place) + f" (seed {seed})")
        equal("the topic of many lives holds them all", numbers(target.bootstrap, "east.u")[0], list(range(faults.renewed)))
        print(f"measured: {sum(map(len, wanted.values()))} records, {sum(doubled.values())} counted as doubled; " + ", ".join(
            f"{count} × {name}" for name, count in sorted(faults.hits.items())))


def last_of_each(records):
    """Without those that come once more further on."""
    places = {record.value: place for place, record in enumerate(records)}
    return [record for place, record in enumerate(records) if places[record.value] == place]


def difference(wanted, found):
    """In what way two lists of records differ."""
    before, after = [r.value for r in wanted], [r.value for r in found]
    missing = [v for v in before if v not in set(after)]
    doubled = [v for v, n in collections.Counter(after).items() if n > 1]
    place = next((i for i, (a, b) in enumerate(zip(wanted, found)) if a != b), min(len(wanted), len(found)))
    return (f"produced {len(before)}, target {len(after)}, missing {len(missing)} {missing[:2]}, "
            f"doubled {len(doubled)} {[v[:10] for v in doubled[:2]]}, first difference at {place}")


main(soak)
