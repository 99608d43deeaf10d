"""What a flow lives through: restarts, kill -9 of itself and of brokers, topics and partitions that come later."""

import contextlib
import re
import threading

import kafka
import pytest

from support.checks import check, equal, eventually, measured
from support.records import numbers, produce_numbers
from support.replicators import flow, replicator
from support.topics import (
    add_partitions, create_topic, delete_records, delete_topic, partition_count, topic_names, watermarks)


def expected(count, partitions=3):
    return {p: list(range(p, count, partitions)) for p in range(partitions)}


def total(bootstrap, topic):
    return sum(end for _, end in watermarks(bootstrap, topic).values()) if topic in topic_names(bootstrap) else 0


def exactly_once(what, found, wanted):
    """In order, complete, each once."""
    doubled = 0
    for partition, values in wanted.items():
        copied = found.get(partition, [])
        seen = set(copied)
        missing = [n for n in values if n not in seen]
        check(f"{what}: nothing is missing in partition {partition}", not missing, f"{len(missing)}: {missing[:5]}")
        check(f"{what}: nothing foreign is in partition {partition}", seen <= set(values))
        # Each number's first appearance: a copy that begins anew somewhere repeats, but never overtakes.
        equal(f"{what}: partition {partition} is in order", list(dict.fromkeys(copied)), values[:len(seen)])
        doubled += len(copied) - len(seen)
    equal(f"{what}: records that came twice, of {sum(map(len, found.values()))}", doubled, 0)


def test_stops_and_starts_lose_nothing(east, west):
    create_topic(east.bootstrap, "t")
    produce_numbers(east.bootstrap, "t", range(3000))
    with replicator(east.bootstrap, west.bootstrap) as running:
        for stop in (6000, 9000):
            running.copies(east.bootstrap, ["t"])
            equal("it stops with status 0", running.stop(), 0)
            produce_numbers(east.bootstrap, "t", range(stop - 3000, stop))
            running.start()
        running.copies(east.bootstrap, ["t"])
    equal("nothing is missing, nothing came twice", numbers(west.bootstrap, "east.t"), expected(9000))


def test_stop_under_load(east, west):
    """TERM in the middle of a large topic, again and again."""
    create_topic(east.bootstrap, "t")
    produce_numbers(east.bootstrap, "t", range(150_000), padding=1000)
    with replicator(east.bootstrap, west.bootstrap) as running:
        for part in (1, 2, 3):
            running.awaits("the replicator runs", running.runs)
            running.awaits("it gets on", lambda: total(west.bootstrap, "east.t") > part * 30_000)
            equal("it stops with status 0", running.stop(), 0)
            measured(f"stop {part} came after {total(west.bootstrap, 'east.t')} of 150000 records")
            running.start()
        running.copies(east.bootstrap, ["t"])
    equal("nothing is missing, nothing came twice", numbers(west.bootstrap, "east.t"), expected(150_000))


def test_starts_from_latest(east, west):
    create_topic(east.bootstrap, "old")
    produce_numbers(east.bootstrap, "old", range(300))
    with replicator(east.bootstrap, west.bootstrap, flow(startFrom="latest")) as running:
        running.awaits("the replicator runs", running.runs)
        produce_numbers(east.bootstrap, "old", range(300, 600))
        create_topic(east.bootstrap, "new", partitions=2)
        produce_numbers(east.bootstrap, "new", range(100), partitions=2)
        running.copies(east.bootstrap, ["old", "new"])
        add_partitions(east.bootstrap, "old", 4)
        produce_numbers(east.bootstrap, "old", range(600, 700), partitions=4)
        running.copies(east.bootstrap, ["old", "new"])
        equal("it stops with status 0", running.stop(), 0)
        # What came while it was down is new, too.
        produce_numbers(east.bootstrap, "old", range(700, 800), partitions=4)
        create_topic(east.bootstrap, "meanwhile", partitions=1)
        produce_numbers(east.bootstrap, "meanwhile", range(50), partitions=1)
        running.start()
        running.copies(east.bootstrap, ["old", "new", "meanwhile"])
    after = {p: list(range(300 + p, 600, 3)) for p in range(3)} | {3: []}
    for n in range(600, 800):
        after[n % 4].append(n)
    equal("records from the start on are copied, older ones are not", numbers(west.bootstrap, "east.old"), after)
    equal("a later topic is copied from its first record", numbers(west.bootstrap, "east.new"), expected(100, 2))
    equal("so is one made while the flow was down", numbers(west.bootstrap, "east.meanwhile"), expected(50, 1))


