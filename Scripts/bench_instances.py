#!/usr/bin/env python3
"""Figures of several instances that share a flow: gaps when one is killed or leaves, and throughput of two against one.

usage: bench_instances.py REPLICATOR [KILLS [LEAVES [MEGABYTES]]]

A record goes to every partition a hundred times a second; the gap of a partition is the longest time in which the target
got none of them. Prints a table, then JSON in one line. Needs confluent-kafka.
"""

import contextlib
import json
import os
import signal
import subprocess
import sys
import tempfile
import threading
import time
import urllib.request

from confluent_kafka import Consumer, Producer, TopicPartition

PROGRAM = sys.argv[1]
KILLS, LEAVES, MEGABYTES = (int(sys.argv[n]) if len(sys.argv) > n else default
                            for n, default in ((2, 50), (3, 20), (4, 400)))
EAST, WEST, HTTP = 27492, 27592, 27692
PARTITIONS = 12
NAMES = ["one", "two", "three"]


@contextlib.contextmanager
def process(*arguments, wait=False):
    child = subprocess.Popen(arguments, stdout=subprocess.PIPE if wait else subprocess.DEVNULL, stderr=subprocess.DEVNULL,
                             text=True)
    try:
        yield child
    finally:
        child.kill()
        child.wait()


@contextlib.contextmanager
def broker(port):
    with process(PROGRAM, "broker", "--listen", f"127.0.0.1:{port}", "--set", f"num.partitions={PARTITIONS}",
                 wait=True) as child:
        assert "listening" in child.stdout.readline(), "the broker did not start"
        yield


class Instance:
    def __init__(self, work, name, number, topic, flow="bench"):
        self.name, self.http = name, f"127.0.0.1:{HTTP + number}"
        self.config = os.path.join(work, f"{name}.yaml")
        with open(self.config, "w") as file:
            file.write(f"""
clusters:
  east: {{bootstrapServers: "127.0.0.1:{EAST}"}}
  west: {{bootstrapServers: "127.0.0.1:{WEST}"}}
flows:
  - {{name: {flow}, source: east, target: west, topics: {{allow: [{topic}]}}, startFrom: earliest}}
http: {{listen: "{self.http}"}}
instance: {{id: {name}}}
""")
        self.start()

    def start(self):
        self.child = subprocess.Popen([PROGRAM, "run", "--config", self.config], stdout=subprocess.DEVNULL,
                                      stderr=subprocess.DEVNULL)

    def end(self, how):
        self.child.send_signal(how)
        self.child.wait()

    def part(self):
        try:
            with urllib.request.urlopen(f"http://{self.http}/api/status?scope=instance", timeout=5) as answer:
                return {p["partition"] for f in json.load(answer)["flows"] for p in f["partitions"]}
        except (OSError, ValueError):
            return set()


class Arrivals:
    """Times at which records came to each partition of the target."""

    def __init__(self, topic):
        self.times = {p: [] for p in range(PARTITIONS)}
        self.ended = threading.Event()
        self.producer = Producer({"bootstrap.servers": f"127.0.0.1:{EAST}", "linger.ms": 0, "log_level": 0})
        self.topic = topic
        self.threads = [threading.Thread(target=self.produce), threading.Thread(target=self.consume)]
        for thread in self.threads:
            thread.start()

    def produce(self):
        while not self.ended.wait(0.01):
            for partition in range(PARTITIONS):
                self.producer.produce(self.topic, value=b"x", partition=partition)
            self.producer.poll(0)
        self.producer.flush(10)

    def consume(self):
        client = Consumer({"bootstrap.servers": f"127.0.0.1:{WEST}", "group.id": "gaps", "enable.auto.commit": False,
                           "fetch.wait.max.ms": 20, "log_level": 0})
        client.assign([TopicPartition(f"east.{self.topic}", p, 0) for p in range(PARTITIONS)])
        while not self.ended.is_set():
            for message in client.consume(500, 0.05):
                if not message.error():
                    self.times[message.partition()].append(time.monotonic())
        client.close()

    def stop(self):
        self.ended.set()
        for thread in self.threads:
            thread.join()

    def gap(self, partition, since):
        times = [t for t in self.times[partition] if t >= since - 0.5]
        return max((b - a for a, b in zip(times, times[1:])), default=0)

    def flows(self, partition, since):
        return any(t > since for t in self.times[partition][-1:])


