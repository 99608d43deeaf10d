"""`offsets: preserve`: record n of the source is record n of the copy, for foreign consumers in both isolation levels, with
transactions, aborts and deleted records in the source's log, through kill -9 of the replicator."""

import os
import random
import threading

import kafka
import pytest
from confluent_kafka import Consumer, Producer, TopicPartition

from support.checks import PATIENCE, check, equal, eventually, measured
from support.clients import QUIET
from support.offsets import ISOLATIONS, confluent_reads, python_reads
from support.program import command
from support.records import batches_of
from support.replicators import flow, replicator
from support.topics import create_topic, delete_records, watermarks

SEED = int(os.environ.get("OFFSETS_SEED", random.randrange(1 << 30)))
PARTITIONS = 2
FILLER = b"__replicator.filler"


@pytest.fixture(autouse=True)
def told_seed():
    """pytest shows it with a test that fails."""
    print(f"OFFSETS_SEED={SEED}")


def ends(bootstrap, topic):
    return {p: end for p, (_, end) in watermarks(bootstrap, topic).items()}


class Load:
    """Transactions, some of which abort, and plain records between them."""

    def __init__(self, bootstrap):
        self.random = random.Random(SEED)
        self.count = 0
        self.plain = Producer({"bootstrap.servers": bootstrap, "enable.idempotence": True, "linger.ms": 1, **QUIET})
        self.transactional = Producer({
            "bootstrap.servers": bootstrap, "transactional.id": "offsets", "linger.ms": 1, **QUIET})
        self.transactional.init_transactions(60)

    def write(self, producer, count):
        for _ in range(count):
            producer.produce("t", value=b"%d" % self.count, partition=self.random.randrange(PARTITIONS))
            self.count += 1

    def turn(self):
        self.write(self.plain, self.random.randrange(40))
        self.plain.flush(60)
        self.transactional.begin_transaction()
        self.write(self.transactional, self.random.randrange(1, 20))
        if self.random.random() < 0.3:
            self.transactional.flush(60)
            self.transactional.abort_transaction(60)
        else:
            self.transactional.commit_transaction(60)


def is_aligned(east, west):
    """The copies' logs end where their sources' do, and so hold everything."""
    return ends(west.bootstrap, "east.t") == ends(east.bootstrap, "t")


def same_offsets(east, west):
    source = confluent_reads(east.bootstrap, "t", "read_committed")
    for isolation in ISOLATIONS:
        equal(f"confluent-kafka, {isolation}: the same records at the same offsets",
              confluent_reads(west.bootstrap, "east.t", isolation), source)
        equal(f"kafka-python, {isolation}: the same records at the same offsets",
              python_reads(west.bootstrap, "east.t", isolation), source)
    return source


def sought(bootstrap, topic, places):
    """What a consumer reads first from each of these places on: (partition, offset) and value."""
    client = Consumer({
        "bootstrap.servers": bootstrap, "group.id": "interop", "isolation.level": "read_committed",
        "enable.auto.commit": False, "auto.offset.reset": "error", **QUIET})
    try:
        found = []
        for partition, offset in places:
            client.assign([TopicPartition(topic, partition, offset)])
            message = None
            while message is None:
                message = client.poll(5)
            found.append((message.partition(), message.offset(), message.error() or message.value()))
        return found
    finally:
        client.close()


def python_seeks(bootstrap, topic, places):
    """The same with kafka-python: offset and value."""
    client = kafka.KafkaConsumer(bootstrap_servers=bootstrap, isolation_level="read_committed", enable_auto_commit=False,
                                 auto_offset_reset="none", max_poll_records=1)
    try:
        found = []
        for partition, offset in places:
            place = kafka.TopicPartition(topic, partition)
            client.assign([place])
            client.seek(place, offset)
            records = []

            def step(records=records):
                for polled in client.poll(timeout_ms=500).values():
                    records.extend(polled)
                return records

            check(f"a record comes from {topic}-{partition} at {offset} on", eventually(step, PATIENCE, 0))
            found.append((partition, *((records[0].offset, records[0].value) if records else ())))
        return found
    finally:
        client.close()


