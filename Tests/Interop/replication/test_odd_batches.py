"""What a producer may write to a topic and no client writes: small batches that stand for gigabytes, and offsets that go
back. Memory is measured; nothing is doubled by a crash."""

import contextlib
import struct

import pytest
import zstandard

from support import processes
from support.checks import check, equal, eventually, measured
from support.odd_batches import RawProducer, batch, record
from support.records import fetch, read
from support.replicators import configured, flow
from support.topics import create_topic, watermarks

MEGABYTE = 1 << 20
# `bufferBytes` is 32 MiB unless told otherwise; Docs/Security.md says what comes on top of it.
MOST_MEMORY = 250


@contextlib.contextmanager
def producer(cluster):
    connection = RawProducer(cluster.bootstrap)
    try:
        yield connection
    finally:
        connection.close()


def values(cluster, topic):
    return [copy.value for copy in read(cluster.bootstrap, topic)[0]]


def compressed(payload):
    return zstandard.ZstdCompressor(level=3).compress(payload)


def bomb(megabytes):
    """One record of so many megabytes of zeros."""
    return batch(compressed(record(b"\0" * (megabytes * MEGABYTE), key=b"k")), 1, attributes=4)


def many_records(megabytes):
    """Records of a kilobyte each, that stand for so many megabytes together."""
    count = megabytes * 1000
    return batch(compressed(b"".join(record(b"\0" * 1040, n) for n in range(count))), count, attributes=4)


def record_count(bootstrap, topic):
    """Records by the headers of their batches; markers of fences are none."""
    count, offset = 0, 0
    end = watermarks(bootstrap, topic)[0][1]
    while offset < end:
        data = fetch(bootstrap, topic, 0, offset)
        place, before = 0, offset
        while place + 61 <= len(data):
            base, length = struct.unpack_from(">qi", data, place)
            attributes, last = struct.unpack_from(">hi", data, place + 21)
            records, = struct.unpack_from(">i", data, place + 57)
            if base >= offset and not attributes & 0x20:
                count += records
            offset, place = max(offset, base + last + 1), place + 12 + length
        if offset == before:
            break
    return count


def peak(running):
    found = processes.memory(running.process, "VmHWM")
    measured(f"replicator run: {found:.0f} MB at most")
    return found


@pytest.mark.west(message_max_bytes=104_857_600)
def test_small_batches_that_stand_for_gigabytes_pass_whole(east, west):
    count = 12
    create_topic(east.bootstrap, "orders", partitions=1)
    with producer(east) as source:
        for _ in range(count):
            equal("the source takes it", source.produce("orders", bomb(100)), 0)
        equal("and an ordinary one", source.produce("orders", batch(record(b"after"), 1)), 0)
    with configured(east.bootstrap, west.bootstrap, flow(naming={"mode": "prefix", "alias": "a"})) as running:
        # A broker of one thread that takes such a batch apart answers nothing else meanwhile.
        document = running.document()
        document["instance"] = {"id": "one", "sessionTimeout": "60s"}
        running.write(document)
        running.start()
        running.copies(east.bootstrap, ["orders"], seconds=120)
        equal("every record is written", record_count(west.bootstrap, "a.orders"), count + 1)
        check("memory is bounded", peak(running) < MOST_MEMORY)
        # And when the tail has to be read.
        running.kill()
        running.start()
        running.awaits("it runs again", running.runs)
        with producer(east) as source:
            source.produce("orders", batch(record(b"again"), 1))
        running.copies(east.bootstrap, ["orders"], seconds=120)
        equal("nothing is doubled", record_count(west.bootstrap, "a.orders"), count + 2)
        check("memory is bounded after a crash", peak(running) < MOST_MEMORY)


