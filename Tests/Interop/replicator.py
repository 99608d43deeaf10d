"""What the replication checks share: run `replicator run`, make and read topics through librdkafka."""

import collections
import contextlib
import json
import os
import pathlib
import signal
import socket
import struct
import subprocess
import tempfile
import time
import urllib.error
import urllib.request

from confluent_kafka import Consumer, Producer, TopicPartition
from confluent_kafka.admin import AdminClient, NewPartitions, NewTopic

from harness import check, equal, eventually, free_ports, program

LOOP_HEADER = "__replicator"

# Nothing here is a time limit that a check is about: it only ends what would otherwise hang.
PATIENCE = 60

# librdkafka says on standard error whatever befalls a connection; these checks break them on purpose.
QUIET = {"log_level": 0}

Copy = collections.namedtuple("Copy", "key value headers timestamp")


def flow(name="flow", topics=(".*",), deny=(), **settings):
    """A flow from `east` to `west`, from the earliest record on unless told otherwise."""
    return {
        "name": name, "source": "east", "target": "west", "topics": {"allow": list(topics), "deny": list(deny)},
        "startFrom": "earliest", "sync": {"interval": "200ms"}, **settings}


class Replicator:
    """A running `replicator run`, its configuration, log and status."""

    def __init__(self, source, target, *flows):
        self.directory = tempfile.TemporaryDirectory(prefix="replicator-")
        self.folder = pathlib.Path(self.directory.name)
        self.http = f"127.0.0.1:{free_ports(1)}"
        self.process = None
        self.configure(source, target, *flows)

    def configure(self, source, target, *flows):
        document = {
            "clusters": {"east": {"bootstrapServers": source}, "west": {"bootstrapServers": target}},
            "flows": list(flows) or [flow()], "http": {"listen": self.http}}
        # JSON is YAML.
        (self.folder / "replicator.yaml").write_text(json.dumps(document, indent=1))

    def start(self):
        with open(self.folder / "log", "ab") as log:
            self.process = subprocess.Popen(
                [program(), "run", "--config", str(self.folder / "replicator.yaml")], stdout=log, stderr=log)
        return self

    def log(self):
        return (self.folder / "log").read_text(errors="replace")

    def is_alive(self):
        return self.process is not None and self.process.poll() is None

    def stop(self):
        """Asks it to stop in order; its exit status."""
        self.process.send_signal(signal.SIGTERM)
        try:
            return self.process.wait(timeout=PATIENCE)
        except subprocess.TimeoutExpired:
            self.kill()
            return "killed, since it did not stop"

    def kill(self):
        self.process.kill()
        self.process.wait()

    def get(self, path):
        with urllib.request.urlopen(f"http://{self.http}{path}", timeout=10) as response:
            return response.read().decode()

    def status(self):
        """What /api/status says; nothing while it does not answer."""
        try:
            return json.loads(self.get("/api/status"))["flows"]
        except (OSError, ValueError):
            return []

    def obstacles(self):
        """What /readyz says against being ready; empty when nothing does."""
        try:
            self.get("/readyz")
            return ""
        except urllib.error.HTTPError as error:
            return error.read().decode()

    def partitions(self):
        return [dict(p, flow=f["name"]) for f in self.status() for p in f["partitions"]]

    def awaits(self, what, condition, seconds=PATIENCE):
        """Waits for a condition as long as the process lives, and counts it."""
        holds = eventually(lambda: condition() or not self.is_alive(), seconds) and self.is_alive() and condition()
        check(what, holds, "" if holds else f"\n{self.log()[-3000:]}\n{self.failures()}")
        return holds

    def failures(self):
        return [p for p in self.partitions() if p["state"] != "active"]

    def runs(self):
        flows = self.status()
        return bool(flows) and all(f["state"] == "running" for f in flows)

    def has_copied(self, source, topics, flows=("flow",)):
        """Whether everything that the source's topics hold now has passed, in each of the flows."""
        ends = {(topic, p): end for topic in topics for p, (_, end) in watermarks(source, topic).items()}

        def passed():
            known = {(p["flow"], p["topic"], p["partition"]): p["sourceOffset"] for p in self.partitions()}
            return all(known.get((f, *partition), -1) >= end for f in flows for partition, end in ends.items())

        return passed

    def copies(self, source, topics, flows=("flow",), seconds=PATIENCE):
        return self.awaits(f"everything of {', '.join(topics)} is copied", self.has_copied(source, topics, flows), seconds)

    def cpu_seconds(self):
        fields = pathlib.Path(f"/proc/{self.process.pid}/stat").read_text().rsplit(")", 1)[1].split()
        return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def memory(process, what="VmRSS"):
    """Resident memory of a process in MB: what it is now, or with `VmHWM` what it was at most."""
    for line in pathlib.Path(f"/proc/{process.pid}/status").read_text().splitlines():
        if line.startswith(what):
            return int(line.split()[1]) / 1000
    return 0