def test_topic_grows(east, west):
    create_topic(east.bootstrap, "t", partitions=1)
    with replicator(east.bootstrap, west.bootstrap) as running:
        produce_numbers(east.bootstrap, "t", range(100), partitions=1)
        running.copies(east.bootstrap, ["t"])
        add_partitions(east.bootstrap, "t", 5)
        produce_numbers(east.bootstrap, "t", range(100, 1100), partitions=5)
        running.copies(east.bootstrap, ["t"])
        equal("the target has grown", partition_count(west.bootstrap, "east.t"), 5)
    wanted = {p: list(range(100 + p, 1100, 5)) for p in range(5)}
    wanted[0] = list(range(100)) + wanted[0]
    equal("all partitions hold what the source holds", numbers(west.bootstrap, "east.t"), wanted)


def test_topics_are_selected(east, west):
    chosen = ["orders", "orders.eu", "west-orders"]
    left = ["orders.secret", "other", "orders-x", "__hidden", "connect-offsets.internal", "heartbeats", "west.orders"]
    for topic in chosen + left:
        create_topic(east.bootstrap, topic, partitions=1)
        produce_numbers(east.bootstrap, topic, range(10), partitions=1)
    # Makes the source's own __consumer_offsets.
    consumer = kafka.KafkaConsumer("orders", bootstrap_servers=east.bootstrap, group_id="g",
                                   auto_offset_reset="earliest")
    check("a group reads", eventually(lambda: consumer.poll(timeout_ms=500), 30))
    consumer.commit()
    consumer.close()
    settings = flow(
        topics=[r"orders(\..*)?", "__.*", r".*\.internal", "heartbeats", r"west.*"], deny=[r".*\.secret"])
    with replicator(east.bootstrap, west.bootstrap, settings) as running:
        running.copies(east.bootstrap, chosen)
        copied = {name for name in topic_names(west.bootstrap) if not name.startswith("__")}
        equal("what is selected is copied, and nothing else", copied, {f"east.{name}" for name in chosen})
        # Positions of the group are kept in step, for which the target makes its own __consumer_offsets.
        ours = {name for name in topic_names(west.bootstrap) if name.startswith("__")} - {"__consumer_offsets"}
        equal("of internal topics the target has only ours", ours,
              {"__replicator.flow.progress", "__replicator_origins"})
        added = topic_names(east.bootstrap) - set(chosen + left) - {"__consumer_offsets"}
        equal("nothing is created at the source", added, set())


def stopped(running):
    return sorted((p["topic"], p["partition"]) for p in running.failures())


def test_records_gone_at_the_source_stop_their_partition(east, west):
    """Retention at the source overtakes the flow while it is down: one partition stops and says so, others go on."""
    create_topic(east.bootstrap, "t")
    produce_numbers(east.bootstrap, "t", range(300))
    delete_records(east.bootstrap, "t", 0, 50)
    with replicator(east.bootstrap, west.bootstrap) as running:
        running.copies(east.bootstrap, ["t"])
        equal("it stops with status 0", running.stop(), 0)
        produce_numbers(east.bootstrap, "t", range(300, 600))
        delete_records(east.bootstrap, "t", 1, 150)
        running.start()
        running.awaits("the partition has stopped", lambda: stopped(running) == [("t", 1)])
        check("it says which offset is gone", "no longer has offset 100" in running.log(), running.log()[-1000:])
        check("it shows on /readyz", "t-1" in running.obstacles(), running.obstacles())
        others = lambda: [len(v) for v in numbers(west.bootstrap, "east.t").values()] == [150, 100, 200]
        running.awaits("the others go on", others)
    wanted = {0: list(range(150, 600, 3)), 1: list(range(1, 300, 3)), 2: list(range(2, 600, 3))}
    equal("nothing is passed over silently", numbers(west.bootstrap, "east.t"), wanted)


