#!/usr/bin/env python3
"""Latency that replication adds, record by record: when a consumer of the target has what a consumer of the source had.

usage: bench_latency.py REPLICATOR [RECORDS_PER_SECOND [SECONDS]]

Both consumers run at the same time, on the same machine, with the same settings: their own share cancels out. The
first seconds are left out. Needs confluent-kafka.
"""

import contextlib
import os
import subprocess
import sys
import tempfile
import threading
import time

from confluent_kafka import Consumer, Producer

PROGRAM = sys.argv[1]
RATE = int(sys.argv[2]) if len(sys.argv) > 2 else 1000
SECONDS = int(sys.argv[3]) if len(sys.argv) > 3 else 20
WARM_UP = 3 * RATE
TOTAL = RATE * SECONDS + WARM_UP
EAST, WEST = 27292, 27392
FLOWS = [("pass-through", "naming: {mode: prefix}", "east."), ("loop headers", "naming: {mode: identical}", "")]


@contextlib.contextmanager
def process(*arguments):
    child = subprocess.Popen(arguments, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True)
    try:
        yield child
    finally:
        child.terminate()
        child.wait()


@contextlib.contextmanager
def broker(port):
    with process(PROGRAM, "broker", "--listen", f"127.0.0.1:{port}", "--set", "num.partitions=3") as child:
        assert "listening" in child.stdout.readline(), "the broker did not start"
        yield


def arrivals(port, topic, into):
    """Notes when each record is here."""
    consumer = Consumer({
        "bootstrap.servers": f"127.0.0.1:{port}", "group.id": "latency", "auto.offset.reset": "earliest",
        "enable.auto.commit": False, "topic.metadata.refresh.interval.ms": 500, "fetch.wait.max.ms": 100,
        "log_level": 0})
    consumer.subscribe([topic])
    while len(into) < TOTAL:
        message = consumer.poll(1)
        if message is not None and not message.error():
            into[int(message.key())] = time.monotonic_ns()
    consumer.close()


def percentile(values, share):
    return sorted(values)[min(len(values) - 1, int(len(values) * share))] / 1e6


def measure(options, prefix, work):
    config = os.path.join(work, "latency.yaml")
    with open(config, "w") as file:
        file.write(f"""
clusters:
  east: {{bootstrapServers: "127.0.0.1:{EAST}"}}
  west: {{bootstrapServers: "127.0.0.1:{WEST}"}}
flows:
  - {{name: latency, source: east, target: west, topics: {{allow: [t]}}, startFrom: earliest, {options}}}
""")
    with broker(EAST), broker(WEST), process(PROGRAM, "run", "--config", config):
        direct, copied, sent = {}, {}, {}
        producer = Producer({"bootstrap.servers": f"127.0.0.1:{EAST}", "linger.ms": 0, "acks": "all", "log_level": 0})
        producer.list_topics("t", timeout=10)
        readers = [threading.Thread(target=arrivals, args=(EAST, "t", direct)),
                   threading.Thread(target=arrivals, args=(WEST, prefix + "t", copied))]
        for reader in readers:
            reader.start()
        value, begin = bytes(1000), time.monotonic()
        for number in range(TOTAL):
            delay = begin + number / RATE - time.monotonic()
            if delay > 0:
                time.sleep(delay)
            sent[number] = time.monotonic_ns()
            producer.produce("t", value, key=str(number))
            producer.poll(0)
        producer.flush(30)
        for reader in readers:
            reader.join(60)
    measured = range(WARM_UP, TOTAL)
    whole = [copied[number] - sent[number] for number in measured]
    alone = [direct[number] - sent[number] for number in measured]
    added = [copied[number] - direct[number] for number in measured]
    return [[percentile(row, share) for share in (0.5, 0.99)] for row in (alone, whole, added)]


def main():
    print(f"{RATE} records/s of 1 KB for {SECONDS} s, {os.cpu_count()} cores, everything on this machine; "
          "milliseconds, p50 / p99\n")
    print(f"{'':16}{'source consumer':>20}{'target consumer':>20}{'added':>20}")
    with tempfile.TemporaryDirectory() as work:
        for name, options, prefix in FLOWS:
            columns = [f"{p50:.2f} / {p99:.2f}" for p50, p99 in measure(options, prefix, work)]
            print(f"{name:16}" + "".join(f"{column:>20}" for column in columns))


main()