@contextlib.contextmanager
def replicator(source, target, *flows):
    """`replicator run` for the length of a block; it must leave with status 0."""
    running = Replicator(source, target, *flows).start()
    try:
        yield running
        if running.is_alive():
            equal("the replicator stops with status 0", running.stop(), 0)
    finally:
        if running.is_alive():
            running.kill()
        running.directory.cleanup()


def admin(bootstrap):
    return AdminClient({"bootstrap.servers": bootstrap, **QUIET})


def create_topic(bootstrap, topic, partitions=3, replicas=1, **config):
    """Settings are Kafka's keys with `_` for `.`."""
    client = admin(bootstrap)
    new = NewTopic(
        topic, num_partitions=partitions, replication_factor=replicas,
        config={key.replace("_", "."): str(value) for key, value in config.items()})
    client.create_topics([new])[topic].result(PATIENCE)
    await_partitions(bootstrap, topic, partitions)


def limit_client(bootstrap, quota, bytes_per_second, client_id="replicator"):
    """Sets a client id's quota, or takes it away with None, by a raw AlterClientQuotas (version 0): no Python client
    knows the request."""
    def text(value):
        return struct.pack(">h", len(value)) + value.encode()

    host, port = bootstrap.split(",")[0].rsplit(":", 1)
    body = (struct.pack(">hhi", 49, 0, 1) + text("interop") + struct.pack(">ii", 1, 1) + text("client-id") + text(client_id)
            + struct.pack(">i", 1) + text(quota)
            + struct.pack(">d??", bytes_per_second or 0, bytes_per_second is None, False))
    with socket.create_connection((host, int(port)), timeout=30) as connection:
        connection.sendall(struct.pack(">i", len(body)) + body)
        stream = connection.makefile("rb")
        answer = stream.read(struct.unpack(">i", stream.read(4))[0])
    # Correlation id, throttle time, number of entries, the first one's error.
    equal(f"{quota} of {client_id} is changed", struct.unpack_from(">iiih", answer)[2:], (1, 0))


def add_partitions(bootstrap, topic, count):
    client = admin(bootstrap)
    client.create_partitions([NewPartitions(topic, count)])[topic].result(PATIENCE)
    await_partitions(bootstrap, topic, count)


def await_partitions(bootstrap, topic, count):
    client = admin(bootstrap)
    ready = eventually(lambda: len(client.list_topics(topic, timeout=10).topics[topic].partitions) >= count)
    check(f"{topic} has {count} partitions", ready)


def topic_names(bootstrap):
    return set(admin(bootstrap).list_topics(timeout=30).topics)


def delete_topic(bootstrap, topic):
    client = admin(bootstrap)
    client.delete_topics([topic])[topic].result(PATIENCE)
    check(f"{topic} is deleted", eventually(lambda: topic not in topic_names(bootstrap)))


def delete_records(bootstrap, topic, partition, before):
    """As if retention had passed over them."""
    client = admin(bootstrap)
    for outcome in client.delete_records([TopicPartition(topic, partition, before)]).values():
        outcome.result(PATIENCE)


def partition_count(bootstrap, topic):
    found = admin(bootstrap).list_topics(timeout=30).topics.get(topic)
    return len(found.partitions) if found else 0


def watermarks(bootstrap, topic):
    """First offset and end of each partition."""
    consumer = Consumer({"bootstrap.servers": bootstrap, "group.id": "interop", **QUIET})
    try:
        numbers = consumer.list_topics(topic, timeout=30).topics[topic].partitions
        return {p: consumer.get_watermark_offsets(TopicPartition(topic, p), timeout=30) for p in sorted(numbers)}
    finally:
        consumer.close()


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
    """The record bytes of one Fetch (version 10, the first that may hold zstd) of one partition, from the bootstrap broker."""
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
