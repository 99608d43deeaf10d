"""Consumer groups move between clusters: confluent-kafka and kafka-python consumers stop on one cluster at random
points and go on at the other with the same group, and between them they see each record once."""

import json
import os
import random
import subprocess

import pytest
from confluent_kafka import Consumer, Producer, TopicPartition
from kafka import KafkaConsumer

from support.checks import PATIENCE, check, equal, eventually, measured
from support.clients import QUIET, commit, committed
from support.program import program
from support.records import batches_of, produce_numbers
from support.replicators import flow, replicator
from support.topics import create_topic, watermarks

SEED = int(os.environ.get("GROUPS_SEED", random.randrange(1 << 30)))


@pytest.fixture(autouse=True)
def told_seed():
    """pytest shows it with a test that fails."""
    print(f"GROUPS_SEED={SEED}")


def confluent_reads(bootstrap, group, topic, count=None, isolation="read_committed", protocol="classic"):
    """Reads `count` records, or all there are, with a group that must have a position; partition → values. Commits."""
    # With the consumer protocol (KIP-848) the broker says how long a session is.
    session = {"group.protocol": "consumer"} if protocol == "consumer" else {"session.timeout.ms": 30_000}
    client = Consumer({
        "bootstrap.servers": bootstrap, "group.id": group, "enable.auto.commit": False, "isolation.level": isolation,
        "auto.offset.reset": "earliest", "enable.partition.eof": True, **session, **QUIET})
    client.subscribe([topic])
    found, positions, ended = {}, {}, set()
    partitions = len(watermarks(bootstrap, topic))
    left = count
    try:
        def step():
            nonlocal left
            message = client.poll(0.2)
            if message is None:
                return False
            if message.error():
                if message.error().name() != "_PARTITION_EOF":
                    raise RuntimeError(str(message.error()))
                ended.add(message.partition())
                # Behind the last record there may be markers, which the consumer passes too.
                positions[message.partition()] = message.offset()
                return left is None and len(ended) == partitions
            found.setdefault(message.partition(), []).append(int(message.value().split(b":")[0]))
            positions[message.partition()] = message.offset() + 1
            if left is not None:
                left -= 1
            return left == 0

        check(f"{group} reads what it should from {topic}", eventually(step, 3 * PATIENCE, 0))
        if positions:
            client.commit(
                offsets=[TopicPartition(topic, p, o) for p, o in positions.items()], asynchronous=False)
    finally:
        client.close()
    return found, positions


def python_reads(bootstrap, group, topic, count=None):
    """The same with kafka-python."""
    client = KafkaConsumer(
        topic, bootstrap_servers=bootstrap, group_id=group, enable_auto_commit=False, auto_offset_reset="earliest",
        session_timeout_ms=30_000, heartbeat_interval_ms=3_000, isolation_level="read_committed")
    ends = {p: end for p, (_, end) in watermarks(bootstrap, topic).items()}
    found = {}
    left = count
    try:
        def done():
            assigned = client.assignment()
            if left is not None or len(assigned) < len(ends):
                return left == 0
            return all(client.position(p) >= ends[p.partition] for p in assigned)

        def step():
            nonlocal left
            batches = client.poll(timeout_ms=200, max_records=min(left or 500, 500))
            for place, records in batches.items():
                found.setdefault(place.partition, []).extend(int(r.value.split(b":")[0]) for r in records)
                if left is not None:
                    left -= len(records)
            return done()

        check(f"{group} reads what it should from {topic}", eventually(step, 3 * PATIENCE, 0))
        positions = {p.partition: client.position(p) for p in client.assignment()}
        client.commit()
    finally:
        client.close()
    return found, positions


def protocol_reads(bootstrap, group, topic, count=None):
    """As a member of a group of KIP-848."""
    return confluent_reads(bootstrap, group, topic, count, protocol="consumer")


