"""Clients that mean no good, or die at a bad moment: their connections suffer, memory stays bounded, others are served.
"""

import random
import resource
import socket
import struct
import threading

import pytest
from confluent_kafka import Consumer, Producer, TopicPartition

from support.checks import check, equal, eventually, measured
from support.processes import memory

CONNECTIONS = 1000


def connect(cluster):
    host, port = cluster.addresses[0].rsplit(":", 1)
    return socket.create_connection((host, int(port)), timeout=20)


def is_closed(connection):
    connection.settimeout(20)
    try:
        return connection.recv(1 << 16) == b""
    except ConnectionResetError:
        return True


def works(cluster, what):
    """A producer and a consumer go through."""
    producer = Producer({"bootstrap.servers": cluster.bootstrap, "linger.ms": 0})
    errors = []
    producer.produce("t", what.encode(), partition=0, on_delivery=lambda error, _: errors.append(error))
    equal(f"{what}: flushed", producer.flush(20), 0)
    equal(f"{what}: acknowledged", errors, [None])
    consumer = Consumer({"bootstrap.servers": cluster.bootstrap, "group.id": "g", "auto.offset.reset": "earliest"})
    consumer.assign([TopicPartition("t", 0, 0)])
    found = []
    eventually(lambda: found.extend(
        m.value() for m in consumer.consume(1000, 0.2) if not m.error()) or what.encode() in found)
    check(f"{what}: read", what.encode() in found, found[-3:])
    consumer.close()


@pytest.fixture
def many_files():
    """As many files as the system allows, for this process and those that it starts."""
    before = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (before[1], before[1]))
    yield
    resource.setrlimit(resource.RLIMIT_NOFILE, before)


@pytest.mark.cluster(control=True)
def test_thousand_connections_take_little_memory(many_files, cluster):
    works(cluster, "before")
    at_rest = memory(cluster.process)
    idle = [connect(cluster) for _ in range(CONNECTIONS)]
    check("all are accepted", eventually(
        lambda: cluster.control.state()["nodes"][0]["connections"] >= CONNECTIONS), cluster.control.state()["nodes"])
    works(cluster, "beside idle connections")
    grown = memory(cluster.process) - at_rest
    measured(f"{CONNECTIONS} idle connections take {grown:.1f} MB")
    check("idle connections are cheap", grown < 60, f"{grown:.0f} MB")

    # Each announces 100 MB and sends a few bytes of it.
    for connection in idle:
        connection.sendall(struct.pack(">ihh", 100_000_000, 0, 9) + b"slow")
    works(cluster, "beside announcements")
    grown = memory(cluster.process) - at_rest
    check("what is announced takes no memory", grown < 160, f"{grown:.0f} MB")
    for connection in idle:
        connection.close()
    check("and all are gone when their clients are", eventually(
        lambda: cluster.control.state()["nodes"][0]["connections"] < 20), cluster.control.state()["nodes"])


@pytest.mark.cluster(connections_max_idle_ms=1500)
def test_slow_loris_is_cut_off(cluster):
    works(cluster, "before")
    dribbling, idle = connect(cluster), connect(cluster)
    dribbling.sendall(struct.pack(">i", 1000))
    stop = threading.Event()

    def dribble():
        try:
            while not stop.wait(0.2):
                dribbling.sendall(b"x")
        except OSError:
            pass

    thread = threading.Thread(target=dribble)
    thread.start()
    check("an idle connection is closed in time", is_closed(idle))
    check("one that dribbles too", is_closed(dribbling))
    stop.set()
    thread.join()
    works(cluster, "after")


@pytest.mark.cluster(control=True)
def test_sudden_ends_of_connections(cluster):
    seed = random.randrange(1 << 30)
    print(f"seed {seed}")
    dice = random.Random(seed)
    works(cluster, "before")
    header = struct.pack(">hhih", 0, 9, 1, -1) + b"\0"
    for _ in range(300):
        connection = connect(cluster)
        body = header + dice.randbytes(dice.randrange(2000))
        frame = struct.pack(">i", len(body)) + body
        connection.sendall(frame[:dice.randrange(len(frame) + 1)])
        if dice.random() < 0.5:
            # Reset rather than closed.
            connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        connection.close()
    works(cluster, f"after 300 sudden ends, seed {seed}")
    partition = cluster.control.topic("t")["partitions"][0]
    equal("nothing else is in the log", partition["logEndOffset"], 2)


@pytest.mark.cluster(data=True)
def test_answers_that_nobody_reads(cluster):
    producer = Producer({"bootstrap.servers": cluster.bootstrap})
    producer.produce("t", random.randbytes(900_000), partition=0)
    equal("one large record", producer.flush(20), 0)
    at_rest = memory(cluster.process)
    # Fetch of that record, a hundred times on each connection; the answers are never read.
    request = struct.pack(">hhihiiiib", 1, 4, 1, -1, -1, 0, 1, 1 << 20, 0)
    request += struct.pack(">ih1siiqi", 1, 1, b"t", 1, 0, 0, 1 << 20)
    deaf = [connect(cluster) for _ in range(20)]
    for connection in deaf:
        connection.sendall((struct.pack(">i", len(request)) + request) * 100)
    works(cluster, "beside the deaf")
    grown = memory(cluster.process) - at_rest
    measured(f"20 connections that read nothing of 1,800 MB take {grown:.0f} MB")
    check("what is not read is not heaped up", grown < 200, f"{grown:.0f} MB")
    for connection in deaf:
        connection.close()
