"""Surroundings that are not as they should be: ports that are taken, clusters of which a part is missing, scrapers that
go away, disks that are full. Each is said clearly, does no harm, and is over when its cause is."""

import contextlib
import random
import socket
import struct
import subprocess

import pytest
from confluent_kafka import Producer, TopicPartition
from confluent_kafka.admin import OffsetSpec

from support.brokers import Broker, broker
from support.checks import PATIENCE, check, equal, eventually
from support.clients import QUIET, admin
from support.ports import free_address
from support.processes import open_files
from support.program import command
from support.records import numbers, produce_numbers
from support.replicators import configured, replicator
from support.small_disk import small_disk
from support.topics import create_topic, topic_names
from support.traffic import Traffic


@contextlib.contextmanager
def started(broker):
    broker.start()
    try:
        yield broker
    finally:
        if broker.process.poll() is None:
            broker.kill()


def offsets(running):
    return {(p["topic"], p["partition"]): p["sourceOffset"] for p in running.partitions()}


def test_a_brokers_port_is_taken(cluster, tmp_path):
    taken = cluster.addresses[0]
    second = command("broker", "--listen", taken)
    equal("the second one ends with 1", second.returncode, 1)
    check("it says which port, and that it is in use",
          taken.split(":")[1] in second.stderr and "in use" in second.stderr, second.stderr)
    equal("it says so in one line", len(second.stderr.splitlines()), 1)
    before = int(taken.split(":")[1]) - 1
    # The node in front may start; the one behind cannot.
    pair = command("broker", "--listen", f"127.0.0.1:{before}", "--nodes", "2", "--data", str(tmp_path))
    equal("so does a cluster of which one node cannot listen", (pair.returncode, "in use" in pair.stderr), (1, True))
    equal("the first one has noticed nothing", topic_names(cluster.bootstrap), set())


@pytest.mark.east(nodes=3, control=True)
def test_part_of_a_cluster_is_missing(east, west):
    """Nodes that are gone, and nodes that do not answer: partitions that they lead wait, the others go on."""
    create_topic(east.bootstrap, "orders", partitions=3)
    produce_numbers(east.bootstrap, "orders", range(300))
    leaders = {p["partition"]: p["leader"] for p in east.control.topic("orders")["partitions"]}
    equal("each node leads a partition", len(set(leaders.values())), 3)
    at = lambda running, partition: offsets(running).get(("orders", partition))
    with replicator(east.bootstrap, west.bootstrap) as running:
        running.copies(east.bootstrap, ["orders"])
        east.control.node(leaders[0], "stop")
        produce_numbers(east.bootstrap, "orders", [n for n in range(300, 600) if n % 3])
        running.awaits("the partitions of the others are copied",
                       lambda: (at(running, 1), at(running, 2)) == (200, 200))
        equal("it stops with status 0", running.stop(), 0)
        running.start()
        running.awaits("it starts without a node of the source", running.runs)
        east.control.node(leaders[1], "freeze")
        produce_numbers(east.addresses[leaders[2] - 1], "orders", range(602, 900, 3))
        running.awaits("a node that falls silent holds up only its own", lambda: at(running, 2) == 300)
        check("what the missing node leads waits", at(running, 0) == 100, str(offsets(running)))
        east.control.node(leaders[1], "thaw")
        east.control.node(leaders[0], "start")
        produce_numbers(east.bootstrap, "orders", range(300, 900, 3))
        running.copies(east.bootstrap, ["orders"])
    equal("nothing is lost or doubled", numbers(west.bootstrap, "east.orders"),
          {0: list(range(0, 900, 3)), 1: list(range(1, 600, 3)), 2: list(range(2, 900, 3))})


@pytest.mark.long
def test_a_cluster_advertises_an_address_that_nobody_serves(west, tmp_path):
    """Its bootstrap server answers, and no broker: doctor knows, and run says so while it waits."""
    for nobody in (free_address(), "no-such-host.invalid:9092"):
        advertise(nobody, west, tmp_path / nobody)