def awaits_sync(running, flow_name, group, positions, states=("synced", "further"), least=None):
    """Waits until the status says that a group's newest positions are on the other side.

    A position that could hold something unread, such as an offset that the opposite flow has not reported on yet, is
    taken at first, and moved on a moment later: `least` says how far it has to come. The opposite flow may move a
    position over a marker or a hole in front of it.
    """
    found = {}

    def synced():
        for f in running.status():
            for g in f.get("groups", []):
                if f["name"] == flow_name and g["group"] == group:
                    found.update({p["partition"]: p for p in g["partitions"]})
                    return all(
                        found.get(p, {}).get("sourceOffset", -1) >= o and found[p]["state"] in states
                        and (found[p].get("targetOffset") or 0) >= (least or {}).get(p, 0)
                        for p, o in positions.items())
        return False

    if not running.awaits(f"{group} is in step in {flow_name}", synced):
        print(f"wanted {positions}, at least {least}, found {found}")


def joined(*parts):
    whole = {}
    for part in parts:
        for partition, values in part.items():
            whole.setdefault(partition, []).extend(values)
    return whole


def expected(count, partitions=3):
    return {p: list(range(p, count, partitions)) for p in range(partitions)}


def pair(**settings):
    there = flow("there", naming={"mode": "identical"}, **settings)
    back = flow("back", naming={"mode": "identical"}, **settings)
    back["source"], back["target"] = "west", "east"
    return there, back


def offsets(running, *arguments):
    """`replicator offsets`: exit status and what it prints."""
    done = subprocess.run(
        [program(), "offsets", "--config", str(running.path), *arguments], capture_output=True,
        text=True, timeout=120)
    return done.returncode, done.stdout, done.stderr


@pytest.mark.parametrize(
    ("reads", "name"), [(confluent_reads, "confluent"), (python_reads, "python"), (protocol_reads, "protocol")],
    ids=["confluent", "python", "consumer protocol"])
def test_consumers_go_there_and_back(east, west, reads, name):
    """Fail over and back at random points, the replicator restarted between, a lagging group beside the others."""
    dice = random.Random(SEED)
    create_topic(east.bootstrap, "orders")
    produce_numbers(east.bootstrap, "orders", range(900))
    group, late = f"{name}-group", f"{name}-late"
    first, positions = reads(east.bootstrap, group, "orders", dice.randrange(100, 800))
    late_first, late_positions = reads(east.bootstrap, late, "orders", dice.randrange(5, 40))
    with replicator(east.bootstrap, west.bootstrap, *pair()) as running:
        running.copies(east.bootstrap, ["orders"], ["there"])
        awaits_sync(running, "there", group, positions)
        awaits_sync(running, "there", late, late_positions)
        kinds = {g["kind"] for f in running.status() if f["name"] == "there" for g in f["groups"]}
        equal("the kind of the groups is told", kinds, {"consumer" if reads is protocol_reads else "classic"})
        equal("the replicator stops with status 0", running.stop(), 0)
        running.start()
        second, positions = reads(west.bootstrap, group, "orders", 900 - sum(map(len, first.values())))
        equal(f"{name}: nothing re-read, nothing missed at the target", joined(first, second), expected(900))
        # The target takes over: its producers write there, and the group reads a part of it.
        produce_numbers(west.bootstrap, "orders", range(900, 1500))
        third, positions = reads(west.bootstrap, group, "orders", dice.randrange(1, 600))
        running.copies(west.bootstrap, ["orders"], ["back"])
        # What the group has not read lies at the end of the log.
        read_by_now = joined(first, second, third)
        least = {p: end - 500 + len(read_by_now[p]) for p, (_, end) in watermarks(east.bootstrap, "orders").items()}
        awaits_sync(running, "back", group, positions, least=least)
        # Fail back: the group goes on at the source, and so does the one that lagged from the beginning.
        fourth, positions = reads(
            east.bootstrap, group, "orders", 1500 - sum(map(len, joined(first, second, third).values())))
        equal(f"{name}: nor after failing back", joined(first, second, third, fourth), expected(1500))
        late_second, _ = reads(
            west.bootstrap, late, "orders", 1500 - sum(map(len, late_first.values())))
        equal(f"{name}: nor by a group that lags", joined(late_first, late_second), expected(1500))


