"""`replicator adopt` takes over what a foreign copier has made: confluent-kafka, from consumer to producer, killed and run
again. Behind it each record comes once more, and none is left out."""

import collections
import concurrent.futures
import json
import os
import random
import resource
import subprocess

import pytest
from confluent_kafka import Producer

from support.checks import PATIENCE, check, equal, eventually, measured
from support.clients import QUIET, commit, committed
from support.copier import Copier
from support.program import command, program
from support.records import batches_of, produce_numbers
from support.replicators import configured, flow
from support.topics import create_topic, watermarks

SEED = int(os.environ.get("ADOPT_SEED", random.randrange(1 << 30)))
PREFIX = {"naming": {"mode": "prefix", "alias": "east", "separator": "."}}
IDENTICAL = {"naming": {"mode": "identical"}}
# What replicators add to the records that they copy; nil for one that leaves all headers out.
HEADERS = {"headers": [("copied-by", b"copier")], "mskmr": [("__mskmr", b"\x01of its own")], "no-headers": None}


@pytest.fixture(autouse=True)
def told_seed():
    """pytest shows it with a test that fails."""
    print(f"ADOPT_SEED={SEED}")


def records(bootstrap, topic):
    """Partition → offset and (key, value, headers, timestamp) in order, without headers that replicators add."""
    found = collections.defaultdict(list)
    for messages in batches_of(bootstrap, topic):
        for m in messages:
            headers = tuple(h for h in m.headers() or [] if h[0] not in ("__replicator", "copied-by", "__mskmr"))
            found[m.partition()].append((m.offset(), (m.key(), m.value(), headers, m.timestamp()[1])))
    return found


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


def adopt(path, *arguments, timeout=300, name="flow"):
    done = command("adopt", "--config", str(path), "--flow", name, "--json", *arguments, timeout=timeout)
    try:
        return json.loads(done.stdout), done
    except ValueError:
        return None, done


@pytest.mark.parametrize("headers", HEADERS.values(), ids=HEADERS.keys())
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


@pytest.mark.parametrize("naming", [PREFIX, IDENTICAL], ids=["prefix", "identical"])
def test_missing_records_are_appended(east, west, naming):
    copy = "orders" if naming is IDENTICAL else "east.orders"
    create_topic(east.bootstrap, "orders", 3)
    create_topic(west.bootstrap, copy, 3)
    fill(east.bootstrap, "orders", 3, SEED)
    produce_numbers(east.bootstrap, "orders", range(100_000, 100_030))
    # Records that have no equals: of others it cannot be told which of them are missing. Nor the first ones: a copy may
    # begin later than its source.
    copier = Copier(east.bootstrap, west.bootstrap, "orders", copy, [], SEED,
                    lambda m: m.offset() > 9 and m.value() not in (None, b"alive") and int(m.value()) % 13 == 5)
    copier.run(0.7)
    copier.leaves_out = lambda m: False
    copier.run(1)
    before = records(west.bootstrap, copy)
    originals = records(east.bootstrap, "orders")
    # The second run has copied some of them, before what came behind them had been.
    there = {p: [what for _, what in before[p]] for p in range(3)}
    missing = {p: [what for offset, what in originals[p] if offset in copier.missing[p] and what not in there[p]]
               for p in range(3)}
    count = sum(map(len, missing.values()))
    produce_numbers(east.bootstrap, "orders", range(200_000, 200_060))
    with configured(east.bootstrap, west.bootstrap, flow(**naming)) as running:
        report, done = adopt(running.path, "--fill", "--dry-run")
        equal("rehearsed: exit status", done.returncode, 0)
        equal("rehearsed: what would be appended", sum(p.get("toFill") or 0 for p in report["partitions"]), count)
        equal("rehearsed: nothing is appended", records(west.bootstrap, copy), before)
        report, done = adopt(running.path, "--fill")
        equal("exit status", done.returncode, 0)
        equal("what was appended", sum(p["filled"] for p in report["partitions"]), count)
        equal("nothing is missing any more", sum(p["missing"] for p in report["partitions"]), 0)
        running.start()
        running.copies(east.bootstrap, ["orders"])
        theirs = records(west.bootstrap, copy)
        for partition in range(3):
            rest = [what for offset, what in records(east.bootstrap, "orders")[partition]
                    if offset >= copier.ends[partition]]
            equal(f"{partition}: copies, then what was missing, then the rest",
                  [what for _, what in theirs[partition]], there[partition] + missing[partition] + rest)
        equal("the accounts say so", {p["partition"]: p["adopted"]["filled"] for p in running.partitions()},
              {p: len(missing[p]) for p in range(3)})
        equal("the replicator stops with status 0", running.stop(), 0)
    measured(f"adopt --fill: {count} records appended")