def advertise(nobody, west, tmp_path):
    with broker(data=tmp_path) as east:
        create_topic(east.bootstrap, "orders", partitions=1)
        listen = east.bootstrap
    arguments = ["--listen", listen, "--data", str(tmp_path), "--set", f"advertised.listeners=PLAINTEXT://{nobody}"]
    with started(Broker(arguments)) as east, configured(east.bootstrap, west.bootstrap) as running:
        doctor = command("doctor", "--config", str(running.path))
        check("doctor names cluster and address", doctor.returncode == 1 and "east" in doctor.stdout
              and nobody in doctor.stdout, doctor.stdout)
        running.start()
        running.awaits("run names it", lambda: "broker cannot be used" in running.log())
        line = next(line for line in running.log().splitlines() if "broker cannot be used" in line)
        check("cluster, broker, address and remedy are in the line", all(
            word in line for word in ("cluster=east", "broker 1", nobody, "advertised.listeners")), line)
        equal("it stops with status 0", running.stop(), 0)


def test_flows_that_are_not_there(east, west):
    create_topic(east.bootstrap, "orders", partitions=1)
    with replicator(east.bootstrap, west.bootstrap) as running:
        running.awaits("the flow runs", running.runs)
        config = ["--config", str(running.path), "--flow", "nope"]
        for name, more in (("run", []), ("plan", []), ("doctor", []), ("verify", []), ("migrate", ["--yes"]),
                           ("offsets", ["--group", "g"]), ("drill", ["--scenario", "planned"]), ("status", [])):
            done = command(name, *config, *more)
            equal(f"{name}: exit status", done.returncode, 2)
            check(f"{name}: names the flow", "nope" in done.stderr, done.stderr)
            check(f"{name}: and those that there are", "flow" in done.stderr.replace("no flow", ""), done.stderr)
        for name in ("pause", "resume"):
            done = command(name, *config)
            equal(f"{name}: the running replicator does not know it", (done.returncode, "nope" in done.stderr),
                  (1, True))


def raw(running):
    host, port = running.http.split(":")
    return socket.create_connection((host, int(port)), timeout=PATIENCE)


def gone(connection):
    """Goes away as a process that is killed with unread data does: with RST."""
    connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    connection.close()


def test_scrapers_and_browsers_that_go_away(east, west):
    dice = random.Random(7)
    paths = ["/metrics", "/api/status", "/api/history?topics=all", "/api/events", "/", "/readyz"]
    for n in range(30):
        create_topic(east.bootstrap, f"topic-{n}", partitions=3)
    with replicator(east.bootstrap, west.bootstrap) as running:
        running.awaits("the flow runs", running.runs)
        running.awaits("all topics are taken up", lambda: len(running.partitions()) == 90)
        traffic = Traffic(east.bootstrap, "topic-0", 3)
        before = open_files(running.process)
        request = lambda path: f"GET {path} HTTP/1.1\r\nHost: {running.http}\r\nConnection: keep-alive\r\n\r\n".encode()
        for n in range(200):
            connection = raw(running)
            whole = request(dice.choice(paths))
            match n % 5:
                case 0:  # without a word
                    pass
                case 1:  # in the middle of its question
                    connection.sendall(whole[:dice.randrange(1, len(whole))])
                case 2:  # before the answer
                    connection.sendall(whole)
                case 3:  # in the middle of the answer
                    connection.sendall(whole)
                    connection.recv(dice.randrange(1, 200))
                case 4:  # with many more questions than it wants answered
                    connection.sendall(whole * 20)
            gone(connection)
        held = []
        for _ in range(20):
            # Asks for much and reads nothing of it.
            connection = raw(running)
            connection.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
            connection.sendall(request("/api/status") * 50)
            held.append(connection)
        answered = eventually(lambda: "replicator_records_total" in running.get("/metrics"), PATIENCE)
        check("others are answered beside those who do not read", answered)
        position = offsets(running)[("topic-0", 0)]
        running.awaits("records flow on", lambda: offsets(running)[("topic-0", 0)] > position)
        for connection in held:
            gone(connection)
        # Backlogs may have had connections of their own meanwhile.
        running.awaits("their sockets are given back", lambda: open_files(running.process) <= before + 15)
        check("nobody is troubled with it",
              not [line for line in running.log().splitlines() if " error " in line or " warning " in line],
              running.log()[-2000:])
        traffic.stop()
        running.copies(east.bootstrap, ["topic-0"])
    traffic.check(west.bootstrap, "east.topic-0")