class Journey:
    """A group that moves between two clusters at random points, and what it has read on its way."""

    def __init__(self, name, dice):
        self.name, self.dice, self.found, self.positions = name, dice, {}, {}

    def reads(self, bootstrap, topic, count=None):
        """With one of the two clients, whichever comes."""
        client = self.dice.choice((confluent_reads, python_reads))
        found, positions = client(bootstrap, self.name, topic, count)
        self.found = joined(self.found, found)
        self.positions = positions

    def least(self, bootstrap, topic):
        """Behind the last record of each partition that it has read, as it lies on this cluster."""
        least = {}
        for messages in batches_of(bootstrap, topic):
            for m in messages:
                read = self.found.get(m.partition())
                if read and int(m.value().split(b":")[0]) <= read[-1]:
                    least[m.partition()] = m.offset() + 1
        return {p: o for p, o in least.items() if p in self.positions}

    def check(self, count, keys=None, partitions=3):
        """Nothing twice, all in order, and nothing missing but what a newer record of its key has replaced."""
        for partition in range(partitions):
            read = self.found.get(partition, [])
            equal(f"{self.name}-{partition}: nothing re-read, all in order", read, sorted(set(read)))
            missed = set(range(partition, count, partitions)) - set(read)
            if keys is not None:
                missed = {n for n in missed if n + keys >= count}
            equal(f"{self.name}-{partition}: nothing missed", sorted(missed), [])


def produce_keyed(bootstrap, topic, numbers, keys, partitions=3):
    """As `produce_numbers`, with `keys` keys by turns, in batches so small that segments are closed."""
    client = Producer({
        "bootstrap.servers": bootstrap, "enable.idempotence": True, "batch.num.messages": 10, "linger.ms": 1, **QUIET})
    for n in numbers:
        client.produce(topic, key=b"key %d" % (n % keys), value=b"%d:" % n + b"x" * 400, partition=n % partitions)
        client.poll(0)
    equal(f"{topic}: all numbers are produced", client.flush(PATIENCE), 0)


CLEANED_WHEN_TOLD = {"control": True, "log_cleaner_backoff_ms": 3_600_000}


def clean(dice, *sides):
    """Takes what is overwritten out of some of the partitions' logs; returns of how many."""
    cleaned = 0
    for side in sides:
        for partition in range(3):
            if dice.random() < 0.7:
                sizes = side.control.partition("orders", partition, "compact")
                cleaned += sizes["bytesBefore"] > sizes["bytesAfter"]
    return cleaned


@pytest.mark.east(**CLEANED_WHEN_TOLD)
@pytest.mark.west(**CLEANED_WHEN_TOLD)
@pytest.mark.parametrize("compacted", [False, True], ids=["plain", "compacted"])
def test_groups_go_there_and_back_again(east, west, compacted):
    """Two groups, one of them far behind, go there and back again and again; between their steps the replicator is
    killed at random, and the brokers' cleaners take records out of the logs of either side."""
    dice = random.Random(SEED + 2 + compacted)
    keys = 60 if compacted else None
    rounds, size = 6, 240
    # A segment takes what is written in one turn, since small batches are merged on their way; two do not fit.
    config = {"cleanup_policy": "compact", "segment_bytes": 60_000, "min_cleanable_dirty_ratio": 0} if compacted else {}
    create_topic(east.bootstrap, "orders", **config)
    group, late = Journey("leading", dice), Journey("lagging", dice)
    kills, cleaned = 0, 0
    with replicator(east.bootstrap, west.bootstrap, *pair()) as running:
        running.awaits("the flows run", running.runs)
        here, there, name = east, west, "there"
        for turn in range(rounds):
            numbers = range(turn * size, (turn + 1) * size)
            if compacted:
                produce_keyed(here.bootstrap, "orders", numbers, keys)
            else:
                produce_numbers(here.bootstrap, "orders", numbers)
            last = turn == rounds - 1
            group.reads(here.bootstrap, "orders", None if last else dice.randrange(1, size))
            late.reads(here.bootstrap, "orders", None if last else dice.randrange(1, 30))
            if last:
                break
            isCleanedFirst = dice.random() < 0.5
            if compacted and isCleanedFirst:
                cleaned += clean(dice, here, there)
            if dice.random() < 0.6:
                kills += 1
                running.kill()
                running.start()
            running.copies(here.bootstrap, ["orders"], [name])
            if compacted and not isCleanedFirst:
                cleaned += clean(dice, here, there)
            for reader in (group, late):
                awaits_sync(
                    running, name, reader.name, reader.positions, least=reader.least(there.bootstrap, "orders"))
            here, there, name = there, here, "back" if name == "there" else "there"
    measured(f"{kills} kills, {cleaned} logs cleaned")
    group.check(rounds * size, keys)
    late.check(rounds * size, keys)
    if compacted:
        check("the cleaners did something", cleaned > 0)


