"""`replicator verify` against what foreign clients wrote: it finds each planted difference, and none where there is
none."""

import contextlib
import json
import pathlib
import queue
import signal
import subprocess
import tempfile
import threading
import time

import pytest
from confluent_kafka import Producer

from support.brokers import broker
from support.checks import check, equal, eventually, measured
from support.clients import QUIET, admin, say
from support.program import command, program
from support.records import numbers, produce_numbers
from support.replicators import configured, flow, replicator
from support.topics import create_topic, delete_records

TOTAL = 1_000_000
PARTS = ("missing", "extra", "doubled", "altered", "reordered")
NOTHING = dict.fromkeys(PARTS, 0)


@pytest.fixture
def forged():
    """A source whose records are those of another one but for what was planted."""
    with broker() as running:
        yield running


@contextlib.contextmanager
def configuration(source, target, **settings):
    with tempfile.TemporaryDirectory() as folder:
        path = pathlib.Path(folder) / "replicator.yaml"
        path.write_text(json.dumps({
            "clusters": {"east": {"bootstrapServers": source}, "west": {"bootstrapServers": target}},
            "flows": [flow(**settings)]}))
        yield str(path)


def verify(source, target, *arguments, **settings):
    """What it reports, and its exit status."""
    with configuration(source, target, **settings) as path:
        done = command("verify", "--config", path, "--json", "--patience", "1", *arguments, timeout=300)
    try:
        return json.loads(done.stdout)["flows"][0], done.returncode
    except (ValueError, KeyError, IndexError):
        raise RuntimeError(f"verify: status {done.returncode}, {done.stdout[-500:]} {done.stderr[-2000:]}") from None


def counts(report):
    return {kind: sum(p["differences"]["counts"][kind] for p in report["partitions"]) for kind in PARTS}


def copied(source, target, topic, records, config=(), **settings):
    """A replicated topic."""
    create_topic(source, topic, partitions=1, **dict(config))
    # Full batches however slow the machine is: small ones are merged on their way.
    client = Producer({"bootstrap.servers": source, "linger.ms": 60_000, **QUIET})
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


@pytest.mark.parametrize(("name", "config", "settings"), [
    ("plain", {}, {}), ("rewritten", {}, {"compression": "zstd"}),
    ("stamped", {"message_timestamp_type": "LogAppendTime"}, {}),
    ("identical", {}, {"naming": {"mode": "identical"}})], ids=["plain", "rewritten", "stamped", "identical"])
def test_finds_nothing_where_nothing_is(east, west, name, config, settings):
    copied(east.bootstrap, west.bootstrap, name, map(record, range(20_000)), config, **settings)
    report, status = verify(east.bootstrap, west.bootstrap, topics=[name], **settings)
    equal(f"{name}: no difference", counts(report), dict.fromkeys(PARTS, 0))
    check(f"{name}: which clusters were compared", {report["sourceClusterID"], report["targetClusterID"]}
          == {c.list_topics(timeout=30).cluster_id for c in (admin(east.bootstrap), admin(west.bootstrap))}, str(report)[:300])
    equal(f"{name}: status 0", status, 0)
    equal(f"{name}: every record was compared", sum(p["equal"] for p in report["partitions"]), 20_000)
    if name == "plain":
        check("whole batches are compared without being taken apart",
              sum(p["equalInWholeBatches"] for p in report["partitions"]) == 20_000)


# One partition for each.
PLANTS = ("altered key", "altered value", "altered header", "altered timestamp", "missing", "doubled", "extra",
          "swapped")
KINDS = {"missing": "missing", "doubled": "doubled", "extra": "extra", "swapped": "reordered"}
# By key: another key is one missing and one extra; what has the same key and comes again or in another order is the
# same.
KINDS_BY_KEY = {
    "altered key": {"missing": 1, "extra": 1}, "missing": {"missing": 1}, "doubled": {}, "extra": {"extra": 1},
    "swapped": {}}


