"""Compaction by `replicator broker`, as librdkafka, aiokafka and kafka-python see it: last values, real holes,
restarts."""

import asyncio

import pytest
from aiokafka import AIOKafkaConsumer
from aiokafka import TopicPartition as AsyncPartition
from confluent_kafka import Consumer, Producer, TopicPartition
from confluent_kafka.admin import AdminClient, NewTopic
from kafka import KafkaConsumer
from kafka import TopicPartition as PythonPartition

from support.checks import PATIENCE, check, equal, eventually

COMPACTED = {
    "cleanup.policy": "compact", "segment.bytes": "20000", "min.cleanable.dirty.ratio": "0.01",
    "delete.retention.ms": "0"}


def create(bootstrap, topic):
    admin = AdminClient({"bootstrap.servers": bootstrap})
    admin.create_topics([NewTopic(topic, 1, 1, config=COMPACTED)])[topic].result()


def read(bootstrap, topic, isolation="read_committed"):
    """(offset, key, value) of everything in the topic."""
    consumer = Consumer({
        "bootstrap.servers": bootstrap, "group.id": "reader", "isolation.level": isolation, "log_level": 0,
        "enable.partition.eof": True, "enable.auto.commit": False, "check.crcs": True})
    consumer.assign([TopicPartition(topic, 0, 0)])
    records = []
    while True:
        message = consumer.poll(10)
        if message is None:
            raise RuntimeError(f"no end of {topic} after ten seconds")
        if message.error():
            consumer.close()
            return records
        records.append((message.offset(), message.key(), message.value()))


def write(producer, topic, keys, rounds, table):
    """Updates of all keys, some of them deletions; `table` follows."""
    for round_ in range(rounds):
        if round_ % 10 == 0:
            # Written once, so that something is left of every part of the log.
            key = b"rare-%d-%d" % (len(table), round_)
            producer.produce(topic, key=key, value=b"kept")
            table[key] = b"kept"
        for number in range(keys):
            key, value = b"k%d" % number, b"%d.%d-" % (number, round_) + b"x" * 40
            if (number + round_) % 11 == 0:
                value = None
            producer.produce(topic, key=key, value=value)
            table[key] = value
        producer.poll(0)
    producer.flush(30)


def last_values(records):
    table = {}
    for _, key, value in records:
        table[key] = value
    return {key: value for key, value in table.items() if value is not None}


@pytest.mark.cluster(data=True, log_cleaner_backoff_ms=50)
def test_last_value_of_each_key_is_kept(cluster):
    for codec in ("none", "zstd"):
        topic = f"c-{codec}"
        create(cluster.bootstrap, topic)
        producer = Producer({
            "bootstrap.servers": cluster.bootstrap, "compression.type": codec, "enable.idempotence": True,
            "batch.num.messages": 50, "linger.ms": 5, "log_level": 0})
        table = {}
        write(producer, topic, 40, 60, table)
        # The active segment is never cleaned: a few more records close the last one with old values.
        write(producer, topic, 40, 20, table)
        expected = {key: value for key, value in table.items() if value is not None}
        records = eventually(lambda: (lambda r: r if len(r) < 1500 else None)(read(cluster.bootstrap, topic)))
        check(f"{codec}: most of 3200 records are gone", records)
        equal(f"{codec}: the last value of each key", last_values(records or []), expected)
        offsets = [offset for offset, _, _ in records or []]
        check(f"{codec}: in order", offsets == sorted(set(offsets)))
        check(f"{codec}: with holes", offsets and offsets[-1] - offsets[0] + 1 > len(offsets))
    cluster.kill()
    cluster.restart_on_same_ports()
    for codec in ("none", "zstd"):
        equal(f"{codec}: after kill -9", last_values(read(cluster.bootstrap, f"c-{codec}")), expected)
    asyncio.run(read_aiokafka(cluster.bootstrap, "c-zstd", expected))
    read_kafka_python(cluster, "c-zstd", expected)


async def read_aiokafka(bootstrap, topic, expected):
    consumer = AIOKafkaConsumer(bootstrap_servers=bootstrap, enable_auto_commit=False)
    await consumer.start()
    place = AsyncPartition(topic, 0)
    consumer.assign([place])
    await consumer.seek_to_beginning(place)
    end = (await consumer.end_offsets([place]))[place]
    table = {}
    while await consumer.position(place) < end:
        for batch in (await consumer.getmany(timeout_ms=500)).values():
            for record in batch:
                table[record.key] = record.value
    await consumer.stop()
    equal("aiokafka", {k: v for k, v in table.items() if v is not None}, expected)


def read_kafka_python(cluster, topic, expected):
    consumer = KafkaConsumer(bootstrap_servers=cluster.addresses, enable_auto_commit=False)
    place = PythonPartition(topic, 0)
    consumer.assign([place])
    consumer.seek_to_beginning(place)
    end = consumer.end_offsets([place])[place]
    table = {}
    while consumer.position(place) < end:
        for batch in consumer.poll(timeout_ms=500).values():
            for record in batch:
                table[record.key] = record.value
    consumer.close()
    equal("kafka-python", {k: v for k, v in table.items() if v is not None}, expected)


@pytest.mark.cluster(log_cleaner_backoff_ms=50, transaction_state_log_num_partitions=2)
def test_aborted_records_go_and_committed_ones_are_compacted(cluster):
    """Aborted records go, committed ones are compacted, and readers of both kinds agree."""
    create(cluster.bootstrap, "t")
    producer = Producer({
        "bootstrap.servers": cluster.bootstrap, "transactional.id": "x", "linger.ms": 0, "log_level": 0})
    producer.init_transactions(30)
    expected = {}
    for number in range(400):
        producer.begin_transaction()
        commits = number % 4 != 3
        written = {b"k%d" % (number % 7): b"%d" % number, b"other": b"%d" % number + b"x" * 100}
        for key, value in written.items():
            producer.produce("t", key=key, value=value)
        producer.flush(30)
        if commits:
            producer.commit_transaction(30)
            expected.update(written)
        else:
            producer.abort_transaction(30)
    records = eventually(lambda: (lambda r: r if len(r) < 400 else None)(read(cluster.bootstrap, "t")))
    check("compacted", records)
    equal("committed", last_values(records or []), expected)
    aborted = {b"%d" % n for n in range(400) if n % 4 == 3}
    check("no aborted value is shown", not any(value in aborted for _, _, value in records or []))


@pytest.mark.cluster(log_cleaner_enable="false", log_cleaner_backoff_ms=50)
@pytest.mark.east(log_cleaner_backoff_ms=50)
def test_nothing_is_cleaned_while_the_cleaner_is_off(cluster, east):
    """Another broker, whose cleaner is on, says how long a cleaner takes over the same records."""
    for running in (cluster, east):
        create(running.bootstrap, "m")
        producer = Producer({
            "bootstrap.servers": running.bootstrap, "linger.ms": 20, "batch.num.messages": 100, "log_level": 0})
        write(producer, "m", 1000, 20, {})
    check("a cleaner has been there by now", eventually(lambda: len(read(east.bootstrap, "m")) < 20002, PATIENCE))
    equal("nothing is cleaned while the cleaner is off", len(read(cluster.bootstrap, "m")), 20002)
