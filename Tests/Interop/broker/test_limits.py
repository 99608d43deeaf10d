"""What strangers can make the broker hold and do is bounded: memory by what is measured, time by a ratio, descriptors.
"""

import os
import socket
import struct
import time

import pytest
import zstandard

from support.brokers import Broker, stopped_at_the_end
from support.checks import check, equal, eventually, measured
from support.control import Refused
from support.processes import cpu_seconds, memory
from support.topics import create_topic

MEBIBYTE = 1 << 20


# Raw requests


def string(text):
    return struct.pack(">h", len(text)) + text.encode()


def request(api, version, body):
    frame = struct.pack(">hhi", api, version, 1) + string("test") + body
    return struct.pack(">i", len(frame)) + frame


def connect(cluster, timeout=60):
    host, port = cluster.addresses[0].rsplit(":", 1)
    return socket.create_connection((host, int(port)), timeout=timeout)


def answer(connection):
    data = b""
    while len(data) < 4 or len(data) < 4 + struct.unpack(">i", data[:4])[0]:
        part = connection.recv(1 << 20)
        if not part:
            raise EOFError
        data += part
    return data[8:]


CRC_TABLE = []
for number in range(256):
    for _ in range(8):
        number = (number >> 1) ^ 0x82F63B78 if number & 1 else number >> 1
    CRC_TABLE.append(number)


def checksum(data):
    crc = 0xFFFFFFFF
    for byte in data:
        crc = CRC_TABLE[(crc ^ byte) & 0xFF] ^ (crc >> 8)
    return crc ^ 0xFFFFFFFF


def batch(payload, count, codec):
    now = int(time.time() * 1000)
    body = struct.pack(">hiqqqhii", codec, count - 1, now, now, -1, -1, -1, count) + payload
    return struct.pack(">qiibI", 0, len(body) + 9, -1, 2, checksum(body)) + body


def empty_records(count):
    """So many records of seven bytes, with equal offset deltas, as one zstd batch of a few kilobytes."""
    return batch(zstandard.ZstdCompressor(1).compress(bytes([12, 0, 0, 0, 1, 1, 0]) * count), count, 4)


def produce(cluster, batches):
    """Produces one batch to each partition; error codes and how long it took."""
    partitions = b"".join(struct.pack(">ii", i, len(one)) + one for i, one in enumerate(batches))
    body = (struct.pack(">hhi", -1, -1, 60_000) + struct.pack(">i", 1) + string("t")
            + struct.pack(">i", len(batches)) + partitions)
    connection = connect(cluster, 300)
    start = time.monotonic()
    connection.sendall(request(0, 7, body))
    rest = answer(connection)[4 + 2 + 1 + 4:]
    connection.close()
    return [struct.unpack(">h", rest[i * 30 + 4:i * 30 + 6])[0] for i in range(len(batches))], time.monotonic() - start


def round_trip(connection):
    start = time.monotonic()
    connection.sendall(request(18, 0, b""))
    answer(connection)
    return time.monotonic() - start


# Tests


def test_batches_that_stand_for_far_more_cost_little(cluster):
    create_topic(cluster.bootstrap, "t", 4)
    many = empty_records(17_000_000)
    check("it is small", len(many) < 20_000, len(many))
    codes, hostile = produce(cluster, [many] * 4)
    equal("a batch of 17 million records is too large", codes, [10] * 4)
    codes, ordinary = produce(cluster, [empty_records(20_000)])
    equal("20,000 are not", codes, [0])
    measured(f"four batches of 17 million records: {hostile * 1000:.0f} ms, one of 20,000: {ordinary * 1000:.0f} ms")
    check("850 times as many records take no longer", hostile < 20 * ordinary + 0.5, f"{hostile:.2f} s")
    bomb = batch(zstandard.ZstdCompressor(1).compress(b"\0" * (1 << 30)), 1, 4)
    codes, _ = produce(cluster, [bomb] * 4)
    equal("neither is a gigabyte", codes, [10] * 4)
    peak = memory(cluster.process, "VmHWM")
    measured(f"peak memory {peak:.0f} MB")
    check("the broker's memory stays small", peak < 450, f"{peak:.0f} MB")


def test_a_request_of_many_costly_batches_leaves_the_thread_to_others(cluster):
    """Each batch is within the limits. Other clients are answered while the request is worked at."""
    create_topic(cluster.bootstrap, "t", 20)
    one = empty_records(20_000)
    codes, alone = produce(cluster, [one])
    equal("one batch is taken", codes, [0])
    body = b"".join(struct.pack(">ii", i, len(one)) + one for i in range(20))
    hostile, other = connect(cluster, 300), connect(cluster)
    round_trip(other)
    hostile.sendall(request(0, 7, struct.pack(">hhi", -1, -1, 60_000) + struct.pack(">i", 1) + string("t")
                            + struct.pack(">i", 20) + body))
    longest = max(round_trip(other) for _ in range(20))
    answer(hostile)
    measured(f"one batch {alone * 1000:.0f} ms; longest wait beside twenty {longest * 1000:.0f} ms")
    check("the wait is that for a batch or two", longest < 6 * alone + 0.3, f"{longest:.2f} s")
    hostile.close()
    other.close()


