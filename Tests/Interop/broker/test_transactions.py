"""Transactions of librdkafka, aiokafka and kafka-python against `replicator broker`: commit, abort, fencing, offsets.
"""

import asyncio

import pytest
from aiokafka import AIOKafkaConsumer, AIOKafkaProducer
from aiokafka import TopicPartition as AsyncPartition
from confluent_kafka import Consumer, KafkaException, Producer, TopicPartition
from confluent_kafka.admin import AdminClient, NewTopic
from kafka import KafkaConsumer, KafkaProducer

from support.brokers import broker
from support.checks import check, equal

SMALL = {"transaction_state_log_num_partitions": 4, "offsets_topic_num_partitions": 4}


def create(bootstrap, topic, partitions=1):
    admin = AdminClient({"bootstrap.servers": bootstrap})
    admin.create_topics([NewTopic(topic, partitions, 1)])[topic].result()


def transactional(bootstrap, name, **settings):
    producer = Producer({
        "bootstrap.servers": bootstrap, "transactional.id": name, "linger.ms": 1, "log_level": 0, **settings})
    producer.init_transactions(30)
    return producer


def read(bootstrap, topic, isolation, partitions=1):
    """Everything in a topic that this isolation level shows: (partition, offset, key, value, headers)."""
    consumer = Consumer({
        "bootstrap.servers": bootstrap, "group.id": f"read-{topic}-{isolation}", "isolation.level": isolation,
        "enable.partition.eof": True, "enable.auto.commit": False, "check.crcs": True})
    consumer.assign([TopicPartition(topic, p, 0) for p in range(partitions)])
    records, at_end = [], set()
    while len(at_end) < partitions:
        message = consumer.poll(10)
        if message is None:
            raise RuntimeError(f"no end of {topic} after ten seconds")
        if message.error():
            at_end.add(message.partition())
            continue
        records.append((message.partition(), message.offset(), message.key(), message.value(), message.headers()))
    consumer.close()
    return sorted(records, key=lambda r: r[:2])


@pytest.mark.cluster(nodes=3, **SMALL)
def test_librdkafka_reads_what_is_committed(cluster):
    for codec in ("none", "lz4", "zstd"):
        topic = f"t-{codec}"
        create(cluster.bootstrap, topic, 3)
        producer = transactional(cluster.bootstrap, f"tx-{codec}", **{"compression.type": codec})
        committed, everything = [], []
        for number in range(30):
            producer.begin_transaction()
            commits = number % 3 != 1
            for record in range(7):
                key, value = b"k%d" % record, b"%d-%d\x00\xff" % (number, record)
                producer.produce(
                    topic, key=key, value=value, partition=record % 3, headers=[("n", b"%d" % number)])
                written = (record % 3, key, value, [("n", b"%d" % number)])
                everything.append(written)
                if commits:
                    committed.append(written)
            # Aborted ones too lie in the log, so that readers have something to leave out.
            producer.flush(30)
            if commits:
                producer.commit_transaction(30)
            else:
                producer.abort_transaction(30)

        def without_offsets(records):
            return [(p, k, v, h) for p, _, k, v, h in records]

        def in_order(records):
            return sorted(records, key=lambda r: r[0])

        seen = read(cluster.bootstrap, topic, "read_committed", 3)
        equal(f"{codec}: committed, byte for byte and in order", without_offsets(seen), in_order(committed))
        seen = read(cluster.bootstrap, topic, "read_uncommitted", 3)
        equal(f"{codec}: uncommitted sees all", without_offsets(seen), in_order(everything))


@pytest.mark.cluster(nodes=3, **SMALL)
def test_second_producer_fences_the_first(cluster):
    create(cluster.bootstrap, "f")
    first = transactional(cluster.bootstrap, "same")
    first.begin_transaction()
    first.produce("f", b"of the first")
    first.flush(30)
    second = transactional(cluster.bootstrap, "same")
    second.begin_transaction()
    second.produce("f", b"of the second")
    second.commit_transaction(30)
    try:
        first.produce("f", b"late")
        first.commit_transaction(30)
        check("the first is fenced", False)
    except KafkaException as error:
        check("the first is fenced", error.args[0].fatal(), str(error))
    equal("only the second's", [r[3] for r in read(cluster.bootstrap, "f", "read_committed")], [b"of the second"])


