"""librdkafka through confluent-kafka against `replicator broker`: codecs, groups, admin, restarts."""

import threading
import time

import pytest
from confluent_kafka import (
    OFFSET_BEGINNING, Consumer, ConsumerGroupTopicPartitions, IsolationLevel, KafkaException, Producer, TopicCollection,
    TopicPartition)
from confluent_kafka.admin import (
    AdminClient, AlterConfigOpType, ConfigEntry, ConfigResource, NewPartitions, NewTopic, OffsetSpec, ResourceType)

from support.checks import check, equal, eventually


def produce(bootstrap, topic, count, partition=None, start=0, acknowledged=None, **settings):
    """Produces numbered records; returns how many were acknowledged, whose offsets come into a list if there is one."""
    producer = Producer({"bootstrap.servers": bootstrap, "linger.ms": 5, **settings})
    acknowledged = [] if acknowledged is None else acknowledged

    def delivered(error, message):
        if error is None:
            acknowledged.append(message.offset())
        else:
            print("delivery failed:", error)

    for number in range(start, start + count):
        arguments = {} if partition is None else {"partition": partition}
        while True:
            try:
                producer.produce(topic, key=f"k{number}", value=f"v{number}", callback=delivered, **arguments)
                break
            except BufferError:
                producer.poll(0.1)
        producer.poll(0)
    producer.flush(30)
    return len(acknowledged)


def consume(consumer, count, seconds=30):
    """Values of up to `count` records."""
    values = []
    end = time.monotonic() + seconds
    while len(values) < count and time.monotonic() < end:
        for message in consumer.consume(num_messages=1000, timeout=0.5):
            if message.error():
                raise KafkaException(message.error())
            values.append(message.value().decode())
    return values


@pytest.mark.cluster(nodes=3, num_partitions=3)
def test_every_codec(cluster):
    for codec in ("none", "gzip", "snappy", "lz4", "zstd"):
        for idempotent in (False, True):
            topic = f"codec-{codec}-{idempotent}"
            sent = produce(
                cluster.bootstrap, topic, 3000,
                **{"compression.type": codec, "enable.idempotence": idempotent, "acks": "all"})
            equal(f"{topic}: acknowledged", sent, 3000)
            consumer = Consumer({
                "bootstrap.servers": cluster.bootstrap, "group.id": topic, "auto.offset.reset": "earliest",
                "check.crcs": True})
            consumer.subscribe([topic])
            values = consume(consumer, 3000)
            equal(f"{topic}: consumed", sorted(values), sorted(f"v{n}" for n in range(3000)))
            consumer.close()


@pytest.mark.cluster(nodes=3)
def test_group_shares_partitions(cluster):
    admin = AdminClient({"bootstrap.servers": cluster.bootstrap})
    admin.create_topics([NewTopic("orders", 6, 3)])["orders"].result()
    produce(cluster.bootstrap, "orders", 6000)
    for strategy in ("range", "cooperative-sticky"):
        group = f"group-{strategy}"
        settings = {
            "bootstrap.servers": cluster.bootstrap, "group.id": group, "auto.offset.reset": "earliest",
            "partition.assignment.strategy": strategy, "session.timeout.ms": 6000,
            "heartbeat.interval.ms": 500, "enable.auto.commit": False}
        first, second = Consumer(settings), Consumer({**settings, "client.id": "second"})
        first.subscribe(["orders"])
        values = consume(first, 6000)
        equal(f"{strategy}: first reads all", len(values), 6000)
        first.commit(asynchronous=False)
        second.subscribe(["orders"])
        seen = []

        def settled():
            seen.extend(first.consume(100, 0.1))
            seen.extend(second.consume(100, 0.1))
            return len(first.assignment()) == 3 and len(second.assignment()) == 3

        check(f"{strategy}: partitions are shared", eventually(settled))
        equal(f"{strategy}: nothing is read twice", len([m for m in seen if not m.error()]), 0)
        description = admin.describe_consumer_groups([group])[group].result()
        equal(f"{strategy}: state", description.state.name, "STABLE")
        equal(f"{strategy}: members", len(description.members), 2)
        check(
            f"{strategy}: listed",
            group in [g.group_id for g in admin.list_consumer_groups().result().valid])
        second.close()

        def alone():
            first.consume(100, 0.1)
            return len(first.assignment()) == 6

        check(f"{strategy}: the rest returns", eventually(alone))
        committed = first.committed([TopicPartition("orders", p) for p in range(6)])
        equal(f"{strategy}: committed", sum(p.offset for p in committed), 6000)
        first.close()
        offsets = admin.list_consumer_group_offsets([ConsumerGroupTopicPartitions(group)])[group].result()
        equal(f"{strategy}: offsets", sum(p.offset for p in offsets.topic_partitions), 6000)
        admin.alter_consumer_group_offsets([
            ConsumerGroupTopicPartitions(group, [TopicPartition("orders", 0, 5)])])[group].result()
        offsets = admin.list_consumer_group_offsets([
            ConsumerGroupTopicPartitions(group, [TopicPartition("orders", 0)])])[group].result()
        equal(f"{strategy}: altered", offsets.topic_partitions[0].offset, 5)
        admin.delete_consumer_groups([group])[group].result()
        check(
            f"{strategy}: deleted",
            group not in [g.group_id for g in admin.list_consumer_groups().result().valid])