def test_positions_behind_markers_and_aborted_records(east, west):
    """Markers and aborted records have no copy: offsets differ more and more, positions do not."""
    dice = random.Random(SEED + 1)
    create_topic(east.bootstrap, "payments", partitions=1)
    client = Producer({"bootstrap.servers": east.bootstrap, "transactional.id": "payments", **QUIET})
    client.init_transactions(PATIENCE)
    number, committed = 0, []
    for _ in range(60):
        client.begin_transaction()
        written = list(range(number, number + dice.randrange(1, 8)))
        number += len(written)
        for n in written:
            client.produce("payments", value=b"%d" % n, partition=0)
        client.flush(PATIENCE)
        if dice.random() < 0.3:
            client.abort_transaction(PATIENCE)
        else:
            client.commit_transaction(PATIENCE)
            committed += written
    groups = {f"g{n}": dice.randrange(1, len(committed)) for n in range(4)}
    read = {g: confluent_reads(east.bootstrap, g, "payments", count) for g, count in groups.items()}
    with replicator(east.bootstrap, west.bootstrap, flow()) as running:
        running.copies(east.bootstrap, ["payments"])
        for g, (found, positions) in read.items():
            awaits_sync(running, "flow", g, positions)
            rest, _ = confluent_reads(
                west.bootstrap, g, "east.payments", len(committed) - len(found[0]))
            equal(f"{g}: each committed record once", found[0] + rest[0], committed)
        status, out, err = offsets(running, "--group", "g0", "--json")
        equal("replicator offsets finds them exact", status, 0)
        if out:
            partition = json.loads(out)["groups"][0]["partitions"][0]
            check("and the records equal", partition["isSameRecord"] is not False, f"{partition} {err}")


def test_an_opposite_flow_that_has_stopped_holds_no_group_back(east, west):
    """Each takeover leaves a marker on the target that the opposite flow will never have seen."""
    create_topic(east.bootstrap, "orders", 1)
    produce_numbers(east.bootstrap, "orders", range(100), partitions=1)
    there = flow("there", topics=["orders"], naming={"mode": "identical"})
    back = {**flow("back", topics=["orders"], naming={"mode": "identical"}), "source": "west", "target": "east"}
    with replicator(east.bootstrap, west.bootstrap, there, back) as running:
        running.copies(east.bootstrap, ["orders"], ["there"])
        running.copies(west.bootstrap, ["orders"], ["back"])
    for takeover in range(1, 4):
        produce_numbers(east.bootstrap, "orders", range(100 * takeover, 100 * takeover + 100), partitions=1)
        with replicator(east.bootstrap, west.bootstrap, there) as running:
            running.copies(east.bootstrap, ["orders"], ["there"])
            commit(east.bootstrap, "g", "orders", {0: 100 * takeover + 100})
            end = watermarks(west.bootstrap, "orders")[0][1]
            check("there are markers among the copies", end > 100 * takeover + 100, str(end))
            check(f"takeover {takeover}: the group stands behind the last copy",
                  eventually(lambda: committed(west.bootstrap, "g", "orders", 1)[0] == end, PATIENCE),
                  f"{committed(west.bootstrap, 'g', 'orders', 1)}, not {end}")
    # What is written at the target, and has not come to the source, has yet to be read there.
    produce_numbers(west.bootstrap, "orders", range(1000, 1010), partitions=1)
    produce_numbers(east.bootstrap, "orders", range(400, 500), partitions=1)
    with replicator(east.bootstrap, west.bootstrap, there) as running:
        running.copies(east.bootstrap, ["orders"], ["there"])
        born = end
        commit(east.bootstrap, "g", "orders", {0: 500})
        commit(east.bootstrap, "later", "orders", {0: 500})
        check("a group that has never been there begins in front of it",
              eventually(lambda: committed(west.bootstrap, "later", "orders", 1)[0] == born, PATIENCE),
              f"{committed(west.bootstrap, 'later', 'orders', 1)}, not {born}")
        equal("the other one stays there", committed(west.bootstrap, "g", "orders", 1)[0], born)