@pytest.mark.cluster(nodes=3, **SMALL)
def test_consume_transform_produce(cluster):
    """Records pass through transactions that also commit their offsets; every third is aborted and done again."""
    create(cluster.bootstrap, "in", 2)
    create(cluster.bootstrap, "out", 2)
    source = Producer({"bootstrap.servers": cluster.bootstrap})
    for number in range(300):
        source.produce("in", b"%d" % number, partition=number % 2)
    source.flush(30)
    settings = {
        "bootstrap.servers": cluster.bootstrap, "group.id": "app", "auto.offset.reset": "earliest",
        "enable.auto.commit": False, "isolation.level": "read_committed"}
    consumer = Consumer(settings)
    consumer.subscribe(["in"])
    producer = transactional(cluster.bootstrap, "app")
    done, round_ = 0, 0
    while done < 300:
        messages = consumer.consume(20, timeout=10)
        if not messages:
            break
        round_ += 1
        producer.begin_transaction()
        for message in messages:
            producer.produce("out", b"<" + message.value() + b">", partition=message.partition())
        positions = consumer.position(consumer.assignment())
        producer.send_offsets_to_transaction(positions, consumer.consumer_group_metadata(), 30)
        if round_ % 3 == 0:
            producer.abort_transaction(30)
            for place in consumer.committed(consumer.assignment(), 30):
                consumer.seek(TopicPartition(place.topic, place.partition, max(place.offset, 0)))
        else:
            producer.commit_transaction(30)
            done += len(messages)
    consumer.close()
    check("some were aborted", round_ > 3)
    equal(
        "each exactly once, in order", [(r[0], r[3]) for r in read(cluster.bootstrap, "out", "read_committed", 2)],
        [(p, b"<%d>" % n) for p in range(2) for n in range(300) if n % 2 == p])
    after = Consumer(settings)
    places = [TopicPartition("in", p) for p in range(2)]
    equal("committed", [place.offset for place in after.committed(places, 30)], [150, 150])
    after.close()


def test_aiokafka_commits_and_aborts():
    async def run(bootstrap):
        producer = AIOKafkaProducer(bootstrap_servers=bootstrap, transactional_id="aio")
        await producer.start()
        async with producer.transaction():
            await producer.send_and_wait("a", b"one", key=b"k", partition=0)
        try:
            async with producer.transaction():
                await producer.send_and_wait("a", b"lost", partition=0)
                raise ValueError("abort")
        except ValueError:
            pass
        async with producer.transaction():
            await producer.send_and_wait("a", b"two", partition=0)
            await producer.send_offsets_to_transaction({AsyncPartition("a", 0): 3}, "aio-group")
        await producer.stop()
        seen = {}
        for isolation in ("read_committed", "read_uncommitted"):
            consumer = AIOKafkaConsumer(
                bootstrap_servers=bootstrap, isolation_level=isolation, group_id="aio-group", enable_auto_commit=False)
            await consumer.start()
            place = AsyncPartition("a", 0)
            consumer.assign([place])
            consumer.seek(place, 0)
            wanted = 2 if isolation == "read_committed" else 3
            seen[isolation] = []
            while len(seen[isolation]) < wanted:
                for batch in (await consumer.getmany(place, timeout_ms=2000)).values():
                    seen[isolation] += [r.value for r in batch]
            equal("aiokafka: committed offset", await consumer.committed(place), 3)
            await consumer.stop()
        equal("aiokafka: committed", seen["read_committed"], [b"one", b"two"])
        equal("aiokafka: uncommitted", seen["read_uncommitted"], [b"one", b"lost", b"two"])

    with broker(nodes=2, **SMALL) as cluster:
        create(cluster.bootstrap, "a")
        asyncio.run(run(cluster.bootstrap))


@pytest.mark.cluster(nodes=2, **SMALL)
def test_kafka_python_commits_and_aborts(cluster):
    create(cluster.bootstrap, "p")
    producer = KafkaProducer(bootstrap_servers=cluster.addresses, transactional_id="py")
    producer.init_transactions()
    for value, commits in ((b"one", True), (b"lost", False), (b"two", True)):
        producer.begin_transaction()
        producer.send("p", value, partition=0).get(timeout=30)
        if commits:
            producer.commit_transaction()
        else:
            producer.abort_transaction()
    producer.close()
    for isolation, wanted in (
        ("read_committed", [b"one", b"two"]), ("read_uncommitted", [b"one", b"lost", b"two"])):
        consumer = KafkaConsumer(
            "p", bootstrap_servers=cluster.addresses, isolation_level=isolation, auto_offset_reset="earliest",
            consumer_timeout_ms=20000)
        values = [next(consumer).value for _ in wanted]
        equal(f"kafka-python: {isolation}", values, wanted)
        consumer.close()


@pytest.mark.cluster(data=True, **SMALL)
def test_killed_in_the_middle_of_transactions(cluster):
    """A broker that is killed in the middle of transactions: each one is whole or not there at all."""
    create(cluster.bootstrap, "r", 2)
    producer = transactional(cluster.bootstrap, "r", **{"transaction.timeout.ms": 60000})
    committed = []
    for number in range(9):
        producer.begin_transaction()
        for partition in (0, 1):
            producer.produce("r", b"%d" % number, partition=partition)
        producer.flush(30)
        if number % 3 == 2:
            cluster.kill()
            cluster.restart_on_same_ports()
        producer.commit_transaction(60)
        committed.append(b"%d" % number)
    for partition in (0, 1):
        seen = [r[3] for r in read(cluster.bootstrap, "r", "read_committed", 2) if r[0] == partition]
        equal(f"partition {partition}", seen, committed)
