"""`replicator failover`: planned with nothing read twice or missed, back with only the delta copied, killed and run
again, unplanned with what was left behind listed exactly, and refused where it cannot end well."""

import base64
import contextlib
import json
import signal
import subprocess
import threading

import pytest
from confluent_kafka import Consumer, Producer, TopicPartition
from confluent_kafka.admin import AclBinding, AclOperation, AclPermissionType, ResourcePatternType, ResourceType

from support.access import AUTHORIZER, USERS, any_rule, plain_client
from support.brokers import secured
from support.checks import PATIENCE, check, equal, eventually
from support.clients import QUIET, admin
from support.program import program
from support.records import numbers, produce_numbers
from support.replicators import configured, flow
from support.topics import create_topic, topic_names, watermarks
from support.traffic import Traffic

STEPS = ["preflight", "fence", "still", "drain", "groups", "verify", "opposite", "lift", "handOver"]


def there(**settings):
    return flow("there", ["orders.*"], naming={"mode": "identical"}, **settings)


def back(**settings):
    return {**flow("back", ["orders.*"], naming={"mode": "identical"}, **settings), "source": "west", "target": "east"}


@contextlib.contextmanager
def between(east, west, *flows):
    """A replicator between two clusters, there and back unless told otherwise, that does not run yet."""
    with configured(east.bootstrap, west.bootstrap, *(flows or (there(), back()))) as running:
        yield running


def command(configuration, *arguments):
    return [program(), "failover", "--config", str(configuration.path), *arguments]


def failover(configuration, *arguments, flow="there", json_report=True):
    """Exit status, report, and what was said on standard error."""
    done = subprocess.run(
        command(configuration, "--flow", flow, *arguments, *(["--json"] if json_report else [])),
        stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=300)
    try:
        return done.returncode, json.loads(done.stdout), done.stderr
    except ValueError:
        return done.returncode, done.stdout, done.stderr


def is_done(what, found):
    status, report, errors = found
    equal(f"{what}: status 0", status, 0)
    check(f"{what}: done", isinstance(report, dict) and report["isDone"], f"{report} {errors}")
    return report if isinstance(report, dict) else {}


def refused(what, found, expected, *words):
    status, report, errors = found
    equal(f"{what}: status {expected}", status, expected)
    for word in words:
        check(f"{what}: says {word!r}", word in errors, errors)


def same(what, found, expected):
    """The same numbers in the same order; long lists are not printed."""
    alike = found == expected
    detail = ""
    if not alike and isinstance(found, list):
        missing, extra = set(expected) - set(found), set(found) - set(expected)
        detail = (f"{len(found)} instead of {len(expected)}, missing {sorted(missing)[:10]}, "
                  f"extra {sorted(extra)[:10]}, first {found[:5]}")
    check(what, alike, detail)


def step(report, name):
    return next((s for s in report.get("steps", []) if s["step"] == name), {"outcome": "absent", "text": ""})


class Reader:
    """A consumer that commits what it has read, batch by batch; what it reads is kept."""

    def __init__(self, bootstrap, group="readers", topic="orders"):
        self.client = Consumer({
            "bootstrap.servers": bootstrap, "group.id": group, "enable.auto.commit": False,
            "auto.offset.reset": "earliest", **QUIET})
        self.client.subscribe([topic])
        self.read = []
        self.stopping = threading.Event()
        self.thread = threading.Thread(target=self.run, daemon=True)
        self.thread.start()

    def run(self):
        while not self.stopping.is_set():
            messages = [m for m in self.client.consume(200, timeout=0.1) if not m.error()]
            if messages:
                self.read += [int(m.value().split(b":")[0]) for m in messages]
                self.client.commit(asynchronous=False)
        self.client.close()

    def has(self, count):
        return eventually(lambda: len(self.read) >= count, seconds=PATIENCE)

    def stop(self):
        self.stopping.set()
        self.thread.join()
        return self.read


