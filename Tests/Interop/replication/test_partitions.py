"""Very many partitions: a topic of them, and as many topics of one. How long until they are taken up, until a record of
each has arrived, and what they cost at rest.

`MANY_PARTITIONS` says how many (100), and that the rest is measured, too.
"""

import os
import time

import pytest
from confluent_kafka import Producer
from confluent_kafka.admin import NewTopic

from support.checks import PATIENCE, check, equal, measured
from support.clients import QUIET, admin
from support.processes import memory
from support.replicators import flow, replicator
from support.topics import create_topic

COUNT = int(os.environ.get("MANY_PARTITIONS", 100))
IS_MEASURED = "MANY_PARTITIONS" in os.environ

pytestmark = [pytest.mark.alone] if IS_MEASURED else []


def create_topics(bootstrap):
    """As many topics of one partition."""
    client = admin(bootstrap)
    topics = [NewTopic(f"n-{n}", num_partitions=1, replication_factor=1) for n in range(COUNT)]
    for outcome in client.create_topics(topics).values():
        outcome.result(PATIENCE)


def produce(bootstrap, value, where):
    client = Producer({"bootstrap.servers": bootstrap, "enable.idempotence": True, "linger.ms": 50, **QUIET})
    for topic, partition in where:
        client.produce(topic, value=value, partition=partition)
        client.poll(0)
    equal("everything is produced", client.flush(PATIENCE), 0)


def copied(cluster, prefix):
    """Records of the copies, by the broker's own account; fences and markers included."""
    return sum(
        1 for topic in cluster.control.state()["topics"] if topic["name"].startswith(prefix)
        for partition in topic["partitions"] if partition["logEndOffset"] > 0)


def rest(running):
    """The share of a core that it takes to do nothing."""
    if not IS_MEASURED:
        return ""
    # Nothing is waited for: long enough for several looks at the clusters and for the last checkpoints, and then the
    # time over which it is measured.
    time.sleep(4)
    before = running.cpu_seconds()
    time.sleep(20)
    return f"at rest {100 * (running.cpu_seconds() - before) / 20:.1f} % of a core; "


def many(east, west, what, prefix, where, prepare):
    prepare(east.bootstrap)
    produce(east.bootstrap, b"before", where)
    started = time.monotonic()
    with replicator(east.bootstrap, west.bootstrap, flow(sync={"interval": "5s" if IS_MEASURED else "1s"})) as running:
        running.awaits(
            f"{what}: all are taken up", lambda: len(running.partitions()) == COUNT, seconds=300)
        taken = time.monotonic() - started
        running.awaits(
            f"{what}: a record of each has arrived", lambda: copied(west, prefix) == COUNT, seconds=300)
        arrived = time.monotonic() - started
        cpu = running.cpu_seconds()
        produce(east.bootstrap, b"now", where)
        began = time.monotonic()
        running.awaits(
            f"{what}: everything has passed",
            lambda: sum(p["sourceOffset"] for p in running.partitions()) == 2 * COUNT, seconds=300)
        second = time.monotonic() - began
        equal(f"{what}: none has stopped", running.failures(), [])
        equal(f"{what}: every record is written once", sum(p["written"] for p in running.partitions()), 2 * COUNT)
        measured(
            f"{COUNT} × {what}: taken up after {taken:.2f} s, a record of each after {arrived:.2f} s and "
            f"{cpu:.2f} s of CPU, the next of each {second:.2f} s after the producer; {rest(running)}"
            f"{memory(running.process):.0f} MB")
        equal("it stops with status 0", running.stop(), 0)
        began = time.monotonic()
        running.start()
        running.awaits(f"{what}: taken over again", lambda: len([
            p for p in running.partitions() if p["sourceOffset"] == 2]) == COUNT, seconds=300)
        produce(east.bootstrap, b"then", where)
        running.awaits(
            f"{what}: everything has passed after a restart",
            lambda: sum(p["sourceOffset"] for p in running.partitions()) == 3 * COUNT, seconds=300)
        measured(f"{COUNT} × {what}: everything after a restart within {time.monotonic() - began:.2f} s")
        check(f"{what}: none has stopped after it", running.failures() == [])


@pytest.mark.east(control=True)
@pytest.mark.west(control=True)
def test_partitions_of_a_topic(east, west):
    many(east, west, "partitions of a topic", "east.wide", [("wide", n) for n in range(COUNT)],
         lambda bootstrap: create_topic(bootstrap, "wide", partitions=COUNT))


@pytest.mark.east(control=True)
@pytest.mark.west(control=True)
def test_topics_of_a_partition(east, west):
    many(east, west, "topics of a partition", "east.n-", [(f"n-{n}", 0) for n in range(COUNT)], create_topics)
