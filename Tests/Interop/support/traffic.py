"""Records that keep coming while something else is tried."""

import threading

from confluent_kafka import Producer

from support.checks import PATIENCE, check, equal
from support.clients import QUIET
from support.records import numbers


class Traffic:
    """Numbers that keep coming to a topic until told to stop; number n is the n-th of its partition modulo."""

    def __init__(self, bootstrap, topic, partitions=1):
        self.client = Producer({"bootstrap.servers": bootstrap, "enable.idempotence": True, "linger.ms": 5, **QUIET})
        self.topic, self.partitions = topic, partitions
        self.count = 0
        self.ended = threading.Event()
        self.thread = threading.Thread(target=self.produce, daemon=True)
        self.thread.start()

    def produce(self):
        while not self.ended.is_set():
            self.client.produce(self.topic, value=b"%d" % self.count, partition=self.count % self.partitions)
            self.count += 1
            self.client.poll(0)
            if self.count % 20 == 0:
                self.ended.wait(0.02)

    def stop(self):
        self.ended.set()
        self.thread.join()
        equal(f"{self.topic}: everything is produced", self.client.flush(PATIENCE), 0)

    def check(self, bootstrap, target):
        found = numbers(bootstrap, target)
        expected = {p: list(range(p, self.count, self.partitions)) for p in range(self.partitions)}
        for p in expected:
            equal(f"{target}-{p}: as many as produced", len(found[p]), len(expected[p]))
            check(f"{target}-{p}: every number once and in order", found[p] == expected[p])