def committed(bootstrap, group="readers", topic="orders", partitions=3):
    consumer = Consumer({"bootstrap.servers": bootstrap, "group.id": group, "enable.auto.commit": False, **QUIET})
    try:
        found = consumer.committed([TopicPartition(topic, p) for p in range(partitions)], timeout=30)
        return [p.offset for p in found]
    finally:
        consumer.close()


def commit(bootstrap, offsets, group="readers", topic="orders"):
    consumer = Consumer({"bootstrap.servers": bootstrap, "group.id": group, "enable.auto.commit": False, **QUIET})
    consumer.commit(offsets=[TopicPartition(topic, p, offset) for p, offset in offsets.items()], asynchronous=False)
    consumer.close()


def all_numbers(bootstrap, topic="orders"):
    return sorted(n for found in numbers(bootstrap, topic).values() for n in found)


def acls(bootstrap):
    # The client has to live as long as its question.
    client = admin(bootstrap)
    return client.describe_acls(any_rule()).result(PATIENCE)


def test_planned_there_and_back(east, west):
    create_topic(east.bootstrap, "orders", partitions=3)
    produce_numbers(east.bootstrap, "orders", range(5_000))
    with between(east, west) as running:
        running.start()
        running.copies(east.bootstrap, ["orders"], ["there"])
        reader = Reader(east.bootstrap)
        check("consumers read at the source", reader.has(3_000))
        first = reader.stop()
        report = is_done("there", failover(running, "--planned", "--yes", "--still", "2"))
        equal("there: every step is taken", [s["step"] for s in report.get("steps", [])], STEPS)
        equal("there: every record is compared", report.get("verified"), 5_000)
        equal("there: no group is left behind", (report.get("groupsInStep"), report.get("groupsNotInStep")), (1, []))
        # Everybody goes on at the target.
        produce_numbers(west.bootstrap, "orders", range(5_000, 8_000))
        reader = Reader(west.bootstrap)
        check("consumers go on at the target", reader.has(8_000 - len(first)))
        second = reader.stop()
        same("nothing is read twice or missed", sorted(first + second), list(range(8_000)))
        report = is_done("back", failover(running, "--planned", "--yes", "--still", "2", flow="back"))
        check("back: the failover before is undone", "undone" in step(report, "lift")["text"], str(report))
        produce_numbers(east.bootstrap, "orders", range(8_000, 9_000))
        reader = Reader(east.bootstrap)
        check("consumers are back", reader.has(1_000))
        third = reader.stop()
        same("nothing is read twice or missed on the way back", sorted(first + second + third), list(range(9_000)))
        running.copies(east.bootstrap, ["orders"], ["there"])
        running.copies(west.bootstrap, ["orders"], ["back"])
        same("the source has each record once", all_numbers(east.bootstrap), list(range(9_000)))
        same("the target has each record once", all_numbers(west.bootstrap), list(range(9_000)))
        equal("the daemon stops with status 0", running.stop(), 0)



def start_of(partition):
    """Where a flow began to read, by its own account."""
    return partition["sourceOffset"] - partition["written"] - sum(partition["skipped"].values())


