"""Records by their offsets, as foreign consumers hand them out."""

import array
import bisect
import time

import kafka
from confluent_kafka import Consumer, KafkaError, TopicPartition

from support.checks import PATIENCE, check
from support.clients import QUIET
from support.topics import watermarks

ISOLATIONS = ["read_committed", "read_uncommitted"]


def confluent_records(bootstrap, topic, isolation):
    """Partition, offset and value of everything that librdkafka hands out, in order for each partition."""
    client = Consumer({
        "bootstrap.servers": bootstrap, "group.id": "interop", "isolation.level": isolation,
        "enable.auto.commit": False, "enable.partition.eof": True, "auto.offset.reset": "earliest", **QUIET})
    bounds = watermarks(bootstrap, topic)
    client.assign([TopicPartition(topic, p, first) for p, (first, _) in bounds.items()])
    ended, last = set(), time.monotonic()
    try:
        while len(ended) < len(bounds) and time.monotonic() < last + PATIENCE:
            for message in client.consume(5000, timeout=0.05):
                last = time.monotonic()
                if not message.error():
                    yield message.partition(), message.offset(), message.value()
                elif message.error().code() == KafkaError._PARTITION_EOF:
                    ended.add(message.partition())
    finally:
        client.close()
    check(f"{topic} is read to its end", len(ended) == len(bounds), f"{ended} of {bounds}")


def python_records(bootstrap, topic, isolation):
    """The same with kafka-python."""
    client = kafka.KafkaConsumer(
        bootstrap_servers=bootstrap, isolation_level=isolation, enable_auto_commit=False, auto_offset_reset="earliest")
    bounds = watermarks(bootstrap, topic)
    partitions = [kafka.TopicPartition(topic, p) for p in bounds]
    client.assign(partitions)
    client.seek_to_beginning(*partitions)
    positions, last = {}, time.monotonic()

    def is_done():
        return all(positions.get(p, -1) >= bounds[p.partition][1] for p in partitions)

    try:
        while not is_done() and time.monotonic() < last + PATIENCE:
            for partition, records in client.poll(timeout_ms=200).items():
                for record in records:
                    yield partition.partition, record.offset, record.value
            # Also a hole moves it on.
            before, positions = positions, {p: client.position(p) for p in partitions}
            if positions != before:
                last = time.monotonic()
    finally:
        client.close()
    check(f"{topic} is read to its end", is_done(), f"{positions} of {bounds}")


def confluent_reads(bootstrap, topic, isolation):
    """(partition, offset) → value."""
    return {(p, offset): value for p, offset, value in confluent_records(bootstrap, topic, isolation)}


def python_reads(bootstrap, topic, isolation):
    """The same with kafka-python."""
    return {(p, offset): value for p, offset, value in python_records(bootstrap, topic, isolation)}


class Placed:
    """Offsets and hashes of values, of more records than are to be kept: sixteen bytes for each."""

    def __init__(self, records):
        self.partitions = {}
        for partition, offset, value in records:
            offsets, hashes = self.partitions.setdefault(partition, (array.array("q"), array.array("q")))
            offsets.append(offset)
            hashes.append(hash(value))

    def __len__(self):
        return sum(len(offsets) for offsets, _ in self.partitions.values())

    def of(self, partition, first):
        """Those of a partition from an offset on."""
        offsets, hashes = self.partitions.get(partition, (array.array("q"), array.array("q")))
        place = bisect.bisect_left(offsets, first)
        return offsets[place:], hashes[place:]

    def differences(self, other, firsts):
        """Places where the two differ, from the first offset of each partition on."""
        found = []
        for partition, first in firsts.items():
            here, there = self.of(partition, first), other.of(partition, first)
            if here != there:
                here, there = set(zip(*here)), set(zip(*there))
                found += [(partition, offset) for offset in sorted({offset for offset, _ in here ^ there})]
        return found
