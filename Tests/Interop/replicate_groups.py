"""Consumer groups move between clusters: confluent-kafka and kafka-python consumers stop on one cluster at random
points and go on at the other with the same group, and between them they see each record once."""

import json
import random
import subprocess

from confluent_kafka import Consumer, Producer, TopicPartition
from kafka import KafkaConsumer

from harness import broker, check, equal, eventually, main, program
from replicator import PATIENCE, QUIET, create_topic, flow, produce_numbers, replicator, watermarks, watermarks

SEED = random.randrange(1 << 30)


def confluent_reads(bootstrap, group, topic, count=None, isolation="read_committed"):
    """Reads `count` records, or all there are, with a group that must have a position; partition → values. Commits."""
    client = Consumer({
        "bootstrap.servers": bootstrap, "group.id": group, "enable.auto.commit": False, "isolation.level": isolation,
        "auto.offset.reset": "earliest", "enable.partition.eof": True, "session.timeout.ms": 6000, **QUIET})
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

        check(f"{group} reads what it should from {topic}", eventually(step, PATIENCE, 0))
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
        session_timeout_ms=6000, heartbeat_interval_ms=1000, isolation_level="read_committed")
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

        check(f"{group} reads what it should from {topic}", eventually(step, PATIENCE, 0))
        positions = {p.partition: client.position(p) for p in client.assignment()}
        client.commit()
    finally:
        client.close()
    return found, positions


def awaits_sync(running, flow_name, group, positions, states=("synced", "further"), least=None):
    """Waits until the status says that a group's newest positions are on the other side.

    A position that could hold something unread, such as an offset that the opposite flow has not reported on yet, is
    taken at first, and moved on a moment later: `least` says how far it has to come.
    """
    def synced():
        for f in running.status():
            for g in f.get("groups", []):
                if f["name"] == flow_name and g["group"] == group:
                    known = {p["partition"]: p for p in g["partitions"]}
                    return all(
                        known.get(p, {}).get("sourceOffset") == o and known[p]["state"] in states
                        and (known[p].get("targetOffset") or 0) >= (least or {}).get(p, 0)
                        for p, o in positions.items())
        return False

    running.awaits(f"{group} is in step in {flow_name}", synced)


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
        [program(), "offsets", "--config", str(running.folder / "replicator.yaml"), *arguments], capture_output=True,
        text=True, timeout=120)
    return done.returncode, done.stdout, done.stderr


def there_and_back(reads, name):
    """Fail over and back at random points, the replicator restarted between, a lagging group beside the others."""
    dice = random.Random(SEED)
    with broker() as east, broker() as west:
        create_topic(east.bootstrap, "orders")
        produce_numbers(east.bootstrap, "orders", range(900))
        group, late = f"{name}-group", f"{name}-late"
        first, positions = reads(east.bootstrap, group, "orders", dice.randrange(100, 800))
        late_first, late_positions = reads(east.bootstrap, late, "orders", dice.randrange(5, 40))
        with replicator(east.bootstrap, west.bootstrap, *pair()) as running:
            running.copies(east.bootstrap, ["orders"], ["there"])
            awaits_sync(running, "there", group, positions)
            awaits_sync(running, "there", late, late_positions)
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


def confluent_consumers():
    there_and_back(confluent_reads, "confluent")


def python_consumers():
    there_and_back(python_reads, "python")


def transactions():
    """Markers and aborted records have no copy: offsets differ more and more, positions do not."""
    dice = random.Random(SEED + 1)
    with broker() as east, broker() as west:
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


def active_members():
    """While somebody reads on the target, the target's positions are left alone, and the status says so."""
    with broker() as east, broker() as west:
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
            status, out, _ = offsets(running, "--group", "busy", "--apply")
            check("nor by --apply", status == 0 and "activeMembers" in out, out)
            reader.close()
            awaits_sync(running, "flow", "busy", positions)
            metrics = running.get("/metrics")
            check("the group is counted", 'replicator_consumer_groups{flow="flow"} 1' in metrics)


def command():
    """`replicator offsets`: exit codes, refusals, rewinds only when asked for."""
    with broker() as east, broker() as west:
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
            status, out, _ = offsets(running, "--group", "group", "--apply", "--json")
            equal("forward only", json.loads(out)["groups"][0]["partitions"][0]["state"], "further")
            status, out, _ = offsets(running, "--group", "group", "--apply", "--allow-rewind", "--json")
            equal("a rewind when told", json.loads(out)["groups"][0]["partitions"][0]["targetOffset"], 20)


if __name__ == "__main__":
    print(f"seed {SEED}", flush=True)
    main(confluent_consumers, python_consumers, transactions, active_members, command)