def planted(plant, place, record):
    """What the copy has in place of the record at `place`, and of the next one for the last kind."""
    key, value, headers, timestamp = record(place)
    return {
        "altered key": [(b"other", value, headers, timestamp)],
        "altered value": [(key, value + b".", headers, timestamp)],
        "altered header": [(key, value, [("header", b"x")], timestamp)],
        "altered timestamp": [(key, value, headers, timestamp + 1)],
        "missing": [],
        "doubled": [record(place)] * 2,
        "extra": [record(place), (b"extra", b"extra", [], timestamp)],
        "swapped": [record(place + 1), record(place)]}[plant]


def sequences(count, is_copy):
    """For each partition its records, with a difference in the middle of the copy's."""
    place = count // 2
    for partition, plant in enumerate(PLANTS):
        first = partition * count
        for n in range(count):
            if is_copy and n == place:
                for changed in planted(plant, first + place, record):
                    yield partition, changed
            elif not (is_copy and plant == "swapped" and n == place + 1):
                yield partition, record(first + n)


def fill(bootstrap, topic, count, is_copy, transactional=False):
    """`count` records in each partition. Full batches, so that both sides hold the same ones where they are the same.
    """
    client = Producer({
        "bootstrap.servers": bootstrap, "linger.ms": 200, "batch.num.messages": 1000, "enable.idempotence": True,
        "queue.buffering.max.messages": 200_000, **({"transactional.id": topic} if transactional else {}), **QUIET})
    if transactional:
        client.init_transactions(60)
        client.begin_transaction()
    for index, (partition, (key, value, headers, timestamp)) in enumerate(sequences(count, is_copy)):
        while True:
            try:
                client.produce(
                    topic, key=key, value=value, headers=headers, timestamp=timestamp, partition=partition)
                break
            except BufferError:
                client.poll(0.05)
        if transactional and index % 20_000 == 19_999:
            client.commit_transaction(60)
            client.begin_transaction()
            # Never there for anybody.
            client.produce(topic, key=b"aborted", value=b"%d" % index, partition=partition)
            client.flush(60)
            client.abort_transaction(60)
            client.begin_transaction()
    if transactional:
        client.commit_transaction(60)
    equal(f"{topic}: everything is produced", client.flush(120), 0)


# Topic -> its settings, what its flow does to it.
TOPICS = {"passed": ({}, {}), "rewritten": ({}, {"compression": "zstd"}), "table": ({"cleanup_policy": "compact"}, {}),
          "payments": ({}, {})}


@pytest.mark.long
@pytest.mark.parametrize("topic", TOPICS)
def test_finds_each_planted_difference(east, forged, west, topic):
    """A million records on each side, over all topics: what was copied is the same as its source; against the truth
    each difference is found."""
    count = TOTAL // len(TOPICS) // len(PLANTS)
    config, settings = TOPICS[topic]
    started = time.monotonic()
    for cluster in (east, forged):
        create_topic(cluster.bootstrap, topic, partitions=len(PLANTS), **config)
        fill(cluster.bootstrap, topic, count, is_copy=cluster is forged, transactional=topic == "payments")
    measured(f"{topic}: {2 * TOTAL // len(TOPICS)} records produced in {time.monotonic() - started:.0f} s")
    forger = flow(name=f"forger-{topic}", topics=[topic], **settings)
    with replicator(forged.bootstrap, west.bootstrap, forger) as running:
        running.copies(forged.bootstrap, [topic], flows=[forger["name"]], seconds=300)
    copied_is_equal(forged.bootstrap, west.bootstrap, topic, count)
    truth_differs(east.bootstrap, west.bootstrap, topic, count)


