"""Records by their offsets, as foreign consumers hand them out."""

import kafka
from confluent_kafka import Consumer, TopicPartition

from support.checks import PATIENCE, check, eventually
from support.clients import QUIET
from support.topics import watermarks

ISOLATIONS = ["read_committed", "read_uncommitted"]


def confluent_reads(bootstrap, topic, isolation):
    """(partition, offset) → value, of everything that librdkafka hands out."""
    client = Consumer({
        "bootstrap.servers": bootstrap, "group.id": "interop", "isolation.level": isolation,
        "enable.auto.commit": False, "enable.partition.eof": True, "auto.offset.reset": "earliest", **QUIET})
    bounds = watermarks(bootstrap, topic)
    client.assign([TopicPartition(topic, p, first) for p, (first, _) in bounds.items()])
    found, ended = {}, set()
    try:
        def step():
            message = client.poll(0.2)
            if message is not None and not message.error():
                found[message.partition(), message.offset()] = message.value()
            elif message is not None:
                ended.add(message.partition())
            return len(ended) == len(bounds)

        check(f"{topic} is read to its end", eventually(step, 10 * PATIENCE, 0))
    finally:
        client.close()
    return found


def python_reads(bootstrap, topic, isolation):
    """The same with kafka-python."""
    client = kafka.KafkaConsumer(
        bootstrap_servers=bootstrap, isolation_level=isolation, enable_auto_commit=False, auto_offset_reset="earliest")
    bounds = watermarks(bootstrap, topic)
    partitions = [kafka.TopicPartition(topic, p) for p in bounds]
    client.assign(partitions)
    client.seek_to_beginning(*partitions)
    found = {}
    try:
        def step():
            for records in client.poll(timeout_ms=200).values():
                for record in records:
                    found[record.partition, record.offset] = record.value
            return all(client.position(p) >= bounds[p.partition][1] for p in partitions)

        check(f"{topic} is read to its end", eventually(step, 10 * PATIENCE, 0))
    finally:
        client.close()
    return found