def test_a_disk_that_is_full_under_the_target(east):
    """The target's disk fills up while records are copied, its broker is killed then; with more room everything
    arrives."""
    with small_disk(16) as disk:
        create_topic(east.bootstrap, "orders", partitions=2)
        produce_numbers(east.bootstrap, "orders", range(4000), partitions=2, padding=10_000)
        arguments = ["--listen", free_address(), "--data", f"{disk.path}/data"]
        with started(Broker(arguments, disk.prefix)) as west:
            with configured(east.bootstrap, west.bootstrap) as running:
                document = running.document()
                document["http"]["stuckAfter"] = "2s"
                running.write(document)
                running.start()
                running.awaits("the flow runs", running.runs)
                running.awaits("the partitions stand still",
                               lambda: "2 partitions of 1 topic have made no progress" in running.obstacles())
                check("the disk is full", disk.free() < 1_000_000, str(disk.free()))
                check("it is said why", "west answers KAFKA_STORAGE_ERROR" in running.obstacles(), running.obstacles())
                running.awaits("the log says so, too", lambda: "west answers KAFKA_STORAGE_ERROR" in running.log())
                shown = command("status", "--url", running.http)
                check("and replicator status",
                      shown.returncode == 1 and "west answers KAFKA_STORAGE_ERROR" in shown.stdout, shown.stdout)
                equal("no partition has stopped for good", running.failures(), [])
                held = numbers(west.bootstrap, "east.orders")
                for partition, found in held.items():
                    equal(f"what the full disk holds of partition {partition} can be read, in order", found,
                          list(range(partition, 4000, 2))[:len(found)])
                west.kill()
                disk.grow(200)
                west.start()
                running.copies(east.bootstrap, ["orders"])
                equal("it stops with status 0", running.stop(), 0)
            equal("nothing is lost or doubled", numbers(west.bootstrap, "east.orders"),
                  {p: list(range(p, 4000, 2)) for p in range(2)})


def end(bootstrap, topic):
    """Of partition 0. Not asked for with a consumer: the broker would make the topic of its groups on the full disk."""
    place = TopicPartition(topic, 0)
    client = admin(bootstrap)
    return client.list_offsets({place: OffsetSpec.latest()})[place].result(PATIENCE).offset


def test_a_disk_that_is_full_under_a_broker():
    """Producers are told; what was acknowledged stays; a start without room is possible, and says so."""
    with small_disk(8) as disk:
        arguments = ["--listen", free_address(), "--data", f"{disk.path}/data"]
        with started(Broker(arguments, disk.prefix)) as cluster:
            create_topic(cluster.bootstrap, "t", partitions=1)
            client = Producer({"bootstrap.servers": cluster.bootstrap, "message.timeout.ms": 5000, "linger.ms": 0,
                               **QUIET})
            acknowledged, refused = [], []

            def delivered(error, message):
                (refused if error else acknowledged).append((str(error), message.offset()))

            for _ in range(1000):
                client.produce("t", b"x" * 20_000, on_delivery=delivered)
                client.poll(0)
                if refused:
                    break
            client.flush(PATIENCE)
            check("some are acknowledged, then no more", acknowledged and refused,
                  f"{len(acknowledged)} {len(refused)}")
            check("the broker lives", cluster.process.poll() is None)
            found = end(cluster.bootstrap, "t")
            check("what was acknowledged is there", found >= max(o for _, o in acknowledged) + 1, f"{found}")
            cluster.kill()
            subprocess.run([*disk.prefix, "sh", "-c", f"cat /dev/zero > {disk.path}/rest 2>/dev/null"], check=False)
            cluster.start()
            equal("without room it starts, and has what it had", end(cluster.bootstrap, "t"), found)
            cluster.kill()
            disk.run("rm", f"{disk.path}/rest")
            disk.grow(64)
            cluster.start()
            equal("with room it starts, and has what it had", end(cluster.bootstrap, "t"), found)
            more = []
            client.produce("t", b"more", on_delivery=lambda error, _: more.append(error))
            client.flush(PATIENCE)
            equal("and takes more", more, [None])
