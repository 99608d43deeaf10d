"""Batches that no client writes, but a producer may: put together by hand and produced raw."""

import socket
import struct
import time


def varint(number):
    number = number << 1 if number >= 0 else ((-number) << 1) - 1
    out = b""
    while number >= 0x80:
        out += bytes([number & 0x7F | 0x80])
        number >>= 7
    return out + bytes([number])


def record(value, delta=0, key=None):
    body = b"\0" + varint(0) + varint(delta)
    body += varint(-1) if key is None else varint(len(key)) + key
    body += varint(len(value)) + value + varint(0)
    return varint(len(body)) + body


def _table():
    table = []
    for number in range(256):
        for _ in range(8):
            number = number >> 1 ^ (0x82F63B78 if number & 1 else 0)
        table.append(number)
    return table


_TABLE = _table()


def crc32c(data):
    crc = 0xFFFFFFFF
    for byte in data:
        crc = _TABLE[(crc ^ byte) & 0xFF] ^ crc >> 8
    return crc ^ 0xFFFFFFFF


def batch(payload, count, attributes=0, last=None, base=0):
    """A batch of an encoded payload, with what its header is to say."""
    now = int(time.time() * 1000)
    body = struct.pack(">hiqqqhii", attributes, count - 1 if last is None else last, now, now, -1, -1, -1, count)
    body += payload
    head = struct.pack(">ibI", 0, 2, crc32c(body))
    return struct.pack(">qi", base, len(head) + len(body)) + head + body


class RawProducer:
    """One connection that produces batches as they are (Produce version 7)."""

    def __init__(self, bootstrap):
        host, port = bootstrap.split(",")[0].rsplit(":", 1)
        self.socket = socket.create_connection((host, int(port)), timeout=60)
        self.stream = self.socket.makefile("rb")

    def produce(self, topic, records, partition=0):
        """The error code that the broker answers with."""
        name = topic.encode()
        body = (struct.pack(">hhih", 0, 7, 1, 3) + b"odd" + struct.pack(">hhii", -1, -1, 30_000, 1)
                + struct.pack(">h", len(name)) + name + struct.pack(">iii", 1, partition, len(records)) + records)
        self.socket.sendall(struct.pack(">i", len(body)) + body)
        size, = struct.unpack(">i", self.stream.read(4))
        answer = self.stream.read(size)
        return struct.unpack_from(">h", answer, 4 + 4 + 2 + len(name) + 4 + 4)[0]

    def close(self):
        self.stream.close()
        self.socket.close()