def test_comes_back_with_the_delta(east, west):
    """The opposite flow has never run, and would begin at the latest record: it is told where to begin."""
    create_topic(east.bootstrap, "orders", partitions=3)
    produce_numbers(east.bootstrap, "orders", range(3_000))
    flows = there(), back(startFrom="latest")
    with between(east, west, flows[0]) as running:
        # Two runs: the second leaves a fence behind in each target partition.
        running.start().copies(east.bootstrap, ["orders"], ["there"])
        running.kill()
        produce_numbers(east.bootstrap, "orders", range(3_000, 4_000))
        running.start().copies(east.bootstrap, ["orders"], ["there"])
        equal("the daemon stops", running.stop(), 0)
        commit(east.bootstrap, {0: 100, 1: 1_000, 2: 1_300})
        running.configure(east.bootstrap, west.bootstrap, *flows)
        report = is_done("nobody runs the flow", failover(running, "--planned", "--yes", "--still", "1"))
        check("the opposite flow is prepared", "with 0 to look at" in step(report, "opposite")["text"], str(report))
        ends = {p: end for p, (_, end) in watermarks(west.bootstrap, "orders").items()}
        # Written before the opposite flow ever runs: latest would miss it.
        produce_numbers(west.bootstrap, "orders", range(4_000, 4_600))
        running.start().copies(west.bootstrap, ["orders"], ["back"])
        running.copies(east.bootstrap, ["orders"], ["there"])
        found = [p for p in running.partitions() if p["flow"] == "back"]
        equal("only the delta is copied", sum(p["written"] for p in found), 600)
        equal("and nothing else is read", sum(p["skipped"].get("loop", 0) for p in found), 0)
        for number, end in ends.items():
            status = next(p for p in found if p["partition"] == number)
            # The other flow leaves a marker when it starts.
            equal(f"orders-{number} began at the delta", start_of(status), end)
        same("the source has each record once", all_numbers(east.bootstrap), list(range(4_600)))
        same("the target has each record once", all_numbers(west.bootstrap), list(range(4_600)))
        # A group that lags behind the delta still goes back to where it was.
        report = is_done("back", failover(running, "--planned", "--yes", "--still", "1", flow="back"))
        equal("the lagging group stands where it stood", committed(east.bootstrap), [100, 1_000, 1_300])
        equal("the daemon stops with status 0", running.stop(), 0)


SECURITY = {
    **AUTHORIZER, "sasl.enabled.mechanisms": "PLAIN", "sasl.jaas.config": USERS, "super.users": "User:ANONYMOUS"}


class Guarded:
    """A cluster with access rules: without a password one may do everything, alice may do what rules allow."""

    def __init__(self, addresses):
        self.bootstrap = addresses["PLAINTEXT"]
        self.addresses = addresses

    def allow_alice(self, topic="orders"):
        rule = AclBinding(
            ResourceType.TOPIC, topic, ResourcePatternType.LITERAL, "User:alice", "*", AclOperation.WRITE,
            AclPermissionType.ALLOW)
        client = admin(self.bootstrap)
        client.create_acls([rule])[rule].result(PATIENCE)

    def denials(self):
        return {(a.name, a.principal) for a in acls(self.bootstrap) if a.permission_type == AclPermissionType.DENY}

    def takes(self, number):
        """Whether alice can write a number."""
        return delivery(plain_client(self.addresses, "alice"), "orders", b"%d" % number) is None


def delivery(settings, topic, value):
    errors = []
    producer = Producer({**settings, "message.timeout.ms": 10_000, **QUIET})
    producer.produce(topic, value, partition=0, callback=lambda error, _: errors.append(error))
    producer.flush(20)
    return errors[0] if errors else "no answer"


@contextlib.contextmanager
def guarded():
    with secured(SECURITY, listeners=("SASL_PLAINTEXT", "PLAINTEXT")) as addresses:
        yield Guarded(addresses)


@pytest.fixture
def guarded_east():
    with guarded() as running:
        yield running


@pytest.fixture
def guarded_west():
    with guarded() as running:
        yield running


