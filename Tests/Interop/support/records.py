"""Records: produced with numbers in them, read back, and the batches in which they lie."""

import collections
import socket
import struct
import time

from confluent_kafka import Consumer, Producer, TopicPartition

from support.checks import PATIENCE, check
from support.clients import QUIET
from support.topics import watermarks

LOOP_HEADER = "__replicator"

Copy = collections.namedtuple("Copy", "key value headers timestamp")


def batches_of(bootstrap, topic, seconds=PATIENCE):
    """Messages from the first to the last that the topic holds now, as the consumer hands them out."""
    bounds = {p: (first, end) for p, (first, end) in watermarks(bootstrap, topic).items() if end > first}
    left = {p: end for p, (_, end) in bounds.items()}
    consumer = Consumer({
        "bootstrap.servers": bootstrap, "group.id": "interop", "enable.auto.commit": False,
        "enable.partition.eof": True, "auto.offset.reset": "error", "check.crcs": True,
        "fetch.message.max.bytes": 10_000_000, **QUIET})
    consumer.assign([TopicPartition(topic, p, first) for p, (first, _) in bounds.items()])
    last = time.monotonic()
    try:
        while left and time.monotonic() < last + seconds:
            # It waits for all of them: a short time, since there may be fewer.
            messages = consumer.consume(5000, timeout=0.05)
            if messages:
                last = time.monotonic()
            for message in messages:
                if message.error() and message.error().name() != "_PARTITION_EOF":
                    raise RuntimeError(f"{topic}-{message.partition()}: {message.error()}")
                # Also the end of a partition carries its offset: transaction markers are never handed out.
                end = message.offset() + (0 if message.error() else 1)
                if end >= left.get(message.partition(), end + 1):
                    del left[message.partition()]
            yield [m for m in messages if not m.error()]
    finally:
        consumer.close()
    if left:
        raise RuntimeError(f"{topic} was not read to its end: {left} are left")


def read(bootstrap, topic):
    """Every record of a topic: partition → list in order of offsets."""
    found = {p: [] for p in watermarks(bootstrap, topic)}
    for messages in batches_of(bootstrap, topic):
        for m in messages:
            found[m.partition()].append(Copy(m.key(), m.value(), m.headers() or [], m.timestamp()))
    return found


def produce_numbers(bootstrap, topic, numbers, partitions=3, padding=0, **config):
    """Numbers as values, number n in partition n modulo `partitions`, from an idempotent producer."""
    client = Producer({
        "bootstrap.servers": bootstrap, "enable.idempotence": True, "linger.ms": 5,
        "queue.buffering.max.messages": 1_000_000, **QUIET, **config})
    failures = []

    def delivered(error, _):
        if error:
            failures.append(error)

    tail = b":" + b"x" * padding if padding else b""
    for n in numbers:
        while True:
            try:
                client.produce(topic, value=b"%d" % n + tail, partition=n % partitions, on_delivery=delivered)
                break
            except BufferError:
                client.poll(0.1)
        if n % 1000 == 0:
            client.poll(0)
    client.flush(PATIENCE)
    check(f"{topic}: all numbers are produced", not failures and len(client) == 0, f"{failures[:3]} {len(client)}")


def numbers(bootstrap, topic):
    """Numbers of a topic: partition → list in order of offsets."""
    found = {p: [] for p in watermarks(bootstrap, topic)}
    for messages in batches_of(bootstrap, topic):
        for m in messages:
            found[m.partition()].append(int(m.value().split(b":", 1)[0]))
    return found


def raw_batches(bootstrap, topic, partition=0, offset=0):
    """Headers of the batches as they lie in the log: (base offset, codec number, record count, producer id)."""
    found = []
    while True:
        records = fetch(bootstrap, topic, partition, offset)
        place = 0
        before = offset
        while place + 61 <= len(records):
            base, length = struct.unpack_from(">qi", records, place)
            attributes, last = struct.unpack_from(">hi", records, place + 21)
            producer, = struct.unpack_from(">q", records, place + 43)
            count, = struct.unpack_from(">i", records, place + 57)
            if place + 12 + length > len(records):
                break
            found.append((base, attributes & 7, count, producer))
            offset = base + last + 1
            place += 12 + length
        if offset == before:
            return found


def fetch(bootstrap, topic, partition, offset):
    """The record bytes of one Fetch (version 10, the first that may hold zstd) of one partition, from the bootstrap
    broker."""
    host, port = bootstrap.split(",")[0].rsplit(":", 1)
    name = topic.encode()
    client = b"interop"
    # No session (epoch -1), any leader epoch, no forgotten topics.
    body = (struct.pack(">hhih", 1, 10, 1, len(client)) + client
            + struct.pack(">iiiibii", -1, 0, 1, 50_000_000, 0, 0, -1)
            + struct.pack(">ih", 1, len(name)) + name
            + struct.pack(">iiiqqi", 1, partition, -1, offset, -1, 50_000_000)
            + struct.pack(">i", 0))
    with socket.create_connection((host, int(port)), timeout=30) as connection:
        connection.sendall(struct.pack(">i", len(body)) + body)
        stream = connection.makefile("rb")
        size, = struct.unpack(">i", stream.read(4))
        answer = stream.read(size)
    # Correlation id, throttle time, error, session, number of topics, name, number of partitions.
    place = 4 + 4 + 2 + 4 + 4 + 2 + len(name) + 4
    _, error, _, _, _, aborted = struct.unpack_from(">ihqqqi", answer, place)
    if error:
        raise RuntimeError(f"fetch of {topic}-{partition}: error {error}")
    place += 34 + 16 * max(aborted, 0)
    length, = struct.unpack_from(">i", answer, place)
    return answer[place + 4:place + 4 + max(length, 0)]
