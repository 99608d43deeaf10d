#!/usr/bin/env python3
"""Golden record batches, written by other people's Kafka clients.

    make_batches.py make DIRECTORY    writes kafka-python.json and aiokafka.json
    make_batches.py check FILE        reads batches that we wrote with both clients and compares

Needs kafka-python and aiokafka with all codecs; `make` also needs xxhash (LZ4 in message format 0).
Expected records are what the same library reads back, checked against what was put in.

A byte string is hex, or [hex, n] for n repetitions; null stays null.
"""

import json
import pathlib
import struct
import sys
import time
import zlib

time.time = lambda: 1_700_000_000.0  # gzip puts the clock into its header

import aiokafka.record.default_records as aio_default  # noqa: E402
import aiokafka.record.legacy_records as aio_legacy  # noqa: E402
import aiokafka.record.memory_records as aio_memory  # noqa: E402
import kafka.record.default_records as kp_default  # noqa: E402
import kafka.record.legacy_records as kp_legacy  # noqa: E402
import kafka.record.memory_records as kp_memory  # noqa: E402

CODECS = {"none": 0, "gzip": 1, "snappy": 2, "lz4": 3, "zstd": 4}
T = 1_650_000_000_000


class KafkaPython:
    name = "kafka-python"

    def batch(self, codec, records, producer=(-1, -1, -1), transactional=False):
        builder = kp_default.DefaultRecordBatchBuilder(2, codec, transactional, *producer, 1 << 30)
        for delta, (timestamp, key, value, headers) in enumerate(records):
            builder.append(delta, timestamp, key, value, headers)
        return bytes(builder.build())

    def messages(self, magic, codec, records, first):
        builder = kp_legacy.LegacyRecordBatchBuilder(magic, codec, 1 << 30)
        for delta, (timestamp, key, value, _) in enumerate(records):
            builder.append(first + delta, timestamp, key, value)
        return bytes(builder.build())

    def read(self, data):
        return read_all(kp_memory.MemoryRecords(data))


class AIOKafka:
    name = "aiokafka"

    def batch(self, codec, records, producer=(-1, -1, -1), transactional=False):
        builder = aio_default.DefaultRecordBatchBuilder(2, codec, transactional, *producer, 1 << 30)
        for delta, (timestamp, key, value, headers) in enumerate(records):
            builder.append(delta, timestamp, key, value, headers)
        return bytes(builder.build())

    def messages(self, magic, codec, records, first):
        builder = aio_legacy.LegacyRecordBatchBuilder(magic, codec, 1 << 30)
        for delta, (timestamp, key, value, _) in enumerate(records):
            builder.append(first + delta, timestamp, key, value)
        return bytes(builder.build())

    def read(self, data):
        return read_all(aio_memory.MemoryRecords(data))


def read_all(log):
    found = []
    while True:
        batch = log.next_batch()
        if batch is None:
            return found
        assert batch.validate_crc(), "checksum"
        for record in batch:
            timestamp = -1 if record.timestamp is None else record.timestamp
            headers = [(name, value) for name, value in record.headers]
            found.append((record.offset, timestamp, record.key, record.value, headers))