def test_members_on_the_target_are_left_alone(east, west):
    """While somebody reads on the target, the target's positions are left alone, and the status says so."""
    create_topic(east.bootstrap, "orders")
    produce_numbers(east.bootstrap, "orders", range(300))
    with replicator(east.bootstrap, west.bootstrap, flow()) as running:
        running.copies(east.bootstrap, ["orders"])
        reader = Consumer({
            "bootstrap.servers": west.bootstrap, "group.id": "busy", "enable.auto.commit": False, **QUIET})
        reader.subscribe(["east.orders"])
        check("the group has a member on the target", eventually(lambda: reader.poll(0.1) or reader.assignment()))
        _, positions = confluent_reads(east.bootstrap, "busy", "orders", 120)
        awaits_sync(running, "flow", "busy", positions, states=("activeMembers",))
        there = reader.committed([TopicPartition("east.orders", p) for p in range(3)], timeout=PATIENCE)
        check("nothing is committed for it", all(p.offset < 0 for p in there), f"{there}")
        status, out, errors = offsets(running, "--group", "busy", "--apply")
        check("nor by --apply, which says so", status == 1 and "activeMembers" in out, out)
        check("and how to go on", "stop the group's consumers on the target" in errors, errors)
        reader.close()
        awaits_sync(running, "flow", "busy", positions)
        metrics = running.get("/metrics")
        check("the group is counted", 'replicator_consumer_groups{flow="flow"} 1' in metrics)
        # The group has been looked at many times by now: what counts is that it has got a position.
        check("its first position is told", "committed group offset on the target" in running.log(), running.log())


def test_offsets_command(east, west):
    """`replicator offsets`: exit codes, refusals, rewinds only when asked for."""
    create_topic(east.bootstrap, "orders", partitions=1)
    produce_numbers(east.bootstrap, "orders", range(100), partitions=1)
    _, positions = confluent_reads(east.bootstrap, "early", "orders", 10)
    with replicator(east.bootstrap, west.bootstrap, flow(startFrom="latest")) as running:
        running.awaits("the flow runs", running.runs)
        produce_numbers(east.bootstrap, "orders", range(100, 200), partitions=1)
        running.copies(east.bootstrap, ["orders"])
        _, positions = confluent_reads(east.bootstrap, "group", "orders", 150)
        awaits_sync(running, "flow", "group", positions)
        status, out, err = offsets(running, "--group", "group")
        equal("exact: status 0", status, 0)
        check("the same record on both sides", "150     50" in out and "yes" in out, out + err)
        status, out, _ = offsets(running, "--group", "early")
        check("outside the known range: status 1 and the reason",
              status == 1 and "outside the known range: copies are known from source offset 100 on" in out, out)
        equal("an unknown group: status 1", offsets(running, "--group", "nobody")[0], 1)
        equal("an unknown flow: status 2", offsets(running, "--group", "group", "--flow", "none")[0], 2)
        equal("a rewind without --apply: status 2", offsets(running, "--group", "group", "--allow-rewind")[0], 2)
        client = Consumer({"bootstrap.servers": east.bootstrap, "group.id": "group", **QUIET})
        client.commit(offsets=[TopicPartition("orders", 0, 120)], asynchronous=False)
        client.close()
        status, out, err = offsets(running, "--group", "group", "--apply", "--json")
        equal("forward only", json.loads(out)["groups"][0]["partitions"][0]["state"], "further")
        check("and how to do it all the same", "add --allow-rewind" in err and "in 1 partition," in err, err)
        status, out, _ = offsets(running, "--group", "group", "--apply", "--allow-rewind", "--json")
        equal("a rewind when told", json.loads(out)["groups"][0]["partitions"][0]["targetOffset"], 20)