@pytest.mark.cluster(data=True)
def test_clients_that_do_not_read_hold_little(cluster):
    create_topic(cluster.bootstrap, "t", 1)
    value = os.urandom(900_000)

    def varint(n):
        n, out = n << 1, b""
        while n >= 0x80:
            out, n = out + bytes([n & 0x7F | 0x80]), n >> 7
        return out + bytes([n])

    record = bytes([0, 0, 0, 1]) + varint(len(value)) + value + b"\0"
    one = batch(varint(len(record)) + record, 1, 0)
    for _ in range(40):
        equal("produced", produce(cluster, [one])[0], [0])
    fetch = request(1, 4, struct.pack(">iiiibi", -1, 100, 1, 0x7FFFFFFF, 0, 1) + string("t")
                    + struct.pack(">iiqi", 1, 0, 0, 0x7FFFFFFF))
    before = memory(cluster.process)
    slow = []
    for _ in range(60):
        connection = socket.socket()
        connection.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        connection.connect(tuple(connect_address(cluster)))
        connection.sendall(fetch)
        slow.append(connection)
    reader = connect(cluster)
    reader.sendall(fetch)
    check("one that reads is served beside them", len(answer(reader)) > 900_000)
    grown = memory(cluster.process, "VmHWM") - before
    measured(f"60 readers that do not read take {grown:.0f} MB")
    check("less than 2 GB, far less", grown < 350, f"{grown:.0f} MB")
    for connection in [*slow, reader]:
        connection.close()


def connect_address(cluster):
    host, port = cluster.addresses[0].rsplit(":", 1)
    return host, int(port)


@pytest.mark.cluster(queued_max_request_bytes=120_000_000)
def test_requests_that_do_not_end_hold_little(cluster):
    create_topic(cluster.bootstrap, "t", 1)
    before = memory(cluster.process)
    block, unfinished = b"\0" * MEBIBYTE, []
    for _ in range(12):
        connection = connect(cluster)
        unfinished.append(connection)
        try:
            connection.sendall(struct.pack(">i", 99_000_000))
            for _ in range(60):
                connection.sendall(block)
        except OSError:
            pass
    equal("small requests pass", produce(cluster, [empty_records(10)])[0], [0])
    grown = memory(cluster.process, "VmHWM") - before
    measured(f"12 requests of 60 MB that do not end take {grown:.0f} MB")
    check("no more than the limit and one request", grown < 260, f"{grown:.0f} MB")
    for connection in unfinished:
        connection.close()


def test_without_descriptors_the_broker_waits(tmp_path):
    limit = 128
    with limited(tmp_path, limit) as cluster:
        create_topic(cluster.bootstrap, "t", 2)
        keep, others = connect(cluster), []
        for _ in range(2 * limit):
            connection = socket.create_connection(connect_address(cluster), timeout=5)
            others.append(connection)
        used = cpu_seconds(cluster.process)
        for _ in range(100):
            round_trip(keep)
            time.sleep(0.01)
        used = cpu_seconds(cluster.process) - used
        check("it does not spin", used < 0.6, f"{used:.2f} CPU-s in a second")
        for connection in others:
            connection.close()
        check("and takes connections again", eventually(lambda: round_trip(connect(cluster, 5)) < 5))
        equal("its logs have their files", produce(cluster, [empty_records(5)] * 2)[0], [0, 0])
        keep.close()


def limited(data, files):
    """A broker that may open so many files."""
    running = Broker(["--listen", "127.0.0.1:0", "--data", str(data / "data")],
                     prefix=["prlimit", f"--nofile={files}:{files}"])
    return stopped_at_the_end(running.start())


@pytest.mark.cluster(control=True)
def test_control_is_not_for_other_sites(cluster):
    create_topic(cluster.bootstrap, "t", 1)

    def refused(what, status, body=None, method="POST", path="/connections/cut", **headers):
        try:
            cluster.control.call(method, path, body, {name.replace("_", "-"): text for name, text in headers.items()})
            check(what, False, "was taken")
        except Refused as error:
            equal(what, error.status, status)

    own = cluster.control.address.removeprefix("http://")
    refused("a page of another site", 403, Origin="http://evil.example")
    refused("a page without an origin", 403, Origin="null")
    refused("a name that was made to point here", 403, Host=own.replace("127.0.0.1", "evil.example"),
            Origin="http://evil.example")
    refused("reading under such a name", 403, method="GET", path="/", Host="evil.example")
    refused("a request across sites", 403, Sec_Fetch_Site="cross-site")
    refused("a page of this machine on another port", 403, Origin="http://127.0.0.1:1")
    check("an own page may", "cut" in cluster.control.call("POST", "/connections/cut", {}, {"Origin": f"http://{own}"}))
    for body in ({"jumpMs": -(1 << 63)}, {"jumpMs": (1 << 63) - 1}):
        refused(f"{body}", 409, body, path="/clock")
    check("it lives", cluster.is_alive())
    equal("and the clock stands where it stood", cluster.control.jump(0), 0)


def test_control_takes_names_that_are_listed():
    arguments = ["--listen", "127.0.0.1:0", "--control", "127.0.0.1:0", "--control-allow-host", "kafka.example"]
    with stopped_at_the_end(Broker(arguments).start()) as cluster:
        check("a listed name", "nodes" in cluster.control.call("GET", "/", None, {"Host": "kafka.example:9099"}))
