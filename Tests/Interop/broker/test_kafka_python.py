"""kafka-python against `replicator broker`: producing, groups, admin."""

import threading

import pytest
from kafka import KafkaAdminClient, KafkaConsumer, KafkaProducer, TopicPartition
from kafka.admin import ConfigResource, ConfigResourceType, NewTopic

from support.checks import check, equal, eventually


@pytest.mark.cluster(nodes=2, num_partitions=2)
def test_produces_and_consumes(cluster):
    for codec in (None, "gzip", "snappy", "lz4", "zstd"):
        topic = f"t-{codec}"
        producer = KafkaProducer(bootstrap_servers=cluster.addresses, compression_type=codec, acks="all")
        futures = [
            producer.send(topic, key=b"%d" % n, value=b"v%d" % n, headers=[("h", b"x")], timestamp_ms=1000 + n)
            for n in range(500)]
        producer.flush()
        check(f"{codec}: acknowledged", all(f.get(10).offset >= 0 for f in futures))
        consumer = KafkaConsumer(
            topic, bootstrap_servers=cluster.addresses, auto_offset_reset="earliest", group_id=None,
            consumer_timeout_ms=2000)
        records = []
        for record in consumer:
            records.append(record)
            if len(records) == 500:
                break
        equal(f"{codec}: consumed", sorted(r.value for r in records), sorted(b"v%d" % n for n in range(500)))
        check(f"{codec}: headers", all(list(map(tuple, r.headers)) == [("h", b"x")] for r in records))
        check(f"{codec}: timestamps", all(r.timestamp == 1000 + int(r.key) for r in records))
        partitions = [TopicPartition(topic, p) for p in range(2)]
        equal(f"{codec}: end", sum(consumer.end_offsets(partitions).values()), 500)
        found = consumer.offsets_for_times({p: 1250 for p in partitions})
        check(f"{codec}: by time", all(f is None or f.timestamp >= 1250 for f in found.values()))
        equal(f"{codec}: by time, the first", min(f.timestamp for f in found.values() if f), 1250)
        consumer.close()
        producer.close()


@pytest.mark.cluster(nodes=3)
def test_two_members_share_a_group(cluster):
    admin = KafkaAdminClient(bootstrap_servers=cluster.addresses)
    admin.create_topics([NewTopic("g", 4, 2)])
    producer = KafkaProducer(bootstrap_servers=cluster.addresses)
    for n in range(400):
        producer.send("g", b"%d" % n, partition=n % 4)
    producer.flush()
    seen, assigned, stop = [], {}, threading.Event()

    def member(name):
        consumer = KafkaConsumer(
            "g", bootstrap_servers=cluster.addresses, group_id="team", auto_offset_reset="earliest",
            session_timeout_ms=6000, heartbeat_interval_ms=300, client_id=name)
        while not stop.is_set():
            for records in consumer.poll(timeout_ms=100).values():
                seen.extend(r.value for r in records)
            assigned[name] = len(consumer.assignment())
        consumer.close()

    threads = [threading.Thread(target=member, args=(name,)) for name in ("a", "b")]
    for thread in threads:
        thread.start()
    check("two members share", eventually(lambda: assigned == {"a": 2, "b": 2}))
    check("everything is read", eventually(lambda: len(set(seen)) == 400))
    description = admin.describe_groups(["team"])
    check("described", "Stable" in str(description), str(description))
    stop.set()
    for thread in threads:
        thread.join()
    offsets = admin.list_group_offsets("team")
    equal("committed on leaving", sum(
        o.offset for o in (offsets.get("team", offsets) if isinstance(offsets, dict) else offsets).values()), 400)
    producer.close()
    admin.close()


def test_topics_are_administered(cluster):
    admin = KafkaAdminClient(bootstrap_servers=cluster.addresses)
    admin.create_topics([NewTopic("a", 3, 1, topic_configs={"cleanup.policy": "compact"})])
    check("listed", "a" in admin.list_topics())
    described = admin.describe_configs([ConfigResource(ConfigResourceType.TOPIC, "a")])
    check("configuration", "compact" in str(described))
    equal("partitions", len(admin.describe_topics(["a"])[0]["partitions"]), 3)
    admin.delete_topics(["a"])
    check("deleted", "a" not in admin.list_topics())
    admin.close()


@pytest.mark.cluster(nodes=2)
def test_the_cluster_is_administered(cluster):
    admin = KafkaAdminClient(bootstrap_servers=cluster.addresses)
    admin.create_topics([NewTopic("t", 1, 2)])
    quorum = admin.describe_metadata_quorum()["topics"][0]["partitions"][0]
    voters = [voter["replica_id"] for voter in quorum["current_voters"]]
    equal("the leader is the voter", voters, [quorum["leader_id"]])
    equal("the other node observes", len(quorum["observers"]), 1)
    check("as far as the leader", quorum["observers"][0]["log_end_offset"] == quorum["high_watermark"] > 0)
    moved = admin.alter_replica_log_dirs({("t", 0, 1): "memory", ("t", 0, 2): "/elsewhere"})
    equal("directories", {place.broker_id: error.__name__ for place, error in moved.items()},
          {1: "NoError", 2: "LogDirNotFoundError"})
    admin.close()
