"""The replicator is killed with records behind its checkpoint, the broker's cleaner works on the logs, the replicator
starts again: nothing is doubled and nothing lost."""

import random
import threading

import pytest
from confluent_kafka import Producer

from support.checks import PATIENCE, check, equal, measured
from support.clients import QUIET
from support.records import read
from support.replicators import flow, replicator
from support.topics import create_topic

PARTITIONS = 3
KEYS = 40
ROUNDS = 6


class Overwriting:
    """Numbers that keep coming, number n of key n modulo `KEYS` times 7, so that the cleaner leaves few of them."""

    def __init__(self, bootstrap):
        self.client = Producer({"bootstrap.servers": bootstrap, "enable.idempotence": True, "linger.ms": 3, **QUIET})
        self.count = 0
        self.stopping = threading.Event()
        self.thread = threading.Thread(target=self.run)
        self.thread.start()

    def run(self):
        while not self.stopping.is_set():
            for _ in range(30):
                n = self.count
                self.client.produce("t", key=b"k%d" % (n * 7 % KEYS), value=b"%d" % n,
                                    partition=n * 7 % KEYS % PARTITIONS)
                self.count += 1
            self.client.poll(0)
            self.stopping.wait(0.01)

    def stop(self):
        self.stopping.set()
        self.thread.join()
        equal("everything is produced", self.client.flush(PATIENCE), 0)


def compact(cluster, topic):
    for partition in range(PARTITIONS):
        cluster.control.partition(topic, partition, "compact")


def numbers_of(records):
    return {p: [int(r.value) for r in found] for p, found in records.items()}


@pytest.mark.east(control=True)
@pytest.mark.west(control=True)
def test_killed_and_cleaned(east, west):
    create_topic(east.bootstrap, "t", partitions=PARTITIONS, cleanup_policy="compact")
    dice = random.Random(7)
    with replicator(east.bootstrap, west.bootstrap, flow()) as running:
        running.awaits("the replicator runs", running.runs)
        traffic = Overwriting(east.bootstrap)
        try:
            for round in range(ROUNDS):
                copied = sum(p["written"] for p in running.partitions())
                more = dice.randint(100, 2500)
                running.awaits(
                    "it gets on", lambda: sum(p["written"] for p in running.partitions()) > copied + more)
                running.kill()
                if round % 3 != 1:
                    compact(west, "east.t")
                if round % 3 != 0:
                    compact(east, "t")
                running.start()
                running.awaits("the replicator runs again", running.runs)
        finally:
            traffic.stop()
        running.copies(east.bootstrap, ["t"])
        equal("no partition has stopped", running.failures(), [])
        found = numbers_of(read(west.bootstrap, "east.t"))
        for partition, values in found.items():
            check(f"partition {partition}: in order, and each once",
                  all(a < b for a, b in zip(values, values[1:])), values[:20])
        # Of each key the newest is left, here and there.
        compact(east, "t")
        compact(west, "east.t")
        equal("the cleaned logs are equal", numbers_of(read(west.bootstrap, "east.t")),
              numbers_of(read(east.bootstrap, "t")))
    measured(f"{traffic.count} records, {ROUNDS} times killed and cleaned")