def committed(bootstrap, group, topic):
    client = Consumer({"bootstrap.servers": bootstrap, "group.id": group, **QUIET})
    try:
        return {p.partition: p.offset
                for p in client.committed([TopicPartition(topic, p) for p in range(PARTITIONS)], timeout=30)}
    finally:
        client.close()


def test_foreign_consumers_find_each_record_at_its_offset(east, west):
    create_topic(east.bootstrap, "t", partitions=PARTITIONS)
    load = Load(east.bootstrap)
    for _ in range(20):
        load.turn()
    starts = {}
    for partition, end in ends(east.bootstrap, "t").items():
        starts[partition] = end // 3
        delete_records(east.bootstrap, "t", partition, starts[partition])
    with replicator(east.bootstrap, west.bootstrap, flow(topics=["t"], offsets="preserve")) as running:
        running.awaits("the copy's offsets are the source's", lambda: is_aligned(east, west))
        for _ in range(10):
            load.turn()
        running.awaits("they still are", lambda: is_aligned(east, west))
        source = same_offsets(east, west)
        equal("the copy begins where its source does",
              {p: first for p, (first, _) in watermarks(west.bootstrap, "east.t").items()}, starts)
        # Offsets of records, and those of markers and aborted records between them.
        dice = random.Random(SEED)
        last = {p: max(o for q, o in source if q == p) for p in range(PARTITIONS)}
        places = [(p, dice.randrange(starts[p], last[p] + 1)) for p in range(PARTITIONS) for _ in range(20)]
        equal("seeking by the source's offsets finds the same records", sought(west.bootstrap, "east.t", places),
              sought(east.bootstrap, "t", places))
        equal("so does seeking with kafka-python", python_seeks(west.bootstrap, "east.t", places),
              sought(east.bootstrap, "t", places))
        group = Consumer({"bootstrap.servers": east.bootstrap, "group.id": "readers", **QUIET})
        positions = {p: dice.randrange(starts[p], end + 1) for p, end in ends(east.bootstrap, "t").items()}
        group.commit(offsets=[TopicPartition("t", p, o) for p, o in positions.items()], asynchronous=False)
        group.close()
        running.awaits("the group has the source's positions, as they are",
                       lambda: committed(west.bootstrap, "readers", "east.t") == positions)
        equal("nothing has stopped", running.failures(), [])
        for arguments in (["verify"], ["offsets", "--group", "readers"], ["doctor", "--probe"]):
            done = command(*arguments, "--config", running.path, "--flow", "flow")
            check(f"{arguments[0]} agrees", done.returncode == 0, done.stdout + done.stderr)


def test_killed_under_load(east, west):
    """The end of the target's log tells where to continue."""
    create_topic(east.bootstrap, "t", partitions=PARTITIONS)
    load = Load(east.bootstrap)
    stopping = threading.Event()

    def run():
        while not stopping.is_set():
            load.turn()

    thread = threading.Thread(target=run)
    thread.start()
    try:
        with replicator(east.bootstrap, west.bootstrap, flow(topics=["t"], offsets="preserve")) as running:
            for kill in range(5):
                before = ends(west.bootstrap, "east.t") if kill else {}
                running.awaits(
                    f"it goes on after {kill} kills",
                    lambda before=before: all(
                        end > before.get(p, 0) + 50 for p, end in ends(west.bootstrap, "east.t").items()))
                running.kill()
                running.start()
            stopping.set()
            thread.join()
            running.awaits("the copy's offsets are the source's", lambda: is_aligned(east, west))
            equal("nothing has stopped", running.failures(), [])
    finally:
        stopping.set()
        thread.join()
    measured(f"{load.count} records, 5 kills")
    same_offsets(east, west)


def keyed(cluster, topic):
    """Offset → key and value, of partition 0."""
    return {m.offset(): (m.key(), m.value()) for messages in batches_of(cluster.bootstrap, topic) for m in messages}


def overwrite(bootstrap, keys, count):
    """Records of a few keys, of which compaction leaves the last."""
    client = Producer({"bootstrap.servers": bootstrap, "enable.idempotence": True, "linger.ms": 5,
                       "batch.num.messages": 500, **QUIET})
    for n in range(count):
        client.produce("t", key=keys[n % len(keys)], value=b"%d" % n, partition=0)
        if n % 1000 == 0:
            client.poll(0)
    equal("everything is produced", client.flush(PATIENCE), 0)