def test_keeps_producers_out(guarded_east, guarded_west):
    east, west = guarded_east, guarded_west
    create_topic(east.bootstrap, "orders", partitions=1)
    east.allow_alice()
    check("alice writes at the source", east.takes(0))
    with between(east, west) as running:
        running.start().copies(east.bootstrap, ["orders"], ["there"])
        west.allow_alice()
        is_done("a fence for everybody", failover(
            running, "--planned", "--yes", "--fence", "User:*", "--still", "1", "--one-way"))
        check("alice is kept out", not east.takes(1))
        equal("by one rule", east.denials(), {("orders", "User:*")})
        status, _, errors = failover(running, "--undo")
        equal("it is taken back", (status, east.denials()), (0, set()))
        check("alice writes again", east.takes(1))
        refused("nothing more to undo", failover(running, "--undo"), 1, "no failover that could be undone")
        running.copies(east.bootstrap, ["orders"], ["there"])

        arguments = ["--planned", "--yes", "--fence", "User:alice", "--still", "1"]
        is_done("there", failover(running, *arguments))
        check("alice is kept out of the source", not east.takes(2))
        equal("the fence has not followed her to the target", west.denials(), set())
        check("alice writes at the target", west.takes(2))
        running.copies(west.bootstrap, ["orders"], ["back"])
        is_done("back", failover(running, *arguments, flow="back"))
        equal("the fence at the source is gone", east.denials(), set())
        equal("and stands at the target", west.denials(), {("orders", "User:alice")})
        check("alice writes at the source again", east.takes(3))
        running.copies(east.bootstrap, ["orders"], ["there"])
        is_done("there again", failover(running, *arguments))
        equal("each fence has moved", (east.denials(), west.denials()), ({("orders", "User:alice")}, set()))
        equal("each record once", (all_numbers(east.bootstrap), all_numbers(west.bootstrap)), ([0, 1, 2, 3],) * 2)
        equal("the daemon stops with status 0", running.stop(), 0)


def run_until_step(running, name, *arguments, then):
    """Fails over, and does something as the step begins; exit status and what was said."""
    process = subprocess.Popen(
        command(running, "--flow", "there", *arguments), stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT, text=True)
    said = ""
    for line in process.stdout:
        said += line
        if f"] {name}: " in line:
            then(process)
    return process.wait(), said


@pytest.mark.long
@pytest.mark.parametrize("name", STEPS)
def test_killed_at_a_step_and_run_again(east, west, name):
    create_topic(east.bootstrap, "orders", partitions=3)
    produce_numbers(east.bootstrap, "orders", range(3_000))
    with between(east, west, there()) as running:
        running.start().copies(east.bootstrap, ["orders"], ["there"])
        running.kill()
        # Left for the failover to copy.
        produce_numbers(east.bootstrap, "orders", range(3_000, 4_000))
        commit(east.bootstrap, {0: 10, 1: 1_333, 2: 1_300})
        running.configure(east.bootstrap, west.bootstrap, there(), back(startFrom="latest"))
        arguments = ["--planned", "--yes", "--still", "1"]
        status, said = run_until_step(running, name, *arguments, then=lambda process: process.kill())
        # The last step may be over before the signal arrives.
        check(f"{name}: it was killed", status == -signal.SIGKILL or name == STEPS[-1] and status == 0, str(status))
        report = is_done(f"killed at {name}", failover(running, *arguments))
        expected = {p: list(range(p, 4_000, 3)) for p in range(3)}
        same(f"{name}: the target has every record once and in order", numbers(west.bootstrap, "orders"), expected)
        equal(f"{name}: no group is left behind", report.get("groupsNotInStep"), [])
        left = expected[0][10:] + expected[1][1_333:] + expected[2][1_300:]
        reader = Reader(west.bootstrap)
        reader.has(len(left))
        same(f"{name}: the group goes on where it stopped", sorted(reader.stop()), sorted(left))
        produce_numbers(west.bootstrap, "orders", range(4_000, 4_300))
        running.start().copies(west.bootstrap, ["orders"], ["back"])
        equal(f"{name}: only the delta comes back",
              sum(p["written"] + p["skipped"].get("loop", 0) for p in running.partitions() if p["flow"] == "back"), 300)
        same(f"{name}: the source has each record once", all_numbers(east.bootstrap), list(range(4_300)))


@pytest.mark.long
@pytest.mark.east(data=True)
@pytest.mark.parametrize("settings", [
    pytest.param({}, id="with headers"), pytest.param({"loopPrevention": "producerIds"}, id="without headers")])
