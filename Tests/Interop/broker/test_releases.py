"""`replicator broker --release`: foreign clients take it for that release of Kafka, and work with it."""

import asyncio
import subprocess

import kafka
import pytest
from aiokafka import AIOKafkaConsumer, AIOKafkaProducer
from confluent_kafka import Consumer, Producer, TopicPartition
from confluent_kafka.admin import AdminClient, NewTopic
from kafka.protocol.broker_version_data import BROKER_API_VERSIONS

from support.brokers import broker
from support.checks import check, equal
from support.program import program
from support.raising import RaisingProducer
from support.records import read
from support.replicators import flow, replicator

RELEASES = ["3.8", "4.0", "4.1", "4.2", "4.3"]
SMALL = {"transaction_state_log_num_partitions": 4, "offsets_topic_num_partitions": 4}
INVALID_PRODUCER_EPOCH, INVALID_TXN_STATE = 47, 48


def create(bootstrap, topic, partitions=1):
    admin = AdminClient({"bootstrap.servers": bootstrap})
    admin.create_topics([NewTopic(topic, partitions, 1)])[topic].result()


def transact(producer, topic, values):
    producer.init_transactions(30)
    for commits in (False, True):
        producer.begin_transaction()
        for value in values:
            producer.produce(topic, value)
        producer.flush(30)
        producer.commit_transaction(30) if commits else producer.abort_transaction(30)


async def with_aiokafka(bootstrap, topic, group):
    async with AIOKafkaProducer(bootstrap_servers=bootstrap, transactional_id="aio") as producer:
        async with producer.transaction():
            await producer.send(topic, b"aiokafka")
    async with AIOKafkaConsumer(
            topic, bootstrap_servers=bootstrap, group_id=group, auto_offset_reset="earliest",
            isolation_level="read_committed") as consumer:
        message = await asyncio.wait_for(consumer.getone(), 60)
        await consumer.commit()
        return message.value


@pytest.mark.parametrize("release", RELEASES)
def test_foreign_clients_work_with_each_release(release):
    with broker(release=release, **SMALL) as running:
        bootstrap = running.bootstrap
        for topic in ("librdkafka", "aiokafka", "kafka-python"):
            create(bootstrap, topic)

        transact(Producer({"bootstrap.servers": bootstrap, "transactional.id": "rd"}), "librdkafka", [b"a", b"b"])
        consumer = Consumer({
            "bootstrap.servers": bootstrap, "group.id": "rd", "auto.offset.reset": "earliest",
            "isolation.level": "read_committed"})
        consumer.subscribe(["librdkafka"])
        equal("librdkafka", [consumer.poll(60).value(), consumer.poll(60).value()], [b"a", b"b"])
        consumer.commit(asynchronous=False)
        equal("its offset", consumer.committed([TopicPartition("librdkafka", 0)], 30)[0].offset, 5)
        consumer.close()

        equal("aiokafka", asyncio.run(with_aiokafka(bootstrap, "aiokafka", "aio")), b"aiokafka")

        producer = kafka.KafkaProducer(bootstrap_servers=bootstrap)
        equal("kafka-python writes", producer.send("kafka-python", b"v").get(60).offset, 0)
        producer.close()
        reader = kafka.KafkaConsumer(
            "kafka-python", bootstrap_servers=bootstrap, group_id="kp", auto_offset_reset="earliest")
        equal("kafka-python reads", next(reader).value, b"v")
        reader.close()


@pytest.mark.parametrize("release", RELEASES)
def test_versions_are_those_that_kafka_python_knows_of_the_release(release):
    known = BROKER_API_VERSIONS[tuple(map(int, release.split(".")))]
    with broker(release=release) as running:
        admin = kafka.KafkaAdminClient(bootstrap_servers=running.bootstrap)
        told = admin._manager.run(admin._manager.send, kafka.protocol.metadata.ApiVersionsRequest(
            client_software_name="test", client_software_version="1", max_version=3)).api_keys
        admin.close()
    # kafka-python saw a 3.8 with ZooKeeper, whose broker has no DescribeQuorum, UnregisterBroker, ListClientMetricsResources
    # and DescribeTopicPartitions.
    others = {55, 64, 74, 75} if release == "3.8" else set()
    equal("the same versions", {a.api_key: (a.min_version, a.max_version) for a in told if a.api_key not in others},
          {a.api_key: known.get(a.api_key) for a in told if a.api_key not in others})
    check("most of them", len(told) > 45)


def test_a_release_that_there_is_not():
    for release in ("4.9", "", "four"):
        run = subprocess.run([program(), "broker", "--release", release], capture_output=True, text=True)
        equal(f"--release {release!r}", run.returncode, 2)
        check("says which there are", "3.8, 4.0, 4.1, 4.2, 4.3" in run.stderr)


def test_transactions_of_version_2(east, west):
    """Read by librdkafka, and replicated: what was aborted, or came late, is nowhere."""
    create(east.bootstrap, "t", 2)
    producer = RaisingProducer(east.bootstrap, "x")
    first = producer.epoch
    equal("a batch adds its partition", [producer.produce("t", b"a", b"b"), producer.produce("t", b"c", partition=1)], [0, 0])
    equal("and so does an offset", producer.commit_offset("g", "t", 1), 0)
    equal("committed", producer.end(commit=True), 0)
    equal("a higher epoch", producer.epoch, first + 1)
    equal("aborted", [producer.produce("t", b"lost"), producer.end(commit=False)], [0, 0])
    equal("a still higher epoch", producer.epoch, first + 2)
    producer.epoch = first
    equal("late", producer.produce("t", b"late"), INVALID_PRODUCER_EPOCH)
    producer.epoch = first + 2
    producer.sequences = {}
    equal("the next", [producer.produce("t", b"d"), producer.end(commit=True)], [0, 0])
    equal("nothing to commit", producer.end(commit=True), INVALID_TXN_STATE)
    producer.close()

    consumer = Consumer({"bootstrap.servers": east.bootstrap, "group.id": "g"})
    equal("the offset", consumer.committed([TopicPartition("t", 0)], 30)[0].offset, 1)
    consumer.close()
    with replicator(east.bootstrap, west.bootstrap, flow(topics=["t"], naming={"mode": "prefix", "alias": "a"})) as running:
        running.copies(east.bootstrap, ["t"])
    for where, bootstrap, topic in (("source", east.bootstrap, "t"), ("target", west.bootstrap, "a.t")):
        values = {partition: [copy.value for copy in copies] for partition, copies in read(bootstrap, topic).items()}
        equal(f"committed at the {where}", values, {0: [b"a", b"b", b"d"], 1: [b"c"]})