def shorten(data):
    if data is None:
        return None
    for unit in (1, 10, 16):
        if len(data) > 256 and len(data) % unit == 0 and data == data[:unit] * (len(data) // unit):
            return [data[:unit].hex(), len(data) // unit]
    return data.hex()


def lengthen(data):
    if data is None:
        return None
    if isinstance(data, list):
        return bytes.fromhex(data[0]) * data[1]
    return bytes.fromhex(data)


# Long enough to shrink: both libraries send what would grow uncompressed.
PLAIN = [(T, b"k1", b"one " * 60, []), (T + 1, b"k2", b"two", []), (T + 5, b"k3", b"three", [])]
RICH = [
    (T, None, b"no key", []),
    (T - 1000, b"tombstone", None, [("reason", b"gone")]),
    (T + 2**33, b"", b"", [("", b""), ("null", None), ("twice", b"1"), ("twice", b"2")]),
    (T + 7, None, None, [("näme→𝄞", b"\x00\xff\x80")]),
    (0, b"\x00" * 3, bytes(range(256)), []),
    (T, b"k" * 63, b"v" * 64, [("h" * 64, b"w" * 300)]),
]
LARGE = [(T + i, b"key-%05d" % i, b"0123456789" * (997 + i), [("n", b"%d" % i)]) for i in range(40)]
LEGACY = [(T, b"k1", b"one", []), (T + 3, None, b"no key", []), (T - 9, b"gone", None, []), (T, b"", b"", [])]
LEGACY_LARGE = [(T + i, b"key-%05d" % i, b"0123456789" * (1997 + i), []) for i in range(20)]


def wrapper_at(data, offset):
    """What a broker does to a compressed set of format 1: the offset of its last message, outside the checksum."""
    return struct.pack(">q", offset) + data[8:]


def append_time(data, timestamp):
    """What a broker does to messages of format 1 in a topic with LogAppendTime."""
    done, rest = b"", data
    while rest:
        size = 12 + struct.unpack(">i", rest[8:12])[0]
        body = bytearray(rest[16:size])
        body[1] |= 0x08
        body[2:10] = struct.pack(">q", timestamp)
        done += rest[:12] + struct.pack(">I", zlib.crc32(body)) + bytes(body)
        rest = rest[size:]
    return done


def cases(library):
    for codec, number in CODECS.items():
        yield f"{codec}, plain", 2, codec, library.batch(number, PLAIN), {}
        yield f"{codec}, rich", 2, codec, library.batch(number, RICH), {}
        yield (f"{codec}, idempotent", 2, codec, library.batch(number, PLAIN, (4711, 3, 17)),
               {"producerID": 4711, "producerEpoch": 3, "baseSequence": 17})
        yield (f"{codec}, transactional", 2, codec, library.batch(number, RICH, (2**40, 32767, 2**31 - 1), True),
               {"producerID": 2**40, "producerEpoch": 32767, "baseSequence": 2**31 - 1, "isTransactional": True})
        if number:
            yield f"{codec}, large", 2, codec, library.batch(number, LARGE), {}
        yield f"{codec}, one record", 2, codec, library.batch(number, PLAIN[:1]), {}
    for magic in (0, 1):
        for codec in ("none", "gzip", "snappy", "lz4"):
            number = CODECS[codec]
            if (library.name, magic, codec) == ("aiokafka", 0, "lz4"):
                continue  # it refuses
            label = f"magic {magic}, {codec}"
            yield f"{label}, as produced", magic, codec, library.messages(magic, number, LEGACY, 0), {}
            stored = library.messages(magic, number, LEGACY, 1000 if magic == 0 or not number else 0)
            if number:
                stored = wrapper_at(stored, 1003)
                yield f"{label}, large", magic, codec, library.messages(magic, number, LEGACY_LARGE, 0), {}
            yield f"{label}, as stored", magic, codec, stored, {}
            if magic == 1:
                yield f"{label}, LogAppendTime", magic, codec, append_time(stored, T + 12345), {"isLogAppendTime": True}


def make(directory):
    for library in (KafkaPython(), AIOKafka()):
        written = []
        for name, magic, codec, data, fields in cases(library):
            records = library.read(data)
            assert records, name
            written.append({
                "name": f"{library.name}: {name}", "magic": magic, "codec": codec, "fields": fields, "bytes": data.hex(),
                "records": [
                    [offset, timestamp, shorten(key), shorten(value), [[n.encode().hex(), shorten(v)] for n, v in headers]]
                    for offset, timestamp, key, value, headers in records
                ],
            })
        text = "[\n" + ",\n".join(json.dumps(case, separators=(",", ":")) for case in written) + "\n]\n"
        (pathlib.Path(directory) / f"{library.name}.json").write_text(text)
        print(library.name, len(written))


def check(path):
    count = 0
    for case in json.loads(pathlib.Path(path).read_text()):
        expected = [
            (offset, timestamp, lengthen(key), lengthen(value),
             [(bytes.fromhex(name).decode(), lengthen(v)) for name, v in headers])
            for offset, timestamp, key, value, headers in case["records"]
        ]
        for library in (KafkaPython(), AIOKafka()):
            found = library.read(bytes.fromhex(case["bytes"]))
            if found != expected:
                sys.exit(f"{library.name} reads {case['name']} differently:\n{found}\ninstead of\n{expected}")
            count += 1
    print(f"{count} batches agree")


if __name__ == "__main__":
    if len(sys.argv) != 3 or sys.argv[1] not in ("make", "check"):
        sys.exit(__doc__)
    {"make": make, "check": check}[sys.argv[1]](sys.argv[2])