def test_unplanned_lists_what_was_left_behind(east, west, settings):
    """The replicator is killed while it copies, then the source: what never made it is listed when that is back."""
    create_topic(east.bootstrap, "orders", partitions=3)
    produce_numbers(east.bootstrap, "orders", range(2_000))
    flows = there(**settings), back(startFrom="latest", **settings)
    with between(east, west, *flows) as running:
        # So slow that it is killed before the end, however slow the machine.
        running.configure(east.bootstrap, west.bootstrap, there(limits={"bytesPerSecond": "500kB"}, **settings))
        running.start().copies(east.bootstrap, ["orders"], ["there"])
        commit(east.bootstrap, {0: 600, 1: 5, 2: 666})
        check("the group is brought over", eventually(
            lambda: committed(west.bootstrap) == committed(east.bootstrap), seconds=PATIENCE))
        produce_numbers(east.bootstrap, "orders", range(2_000, 12_000), padding=1_000)
        check("it copies on",
              eventually(lambda: sum(e for _, e in watermarks(west.bootstrap, "orders").values()) > 3_000,
                                         seconds=PATIENCE))
        running.kill()
        originals = numbers(east.bootstrap, "orders")
        east.kill()
        running.configure(east.bootstrap, west.bootstrap, *flows)
        report = is_done("without the source", failover(running, "--unplanned", "--yes"))
        there_are = {p: set(found) for p, found in numbers(west.bootstrap, "orders").items()}
        lost = {p: [n for n in found if n not in there_are[p]] for p, found in originals.items()}
        check("something was lost", all(lost.values()))
        check("how much is not known yet", all(t.get("records") is None for t in report["tail"]), str(report["tail"]))
        equal("every partition is listed", len(report["tail"]), 3)
        status, _, errors = failover(running, "--tail", str(running.folder / "tail"))
        equal("it cannot be exported while the source is away", status, 1)
        reader = Reader(west.bootstrap)
        left = sum(len(found) for found in there_are.values()) - 600 - 5 - 666
        check("consumers go on with what there is", reader.has(left))
        equal("and read nothing twice", len(reader.stop()), left)
        produce_numbers(west.bootstrap, "orders", range(12_000, 12_300))

        east.restart_on_same_ports()
        report = is_done("with the source back", failover(running, "--unplanned", "--yes"))
        equal("now it is known what was left behind", {t["partition"]: t["records"] for t in report["tail"]},
              {p: len(found) for p, found in lost.items()})
        check_export(running, originals, lost)
        # Everybody comes together again, and each record is there once.
        running.start().copies(west.bootstrap, ["orders"], ["back"])
        running.copies(east.bootstrap, ["orders"], ["there"])
        equal("the opposite flow copied only what is new",
              sum(p["written"] for p in running.partitions() if p["flow"] == "back"), 300)
        same("the source has each record once", all_numbers(east.bootstrap), list(range(12_300)))
        same("the target has each record once", all_numbers(west.bootstrap), list(range(12_300)))
        # What was lost then is still what was lost then.
        check_export(running, originals, lost)
        is_done("back", failover(running, "--planned", "--yes", "--still", "1", flow="back"))
        status, report, errors = failover(running, "--unplanned", "--yes", "--dry-run")
        equal("a failover can begin anew", status, 0)
        equal("the daemon stops with status 0", running.stop(), 0)


def check_export(running, originals, lost):
    path = running.folder / "tail.json"
    path.unlink(missing_ok=True)
    status, report, errors = failover(running, "--tail", str(path))
    equal(f"the tail is exported: {errors}", status, 0)
    lines = [json.loads(line) for line in path.read_text().splitlines()]
    found = {p: [] for p in lost}
    for line in lines:
        number, padding = base64.b64decode(line["value"]).split(b":")
        found[line["partition"]].append(int(number))
        if line["offset"] != originals[line["partition"]].index(int(number)) or padding != b"x" * 1_000:
            check("each at its offset and whole", False, str(line)[:200])
            break
    same("exactly the records that never made it, in order", found, lost)
    check("with topic, time and headers", all(
        line["topic"] == "orders" and line["timestamp"] > 0 and line["headers"] == [] and "key" not in line
        for line in lines))


