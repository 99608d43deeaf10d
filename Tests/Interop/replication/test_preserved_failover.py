"""`offsets: preserve` in both directions: failover and failback beside one `replicator run` with both flows, of which one
rests; a lost source that is emptied and filled again; copies with equal offsets that are adopted."""

import json
import random

from confluent_kafka import Producer

from support.checks import check, equal, eventually
from support.clients import QUIET
from support.offsets import confluent_reads
from support.program import command
from support.replicators import configured, flow, replicator
from support.topics import create_topic, delete_topic, watermarks

PARTITIONS = 2


def there():
    return flow("there", ["orders"], naming={"mode": "identical"}, offsets="preserve")


def back():
    return {**flow("back", ["orders"], naming={"mode": "identical"}, offsets="preserve"), "source": "west", "target": "east"}


def ends(cluster, topic="orders"):
    return {p: end for p, (_, end) in watermarks(cluster.bootstrap, topic).items()}


class Application:
    """Plain records, and transactions of which some abort; where it is told to."""

    def __init__(self):
        self.random = random.Random(20)
        self.written = []

    def write(self, cluster, turns=5):
        plain = Producer({"bootstrap.servers": cluster.bootstrap, "enable.idempotence": True, **QUIET})
        transactional = Producer({
            "bootstrap.servers": cluster.bootstrap, "transactional.id": "orders", **QUIET})
        transactional.init_transactions(60)
        for _ in range(turns):
            self.send(plain, self.random.randrange(1, 40))
            plain.flush(60)
            transactional.begin_transaction()
            sent = self.send(transactional, self.random.randrange(1, 20))
            transactional.flush(60)
            if self.random.random() < 0.4:
                transactional.abort_transaction(60)
                del self.written[-sent:]
            else:
                transactional.commit_transaction(60)

    def send(self, producer, count):
        for _ in range(count):
            value = b"%d" % self.random.getrandbits(60)
            producer.produce("orders", value=value, partition=self.random.randrange(PARTITIONS))
            self.written.append(value)
        return count


def same(what, application, east, west):
    here, there = (confluent_reads(cluster.bootstrap, "orders", "read_committed") for cluster in (east, west))
    equal(f"{what}: the same records at the same offsets", there, here)
    equal(f"{what}: everything that was written, once", sorted(here.values()), sorted(application.written))
    equal(f"{what}: the same ends", ends(west), ends(east))


def failover(running, name, *arguments):
    done = command(
        "failover", "--yes", "--still", "1", "--config", running.path, "--flow", name, "--json", *arguments, timeout=300)
    report = json.loads(done.stdout) if done.stdout.startswith("{") else {}
    return done, report


def states(running):
    return {f["name"]: f["state"] for f in running.status()}


def test_there_and_back_and_there_again_beside_one_run(east, west):
    create_topic(east.bootstrap, "orders", partitions=PARTITIONS)
    application = Application()
    application.write(east)
    with configured(east.bootstrap, west.bootstrap, there(), back()) as running:
        running.start()
        running.awaits("the first flow runs, and the way back rests",
                       lambda: states(running) == {"there": "running", "back": "resting"})
        running.awaits("the copies' ends are those of the sources", lambda: ends(west) == ends(east))
        running.awaits("one flow that rests is no reason not to be ready", lambda: running.obstacles() == "")
        source, target, name = east, west, "there"
        for turn in range(3):
            application.write(source)
            done, report = failover(running, name, "--planned")
            check(f"failover {turn}", done.returncode == 0, done.stdout + done.stderr)
            equal(f"failover {turn} has left nothing", report.get("unaccepted"), [])
            source, target = target, source
            name, other = ("back", "there") if name == "there" else ("there", "back")
            application.write(source)
            running.awaits("the flows have changed places",
                           lambda name=name, other=other: states(running) == {name: "running", other: "resting"})
            running.awaits("the ends are equal", lambda: ends(west) == ends(east))
            same(f"after failover {turn}", application, east, west)
        equal("nothing has stopped", running.failures(), [])
        for flow_name in ("there", "back"):
            done = command("verify", "--config", running.path, "--flow", flow_name)
            check(f"verify of {flow_name} agrees", done.returncode == 0, done.stdout + done.stderr)


def test_lost_source_is_emptied_and_filled_again(east, west):
    create_topic(east.bootstrap, "orders", partitions=PARTITIONS)
    application = Application()
    application.write(east)
    with configured(east.bootstrap, west.bootstrap, there(), back()) as running:
        running.start()
        running.awaits("the copies' ends are those of the sources",
                       lambda: len(states(running)) == 2 and ends(west) == ends(east))
        running.kill()
        lost = Producer({"bootstrap.servers": east.bootstrap, **QUIET})
        for number in range(7):
            lost.produce("orders", value=b"lost %d" % number, partition=0)
        lost.flush(60)
        application.write(west)
        done, report = failover(running, "there", "--unplanned")
        check("the target has taken over", report.get("isDone") is True, done.stdout + done.stderr)
        equal("the way back is left", done.returncode, 1)
        check("the partition is named", any("orders-0" in reason for reason in report["cannotComeBack"]), f"{report}")
        check("so is what to do", "--refill" in str(report["steps"]), f"{report['steps']}")
        done, report = failover(running, "there", "--unplanned", "--refill")
        equal("it is emptied", done.returncode, 0)
        running.start()
        running.awaits("the way back fills it", lambda: ends(west) == ends(east))
        same("refilled", application, east, west)


def test_equal_copies_are_adopted(east, west):
    """A restored backup: the flow's memory is gone, and the copy is as it was."""
    create_topic(east.bootstrap, "orders", partitions=PARTITIONS)
    application = Application()
    application.write(east)
    with replicator(east.bootstrap, west.bootstrap, there()) as running:
        running.awaits("the copies' ends are those of the sources", lambda: ends(west) == ends(east))
        running.stop()
        # Registered at __replicator_origins only.
        delete_topic(west.bootstrap, "__replicator.there.progress")
        application.write(east)
        running.start()
        check("it does not start by itself", eventually(lambda: not running.is_alive()), running.log()[-2000:])
        check("and names the command", "replicator adopt --flow 'there'" in running.log(), running.log()[-2000:])
        done = command("adopt", "--config", running.path, "--flow", "there", "--all", timeout=300)
        check("it is adopted", done.returncode == 0, done.stdout + done.stderr)
        running.start()
        running.awaits("the ends are equal", lambda: ends(west) == ends(east))
        same("adopted", application, east, west)
