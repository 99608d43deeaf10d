#!/usr/bin/env python3
"""What the embedded broker costs: start, memory, throughput and CPU, driven by foreign clients.

usage: bench_broker.py REPLICATOR [MEGABYTES]

Needs kcat, and for the rows named so Python's confluent-kafka. MEGABYTES (1000 unless given) is what each row writes and
reads. CPU is that of the broker process alone; on a shared machine compare CPU seconds, not MB/s. Figures also go to
the file that BENCH_JSON names.
"""

import contextlib
import json
import os
import socket
import struct
import subprocess
import sys
import tempfile
import time

from processes import cpu_seconds, memory_megabytes

PROGRAM = sys.argv[1]
MEGABYTES = int(sys.argv[2]) if len(sys.argv) > 2 else 1000
PORT = 27292
ADDRESS = f"127.0.0.1:{PORT}"
STARTS = 10


@contextlib.contextmanager
def broker(*arguments):
    child = subprocess.Popen([PROGRAM, "broker", "--listen", ADDRESS, *arguments], stdout=subprocess.PIPE, text=True)
    try:
        line = child.stdout.readline()
        if "listening" not in line:
            sys.exit(f"the broker did not start: {line!r}")
        yield child.pid
    finally:
        child.terminate()
        child.wait()


def cold_start():
    """Seconds from the start of the process to its first answer to ApiVersions, over the wire."""
    request = struct.pack(">hhih", 18, 0, 1, -1)
    times = []
    for _ in range(STARTS):
        began = time.perf_counter()
        child = subprocess.Popen([PROGRAM, "broker", "--listen", ADDRESS], stdout=subprocess.DEVNULL)
        try:
            while True:
                try:
                    connection = socket.create_connection(("127.0.0.1", PORT))
                    break
                except ConnectionRefusedError:
                    if child.poll() is not None:
                        sys.exit("the broker did not start")
                    time.sleep(0.0005)
            with connection:
                connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
                connection.sendall(struct.pack(">i", len(request)) + request)
                if not connection.recv(4):
                    sys.exit("the broker gave no answer")
                times.append(time.perf_counter() - began)
        finally:
            child.terminate()
            child.wait()
    return sorted(times)


def measured(pid, count, size, work):
    """What `work` takes, per second and per GB of record values."""
    cpu, began = cpu_seconds(pid), time.perf_counter()
    work()
    seconds, cpu = time.perf_counter() - began, cpu_seconds(pid) - cpu
    gigabytes = count * size / 1e9
    return {"MB/s": gigabytes * 1000 / seconds, "records/s": count / seconds, "CPU-s/GB": cpu / gigabytes}


def kcat(size, work, data):
    """kcat writes `size`-byte lines of a file, and reads them back."""
    count = MEGABYTES * 1_000_000 // size
    path = os.path.join(work, f"lines-{size}")
    if not os.path.exists(path):
        with open(path, "wb") as file:
            block = b"".join(b"%0*d\n" % (size, n) for n in range(10_000))
            for _ in range(0, count, 10_000):
                file.write(block)
    count = -(-count // 10_000) * 10_000
    with broker("--set", "num.partitions=4", *data) as pid:
        idle = memory_megabytes(pid, "VmRSS")
        produce = measured(pid, count, size, lambda: subprocess.run(
            ["kcat", "-b", ADDRESS, "-t", "bench", "-P", "-X", "linger.ms=20", "-X", "queue.buffering.max.messages=500000",
             "-l", path], check=True))
        after = memory_megabytes(pid, "VmRSS")

        def read():
            output = subprocess.run(
                ["kcat", "-b", ADDRESS, "-t", "bench", "-C", "-o", "beginning", "-e", "-q", "-f", "\n"],
                check=True, stdout=subprocess.PIPE).stdout
            if len(output) != count:
                sys.exit(f"kcat read {len(output)} of {count} records")

        consume = measured(pid, count, size, read)
        return produce, consume, {"idle": idle, "after": after, "peak": memory_megabytes(pid)}


def confluent(size):
    """confluent-kafka as most programs use it: one callback-free producer, one consumer."""
    from confluent_kafka import Consumer, Producer, TopicPartition

    count = MEGABYTES * 1_000_000 // size
    value = os.urandom(size)
    with broker("--set", "num.partitions=4") as pid:
        def write():
            producer = Producer({"bootstrap.servers": ADDRESS, "linger.ms": 20, "acks": "all",
                                 "queue.buffering.max.messages": 500_000})
            for _ in range(count):
                while True:
                    try:
                        producer.produce("bench", value)
                        break
                    except BufferError:
                        producer.poll(0.05)
            if producer.flush(300):
                sys.exit("not everything was written")

        def read():
            consumer = Consumer({"bootstrap.servers": ADDRESS, "group.id": "bench", "enable.auto.commit": False})
            consumer.assign([TopicPartition("bench", p, 0) for p in range(4)])
            found = 0
            while found < count:
                batch = consumer.consume(10_000, 10)
                if not batch:
                    sys.exit(f"read {found} of {count} records")
                found += len(batch)
            consumer.close()

        return measured(pid, count, size, write), measured(pid, count, size, read)


def main():
    starts = cold_start()
    figures = {"start ms": {"best": starts[0] * 1000, "median": starts[len(starts) // 2] * 1000}}
    print(f"cold start to the first ApiVersions answer: median {starts[len(starts) // 2] * 1000:.0f} ms, "
          f"best {starts[0] * 1000:.0f} ms of {STARTS}")
    print(f"\n{MEGABYTES} MB of values per row, 4 partitions, {os.cpu_count()} cores, clients on the same machine\n")
    print(f"{'':36}{'MB/s':>8}{'records/s':>11}{'CPU-s/GB':>10}")

    def row(name, result):
        figures[name] = result
        print(f"{name:36}{result['MB/s']:8.0f}{result['records/s']:11.0f}{result['CPU-s/GB']:10.2f}", flush=True)

    memory = {}
    with tempfile.TemporaryDirectory() as work:
        for size in (100, 1000):
            for name, data in (("memory", []), ("disk", ["--data", os.path.join(work, f"data-{size}")])):
                produce, consume, memory[f"{name}, {size} B"] = kcat(size, work, data)
                row(f"kcat produce, {size} B, {name}", produce)
                row(f"kcat consume, {size} B, {name}", consume)
    with contextlib.suppress(ImportError):
        for size in (100, 1000):
            produce, consume = confluent(size)
            row(f"confluent-kafka produce, {size} B", produce)
            row(f"confluent-kafka consume, {size} B", consume)
    print("\nresident MB: idle, after writing, at its peak")
    for name, values in memory.items():
        print(f"  {name:20}{values['idle']:8.0f}{values['after']:8.0f}{values['peak']:8.0f}")
    if "BENCH_JSON" in os.environ:
        with open(os.environ["BENCH_JSON"], "w") as file:
            json.dump({**figures, "resident MB": memory}, file, indent=1)


main()