@pytest.mark.parametrize("holes", ["markers", "filler"])
@pytest.mark.east(control=True)
@pytest.mark.west(control=True)
def test_compacted_topic(east, west, holes):
    """Long holes become markers, or filler that the target's cleaner takes; also with a source that is compacted once more while
    nobody copies, and a process that is killed in between."""
    create_topic(east.bootstrap, "t", partitions=1, cleanup_policy="compact")
    overwrite(east.bootstrap, [b"first", b"second"], 20)
    overwrite(east.bootstrap, [b"hot"], 12_000)
    overwrite(east.bootstrap, [b"third", b"fourth"], 30)
    east.control.partition("t", 0, "compact")
    settings = flow(topics=["t"], offsets="preserve", holes=holes)

    def is_equal():
        return ends(west.bootstrap, "east.t") == ends(east.bootstrap, "t")

    def copies():
        return {offset: record for offset, record in keyed(west, "east.t").items() if record[0] != FILLER}

    with replicator(east.bootstrap, west.bootstrap, settings) as running:
        planned = command("plan", "--config", running.path, "--flow", "flow")
        check("plan states the costs", "with offsets: preserve" in planned.stdout, planned.stdout + planned.stderr)
        running.awaits("the copy ends where its source does", is_equal)
        equal("each record has its source's offset", copies(), keyed(east, "t"))
        seen = len(keyed(west, "east.t")) - len(copies())
        check("filler is there until the cleaner has come, where it is asked for",
              seen > 10_000 if holes == "filler" else seen == 0, seen)
        # Behind the checkpoint, and compacted at both ends before the next run sees it.
        overwrite(east.bootstrap, [b"cold"], 9_000)
        overwrite(east.bootstrap, [b"first"], 1)
        running.awaits("the copy ends where its source does", is_equal)
        overwrite(east.bootstrap, [b"third", b"fifth", b"second"], 60)
        running.awaits("the copy ends where its source does", is_equal)
        running.kill()
        east.control.partition("t", 0, "compact")
        overwrite(east.bootstrap, [b"hot"], 7_000)
        overwrite(east.bootstrap, [b"last"], 1)
        east.control.partition("t", 0, "compact")
        running.start()
        running.awaits("the copy ends where its source does", lambda: is_equal() or running.failures())
        equal("nothing has stopped", running.failures(), [])
        west.control.partition("east.t", 0, "compact")
        equal("of each key the newest is left, here and there, at the same offset", copies(), keyed(east, "t"))
        left = len(keyed(west, "east.t")) - len(copies())
        check("the cleaner has taken the filler but for its last record", left <= 1, left)
        if holes == "markers":
            places = [(0, offset) for offset in (0, 25, 6_000, 12_010, 15_000, 21_000)]
            equal("seeking by the source's offsets finds the same records", sought(west.bootstrap, "east.t", places),
                  sought(east.bootstrap, "t", places))


def test_failover_takes_positions_as_they_are(east, west):
    create_topic(east.bootstrap, "t", partitions=PARTITIONS)
    load = Load(east.bootstrap)
    for _ in range(8):
        load.turn()
    dice = random.Random(SEED)
    positions = {p: dice.randrange(end + 1) for p, end in ends(east.bootstrap, "t").items()}
    group = Consumer({"bootstrap.servers": east.bootstrap, "group.id": "readers", **QUIET})
    group.commit(offsets=[TopicPartition("t", p, o) for p, o in positions.items()], asynchronous=False)
    group.close()
    with replicator(east.bootstrap, west.bootstrap, flow(topics=["t"], offsets="preserve")) as running:
        running.awaits("the copy's offsets are the source's", lambda: is_aligned(east, west))
        done = command(
            "failover", "--planned", "--one-way", "--yes", "--still", "1", "--config", running.path, "--flow", "flow",
            timeout=300)
        check("the target has taken over", done.returncode == 0, done.stdout + done.stderr)
        equal("the group has the source's positions", committed(west.bootstrap, "readers", "east.t"), positions)
        check("the ends are still equal", is_aligned(east, west), f"{ends(east.bootstrap, 't')}")
    same_offsets(east, west)
