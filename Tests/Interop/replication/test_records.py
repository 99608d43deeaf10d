"""Records come out at the target as they went in at the source: key, value, headers, timestamp, partition, order.

Written by librdkafka, kafka-python and kcat in every codec; read back by librdkafka and kafka-python.
"""

import asyncio
import random
import subprocess
import time

import aiokafka
import kafka
import pytest
from confluent_kafka import TIMESTAMP_CREATE_TIME, TIMESTAMP_LOG_APPEND_TIME, Producer

from support.checks import check, equal
from support.records import LOOP_HEADER, Copy, raw_batches, read
from support.replicators import flow, replicator
from support.topics import create_topic, partition_count

CODECS = ["none", "gzip", "snappy", "lz4", "zstd"]
NUMBERS = dict(zip(CODECS, range(5)))
# The flows of one process: one for each choice of codec, and one that keeps names.
CHOICES = ["keep", *CODECS]

HOUR = 3_600_000
NOW = int(time.time() * 1000)

KEYS = [None, b"", b"key", b"\x00\xff\xfe", "ключ".encode()]
VALUES = [None, b"", b"value", b"\x00\xff\xfe", b"v" * 5000]
HEADERS = [
    [],
    [("name", b"value")],
    [("same", b"1"), ("same", b"2"), ("same", b"1")],
    [("empty", b""), ("null", None), ("binary", b"\x00\xff\xfe\x80")],
    [("", b"without a name"), ("имя", "значение".encode())],
    [(f"h{n}", b"x" * n) for n in range(50)],
]
TIMESTAMPS = [NOW, 1, 1_000_000_000_000, NOW - 24 * HOUR, NOW + HOUR // 2]


def shapes():
    """Every combination of the values above, in a fixed disorder."""
    every = [(k, v, h, t) for k in KEYS for v in VALUES for h in HEADERS for t in TIMESTAMPS]
    random.Random(1).shuffle(every)
    return every


def librdkafka(bootstrap, topic, records, codec="none", **config):
    """Writes (key, value, headers, timestamp) in turn to the partitions 0, 1, 2; what belongs into each."""
    client = Producer({
        "bootstrap.servers": bootstrap, "compression.type": codec, "linger.ms": 20,
        "message.max.bytes": 8_000_000, "enable.idempotence": True, **config})
    expected = {0: [], 1: [], 2: []}
    errors = []
    for n, (key, value, headers, timestamp) in enumerate(records):
        client.produce(
            topic, key=key, value=value, headers=headers, timestamp=timestamp, partition=n % 3,
            on_delivery=lambda error, _: error and errors.append(error))
        expected[n % 3].append(Copy(key, value, headers, (1, timestamp)))
        if n % 500 == 0:
            client.poll(0)
    client.flush(60)
    check(f"{topic}: librdkafka delivers", not errors and not len(client), errors[:3])
    return expected


def kafka_python(bootstrap, topic, records, codec):
    client = kafka.KafkaProducer(
        bootstrap_servers=bootstrap, compression_type=None if codec == "none" else codec, linger_ms=20)
    sent = [
        client.send(topic, key=key, value=value, headers=headers, timestamp_ms=timestamp, partition=n % 3)
        # It has no null headers, and wants a key or a value.
        for n, (key, value, headers, timestamp) in enumerate(records)
        if (key, value) != (None, None) and all(v is not None for _, v in headers)]
    client.flush(60)
    check(f"{topic}: kafka-python delivers", all(f.succeeded() for f in sent))
    client.close()


def kcat(bootstrap, topic, codec):
    for partition in range(3):
        lines = "".join(f"k{n}:{'' if n % 5 == 0 else 'from kcat ' * (n % 20)}{n}\n" for n in range(200))
        status = subprocess.run(
            ["kcat", "-P", "-b", bootstrap, "-t", topic, "-p", str(partition), "-K:", "-z", codec,
             "-H", "by=kcat", "-H", "by=again"], input=lines, text=True, timeout=60).returncode
        equal(f"{topic}: kcat delivers to partition {partition}", status, 0)
    # Keys without values, as tombstones.
    status = subprocess.run(
        ["kcat", "-P", "-b", bootstrap, "-t", topic, "-p", "1", "-K:", "-Z"],
        input="gone:\ngone too:\n", text=True, timeout=60).returncode
    equal(f"{topic}: kcat delivers tombstones", status, 0)


def read_by_kafka_python(bootstrap, topic):
    client = kafka.KafkaConsumer(
        bootstrap_servers=bootstrap, auto_offset_reset="earliest", enable_auto_commit=False,
        max_partition_fetch_bytes=10_000_000)
    places = [kafka.TopicPartition(topic, p) for p in sorted(client.partitions_for_topic(topic))]
    client.assign(places)
    client.seek_to_beginning()
    ends = client.end_offsets(places)
    found = {p.partition: [] for p in places}
    end = time.monotonic() + 60
    while any(client.position(p) < ends[p] for p in places) and time.monotonic() < end:
        for place, records in client.poll(timeout_ms=500).items():
            found[place.partition] += [
                Copy(r.key, r.value, list(r.headers), (r.timestamp_type + 0, r.timestamp)) for r in records]
    client.close()
    return found


async def read_by_aiokafka(bootstrap, topic):
    client = aiokafka.AIOKafkaConsumer(
        bootstrap_servers=bootstrap, auto_offset_reset="earliest", enable_auto_commit=False,
        max_partition_fetch_bytes=10_000_000)
    await client.start()
    try:
        places = [aiokafka.TopicPartition(topic, p) for p in range(partition_count(bootstrap, topic))]
        client.assign(places)
        await client.seek_to_beginning()
        ends = await client.end_offsets(places)
        found = {p.partition: [] for p in places}
        end = time.monotonic() + 60
        while any([await client.position(p) < ends[p] for p in places]) and time.monotonic() < end:
            for place, records in (await client.getmany(timeout_ms=500)).items():
                found[place.partition] += [
                    Copy(r.key, r.value, list(r.headers), (r.timestamp_type + 0, r.timestamp)) for r in records]
        return found
    finally:
        await client.stop()


def read_by_kcat(bootstrap, topic):
    """Sizes and times of all records, as kcat prints them; its order between partitions is chance."""
    output = subprocess.run(
        ["kcat", "-C", "-b", bootstrap, "-t", topic, "-e", "-q", "-f", "%p %o %K %S %T\\n"], capture_output=True,
        text=True, timeout=60)
    equal(f"{topic}: kcat reads", output.returncode, 0)
    return sorted(output.stdout.splitlines())


def first_difference(found, expected):
    if sorted(found) != sorted(expected):
        return f"partitions {sorted(found)} instead of {sorted(expected)}"
    for p in expected:
        for n, (a, b) in enumerate(zip(found[p], expected[p])):
            if a != b:
                return f"partition {p}, record {n}: {str(a)[:400]} instead of {str(b)[:400]}"
        if len(found[p]) != len(expected[p]):
            return f"partition {p}: {len(found[p])} records instead of {len(expected[p])}"
    return ""


def same(what, found, expected):
    difference = first_difference(found, expected)
    check(what, not difference, difference)


def without_loop_headers(what, records):
    """Checks that each record carries our header, once and last, and takes it off."""
    bare = {}
    wrong = []
    for p, copies in records.items():
        bare[p] = []
        for copy in copies:
            names = [name for name, _ in copy.headers]
            if names[-1:] != [LOOP_HEADER] or names.count(LOOP_HEADER) != 1:
                wrong.append(copy)
            bare[p].append(copy._replace(headers=copy.headers[:-1]))
    check(what, not wrong, wrong[:2])
    return bare


def flows(choices=CHOICES):
    return [
        flow(choice, naming={"mode": "prefix", "alias": choice}, compression=choice) for choice in choices
    ] + [flow("identical", naming={"mode": "identical"})]


def codecs_of(bootstrap, topic):
    return {codec for p in range(partition_count(bootstrap, topic)) for _, codec, _,
            _ in raw_batches(bootstrap, topic, p)}


@pytest.mark.long
def test_every_codec_and_shape(east, west):
    source, target = east.bootstrap, west.bootstrap
    topics = [f"in-{codec}" for codec in CODECS]
    written = {}
    for codec, topic in zip(CODECS, topics):
        create_topic(source, topic)
        written[topic] = librdkafka(source, topic, shapes(), codec)
        equal(f"{topic} is written in its codec", codecs_of(source, topic), {NUMBERS[codec]})
        kafka_python(source, topic, shapes()[:300], codec)
        kcat(source, topic, codec)
    with replicator(source, target, *flows()) as running:
        running.awaits("the replicator runs", running.runs)
        running.copies(source, topics, [*CHOICES, "identical"])
        # While it runs, as well as what was there before.
        for codec, topic in zip(CODECS, topics):
            librdkafka(source, topic, shapes()[300:500], codec)
        running.copies(source, topics, [*CHOICES, "identical"])
        equal("no partition has stopped", running.failures(), [])
        compare(source, target, topics, written)


def compare(source, target, topics, written):
    for topic in topics:
        at_source = read(source, topic)
        beginning = {p: copies[:len(written[topic][p])] for p, copies in at_source.items()}
        same(f"{topic}: the source holds what was produced", beginning, written[topic])
        for choice in CHOICES:
            copy = f"{choice}.{topic}"
            same(f"{copy} equals its source", read(target, copy), at_source)
            found = codecs_of(target, copy)
            expected = codecs_of(source, topic) if choice == "keep" else {NUMBERS[choice]}
            equal(f"{copy} is in the codec asked for", found, expected)
        bare = without_loop_headers(f"{topic}: each record carries the loop header", read(target, topic))
        same(f"{topic} equals its source but for the loop header", bare, at_source)
    for topic in (f"keep.{topics[0]}", f"zstd.{topics[1]}"):
        source_topic = topic.split(".")[1]
        same(
            f"{topic} equals its source for kafka-python", read_by_kafka_python(target, topic),
            read_by_kafka_python(source, source_topic))
        same(
            f"{topic} equals its source for aiokafka", asyncio.run(read_by_aiokafka(target, topic)),
            asyncio.run(read_by_aiokafka(source, source_topic)))
        equal(f"{topic} equals its source for kcat", read_by_kcat(target, topic), read_by_kcat(source, source_topic))


def equals_its_source(source, target, topic, written):
    """Of a limit: as the flows of a choice of codecs write it, and where there is room for a header as one keeps names.
    """
    create_topic(source.bootstrap, topic)
    librdkafka(source.bootstrap, topic, written)
    # A record at the very limit leaves no room for another header.
    identical = [] if topic == "default-limit" else ["identical"]
    chosen = [f for f in flows(["keep", "zstd"]) if f["name"] in ["keep", "zstd", *identical]]
    with replicator(source.bootstrap, target.bootstrap, *chosen) as running:
        running.awaits("the replicator runs", running.runs)
        running.copies(source.bootstrap, [topic], ["keep", "zstd", *identical])
        equal("no partition has stopped", running.failures(), [])
        expected = read(source.bootstrap, topic)
        for copy in (f"keep.{topic}", f"zstd.{topic}"):
            same(f"{copy} equals its source", read(target.bootstrap, copy), expected)
        if identical:
            bare = without_loop_headers(
                f"{topic}: each record carries the loop header", read(target.bootstrap, topic))
            same(f"{topic} equals its source but for the loop header", bare, expected)


def test_records_of_the_default_limit(east, west):
    # At the default limit of 1,048,588 bytes a batch of one record has room for this much.
    equals_its_source(east, west, "default-limit", [
        (b"k", random.Random(n).randbytes(1_048_588 - 90), [], NOW) for n in range(9)])


@pytest.mark.east(message_max_bytes=5_000_000)
@pytest.mark.west(message_max_bytes=5_000_000)
def test_records_of_a_raised_limit(east, west):
    equals_its_source(east, west, "raised-limit", [
        (None, random.Random(n).randbytes(1_000_000 * (n % 4 + 1)), [("n", b"1")], NOW) for n in range(12)])


def test_limit_of_a_topic_travels(east, west):
    """A topic's own max.message.bytes goes to the target before its first record."""
    create_topic(east.bootstrap, "big", max_message_bytes=3_000_000)
    librdkafka(east.bootstrap, "big", [(None, random.Random(n).randbytes(2_500_000), [], NOW) for n in range(3)])
    with replicator(east.bootstrap, west.bootstrap) as running:
        running.copies(east.bootstrap, ["big"])
        same("east.big equals its source", read(west.bootstrap, "east.big"), read(east.bootstrap, "big"))


def test_batches_that_grow(east, west):
    """Full batches that become larger than the target takes when they are rewritten: they must be cut."""
    full = [(None, b"%090d" % n, [], NOW) for n in range(60_000)]
    create_topic(east.bootstrap, "full")
    librdkafka(east.bootstrap, "full", full,
               **{"linger.ms": 500, "batch.size": 1_000_000, "batch.num.messages": 10_000})
    create_topic(east.bootstrap, "compressed")
    librdkafka(
        east.bootstrap, "compressed", [(None, b"%01000d" % n, [], NOW) for n in range(15_000)], "gzip",
        **{"linger.ms": 500, "batch.size": 4_000_000})
    with replicator(east.bootstrap, west.bootstrap, *flows(["none", "keep"])) as running:
        running.awaits("the replicator runs", running.runs)
        for topic in ("full", "compressed"):
            running.copies(east.bootstrap, [topic], ["none", "keep", "identical"], seconds=20)
            expected = read(east.bootstrap, topic)
            for copy in (f"none.{topic}", f"keep.{topic}"):
                same(f"{copy} equals its source", read(west.bootstrap, copy), expected)
            bare = without_loop_headers(f"{topic}: each record carries the loop header", read(west.bootstrap, topic))
            same(f"{topic} equals its source but for the loop header", bare, expected)
        equal("no partition has stopped", running.failures(), [])


def test_append_time_becomes_the_time_of_records(east, west):
    """Where the source stamps records as it appends them, that time becomes the records' own."""
    create_topic(east.bootstrap, "stamped", message_timestamp_type="LogAppendTime")
    librdkafka(east.bootstrap, "stamped", shapes()[:500], "gzip")
    with replicator(east.bootstrap, west.bootstrap) as running:
        running.copies(east.bootstrap, ["stamped"])
    at_source = read(east.bootstrap, "stamped")
    kinds = {copy.timestamp[0] for copies in at_source.values() for copy in copies}
    equal("the source stamps its records", kinds, {TIMESTAMP_LOG_APPEND_TIME})
    own = {
        p: [c._replace(timestamp=(TIMESTAMP_CREATE_TIME, c.timestamp[1])) for c in copies]
        for p, copies in at_source.items()}
    same("the copy carries the source's time", read(west.bootstrap, "east.stamped"), own)