def copied_is_equal(forged, west, topic, count):
    started = time.monotonic()
    report, status = verify(forged, west, name=f"forger-{topic}", topics=[topic])
    equal(f"{topic}: what was copied is the same", (status, counts(report)), (0, NOTHING))
    found = sum(p["equal"] for p in report["partitions"])
    # One partition has lost one, one has one twice, one has one more; by key only the one more counts.
    wanted = len(PLANTS) * count + (0 if topic == "table" else 1)
    equal(f"{topic}: all of it", found, wanted)
    measured(f"{topic}: {found / (time.monotonic() - started):.0f} records/s compared")
    whole = sum(p["equalInWholeBatches"] for p in report["partitions"])
    check(f"{topic}: whole batches where they passed through", (whole > 0) == (topic in ("passed", "payments")), whole)
    report, status = verify(
        forged, west, "--mode", "sampled", "--sample", "10", "--seed", "7", name=f"forger-{topic}", topics=[topic])
    equal(f"{topic}: a sample is the same", (status, counts(report)), (0, NOTHING))
    again, _ = verify(
        forged, west, "--mode", "sampled", "--sample", "10", "--seed", "7", name=f"forger-{topic}", topics=[topic])
    equal(f"{topic}: a seed chooses the same again", again, report)
    share = sum(p["sample"]["offsets"] for p in report["partitions"]) / (len(PLANTS) * count)
    check(f"{topic}: about a tenth was looked at", 0.05 < share < 0.2, share)


def truth_differs(east, west, topic, count):
    report, status = verify(east, west, topics=[topic])
    equal(f"{topic}: status 1", status, 1)
    names_each_plant(topic, "full", report, count)
    # No flow of this name has copied anything: stretches are found by their content.
    report, status = verify(east, west, "--mode", "sampled", "--sample", "100", "--seed", "1", topics=[topic])
    equal(f"{topic}: sampled: status 1", status, 1)
    names_each_plant(topic, "sampled", report, count)


