"""librdkafka reads from the replica in its rack (KIP-392)."""

import time

import pytest
from confluent_kafka import OFFSET_BEGINNING, Consumer, KafkaException, Producer, TopicPartition
from confluent_kafka.admin import NewTopic

from support.checks import check, equal, eventually
from support.clients import QUIET, admin

NODES = (1, 2, 3)
PARTITIONS = 3
MANY = 1_000_000
SELECTOR = "org.apache.kafka.common.replica.RackAwareReplicaSelector"


def produce(bootstrap, numbers):
    producer = Producer({"bootstrap.servers": bootstrap, "linger.ms": 5, **QUIET})
    for number in numbers:
        producer.produce("near", key=f"k{number}", value=f"v{number}")
    check("everything is acknowledged", producer.flush(60) == 0)


def consume(reader, count, seconds=60):
    values = []
    end = time.monotonic() + seconds
    while len(values) < count and time.monotonic() < end:
        for message in reader.consume(num_messages=1000, timeout=0.5):
            if message.error():
                raise KafkaException(message.error())
            values.append(message.value().decode())
    return sorted(values)


@pytest.mark.cluster(nodes=3, control=True, broker_rack="a,b,c", replica_selector_class=SELECTOR)
def test_a_consumer_reads_in_its_rack_and_from_the_leaders_when_that_is_gone(cluster):
    client = admin(cluster.bootstrap)
    client.create_topics([NewTopic("near", PARTITIONS, len(NODES))])["near"].result()
    produce(cluster.bootstrap, range(3000))
    # Faults that change nothing count the fetches.
    for node in NODES:
        cluster.control.intercept("Fetch", "delay", delayMs=0, node=node, times=MANY)

    def fetches():
        left = {waiting["node"]: waiting["times"] for waiting in cluster.control.interceptions()}
        return [MANY - left[node] for node in NODES]

    reader = Consumer({"bootstrap.servers": cluster.bootstrap, "group.id": "near", "client.rack": "b", **QUIET})
    reader.assign([TopicPartition("near", p, OFFSET_BEGINNING) for p in range(PARTITIONS)])
    equal("all are read", consume(reader, 3000), sorted(f"v{n}" for n in range(3000)))
    # All partitions are read there once it has answered again.
    first = fetches()[1]
    check("the replica in the rack is asked", eventually(lambda: fetches()[1] > first + 2))
    before, started = fetches(), time.monotonic()
    check("again and again", eventually(lambda: fetches()[1] > before[1] + 5))
    after, elapsed = fetches(), time.monotonic() - started
    equal("and no other", [after[0], after[2]], [before[0], before[2]])
    # An idle fetch stays at the broker for half a second.
    check("not all the time", (after[1] - before[1]) / elapsed < 20, f"{before} {after} in {elapsed:.1f} s")

    cluster.control.node(2, "stop")
    produce(cluster.bootstrap, range(3000, 6000))
    equal("the leaders are read when it is gone", consume(reader, 3000), sorted(f"v{n}" for n in range(3000, 6000)))
    reader.close()
