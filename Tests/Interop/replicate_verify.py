"""`replicator verify` against what foreign clients wrote: it finds each planted difference, and none where there is none."""

import json
import pathlib
import subprocess
import tempfile

from confluent_kafka import Producer

from harness import broker, check, equal, main, program
from replicator import (
    QUIET, create_topic, delete_records, flow, produce_numbers, read, replicator, watermarks)

TOTAL = 200_000
PARTS = ("missing", "extra", "doubled", "altered", "reordered")


def verify(source, target, *arguments, **settings):
    """What it reports, and its exit status."""
    with tempfile.TemporaryDirectory() as folder:
        path = pathlib.Path(folder) / "replicator.yaml"
        path.write_text(json.dumps({
            "clusters": {"east": {"bootstrapServers": source}, "west": {"bootstrapServers": target}},
            "flows": [flow(**settings)]}))
        done = subprocess.run(
            [program(), "verify", "--config", str(path), "--json", "--patience", "1", *arguments],
            capture_output=True, text=True, timeout=300)
    try:
        return json.loads(done.stdout)["flows"][0], done.returncode
    except (ValueError, KeyError, IndexError):
        raise RuntimeError(f"verify: status {done.returncode}, {done.stdout[-500:]} {done.stderr[-2000:]}") from None


def counts(report):
    return {kind: sum(p["differences"]["counts"][kind] for p in report["partitions"]) for kind in PARTS}


def copied(source, target, topic, records, config=(), **settings):
    """A replicated topic."""
    create_topic(source, topic, partitions=1, **dict(config))
    client = Producer({"bootstrap.servers": source, "linger.ms": 5, **QUIET})
    for key, value, headers, timestamp in records:
        while True:
            try:
                client.produce(topic, key=key, value=value, headers=headers, timestamp=timestamp, partition=0)
                break
            except BufferError:
                client.poll(0.1)
    client.flush(60)
    with replicator(source, target, flow(topics=[topic], **settings)) as running:
        running.copies(source, [topic])


def record(n):
    return b"key %d" % n, b"value %d" % n, [("header", b"%d" % n)], 1_700_000_000_000 + n


def finds_nothing_where_nothing_is():
    for name, config, settings in (
            ("plain", {}, {}), ("rewritten", {}, {"compression": "zstd"}),
            ("stamped", {"message_timestamp_type": "LogAppendTime"}, {}),
            ("identical", {}, {"naming": {"mode": "identical"}})):
        with broker() as east, broker() as west:
            copied(east.bootstrap, west.bootstrap, name, map(record, range(20_000)), config, **settings)
            report, status = verify(east.bootstrap, west.bootstrap, topics=[name], **settings)
            equal(f"{name}: no difference", counts(report), dict.fromkeys(PARTS, 0))
            equal(f"{name}: status 0", status, 0)
            equal(f"{name}: every record was compared", sum(p["equal"] for p in report["partitions"]), 20_000)
            if name == "plain":
                check("whole batches are compared without being taken apart",
                      sum(p["equalInWholeBatches"] for p in report["partitions"]) == 20_000)


def plant(kind, records):
    """The records with one difference in the middle, and what verify should say: kind and source offset."""
    place = len(records) // 2
    key, value, headers, timestamp = records[place]
    changed = {
        "altered key": ("altered", [(b"other", value, headers, timestamp)]),
        "altered value": ("altered", [(key, value + b".", headers, timestamp)]),
        "altered header": ("altered", [(key, value, [("header", b"x")], timestamp)]),
        "altered timestamp": ("altered", [(key, value, headers, timestamp + 1)]),
        "missing": ("missing", []),
        "doubled": ("doubled", [records[place]] * 2),
        "extra": ("extra", [records[place], (b"extra", b"extra", [], timestamp)]),
        "swapped": ("reordered", [records[place + 1], records[place]])}[kind]
    rest = place + (2 if kind == "swapped" else 1)
    return records[:place] + changed[1] + records[rest:], changed[0]