def names_each_plant(topic, mode, report, count):
    for partition, plant in enumerate(PLANTS):
        found = report["partitions"][partition]
        if topic == "table":
            wanted = KINDS_BY_KEY.get(plant, {"altered": 1})
        else:
            wanted = {KINDS.get(plant, "altered"): 1}
        equal(f"{topic}, {mode}: {plant} is found, and nothing else", found["differences"]["counts"],
              dict(NOTHING, **wanted))
        check(f"{topic}, {mode}: {plant} could be compared", "failure" not in found, found.get("failure"))
        examples = found["differences"]["examples"]
        if wanted == {"altered": 1} and examples:
            equal(f"{topic}, {mode}: {plant}: the part is named", examples[0]["parts"],
                  [{"header": "headers"}.get(plant.split()[1], plant.split()[1])])
        if topic != "payments" and examples and "sourceOffset" in examples[0] and plant != "swapped":
            equal(f"{topic}, {mode}: {plant}: at its offset", examples[0]["sourceOffset"], count // 2)


def test_compares_compacted_topics_by_key(east, west):
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


def test_says_what_cannot_be_compared(east, west):
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


def test_records_that_came_round_a_ring_are_no_difference_and_counted_once(east, forged, west):
    names = {"east": east, "west": west, "north": forged}
    identical = {"naming": {"mode": "identical"}}
    flows = [{**flow(f"{a}-{b}", ["orders"], **identical), "source": a, "target": b}
             for a, b in [("east", "west"), ("west", "north"), ("north", "east")]]
    for number, running in enumerate(names.values()):
        create_topic(running.bootstrap, "orders", partitions=1)
        produce_numbers(running.bootstrap, "orders", range(number * 100, number * 100 + 40), partitions=1)
    with configured(east.bootstrap, west.bootstrap) as running:
        document = running.document()
        document["clusters"] = {name: {"bootstrapServers": b.bootstrap} for name, b in names.items()}
        document["flows"] = flows
        running.write(document)
        running.start()
        check("everything is everywhere", eventually(
            lambda: all(sum(map(len, numbers(b.bootstrap, "orders").values())) >= 120 for b in names.values()),
            seconds=120), running.log())
        equal("the daemon stops", running.stop(), 0)
        done = command("verify", "--config", str(running.path), "--flow", "east-west", "--json", "--patience", "1")
        report = json.loads(done.stdout)["flows"][0]
        partition = report["partitions"][0]
        equal("no difference", (done.returncode, counts(report)), (0, NOTHING))
        equal("what was born on the target is counted where it came round, and there alone",
              (partition["equal"], partition["loops"], partition["foreign"]), (80, 40, 0))
        done = command("verify", "--config", str(running.path), "--flow", "east-west", "--patience", "1")
        check("how much was compared is said", "compared: " in done.stdout and "1 of 1 partitions" in done.stdout,
              done.stdout)


def test_a_target_that_lacks_the_end_is_waited_for_once(east, west):
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


def test_transactional_topics_are_compared_as_committed(east, west):
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


class Rolling:
    """A running `verify --mode rolling --json`."""

    def __init__(self, path, *arguments):
        self.process = subprocess.Popen(
            [program(), "verify", "--config", path, "--mode", "rolling", "--json", "--patience", "2", *arguments],
            stdout=subprocess.PIPE, text=True)
        self.lines = queue.Queue()
        self.reader = threading.Thread(target=self.read, daemon=True)
        self.reader.start()

    def read(self):
        for line in self.process.stdout:
            self.lines.put(json.loads(line))

    def says(self, what, seconds=60):
        """That part of the next line that has it; None if none comes."""
        end = time.monotonic() + seconds
        while time.monotonic() < end:
            with contextlib.suppress(queue.Empty):
                line = self.lines.get(timeout=1)
                if what in line:
                    return line[what]
        return None

    def end(self, number=None):
        """Its summary, and its exit status."""
        if number:
            self.process.send_signal(number)
        status = self.process.wait(timeout=120)
        self.reader.join(60)
        said = []
        while not self.lines.empty():
            said.append(self.lines.get())
        return (said[-1].get("summary") if said else None), status


@pytest.mark.parametrize(("name", "config"), [("orders", {}), ("table", {"cleanup_policy": "compact"})],
                         ids=["orders", "table"])
def test_rolling_tells_of_differences_when_they_appear(east, west, name, config):
    create_topic(east.bootstrap, name, partitions=2, **config)
    produce_keyed(east.bootstrap, name, range(1000))
    running = flow(topics=[f"{name}|later"])
    with replicator(east.bootstrap, west.bootstrap, running) as copying, \
            configuration(east.bootstrap, west.bootstrap, topics=[f"{name}|later"]) as path:
        copying.copies(east.bootstrap, [name])
        rolling = Rolling(path)
        equal(f"{name}: it says what it follows", rolling.says("following"), 2)
        produce_keyed(east.bootstrap, name, range(1000, 3000))
        copying.copies(east.bootstrap, [name])
        say(west.bootstrap, f"east.{name}", key=b"stranger", value=b"stranger")
        found = rolling.says("difference")
        equal(f"{name}: a foreign record is told while it goes on",
              (found and found["kind"], found and found.get("key"), rolling.process.poll()),
              ("extra", "stranger", None))
        produce_keyed(east.bootstrap, name, range(3000, 4000))
        create_topic(east.bootstrap, "later", partitions=1)
        produce_numbers(east.bootstrap, "later", range(500), partitions=1)
        copying.copies(east.bootstrap, [name, "later"])
        summary, status = rolling.end(signal.SIGINT)
        equal(f"{name}: Ctrl-C ends it with status 1, for what it has found", status, 1)
        report = summary["flows"][0]
        equal(f"{name}: the summary counts the same", counts(report), dict(NOTHING, extra=1))
        compared = {t: sum(p["equal"] for p in report["partitions"] if p["topic"] == t) for t in (name, "later")}
        check(f"{name}: what was appended was compared", 3000 <= compared[name] <= 4000, compared)
        check(f"{name}: no partition was given up", not any("failure" in p for p in report["partitions"]), report)


def produce_keyed(bootstrap, topic, numbers):
    client = Producer({"bootstrap.servers": bootstrap, "linger.ms": 5, **QUIET})
    for n in numbers:
        client.produce(topic, key=b"%d" % (n % 100), value=b"%d" % n, partition=n % 2)
    equal(f"{topic}: produced", client.flush(60), 0)


def test_rolling_ends_by_itself_and_finds_what_never_came(east, west):
    copied(east.bootstrap, west.bootstrap, "orders", map(record, range(1000)))
    with configuration(east.bootstrap, west.bootstrap, topics=["orders"]) as path:
        rolling = Rolling(path, "--for", "1s")
        summary, status = rolling.end()
        equal("nothing has come, nothing differs", (status, summary and summary["isEqual"]), (0, True))
        rolling = Rolling(path)
        equal("it says what it follows", rolling.says("following"), 1)
        for n in range(1000, 1010):
            key, value, headers, timestamp = record(n)
            say(east.bootstrap, "orders", key=key, value=value, headers=headers, timestamp=timestamp)
        # Nobody copies them. TERM as from a service manager.
        summary, status = rolling.end(signal.SIGTERM)
        equal("what never came is missing", (status, summary and counts(summary["flows"][0])["missing"]), (1, 10))


def test_interrupted_it_ends_with_status_1(east, west):
    copied(east.bootstrap, west.bootstrap, "orders", map(record, range(100)))
    key, value, headers, timestamp = record(100)
    say(east.bootstrap, "orders", key=key, value=value, headers=headers, timestamp=timestamp)
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        with configuration(east.bootstrap, west.bootstrap, topics=["orders"]) as path:
            report = pathlib.Path(path).parent / "report.json"
            # It waits for the record that nobody copies.
            process = subprocess.Popen(
                [program(), "verify", "--config", path, "--patience", "3600", "--report", str(report)],
                stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
            check("it has begun", eventually(report.exists, seconds=60))
            process.send_signal(number)
            equal(f"{number.name}: ends with status 1", process.wait(timeout=60), 1)


def test_goes_on_while_the_source_is_written_to(east, west):
    create_topic(east.bootstrap, "orders", partitions=2)
    done = threading.Event()
    produced = []

    def keep_producing():
        client = Producer({"bootstrap.servers": east.bootstrap, "linger.ms": 5, **QUIET})
        while not done.is_set():
            client.produce("orders", value=b"%d" % len(produced), partition=len(produced) % 2)
            produced.append(1)
            client.poll(0.001)
        client.flush(60)

    with replicator(east.bootstrap, west.bootstrap, flow(topics=["orders"])) as running:
        thread = threading.Thread(target=keep_producing)
        thread.start()
        try:
            # A topic that is not there yet is not there, whatever the patience.
            running.awaits("it copies", lambda: any(p["written"] for p in running.partitions()))
            for mode in ("full", "sampled"):
                before = len(produced)
                check("records come", eventually(lambda: len(produced) > before + 1000, seconds=60))
                report, status = verify(
                    east.bootstrap, west.bootstrap, "--mode", mode, "--patience", "30", topics=["orders"])
                equal(f"{mode}: what comes later is not judged", (status, counts(report)), (0, NOTHING))
                check(f"{mode}: it says nothing else", status == 0, json.dumps(report)[:4000])
        finally:
            done.set()
            thread.join()


def test_refuses_wrong_usage(east, west):
    with configuration(east.bootstrap, west.bootstrap) as path:
        for wrong in (["--mode", "some"], ["--sample", "5"], ["--mode", "sampled", "--sample", "0"],
                      ["--mode", "sampled", "--sample", "101"], ["--for", "10s"], ["--mode", "rolling", "--for", "10"],
                      ["--report", "/nowhere/report.json"], ["--mode", "sampled", "--seed", "-1"]):
            done = command("verify", "--config", path, *wrong)
            equal(f"{' '.join(wrong)} is refused", done.returncode, 2)