def snapshot(cluster):
    """Everything of a cluster that a failover might change."""
    topics = sorted(topic_names(cluster.bootstrap))
    ends = {t: watermarks(cluster.bootstrap, t) for t in topics}
    return ends, committed(cluster.bootstrap), len(acls(cluster.bootstrap))


def test_unplanned_accounts_for_what_was_never_copied(east, west):
    create_topic(east.bootstrap, "orders", partitions=1)
    produce_numbers(east.bootstrap, "orders", range(100), partitions=1)
    flows = there(), back()
    flows[0]["topics"]["deny"].append("orders-private")
    with between(east, west, *flows) as running:
        running.configure(east.bootstrap, west.bootstrap, flows[0])
        running.start().copies(east.bootstrap, ["orders"], ["there"])
        running.kill()
        running.configure(east.bootstrap, west.bootstrap, *flows)
        for topic in ("orders-late", "orders-private"):
            create_topic(east.bootstrap, topic, partitions=1)
            produce_numbers(east.bootstrap, topic, range(50), partitions=1)
        status, report, errors = failover(running, "--unplanned", "--yes")
        equal("something is left that nobody accepted: status 1", status, 1)
        check("which is named", "orders-late-0 is waiting" in errors and "topics.deny" in errors, errors)
        equal("each topic has its state", {a["topic"]: a["state"] for a in report["accounts"]}, {
            "orders": "complete", "orders-late": "waiting", "orders-private": "excluded"})
        check("and its reason", all(a["reason"] for a in report["accounts"]), str(report["accounts"]))
        check("the target has taken over all the same", report["isDone"], errors)
        tail = running.folder / "tail"
        status, _, errors = failover(running, "--tail", str(tail))
        lines = [json.loads(line) for line in tail.read_text().splitlines()] if tail.exists() else []
        equal("the tail holds all of it", (status, len(lines), {line["topic"] for line in lines}),
              (0, 50, {"orders-late"}))
        flows[0]["topics"]["deny"].append("orders-late")
        running.configure(east.bootstrap, west.bootstrap, *flows)
        status, said, errors = failover(running, "--unplanned", "--yes", json_report=False)
        equal("what is left out is accepted", status, 0)
        check("nothing else was left behind", "Nothing was left behind on east: 1 selected partition is complete." in said, said)
        check("and what is left out is said", "Not selected: orders-late (topics.deny has orders-late)." in said, said)


def test_dry_run_changes_nothing(guarded_east, guarded_west):
    east, west = guarded_east, guarded_west
    create_topic(east.bootstrap, "orders", partitions=3)
    produce_numbers(east.bootstrap, "orders", range(1_000))
    with between(east, west, there()) as running:
        running.start().copies(east.bootstrap, ["orders"], ["there"])
        equal("the daemon stops with status 0", running.stop(), 0)
        produce_numbers(east.bootstrap, "orders", range(1_000, 1_100))
        commit(east.bootstrap, {0: 10, 1: 11, 2: 12})
        running.configure(east.bootstrap, west.bootstrap, there(), back())
        committed(west.bootstrap)
        before = snapshot(east), snapshot(west)
        for arguments in (["--planned", "--fence", "User:alice"], ["--unplanned"]):
            status, report, errors = failover(running, *arguments, "--dry-run")
            equal(f"dry run {arguments[0]}: status 0 {errors}", status, 0)
            check("it is none", report["isDryRun"] and not report["isDone"])
            check("every step says what it would find", all(s["text"] for s in report["steps"]), str(report["steps"]))
            if arguments[0] == "--planned":
                equal("the steps", [s["step"] for s in report["steps"]], STEPS)
                check("what is to be copied", "100 offsets" in step(report, "drain")["text"], str(report))
                check("which rules", "DENY WRITE on TOPIC orders to User:alice" in step(report, "fence")["text"])
                check("which positions", "3 positions" in step(report, "groups")["text"], str(report))
            equal("nothing has changed", (snapshot(east), snapshot(west)), before)