# The request at which the process dies: API, topic (`{}` for the flow's own of progress), how many of them pass before.
STEPS = {
    "reading": ("Fetch", "east.{0}", 0), "claiming": ("Produce", "__replicator.{0}.progress", 0),
    "registering": ("Produce", "__replicator_origins", 0), "remembering": ("Produce", "__replicator.{0}.progress", 1),
    "preparing": ("Produce", "__replicator.{0}.progress", 2), "filling": ("Produce", "east.{0}", 0),
    "preparing-again": ("Produce", "__replicator.{0}.progress", 3),
    "completing": ("Produce", "__replicator.{0}.progress", 4)}


def is_claimed(done):
    return "is being migrated by" in done.stderr


def taken_over(path, topic):
    """The report and the process of an adoption that no dead one is in the way of any more."""
    tries = []

    def again():
        tries.append(adopt(path, "--fill", name=topic))
        return not is_claimed(tries[-1][1])

    eventually(again, PATIENCE, 1)
    return tries[-1]


@pytest.mark.west(control=True)
@pytest.mark.timeout(900)
def test_killed_at_each_step_it_is_done_again(east, west):
    """Each step is that of a flow of its own: its claim of the first run lasts for some seconds, of all at once."""
    steps = [(f"{step}-{how}", *where, how) for step, where in STEPS.items() for how in ("before", "behind")]
    copiers = {}
    for topic, *_ in steps:
        create_topic(east.bootstrap, topic, 2)
        create_topic(west.bootstrap, f"east.{topic}", 2)
        produce_numbers(east.bootstrap, topic, range(300), partitions=2)
        copier = Copier(east.bootstrap, west.bootstrap, topic, f"east.{topic}", [], SEED,
                        lambda m: int(m.value()) % 29 == 3)
        copier.run(0.5)
        copier.leaves_out = lambda m: False
        copier.run(0.7)
        copiers[topic] = copier
    before = {topic: records(west.bootstrap, f"east.{topic}") for topic in copiers}
    flows = [flow(name=topic, topics=[topic], **PREFIX) for topic in copiers]
    with configured(east.bootstrap, west.bootstrap, *flows) as running:
        for topic, api, name, passing, how in steps:
            place = name.format(topic)
            if passing:
                west.control.intercept(api, "delay", delayMs=0, times=passing, topic=place)
            if how == "before":
                west.control.intercept(api, "delay", delayMs=600_000, topic=place)
            else:
                west.control.intercept(api, "drop", topic=place)
            process = subprocess.Popen(
                [program(), "adopt", "--config", str(running.path), "--flow", topic, "--fill", "--json"],
                stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
            check(f"{topic}: it comes to the step",
                  eventually(lambda: not west.control.interceptions() or process.poll() is not None, PATIENCE)
                  and process.poll() is None, "" if process.poll() is None else process.stdout.read()[-2000:])
            process.kill()
            process.communicate()
            west.control.clear()
        # The dead processes keep their flows for some seconds, all at the same time.
        with concurrent.futures.ThreadPoolExecutor(6) as pool:
            ends = dict(zip(copiers, pool.map(lambda topic: taken_over(running.path, topic), copiers)))
        for topic, (report, done) in ends.items():
            check(f"{topic}: the dead process keeps it for a while only", not is_claimed(done), done.stderr)
            if topic == "completing-behind":
                equal("what was completed is not done again", done.returncode, 1)
                check("and is told", "has run, or has adopted" in done.stderr, done.stderr)
                continue
            equal(f"{topic}: exit status", done.returncode, 0)
            said = [line for line in done.stderr.splitlines() if not line.startswith(f"{topic}: ")]
            equal(f"{topic}: nothing is wrong", said, [])
            if report:
                equal(f"{topic}: where it continues", {p["partition"]: p["position"] for p in report["partitions"]},
                      copiers[topic].ends)
        running.start()
        for topic, copier in copiers.items():
            running.copies(east.bootstrap, [topic], flows=[topic])
            theirs = records(west.bootstrap, f"east.{topic}")
            for partition, originals in records(east.bootstrap, topic).items():
                there = [what for _, what in before[topic][partition]]
                missing = [what for offset, what in originals
                           if offset in copier.missing[partition] and what not in there]
                rest = [what for offset, what in originals if offset >= copier.ends[partition]]
                equal(f"{topic}-{partition}: nothing twice, nothing left out",
                      [what for _, what in theirs[partition]], there + missing + rest)
        equal("the replicator stops with status 0", running.stop(), 0)


@pytest.mark.west(control=True)
def test_run_after_a_killed_adoption_begins_as_without_it(east, west):
    create_topic(east.bootstrap, "orders", 1)
    create_topic(west.bootstrap, "east.orders", 1)
    produce_numbers(east.bootstrap, "orders", range(100), partitions=1)
    copier = Copier(east.bootstrap, west.bootstrap, "orders", "east.orders", [], SEED,
                    lambda m: int(m.value()) in (10, 20))
    copier.run(0.6)
    with configured(east.bootstrap, west.bootstrap, flow(**PREFIX)) as running:
        west.control.intercept("Produce", "delay", delayMs=0, times=3, topic="__replicator.flow.progress")
        west.control.intercept("Produce", "delay", delayMs=600_000, topic="__replicator.flow.progress")
        process = subprocess.Popen([program(), "adopt", "--config", str(running.path), "--flow", "flow", "--fill"],
                                   stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
        eventually(lambda: not west.control.interceptions() or process.poll() is not None, PATIENCE)
        process.kill()
        process.communicate()
        west.control.clear()
        # What was appended is the flow's own, and shows.
        refused = running.start().process.wait(timeout=PATIENCE)
        equal("a flow that was never started finds copies of its own", refused, 1)
        check("and is pointed to adopt", "adopt" in running.log(), running.log())
        equal("nothing was copied", len(records(west.bootstrap, "east.orders")[0]), 60)


@pytest.mark.east(control=True)
@pytest.mark.west(control=True)
@pytest.mark.parametrize("sides", [("east",), ("west",), ("east", "west")], ids="-".join)
def test_compacted_topics_are_continued(east, west, sides):
    create_topic(east.bootstrap, "state", 2, cleanup_policy="compact")
    create_topic(west.bootstrap, "east.state", 2, cleanup_policy="compact")
    client = Producer({"bootstrap.servers": east.bootstrap, "enable.idempotence": True, **QUIET})

    def produce(numbers):
        for n in numbers:
            client.produce("state", key=b"k%d" % (n * 7 % 50), value=b"%d" % n, partition=n % 2)
        equal("everything is produced", client.flush(PATIENCE), 0)

    produce(range(2_000))
    copier = Copier(east.bootstrap, west.bootstrap, "state", "east.state", [], SEED)
    for share in (0.4, 0.7):
        copier.run(share)
    if "west" in sides:
        for partition in range(2):
            west.control.partition("east.state", partition, "compact")
    if "east" in sides:
        for partition in range(2):
            east.control.partition("state", partition, "compact")
    # Some of what the source still has is copied: of others nothing tells how far the copies came.
    copier.run(0.95)
    before = records(west.bootstrap, "east.state")
    with configured(east.bootstrap, west.bootstrap, flow(**PREFIX)) as running:
        report, done = adopt(running.path, "--fill")
        equal("exit status", (done.returncode, done.stderr), (0, ""))
        equal("no record of a compacted topic is appended", sum(p["filled"] for p in report["partitions"]), 0)
        produce(range(2_000, 2_100))
        running.start()
        running.copies(east.bootstrap, ["state"])
        theirs = records(west.bootstrap, "east.state")
        for partition, originals in records(east.bootstrap, "state").items():
            rest = [what for offset, what in originals if offset >= copier.ends[partition]]
            there = [what for _, what in before[partition]]
            equal(f"{partition}: behind the copies comes the rest, once",
                  [what for _, what in theirs[partition]], there + rest)

            def newest(found):
                return {key: value for _, (key, value, _, _) in found}

            equal(f"{partition}: each key has its newest value", newest(theirs[partition]), newest(originals))
        equal("the replicator stops with status 0", running.stop(), 0)


def test_ten_thousand_nulls_in_a_row(east, west):
    create_topic(east.bootstrap, "orders", 1)
    create_topic(west.bootstrap, "east.orders", 1)
    produce_numbers(east.bootstrap, "orders", range(20), partitions=1)
    client = Producer({"bootstrap.servers": east.bootstrap, "enable.idempotence": True, **QUIET})
    for _ in range(10_000):
        client.produce("orders", value=None, key=None, partition=0, timestamp=1_700_000_000_000)
        client.poll(0)
    client.flush(PATIENCE)
    produce_numbers(east.bootstrap, "orders", range(20, 60), partitions=1)
    copier = Copier(east.bootstrap, west.bootstrap, "orders", "east.orders", HEADERS["headers"], SEED)
    copier.run(0.6)
    with configured(east.bootstrap, west.bootstrap, flow(**PREFIX)) as running:
        report, done = adopt(running.path)
        equal("exit status", (done.returncode, done.stderr), (0, ""))
        equal("inside of them", report["partitions"][0]["position"], copier.ends[0])
        running.start()
        running.copies(east.bootstrap, ["orders"])
        equal("each comes once", [what for _, what in records(west.bootstrap, "east.orders")[0]],
              [what for _, what in records(east.bootstrap, "orders")[0]])
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
