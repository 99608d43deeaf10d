"""`replicator adopt` takes over what a foreign copier has made: confluent-kafka, from consumer to producer, killed and run
again. Behind it each record comes once more, and none is left out."""

import collections
import json
import os
import random
import resource

import pytest
from confluent_kafka import Consumer, Producer, TopicPartition

from support.checks import PATIENCE, check, equal, eventually, measured
from support.clients import QUIET, commit, committed
from support.program import command
from support.records import batches_of, produce_numbers
from support.replicators import configured, flow
from support.topics import create_topic, watermarks

SEED = int(os.environ.get("ADOPT_SEED", random.randrange(1 << 30)))
PREFIX = {"naming": {"mode": "prefix", "alias": "east", "separator": "."}}
IDENTICAL = {"naming": {"mode": "identical"}}


@pytest.fixture(autouse=True)
def told_seed():
    """pytest shows it with a test that fails."""
    print(f"ADOPT_SEED={SEED}")


def records(bootstrap, topic):
    """Partition → offset and (key, value, headers, timestamp) in order, without headers that replicators add."""
    found = collections.defaultdict(list)
    for messages in batches_of(bootstrap, topic):
        for m in messages:
            headers = tuple(h for h in m.headers() or [] if h[0] not in ("__replicator", "copied-by"))
            found[m.partition()].append((m.offset(), (m.key(), m.value(), headers, m.timestamp()[1])))
    return found


class Copier:
    """Reads one topic and writes the other, at least once: what it has read since it recorded its position last comes
    again when it is run again."""

    def __init__(self, source, target, topic, copy, headers, seed):
        self.source, self.target, self.topic, self.copy, self.headers = source, target, topic, copy, headers
        self.random = random.Random(seed)
        self.positions = {p: low for p, (low, _) in watermarks(source, topic).items()}
        # Behind the last record that was ever copied.
        self.ends = dict(self.positions)

    def run(self, share):
        """Copies this share of what is left of each partition, and dies."""
        consumer = Consumer({
            "bootstrap.servers": self.source, "group.id": "copier", "enable.auto.commit": False,
            "isolation.level": "read_committed", "enable.partition.eof": True, **QUIET})
        producer = Producer({"bootstrap.servers": self.target, "linger.ms": 3, "batch.num.messages": 17,
                             "enable.idempotence": True, "compression.type": "gzip", **QUIET})
        ends = {p: end for p, (_, end) in watermarks(self.source, self.topic).items()}
        for partition, start in list(self.positions.items()):
            consumer.assign([TopicPartition(self.topic, partition, start)])
            stop = start + int((ends[partition] - start) * share)
            reached = start
            while reached < stop:
                m = consumer.poll(PATIENCE)
                if m is None or m.error():
                    break
                if m.offset() >= stop:
                    break
                headers = list(m.headers() or []) + [("copied-by", b"copier")] if self.headers else None
                producer.produce(self.copy, key=m.key(), value=m.value(), headers=headers,
                                 partition=partition, timestamp=m.timestamp()[1])
                reached = m.offset() + 1
            producer.flush(PATIENCE)
            self.ends[partition] = max(self.ends[partition], reached)
            # It records its position now and then only.
            self.positions[partition] = max(start, reached - self.random.randrange(60))
        consumer.close()


def fill(bootstrap, topic, partitions, seed):
    """Numbered records, some with headers, among nulls and heartbeats; in transactions, some of them aborted."""
    chance = random.Random(seed)
    client = Producer({"bootstrap.servers": bootstrap, "transactional.id": "filler", **QUIET})
    client.init_transactions(PATIENCE)
    number = 0
    for _ in range(30):
        client.begin_transaction()
        for _ in range(chance.randrange(1, 60)):
            partition = chance.randrange(partitions)
            kind = chance.random()
            if kind < 0.15:
                client.produce(topic, key=b"beat", value=b"alive", partition=partition, timestamp=1_700_000_000_000)
            elif kind < 0.25:
                client.produce(topic, key=None, value=None, partition=partition, timestamp=1_700_000_000_000)
            else:
                headers = [("trace", b"%d" % number)] if kind < 0.5 else None
                client.produce(topic, key=b"k%d" % (number % 50), value=b"%d" % number, headers=headers,
                               partition=partition)
            number += 1
        if chance.random() < 0.2:
            client.abort_transaction(PATIENCE)
        else:
            client.commit_transaction(PATIENCE)


def adopt(path, *arguments, timeout=300):
    done = command("adopt", "--config", str(path), "--flow", "flow", "--json", *arguments, timeout=timeout)
    try:
        return json.loads(done.stdout), done
    except ValueError:
        return None, done


