"""Topics as an administrator sees them, through librdkafka: made, grown, deleted, cut, limited."""

import socket
import struct

from confluent_kafka import Consumer, TopicPartition
from confluent_kafka.admin import NewPartitions, NewTopic

from support.checks import PATIENCE, check, equal, eventually
from support.clients import QUIET, admin


def create_topic(bootstrap, topic, partitions=3, replicas=1, **config):
    """Settings are Kafka's keys with `_` for `.`."""
    client = admin(bootstrap)
    new = NewTopic(
        topic, num_partitions=partitions, replication_factor=replicas,
        config={key.replace("_", "."): str(value) for key, value in config.items()})
    client.create_topics([new])[topic].result(PATIENCE)
    await_partitions(bootstrap, topic, partitions)


def limit_client(bootstrap, quota, bytes_per_second, client_id="replicator"):
    """Sets a client id's quota, or takes it away with None, by a raw AlterClientQuotas (version 0): no Python client
    knows the request."""
    def text(value):
        return struct.pack(">h", len(value)) + value.encode()

    host, port = bootstrap.split(",")[0].rsplit(":", 1)
    body = (struct.pack(">hhi", 49, 0, 1) + text("interop") + struct.pack(">ii", 1, 1) + text("client-id")
            + text(client_id)
            + struct.pack(">i", 1) + text(quota)
            + struct.pack(">d??", bytes_per_second or 0, bytes_per_second is None, False))
    with socket.create_connection((host, int(port)), timeout=30) as connection:
        connection.sendall(struct.pack(">i", len(body)) + body)
        stream = connection.makefile("rb")
        answer = stream.read(struct.unpack(">i", stream.read(4))[0])
    # Correlation id, throttle time, number of entries, the first one's error.
    equal(f"{quota} of {client_id} is changed", struct.unpack_from(">iiih", answer)[2:], (1, 0))


def add_partitions(bootstrap, topic, count):
    client = admin(bootstrap)
    client.create_partitions([NewPartitions(topic, count)])[topic].result(PATIENCE)
    await_partitions(bootstrap, topic, count)


def await_partitions(bootstrap, topic, count):
    client = admin(bootstrap)
    ready = eventually(lambda: len(client.list_topics(topic, timeout=10).topics[topic].partitions) >= count)
    check(f"{topic} has {count} partitions", ready)


def topic_names(bootstrap):
    return set(admin(bootstrap).list_topics(timeout=30).topics)


def delete_topic(bootstrap, topic):
    client = admin(bootstrap)
    client.delete_topics([topic])[topic].result(PATIENCE)
    check(f"{topic} is deleted", eventually(lambda: topic not in topic_names(bootstrap)))


def delete_records(bootstrap, topic, partition, before):
    """As if retention had passed over them."""
    client = admin(bootstrap)
    for outcome in client.delete_records([TopicPartition(topic, partition, before)]).values():
        outcome.result(PATIENCE)


def partition_count(bootstrap, topic):
    found = admin(bootstrap).list_topics(timeout=30).topics.get(topic)
    return len(found.partitions) if found else 0


def watermarks(bootstrap, topic):
    """First offset and end of each partition."""
    consumer = Consumer({"bootstrap.servers": bootstrap, "group.id": "interop", **QUIET})
    try:
        numbers = consumer.list_topics(topic, timeout=30).topics[topic].partitions
        return {p: consumer.get_watermark_offsets(TopicPartition(topic, p), timeout=30) for p in sorted(numbers)}
    finally:
        consumer.close()