def test_static_member_comes_back(cluster):
    admin = AdminClient({"bootstrap.servers": cluster.bootstrap})
    admin.create_topics([NewTopic("t", 4, 1)])["t"].result()

    def member(name):
        consumer = Consumer({
            "bootstrap.servers": cluster.bootstrap, "group.id": "static", "group.instance.id": name,
            "session.timeout.ms": 20000, "heartbeat.interval.ms": 500})
        consumer.subscribe(["t"])
        return consumer

    one, two = member("one"), member("two")

    def shared():
        one.poll(0.1)
        two.poll(0.1)
        return len(one.assignment()) == 2 and len(two.assignment()) == 2

    check("static members share", eventually(shared))
    before = sorted(p.partition for p in two.assignment())
    two.close()
    two = member("two")
    rebalanced = []

    def back():
        one.poll(0.1)
        two.poll(0.1)
        if len(one.assignment()) != 2:
            rebalanced.append(True)
        return len(two.assignment()) == 2

    check("a static member comes back", eventually(back))
    equal("to its own partitions", sorted(p.partition for p in two.assignment()), before)
    equal("without a rebalance", rebalanced, [])
    one.close()
    two.close()


@pytest.mark.cluster(nodes=3)
def test_topics_configurations_and_offsets_are_administered(cluster):
    admin = AdminClient({"bootstrap.servers": cluster.bootstrap})
    topic = "admin.topic"
    admin.create_topics([NewTopic(topic, 2, 3, config={"retention.ms": "3600000"})])[topic].result()
    metadata = admin.list_topics(timeout=10)
    equal("partitions", len(metadata.topics[topic].partitions), 2)
    equal("replicas", sorted(metadata.topics[topic].partitions[0].replicas), [1, 2, 3])
    try:
        admin.create_topics([NewTopic(topic, 2, 3)])[topic].result()
        check("an existing topic is refused", False)
    except KafkaException as error:
        equal("an existing topic is refused", error.args[0].name(), "TOPIC_ALREADY_EXISTS")
    for bad, code in (
        (NewTopic("admin_topic", 1, 1), "TOPIC_EXCEPTION"), (NewTopic("no such/name", 1, 1), "TOPIC_EXCEPTION"),
        (NewTopic("many", 1, 4), "INVALID_REPLICATION_FACTOR"),
        (NewTopic("odd", 1, 1, config={"retention.ms": "soon"}), "INVALID_CONFIG"),
        (NewTopic("odd", 1, 1, config={"no.such.key": "1"}), "INVALID_CONFIG"),
    ):
        try:
            admin.create_topics([bad])[bad.topic].result()
            check(f"{bad.topic} is refused", False)
        except KafkaException as error:
            equal(f"{bad.topic} is refused", error.args[0].name(), code)
    admin.create_partitions([NewPartitions(topic, 5)])[topic].result()
    equal("grown", len(admin.list_topics(timeout=10).topics[topic].partitions), 5)

    resource = ConfigResource(ResourceType.TOPIC, topic)
    configs = admin.describe_configs([resource])[resource].result()
    equal("own value", configs["retention.ms"].value, "3600000")
    equal("its source", configs["retention.ms"].source, 1)
    equal("a default", configs["max.message.bytes"].value, "1048588")
    change = ConfigResource(ResourceType.TOPIC, topic, incremental_configs=[
        ConfigEntry("cleanup.policy", "compact", incremental_operation=AlterConfigOpType.APPEND),
        ConfigEntry("retention.ms", None, incremental_operation=AlterConfigOpType.DELETE)])
    admin.incremental_alter_configs([change])[change].result()
    configs = admin.describe_configs([resource])[resource].result()
    equal("appended", configs["cleanup.policy"].value, "delete,compact")
    equal("deleted", configs["retention.ms"].value, "604800000")
    node = ConfigResource(ResourceType.BROKER, "2")
    configs = admin.describe_configs([node])[node].result()
    equal("broker id", configs["node.id"].value, "2")

    produce(cluster.bootstrap, topic, 100, partition=0)
    deleted = admin.delete_records([TopicPartition(topic, 0, 40)])
    equal("low watermark", list(deleted.values())[0].result().low_watermark, 40)
    for spec, offset in ((OffsetSpec.earliest(), 40), (OffsetSpec.latest(), 100)):
        request = {TopicPartition(topic, 0): spec}
        found = admin.list_offsets(request, isolation_level=IsolationLevel.READ_COMMITTED)
        equal(f"offset {spec}", list(found.values())[0].result().offset, offset)
    cluster_description = admin.describe_cluster().result()
    equal("nodes", len(cluster_description.nodes), 3)
    description = list(admin.describe_topics(TopicCollection([topic])).values())[0].result()
    equal("described", len(description.partitions), 5)
    admin.delete_topics([topic])[topic].result()
    check("deleted topic is gone", topic not in admin.list_topics(timeout=10).topics)