@pytest.mark.parametrize("headers", [True, False], ids=["headers", "no-headers"])
@pytest.mark.parametrize("naming", [PREFIX, IDENTICAL], ids=["prefix", "identical"])
def test_a_foreign_copy_is_continued(east, west, naming, headers):
    copy = "orders" if naming is IDENTICAL else "east.orders"
    create_topic(east.bootstrap, "orders", 3)
    create_topic(west.bootstrap, copy, 3)
    fill(east.bootstrap, "orders", 3, SEED)
    # Records that are like no other, at the end of what is copied.
    produce_numbers(east.bootstrap, "orders", range(100_000, 100_030))
    copier = Copier(east.bootstrap, west.bootstrap, "orders", copy, headers, SEED)
    for share in (0.3, 0.4, 0.6, 1):
        copier.run(share)
    before = records(west.bootstrap, copy)
    fill(east.bootstrap, "orders", 3, SEED + 1)
    # The first copies may not be known: they may be of records that have come twice.
    commit(east.bootstrap, "readers", "orders", copier.ends)
    commit(west.bootstrap, "readers", copy, {p: 1 for p in range(3)})
    with configured(east.bootstrap, west.bootstrap, flow(**naming)) as running:
        report, done = adopt(running.path)
        equal("adopt's exit status", done.returncode, 0)
        if done.returncode:
            raise RuntimeError(f"{done.stdout[-3000:]} {done.stderr[-2000:]}")
        equal("it goes on behind the last record that was copied",
              {p["partition"]: p["position"] for p in report["partitions"]}, copier.ends)
        measured(f"adopt: {report['recordsRead']} records read, "
                 f"{sum(p['doubled'] for p in report['partitions'])} of the copier's doubled")
        _, refused = adopt(running.path)
        equal("a second time it is refused", refused.returncode, 1)
        check("with the reason", "has run, or has adopted" in refused.stderr, refused.stderr)
        running.start()
        running.copies(east.bootstrap, ["orders"])
        theirs = records(west.bootstrap, copy)
        for partition, originals in records(east.bootstrap, "orders").items():
            rest = [what for offset, what in originals if offset >= copier.ends[partition]]
            equal(f"{partition}: behind the copies comes the rest, once",
                  [what for _, what in theirs[partition]], [what for _, what in before[partition]] + rest)
        # Behind the copies lies a marker, by which the flow keeps others from writing in its name.
        exact = {p: theirs[p][len(before[p])][0] for p in range(3)}
        check("groups move forward to their exact places",
              eventually(lambda: committed(west.bootstrap, "readers", copy, 3) == exact, PATIENCE),
              f"{committed(west.bootstrap, 'readers', copy, 3)} {exact}")
        equal("the replicator stops with status 0", running.stop(), 0)


def test_what_is_not_certain_is_refused_and_what_helps_is_said(east, west):
    create_topic(east.bootstrap, "beats", 1)
    create_topic(west.bootstrap, "east.beats", 1)
    for bootstrap, topic, count in ((east.bootstrap, "beats", 300), (west.bootstrap, "east.beats", 100)):
        client = Producer({"bootstrap.servers": bootstrap, **QUIET})
        for _ in range(count):
            client.produce(topic, value=b"alive", partition=0, timestamp=1_700_000_000_000)
        client.flush(PATIENCE)
    with configured(east.bootstrap, west.bootstrap, flow(**PREFIX)) as running:
        report, done = adopt(running.path)
        equal("exit status", done.returncode, 1)
        equal("nothing is recorded", report["isRecorded"], False)
        check("why", "are all like others" in report["partitions"][0]["reason"], str(report))
        check("what helps", "write a record that is like no other" in report["partitions"][0]["advice"], str(report))
        _, named = adopt(running.path, "--target-topic", "other.beats")
        equal("a topic of another naming is wrong usage", named.returncode, 2)
        check("and the naming is told", "which is prefix east." in named.stderr, named.stderr)
        # What was said is done.
        for bootstrap, topic in ((east.bootstrap, "beats"), (west.bootstrap, "east.beats")):
            client = Producer({"bootstrap.servers": bootstrap, **QUIET})
            client.produce(topic, value=b"unlike", partition=0, timestamp=1_700_000_000_001)
            client.flush(PATIENCE)
        report, done = adopt(running.path)
        equal("then it is certain", done.returncode, 0)
        equal("where", report["partitions"][0]["position"], 301)


@pytest.mark.long
def test_a_million_records_are_adopted(east, west):
    total = 1_000_000
    create_topic(east.bootstrap, "orders", 1)
    create_topic(west.bootstrap, "east.orders", 1)
    produce_numbers(east.bootstrap, "orders", range(total), partitions=1)
    with configured(east.bootstrap, west.bootstrap, flow(**PREFIX)) as running:
        # A copy with timestamps of its own.
        produce_numbers(west.bootstrap, "east.orders", range(total - 1_000), partitions=1)
        report, done = adopt(running.path, "--all", timeout=900)
        equal("exit status", done.returncode, 0)
        equal("position", report["partitions"][0]["position"], total - 1_000)
        used = resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss / 1024
        measured(f"adopt --all: {report['recordsRead']} records of both sides in {report['seconds']:.1f} s, "
                 f"{report['recordsRead'] / report['seconds']:,.0f}/s, at most {used:,.0f} MiB")