@pytest.mark.west(message_max_bytes=104_857_600)
def test_one_record_beyond_the_limit_stops_only_its_partition(east, west):
    create_topic(east.bootstrap, "orders", partitions=1)
    create_topic(east.bootstrap, "others", partitions=1)
    with producer(east) as source:
        for _ in range(4):
            source.produce("orders", bomb(100))
        source.produce("others", batch(record(b"fine"), 1))
    with configured(east.bootstrap, west.bootstrap,
                    flow(naming={"mode": "prefix", "alias": "a"}, compression="none")) as running:
        running.start()
        running.awaits("the partition stops", lambda: any(
            p["topic"] == "orders" and p["state"] == "failed" for p in running.partitions()))
        reason = next(p["reason"] for p in running.partitions() if p["topic"] == "orders")
        check("it is said why, where, and what to do", "source offset 0" in reason and "bufferBytes" in reason, reason)
        check("the other continues", eventually(lambda: values(west, "a.others") == [b"fine"]))
        check("memory is bounded", peak(running) < MOST_MEMORY)


@pytest.mark.parametrize("compression", ["none", "gzip"])
def test_a_batch_of_many_records_is_divided(east, west, compression):
    create_topic(east.bootstrap, "orders", partitions=1)
    with producer(east) as source:
        for _ in range(2):
            equal("the source takes it", source.produce("orders", many_records(60)), 0)
    with configured(east.bootstrap, west.bootstrap,
                    flow(naming={"mode": "prefix", "alias": "a"}, compression=compression)) as running:
        running.start()
        running.copies(east.bootstrap, ["orders"], seconds=180)
        equal("every record is written", watermarks(west.bootstrap, "a.orders")[0][1], 2 * 60_000)
        check("memory is bounded", peak(running) < MOST_MEMORY)


@pytest.mark.parametrize("deltas", [[2, 1, 0], [0, 0, 0], [0, 2, 1]])
@pytest.mark.parametrize("naming", [{"mode": "identical"}, {"mode": "prefix", "alias": "a"}])
def test_offsets_that_go_back_are_counted_as_they_come(east, west, deltas, naming):
    create_topic(east.bootstrap, "orders", partitions=1)
    copy = "orders" if naming["mode"] == "identical" else "a.orders"
    with producer(east) as source:
        odd = b"".join(record(b"v%d" % n, delta) for n, delta in enumerate(deltas))
        equal("the source takes it", source.produce("orders", batch(odd, 3, last=2)), 0)
    expected = 3
    with configured(east.bootstrap, west.bootstrap, flow(naming=naming)) as running:
        for start in range(3):
            running.start()
            with producer(east) as source:
                source.produce("orders", batch(record(b"after %d" % start), 1))
            expected += 1
            running.copies(east.bootstrap, ["orders"])
            equal("each record is there once", record_count(west.bootstrap, copy), expected)
            partition = running.partitions()[0]
            equal("the accounts add up", (partition["state"], partition["sourceOffset"], partition.get("doubled", 0)),
                  ("active", expected, 0))
            running.kill()
        if naming["mode"] == "identical":
            check("it is logged", "offsets in a batch repeat or go back" in running.log())
            equal("in their order", values(west, copy)[:3], [b"v0", b"v1", b"v2"])


@pytest.mark.parametrize("settings", [{}, {"compression": "gzip"}, {"naming": {"mode": "identical"}}])
def test_batches_of_ours_fit_what_the_target_takes(east, west, settings):
    create_topic(east.bootstrap, "orders", partitions=1, max_message_bytes=65536)
    settings = {"naming": {"mode": "prefix", "alias": "a"}, **settings}
    copy = "orders" if settings["naming"]["mode"] == "identical" else "a.orders"
    noise = bytes(range(256)) * 8
    with producer(east) as source:
        for n in range(100):
            value = bytes((byte * (n + 3) + n) % 251 for byte in noise)[:2000]
            equal("the source takes it", source.produce("orders", batch(record(value), 1)), 0)
    with configured(east.bootstrap, west.bootstrap, flow(**settings)) as running:
        running.start()
        running.copies(east.bootstrap, ["orders"])
        equal("every record is written", watermarks(west.bootstrap, copy)[0][1], 100)