def finds_each_planted_difference():
    records = [record(n) for n in range(TOTAL)]
    with broker() as east, broker() as west:
        create_topic(east.bootstrap, "plants", partitions=8)
        create_topic(west.bootstrap, "east.plants", partitions=8)
        expected = {}
        kinds = ("altered key", "altered value", "altered header", "altered timestamp", "missing", "doubled", "extra",
                 "swapped")
        share = TOTAL // len(kinds)
        for bootstrap, topic in ((east.bootstrap, "plants"), (west.bootstrap, "east.plants")):
            client = Producer({
                "bootstrap.servers": bootstrap, "linger.ms": 5, "enable.idempotence": True,
                "queue.buffering.max.messages": 1_000_000, **QUIET})
            for partition, kind in enumerate(kinds):
                mine = records[partition * share:(partition + 1) * share]
                if topic == "east.plants":
                    mine, expected[partition] = plant(kind, mine)
                for key, value, headers, timestamp in mine:
                    client.produce(topic, key=key, value=value, headers=headers, timestamp=timestamp, partition=partition)
            client.flush(60)
        report, status = verify(east.bootstrap, west.bootstrap, topics=["plants"])
        equal("status 1", status, 1)
        for partition, kind in enumerate(kinds):
            found = report["partitions"][partition]["differences"]
            wanted = dict(dict.fromkeys(PARTS, 0), **{expected[partition]: 1})
            equal(f"{kind} is found, and nothing else", found["counts"], wanted)
            if expected[partition] == "altered":
                equal(f"{kind}: the part is named", found["examples"][0]["parts"],
                      [{"header": "headers"}.get(kind.split()[1], kind.split()[1])])
            if expected[partition] in ("altered", "missing"):
                equal(f"{kind}: at its offset", found["examples"][0]["sourceOffset"], share // 2)


def compares_compacted_topics_by_key():
    with broker() as east, broker() as west:
        compact = {"cleanup_policy": "compact"}
        records = [(b"key %d" % (n % 500), b"value %d" % n, [], 1_700_000_000_000 + n) for n in range(5000)]
        copied(east.bootstrap, west.bootstrap, "table", records, compact)
        report, status = verify(east.bootstrap, west.bootstrap, topics=["table"])
        equal("a compacted topic is the same", (status, counts(report)), (0, dict.fromkeys(PARTS, 0)))
        equal("by its keys", report["partitions"][0]["equal"], 500)
        client = Producer({"bootstrap.servers": west.bootstrap, **QUIET})
        client.produce("east.table", key=b"key 7", value=b"other", partition=0)
        client.produce("east.table", key=b"key 8", value=None, partition=0)
        client.produce("east.table", key=b"new", value=b"new", partition=0)
        # A tombstone for a key that nobody has changes nothing.
        client.produce("east.table", key=b"nobody", value=None, partition=0)
        client.flush(60)
        report, status = verify(east.bootstrap, west.bootstrap, topics=["table"])
        found = counts(report)
        equal("one key altered, one deleted, one extra", (status, found["altered"], found["extra"]), (1, 2, 1))


def says_what_cannot_be_compared():
    with broker() as east, broker() as west:
        produce_numbers(east.bootstrap, "lonely", range(100), partitions=1)
        report, status = verify(east.bootstrap, west.bootstrap, topics=["lonely"])
        equal("a topic that is not there is a difference", status, 1)
        check("and named", "no such partition" in report["partitions"][0].get("failure", ""), str(report))
        copied(east.bootstrap, west.bootstrap, "short", map(record, range(3000)))
        delete_records(east.bootstrap, "short", 0, 1000)
        report, status = verify(east.bootstrap, west.bootstrap, topics=["short"])
        equal("what the source has expired is no difference", (status, report["partitions"][0]["beforeSource"]),
              (0, 1000))
        delete_records(west.bootstrap, "east.short", 0, 1500)
        report, status = verify(east.bootstrap, west.bootstrap, topics=["short"])
        equal("nor what the target has expired", (status, report["partitions"][0]["beforeTarget"]), (0, 500))


def a_target_that_lacks_the_end_is_waited_for_once():
    with broker() as east, broker() as west:
        copied(east.bootstrap, west.bootstrap, "cut", map(record, range(100)))
        client = Producer({"bootstrap.servers": east.bootstrap, **QUIET})
        # Each a batch of its own: a wait before each of them would take minutes.
        for n in range(100, 500):
            key, value, headers, timestamp = record(n)
            client.produce("cut", key=key, value=value, headers=headers, timestamp=timestamp, partition=0)
            client.flush(30)
        report, status = verify(east.bootstrap, west.bootstrap, topics=["cut"])
        equal("what is not there is missing", (status, counts(report)["missing"], report["partitions"][0]["equal"]),
              (1, 400, 100))


def transactional_topics_are_compared_as_committed():
    with broker() as east, broker() as west:
        create_topic(east.bootstrap, "payments", partitions=1)
        try:
            client = Producer({"bootstrap.servers": east.bootstrap, "transactional.id": "t", **QUIET})
            client.init_transactions(30)
        except Exception as error:
            raise RuntimeError(f"the broker has no transactions: {error}") from None
        for n in range(60):
            client.begin_transaction()
            for m in range(10):
                client.produce("payments", key=b"%d" % n, value=b"%d" % m, partition=0)
            if n % 3 == 0:
                client.flush(30)
                client.abort_transaction(30)
            else:
                client.commit_transaction(30)
        with replicator(east.bootstrap, west.bootstrap, flow(topics=["payments"])) as running:
            running.copies(east.bootstrap, ["payments"])
        report, status = verify(east.bootstrap, west.bootstrap, topics=["payments"])
        equal("committed records are the same, aborted ones do not count",
              (status, report["partitions"][0]["equal"]), (0, 400))


main(finds_nothing_where_nothing_is, finds_each_planted_difference, compares_compacted_topics_by_key,
     says_what_cannot_be_compared, a_target_that_lacks_the_end_is_waited_for_once, transactional_topics_are_compared_as_committed)
