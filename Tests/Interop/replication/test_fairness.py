"""Partitions that share the memory of one flow: those that are stuck, or catch up much, do not hold up the others."""

import pytest
from confluent_kafka import Producer

from support.checks import PATIENCE, check, equal
from support.clients import QUIET
from support.replicators import flow, replicator
from support.topics import create_topic

QUIET_PARTITIONS = 99


def produce(bootstrap, topic, partitions, count=1, size=20):
    client = Producer({"bootstrap.servers": bootstrap, "linger.ms": 5, "batch.size": 100_000, **QUIET})
    for number in range(count):
        for partition in partitions:
            client.produce(topic, value=b"%d" % number + b"x" * size, partition=partition)
            client.poll(0)
    equal("everything is produced", client.flush(PATIENCE), 0)


def offsets(running, topic):
    return {p["partition"]: p["sourceOffset"] for p in running.partitions() if p["topic"] == topic}


def buffered(running, topic, partitions):
    return sum(p["bufferedBytes"] for p in running.partitions() if p["topic"] == topic and p["partition"] in partitions)


@pytest.mark.west(nodes=3, control=True)
def test_a_silent_broker_does_not_stop_what_goes_to_others(east, west):
    create_topic(east.bootstrap, "busy", partitions=12)
    create_topic(east.bootstrap, "quiet", partitions=QUIET_PARTITIONS)
    # One shard: all of them share its memory, which is the least that there may be.
    with replicator(east.bootstrap, west.bootstrap, flow(bufferBytes="4MiB", shards=1)) as running:
        running.awaits("the flow runs", running.runs)
        produce(east.bootstrap, "busy", range(12))
        produce(east.bootstrap, "quiet", range(QUIET_PARTITIONS))
        running.copies(east.bootstrap, ["busy", "quiet"])

        def led_by(topic, is_silent):
            return {p["partition"] for p in west.control.topic(f"east.{topic}")["partitions"]
                    if (p["leader"] == silent) == is_silent}

        silent = next(node for node in (3, 2, 1) if node not in west_state_leaders(west))
        stuck, moving = led_by("busy", True), led_by("busy", False)
        check("some are stuck, and others are not", stuck and moving, f"{stuck} {moving}")
        west.control.node(silent, "freeze")
        produce(east.bootstrap, "busy", stuck, count=2_000, size=1_000)
        running.awaits("those of the silent broker hold memory", lambda: buffered(running, "busy", stuck) > 0)
        produce(east.bootstrap, "busy", moving, count=2_000, size=1_000)
        live = led_by("quiet", False)
        for number in range(2, 5):
            # News of all: those that are stuck want memory for it, too.
            produce(east.bootstrap, "quiet", range(QUIET_PARTITIONS), size=10_000)
            running.awaits(f"what is quiet arrives, {number}",
                           lambda: all(offsets(running, "quiet")[p] >= number for p in live))
        running.awaits("what others lead arrives",
                       lambda: all(offsets(running, "busy")[p] >= 2_001 for p in moving))
        equal("the others have not moved", {offsets(running, "busy")[p] for p in stuck}, {1})
        west.control.node(silent, "thaw")
        running.copies(east.bootstrap, ["busy", "quiet"])


def west_state_leaders(west):
    """Leaders of what the flow keeps on the target: without those nothing is known to be written."""
    return {p["leader"] for t in west.control.state()["topics"] if t["name"].startswith("__replicator") for p in t["partitions"]}


@pytest.mark.west(control=True)
def test_quiet_partitions_do_not_wait_for_one_that_catches_up(east, west):
    create_topic(east.bootstrap, "busy", partitions=1)
    create_topic(east.bootstrap, "quiet", partitions=QUIET_PARTITIONS)
    with replicator(east.bootstrap, west.bootstrap, flow(bufferBytes="4MiB", shards=1)) as running:
        running.awaits("the flow runs", running.runs)
        produce(east.bootstrap, "busy", [0])
        produce(east.bootstrap, "quiet", range(QUIET_PARTITIONS))
        running.copies(east.bootstrap, ["busy", "quiet"])
        # The target takes a batch of it, and others in the same request, every tenth of a second.
        west.control.intercept("Produce", "delay", delayMs=100, topic="east.busy", times=1_000)
        produce(east.bootstrap, "busy", [0], count=40_000, size=1_000)
        running.awaits("it is behind", lambda: buffered(running, "busy", {0}) > 0)
        for number in range(2, 5):
            produce(east.bootstrap, "quiet", range(QUIET_PARTITIONS))
            running.awaits(f"what is quiet arrives, {number}",
                           lambda: all(offset >= number for offset in offsets(running, "quiet").values()))
        check("the other is still behind", offsets(running, "busy")[0] < 40_001, str(offsets(running, "busy")))
        west.control.clear()
        running.copies(east.bootstrap, ["busy", "quiet"])