def test_topic_created_anew_stops(east, west):
    """A topic is deleted and made again under its name while the flow runs."""
    for topic in ("t", "other"):
        create_topic(east.bootstrap, topic)
        produce_numbers(east.bootstrap, topic, range(300))
    with replicator(east.bootstrap, west.bootstrap) as running:
        running.copies(east.bootstrap, ["t", "other"])
        delete_topic(east.bootstrap, "t")
        create_topic(east.bootstrap, "t")
        produce_numbers(east.bootstrap, "t", range(1000, 1900))
        produce_numbers(east.bootstrap, "other", range(300, 600))
        gone = [("t", 0), ("t", 1), ("t", 2)]
        running.awaits("its partitions have stopped", lambda: stopped(running) == gone)
        check("it says why", "deleted and created again" in running.log(), running.log()[-1000:])
        ids = re.search(r"its id was (\S+), now it is (\S+)\)", running.log())
        check("with ids as Kafka's tools print them", ids and all(re.fullmatch(r"[\w-]{22}", i) for i in ids.groups()),
              running.log()[-1000:])
        running.copies(east.bootstrap, ["other"])
        equal("it stops with status 0", running.stop(), 0)
        running.start()
        running.awaits("they are stopped after a restart, too", lambda: stopped(running) == gone)
        running.copies(east.bootstrap, ["other"])
    equal("the copy is that of the old topic", numbers(west.bootstrap, "east.t"), expected(300))
    equal("the other topic is whole", numbers(west.bootstrap, "east.other"), expected(600))


@contextlib.contextmanager
def load(bootstrap, values):
    """Produces for the length of a block, and at its end until all is produced."""
    thread = threading.Thread(target=produce_numbers, args=(bootstrap, "t", values), kwargs={"padding": 500})
    thread.start()
    try:
        yield thread
    finally:
        thread.join()


def test_replicator_killed_under_load(east, west):
    count = 200_000
    create_topic(east.bootstrap, "t")
    produce_numbers(east.bootstrap, "t", range(100_000), padding=500)
    with replicator(east.bootstrap, west.bootstrap) as running, load(east.bootstrap,
                                                                     range(100_000, count)) as under_load:
        for part in (1, 2, 3):
            running.awaits(
                f"it gets on after {part - 1} kills", lambda: total(west.bootstrap, "east.t") > part * 30_000)
            running.kill()
            running.start()
        under_load.join()
        running.copies(east.bootstrap, ["t"])
    exactly_once("kill -9 of the replicator", numbers(west.bootstrap, "east.t"), expected(count))


@pytest.mark.long
@pytest.mark.east(data=True)
@pytest.mark.west(data=True)
@pytest.mark.parametrize("which", ["source", "target"])
def test_broker_killed_under_load(east, west, which):
    """kill -9 of a broker with data, while records are produced and copied; it comes back on its port."""
    first, count = 60_000, 240_000
    create_topic(east.bootstrap, "t")
    produce_numbers(east.bootstrap, "t", range(first), padding=500)
    victim = east if which == "source" else west
    with replicator(east.bootstrap, west.bootstrap) as running:
        running.awaits("the replicator runs", running.runs)
        with load(east.bootstrap, range(first, count)):
            for part in (1, 2, 3):
                running.awaits("it gets on", lambda: total(west.bootstrap, "east.t") > part * 20_000)
                copied, produced = total(west.bootstrap, "east.t"), total(east.bootstrap, "t")
                victim.kill()
                measured(f"{which} killed after {copied} of {produced} records")
                running.awaits("it notices", lambda: "cannot be reached" in running.obstacles())
                victim.restart_on_same_ports()
        running.copies(east.bootstrap, ["t"])
        equal("no partition has stopped", running.failures(), [])
    equal("the source holds what was produced", numbers(east.bootstrap, "t"), expected(count))
    exactly_once(f"kill -9 of the {which}", numbers(west.bootstrap, "east.t"), expected(count))
