"""To and from a broker that is not ours: the mock cluster inside librdkafka.

It keeps topics in memory, makes them when a client asks for them (four partitions each), and knows neither CreateTopics
nor configurations: whoever replicates to it makes the target's topics first.
"""

import contextlib
import subprocess
import sys

import pytest
from confluent_kafka import Producer

from support.checks import check, equal
from support.clients import QUIET
from support.records import numbers, produce_numbers
from support.replicators import flow, replicator
from support.topics import create_topic

PARTITIONS = 4

# Lives as long as somebody holds its standard input open.
MOCK = """
import sys
from confluent_kafka import Producer
cluster = Producer({"test.mock.num.brokers": %d, "log_level": 0})
print(",".join(f"{b.host}:{b.port}" for b in cluster.list_topics(timeout=30).brokers.values()), flush=True)
sys.stdin.read()
"""


@contextlib.contextmanager
def mock(nodes=3):
    """The bootstrap servers of a mock cluster."""
    process = subprocess.Popen(
        [sys.executable, "-c", MOCK % nodes], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
    try:
        yield process.stdout.readline().strip()
    finally:
        process.stdin.close()
        process.wait(timeout=30)


def make(bootstrap, *topics):
    """Topics come into being when a producer asks for them."""
    client = Producer({"bootstrap.servers": bootstrap, "allow.auto.create.topics": True, **QUIET})
    for topic in topics:
        found = client.list_topics(topic, timeout=30).topics[topic]
        equal(f"the mock cluster makes {topic}", (found.error, len(found.partitions)), (None, PARTITIONS))


def expected(count):
    return {p: list(range(p, count, PARTITIONS)) for p in range(PARTITIONS)}


def replicates(source, target, topic="orders", copy="east.orders"):
    """Copies, restarts, copies on."""
    produce_numbers(source, topic, range(4000), partitions=PARTITIONS, padding=100)
    with replicator(source, target, flow(topics=["orders"])) as running:
        running.awaits("the replicator runs", running.runs)
        running.copies(source, [topic])
        produce_numbers(source, topic, range(4000, 8000), partitions=PARTITIONS, padding=100)
        running.copies(source, [topic])
        equal("no partition has stopped", running.failures(), [])
        equal("it stops with status 0", running.stop(), 0)
        produce_numbers(source, topic, range(8000, 9000), partitions=PARTITIONS, padding=100)
        running.start()
        running.copies(source, [topic])
    found = numbers(target, copy)
    check("every record is there, once and in order", found == expected(9000), {p: len(v) for p, v in found.items()})


@pytest.mark.west(nodes=3)
def test_mock_to_ours(west):
    with mock() as source:
        make(source, "orders")
        replicates(source, west.bootstrap)


@pytest.mark.east(nodes=3)
def test_ours_to_mock(east):
    with mock() as target:
        create_topic(east.bootstrap, "orders", partitions=PARTITIONS)
        make(target, "east.orders", "__replicator.flow.progress", "__replicator_origins")
        replicates(east.bootstrap, target)


def test_mock_to_mock():
    with mock() as source, mock(1) as target:
        make(source, "orders")
        make(target, "east.orders", "__replicator.flow.progress", "__replicator_origins")
        replicates(source, target)