@pytest.mark.cluster(nodes=2, data=True)
def test_restarts_keep_everything(cluster):
    admin = AdminClient({"bootstrap.servers": cluster.bootstrap})
    admin.create_topics([NewTopic("kept", 3, 2, config={"retention.ms": "-1"})])["kept"].result()
    identity = admin.describe_cluster().result().cluster_id
    sent = 0
    for round_number, end in enumerate(("kill", "stop", "kill")):
        sent += produce(cluster.bootstrap, "kept", 1000, start=sent, **{"enable.idempotence": True})
        consumer = Consumer({
            "bootstrap.servers": cluster.bootstrap, "group.id": "kept", "auto.offset.reset": "earliest",
            "enable.auto.commit": False})
        consumer.subscribe(["kept"])
        values = consume(consumer, 1000)
        equal(
            f"round {round_number}: goes on where it was committed", sorted(values),
            sorted(f"v{n}" for n in range(sent - 1000, sent)))
        consumer.commit(asynchronous=False)
        consumer.close()
        if end == "kill":
            cluster.kill()
        else:
            equal("stops", cluster.stop(), 0)
        cluster.restart_on_same_ports()
    admin = AdminClient({"bootstrap.servers": cluster.bootstrap})
    equal("the cluster id is kept", admin.describe_cluster().result().cluster_id, identity)
    resource = ConfigResource(ResourceType.TOPIC, "kept")
    configs = admin.describe_configs([resource])[resource].result()
    equal("configuration is kept", configs["retention.ms"].value, "-1")
    reader = Consumer({"bootstrap.servers": cluster.bootstrap, "group.id": "other"})
    reader.assign([TopicPartition("kept", p, OFFSET_BEGINNING) for p in range(3)])
    values = consume(reader, sent)
    equal("all records are kept", sorted(values), sorted(f"v{n}" for n in range(sent)))
    reader.close()


@pytest.mark.cluster(data=True)
def test_killed_under_load(cluster):
    """A producer and a consumer live through a kill -9 without losing or doubling a record."""
    admin = AdminClient({"bootstrap.servers": cluster.bootstrap})
    admin.create_topics([NewTopic("load", 2, 1)])["load"].result()
    count, acknowledged = [], []
    settings = {"enable.idempotence": True, "reconnect.backoff.max.ms": 200}
    thread = threading.Thread(target=lambda: count.append(
        produce(cluster.bootstrap, "load", 60000, acknowledged=acknowledged, **settings)))
    thread.start()
    check("it is under load", eventually(lambda: acknowledged, pause=0.001))
    cluster.kill()
    cluster.restart_on_same_ports()
    thread.join()
    equal("everything is acknowledged", count, [60000])
    reader = Consumer({"bootstrap.servers": cluster.bootstrap, "group.id": "other"})
    reader.assign([TopicPartition("load", p, OFFSET_BEGINNING) for p in range(2)])
    values = consume(reader, 60000)
    values += consume(reader, 1, seconds=1)
    equal("nothing is lost", len(set(values)), 60000)
    equal("nothing is doubled", len(values), 60000)
    reader.close()