def eventually(condition, what):
    end = time.monotonic() + 180
    while not condition():
        assert time.monotonic() < end, f"{what}: this takes too long"
        time.sleep(0.05)


def are_settled(instances):
    parts = [one.part() for one in instances]
    return all(parts) and sum(map(len, parts)) == PARTITIONS and len(set().union(*parts)) == PARTITIONS


def percentile(values, share):
    return sorted(values)[min(len(values) - 1, int(len(values) * share))] if values else None


def gaps(work):
    """Of partitions of killed instances; of moved and of stayed ones when one leaves."""
    killed, moved, stayed = [], [], []
    with broker(EAST), broker(WEST):
        instances = [Instance(work, name, number, "gaps") for number, name in enumerate(NAMES)]
        arrivals = Arrivals("gaps")
        try:
            for number in range(KILLS + LEAVES):
                eventually(lambda: are_settled(instances), "settling")
                # What came with the balance is not to be taken for what follows.
                time.sleep(2)
                one = instances[number % len(instances)]
                part, begin = one.part(), time.monotonic()
                is_kill = number < KILLS
                one.end(signal.SIGKILL if is_kill else signal.SIGTERM)
                end = time.monotonic() + 1
                eventually(lambda: time.monotonic() > end and all(
                    arrivals.flows(p, end) for p in range(PARTITIONS)), "taking over")
                for partition in range(PARTITIONS):
                    gap = arrivals.gap(partition, begin)
                    if is_kill and partition in part:
                        killed.append(gap)
                    elif not is_kill:
                        (moved if partition in part else stayed).append(gap)
                one.start()
        finally:
            arrivals.stop()
            for one in instances:
                one.child.kill()
                one.child.wait()
    return killed, moved, stayed


def throughput(work, names):
    """Megabytes per second from the start of the first instance until the target has everything."""
    value = os.urandom(10_000)
    count = MEGABYTES * 1_000_000 // len(value)
    with broker(EAST), broker(WEST):
        producer = Producer({"bootstrap.servers": f"127.0.0.1:{EAST}", "linger.ms": 20, "log_level": 0})
        for number in range(count):
            while True:
                try:
                    producer.produce("bulk", value=value, partition=number % PARTITIONS)
                    break
                except BufferError:
                    producer.poll(0.1)
        producer.flush(60)
        client = Consumer({"bootstrap.servers": f"127.0.0.1:{WEST}", "group.id": "ends", "log_level": 0})

        def copied():
            try:
                return sum(client.get_watermark_offsets(TopicPartition("east.bulk", p), timeout=5)[1]
                           for p in range(PARTITIONS))
            except Exception:  # The topic is not there yet.
                return 0

        begin = time.monotonic()
        instances = [Instance(work, name, number, "bulk") for number, name in enumerate(names)]
        try:
            eventually(lambda: copied() >= count, "copying")
            return MEGABYTES / (time.monotonic() - begin)
        finally:
            client.close()
            for one in instances:
                one.child.kill()
                one.child.wait()


def main():
    with tempfile.TemporaryDirectory() as work:
        killed, moved, stayed = gaps(work)
        one, two = throughput(work, NAMES[:1]), throughput(work, NAMES[:2])
    rows = [(f"partitions of {KILLS} killed instances", killed), (f"moved by {LEAVES} planned leaves", moved),
            ("stayed meanwhile", stayed)]
    print("\nseveral instances: longest time without a record, s        p50      p99   largest")
    for name, values in rows:
        shown = [percentile(values, 0.5), percentile(values, 0.99), max(values, default=None)]
        print(f"  {name:54}" + "".join("        –" if v is None else f"{v:9.3f}" for v in shown))
    print(f"  throughput, MB/s: one instance {one:.0f}, two {two:.0f} ({two / one:.2f} times)")
    print(json.dumps({
        "gaps": {name: {"p50": percentile(v, 0.5), "p99": percentile(v, 0.99), "max": max(v, default=None), "count": len(v)}
                 for name, v in (("killed", killed), ("moved", moved), ("stayed", stayed))},
        "megabytesPerSecond": {"one": one, "two": two}}))


if __name__ == "__main__":
    main()