PLANNED = ["--planned", "--yes", "--still", "1"]


def test_refuses_what_cannot_begin(east, west):
    create_topic(east.bootstrap, "orders", partitions=2)
    produce_numbers(east.bootstrap, "orders", range(100), partitions=2)
    with between(east, west) as running:
        refused("never run", failover(running, *PLANNED), 1, "has never run")
        refused("unknown flow", failover(running, *PLANNED, flow="elsewhere"), 2, "has no flow")
        refused("planned and unplanned", failover(running, *PLANNED, "--unplanned"), 2)
        refused("nothing said", failover(running, "--yes"), 2, "--planned, --unplanned")
        refused("a report that cannot be written", failover(running, *PLANNED, "--report", "/nowhere/r"), 2,
                "/nowhere/r")
        refused("a tail that cannot be written", failover(running, "--tail", "/nowhere/r"), 2, "/nowhere/r")
        (running.folder / "held").write_text("records that nobody else has\n")
        refused("a tail in place of a file", failover(running, "--tail", str(running.folder / "held")), 2, "exists already")
        equal("which is as it was", (running.folder / "held").read_text(), "records that nobody else has\n")
        refused("no principal", failover(running, *PLANNED, "--fence", "alice"), 2, "User:orders")
        running.start().copies(east.bootstrap, ["orders"], ["there"])
        refused("nobody to ask", failover(running, "--planned"), 2, "--yes")
        refused("no rules to fence with", failover(running, *PLANNED, "--fence", "User:alice"), 1, "no authorizer")
        refused("no tail", failover(running, "--tail", str(running.folder / "tail")), 1, "has not been failed over")
        with between(east, west, there()) as alone:
            refused("no way back", failover(alone, *PLANNED), 2, "no flow from west to east", "--one-way")
        with between(west, east) as exchanged:
            refused("exchanged clusters", failover(exchanged, *PLANNED), 1, "are exchanged")


@pytest.fixture
def copied(east, west):
    """A replicator that has copied a hundred numbers from two partitions, and has nothing to copy back."""
    create_topic(east.bootstrap, "orders", partitions=2)
    produce_numbers(east.bootstrap, "orders", range(100), partitions=2)
    with between(east, west) as running:
        running.start().copies(east.bootstrap, ["orders"], ["there"])
        running.copies(west.bootstrap, ["orders"], ["back"])
        yield running


@pytest.mark.long
def test_refuses_a_source_that_is_written_to(copied, east):
    traffic = Traffic(east.bootstrap, "orders", partitions=2)
    refused("a source that is written to", failover(copied, *PLANNED, "--patience", "4"), 1,
            "east is still written to", "orders-0 (+", "orders-1 (+")
    refused("a failover of the opposite flow meanwhile", failover(copied, *PLANNED, flow="back"), 1,
            "a failover of flow there has been begun", "--undo")
    equal("it is taken back", failover(copied, "--undo")[0], 0)
    refused("the wrong flow", failover(copied, *PLANNED, "--patience", "4", flow="back"), 1,
            "west is still written to", "the producers are on the other side")
    equal("this one too", failover(copied, "--undo", flow="back")[0], 0)
    # One that waits for stillness, and another meanwhile.
    status, said = run_until_step(
        copied, "still", *PLANNED, "--patience", "60", then=lambda process: refused(
            "a second one", failover(copied, *PLANNED), 1, "held by process") or traffic.stop())
    equal(f"the first one comes to its end {said}", status, 0)


