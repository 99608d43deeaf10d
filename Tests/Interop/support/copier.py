"""A replicator that is not ours: from a consumer to a producer of librdkafka."""

import random

from confluent_kafka import Consumer, Producer, TopicPartition

from support.checks import PATIENCE
from support.clients import QUIET
from support.topics import watermarks


class Copier:
    """Reads one topic and writes the other, at least once: what it has read since it recorded its position last comes
    again when it is run again."""

    def __init__(self, source, target, topic, copy, headers=None, seed=0, leaves_out=None):
        self.source, self.target, self.topic, self.copy, self.headers = source, target, topic, copy, headers
        self.leaves_out = leaves_out or (lambda message: False)
        self.random = random.Random(seed)
        self.positions = {p: low for p, (low, _) in watermarks(source, topic).items()}
        # Behind the last record that was ever copied.
        self.ends = dict(self.positions)
        # Records that were copied once more, by partition.
        self.doubled = dict.fromkeys(self.positions, 0)
        # Offsets of those that were left out, by partition.
        self.missing = {p: set() for p in self.positions}

    def run(self, share=1):
        """Copies this share of what is left of each partition, and dies."""
        consumer = Consumer({
            "bootstrap.servers": self.source, "group.id": "copier", "enable.auto.commit": False,
            "isolation.level": "read_committed", "enable.partition.eof": True, **QUIET})
        producer = Producer({"bootstrap.servers": self.target, "linger.ms": 3, "batch.num.messages": 17,
                             "enable.idempotence": True, "compression.type": "gzip", **QUIET})
        ends = {p: end for p, (_, end) in watermarks(self.source, self.topic).items()}
        for partition, start in list(self.positions.items()):
            consumer.assign([TopicPartition(self.topic, partition, start)])
            stop = start + int((ends[partition] - start) * share)
            reached = start
            while reached < stop:
                m = consumer.poll(PATIENCE)
                if m is None or m.error():
                    break
                if m.offset() >= stop:
                    break
                reached = m.offset() + 1
                if self.leaves_out(m):
                    self.missing[partition].add(m.offset())
                    continue
                if m.offset() < self.ends[partition]:
                    self.doubled[partition] += 1
                headers = list(m.headers() or []) + self.headers if self.headers is not None else None
                while True:
                    try:
                        producer.produce(self.copy, key=m.key(), value=m.value(), headers=headers,
                                         partition=partition, timestamp=m.timestamp()[1])
                        break
                    except BufferError:
                        producer.poll(0.1)
            producer.flush(PATIENCE)
            self.ends[partition] = max(self.ends[partition], reached)
            # It records its position now and then only.
            self.positions[partition] = max(start, reached - self.random.randrange(60))
        consumer.close()