@pytest.mark.long
def test_refuses_while_consumers_are_at_work(copied, east, west):
    # A consumer that has something left to read.
    slow = Consumer({
        "bootstrap.servers": east.bootstrap, "group.id": "slow", "auto.offset.reset": "earliest",
        "enable.auto.commit": False, **QUIET})
    slow.subscribe(["orders"])
    check("it reads", eventually(lambda: slow.poll(0.5), seconds=PATIENCE))
    slow.commit(offsets=[TopicPartition("orders", 0, 1)], asynchronous=False)
    refused("a consumer at work", failover(copied, *PLANNED, "--patience", "5"), 1,
            "still read on east", "group slow")
    slow.close()
    # One that reads at the target already, and is behind there.
    ahead = Consumer({
        "bootstrap.servers": west.bootstrap, "group.id": "slow", "enable.auto.commit": False, **QUIET})
    commit(east.bootstrap, {0: 20}, group="slow")
    ahead.subscribe(["orders"])
    ahead.poll(1)
    check("it has joined", eventually(lambda: ahead.poll(0.5) or ahead.assignment(), seconds=PATIENCE))
    commit(east.bootstrap, {0: 40}, group="slow")
    refused("a consumer at the target", failover(copied, *PLANNED, "--patience", "5"), 1,
            "the positions of groups on west", "slow: orders-0", "--leave-groups")
    report = is_done("without it", failover(copied, *PLANNED, "--leave-groups"))
    equal("which is reported", len(report.get("groupsNotInStep", [])), 1)
    ahead.close()
    is_done("again", failover(copied, *PLANNED))
    produce_numbers(east.bootstrap, "orders", [1], partitions=2)
    refused("again, with a producer that has not moved", failover(copied, *PLANNED), 1,
            "has been written to since it was left", "orders-1 (1 records)")


def test_refuses_while_a_transaction_is_open(copied, east):
    producer = Producer({"bootstrap.servers": east.bootstrap, "transactional.id": "t", **QUIET})
    producer.init_transactions(PATIENCE)
    producer.begin_transaction()
    producer.produce("orders", b"1", partition=1)
    producer.flush(PATIENCE)
    refused("an open transaction", failover(copied, *PLANNED, "--patience", "4"), 1, "are open on east: orders-1")
    producer.commit_transaction(PATIENCE)
    is_done("once it has ended", failover(copied, *PLANNED))


@pytest.mark.long
@pytest.mark.east(data=True)
def test_source_lost_on_the_way(east, west):
    create_topic(east.bootstrap, "orders", partitions=3)
    produce_numbers(east.bootstrap, "orders", range(300))
    with between(east, west) as running:
        running.start().copies(east.bootstrap, ["orders"], ["there"])
        refused("lost before it begins", (lambda: (east.kill(), failover(
            running, "--planned", "--yes", "--still", "1"))[1])(), 1, "does not answer", "--unplanned")
        east.restart_on_same_ports()
        running.copies(east.bootstrap, ["orders"], ["there"])
        # A closed terminal too. The claim is given back: who comes next need not wait until it has run out.
        for number in signal.SIGINT, signal.SIGHUP:
            status, said = run_until_step(
                running, "still", "--planned", "--yes", "--still", "60",
                then=lambda process: process.send_signal(number))
            equal(f"{number.name} ends it with status 1", status, 1)
            check(f"{number.name}: it was interrupted", "interrupted" in said, said)
        status, said = run_until_step(
            running, "still", "--planned", "--yes", "--still", "5", then=lambda process: east.kill())
        equal("a planned failover ends with status 1", status, 1)
        is_done("an unplanned one goes on", failover(running, "--unplanned", "--yes"))
        refused("which is no planned one any more", failover(running, "--planned", "--yes"), 1)
        running.kill()
