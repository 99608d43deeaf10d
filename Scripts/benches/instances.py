"""Several instances that share a flow: gaps when one is killed, leaves or comes back, and throughput of two beside one."""

import contextlib
import json
import os
import signal
import subprocess
import threading
import time
import urllib.request

from benches.harness import EAST, HTTP, WEST, Case, await_true, broker, produce, record_file
from processes import cpu_seconds

PARTITIONS = 12
# Of each partition, a second.
RATE = 100


class Instance:
    """`replicator run` with an id and an address of its own."""

    def __init__(self, env, program, number, topic):
        self.program, self.http = program, f"127.0.0.1:{HTTP + number}"
        self.config = os.path.join(env.work, f"instance-{number}.yaml")
        self.log = os.path.join(env.work, f"instance-{number}.log")
        with open(self.config, "w") as file:
            file.write(f"""
clusters:
  east: {{bootstrapServers: "127.0.0.1:{EAST}"}}
  west: {{bootstrapServers: "127.0.0.1:{WEST}"}}
flows:
  - {{name: bench, source: east, target: west, topics: {{allow: [{topic}]}}, startFrom: earliest}}
http: {{listen: "{self.http}"}}
instance: {{id: instance-{number}}}
""")
        self.child = None
        self.start()

    def start(self):
        with open(self.log, "a") as log:
            self.child = subprocess.Popen([self.program, "run", "--config", self.config], stdout=log, stderr=log)

    def end(self, how):
        self.child.send_signal(how)
        self.child.wait()

    def partitions(self):
        """Those that it has itself."""
        if self.child.poll() is not None:
            with open(self.log) as file:
                raise RuntimeError(f"an instance has ended: {file.read()[-1000:]}")
        try:
            with urllib.request.urlopen(f"http://{self.http}/api/status?scope=instance", timeout=5) as answer:
                return {p["partition"] for flow in json.load(answer)["flows"] for p in flow["partitions"] if p.get("instance")}
        except (OSError, ValueError):
            return set()


@contextlib.contextmanager
def instances(env, program, count, topic):
    found = []
    try:
        for number in range(count):
            found.append(Instance(env, program, number, topic))
        yield found
    finally:
        for one in found:
            one.child.kill()
            one.child.wait()


def await_division(members):
    def is_divided():
        parts = [one.partitions() for one in members]
        return all(parts) and sum(map(len, parts)) == PARTITIONS and len(set().union(*parts)) == PARTITIONS

    await_true("every instance has a part of the partitions", is_divided)


class Arrivals:
    """Records to every partition of the source all the time, and when they came to the target."""

    def __init__(self, topic):
        from confluent_kafka import Consumer, Producer
        self.topic = topic
        self.times = {partition: [] for partition in range(PARTITIONS)}
        self.ended = threading.Event()
        quiet = {"log_level": 0}
        self.producer = Producer({"bootstrap.servers": f"127.0.0.1:{EAST}", "linger.ms": 0, **quiet})
        self.consumer = Consumer({"bootstrap.servers": f"127.0.0.1:{WEST}", "group.id": "gaps", "enable.auto.commit": False,
                                  "fetch.wait.max.ms": 20, **quiet})
        self.threads = [threading.Thread(target=self.produce), threading.Thread(target=self.consume)]
        for thread in self.threads:
            thread.start()

    def produce(self):
        while not self.ended.wait(1 / RATE):
            for partition in range(PARTITIONS):
                self.producer.produce(self.topic, value=b"x", partition=partition)
            self.producer.poll(0)
        self.producer.flush(10)

    def consume(self):
        from confluent_kafka import TopicPartition
        self.consumer.assign([TopicPartition(f"east.{self.topic}", partition, 0) for partition in range(PARTITIONS)])
        while not self.ended.is_set():
            for message in self.consumer.consume(500, 0.02):
                if not message.error():
                    self.times[message.partition()].append(time.monotonic())
        self.consumer.close()

    def stop(self):
        self.ended.set()
        for thread in self.threads:
            thread.join()

    def await_all(self, since):
        await_true("records come to every partition",
                   lambda: all(times and times[-1] > since for times in self.times.values()))

    def gaps(self, begin, end):
        """Of each partition the longest time without a record."""
        found = {}
        for partition, times in self.times.items():
            inside = [begin] + [t for t in list(times) if begin < t < end] + [end]
            found[partition] = max(b - a for a, b in zip(inside, inside[1:]))
        return found


def parts(members):
    return [member.partitions() if member.child.poll() is None else set() for member in members]


def disturbed(one, arrivals, members, what, how=None):
    """Gaps of partitions that change hands, and of those that stay, while one instance goes or comes."""
    before = parts(members)
    begin = time.monotonic()
    if how is None:
        one.start()
        await_division(members)
    else:
        one.end(how)
        others = [member for member in members if member is not one]
        await_true(f"the others have everything after {what}",
                   lambda: len(set().union(*(other.partitions() for other in others))) == PARTITIONS)
    settled = time.monotonic()
    arrivals.await_all(settled + 0.5)
    gaps = arrivals.gaps(begin, time.monotonic())
    after = parts(members)
    stay = set().union(*(b & a for b, a in zip(before, after)))
    return [gaps[p] for p in gaps if p not in stay], [gaps[p] for p in stay]


def percentile(values, share):
    return sorted(values)[min(len(values) - 1, int(len(values) * share))] if values else 0.0


def gaps():
    @contextlib.contextmanager
    def prepare(env):
        def measure(program):
            kills, leaves = (3, 3) if env.is_quick else (10, 6)
            with broker(env, EAST, partitions=PARTITIONS), broker(env, WEST, partitions=PARTITIONS), \
                    instances(env, program, 3, "gaps") as members:
                arrivals = Arrivals("gaps")
                try:
                    await_division(members)
                    began = time.monotonic()
                    arrivals.await_all(began + 3)
                    undisturbed = list(arrivals.gaps(began + 1, time.monotonic()).values())
                    killed, left, joined, stayed = [], [], [], []
                    for number in range(kills + leaves):
                        one, is_kill = members[number % len(members)], number < kills
                        moved, stay = disturbed(one, arrivals, members, "a kill" if is_kill else "a leave",
                                                signal.SIGKILL if is_kill else signal.SIGTERM)
                        (killed if is_kill else left).extend(moved)
                        stayed.extend(stay)
                        moved, stay = disturbed(one, arrivals, members, "its return")
                        joined.extend(moved)
                        stayed.extend(stay)
                finally:
                    arrivals.stop()
            figures = {"undisturbed ms": 1000 * max(undisturbed)}
            for name, values in (("killed", killed), ("left", left), ("joined", joined), ("stayed", stayed)):
                figures[f"{name} p50 ms"] = 1000 * percentile(values, 0.5)
                figures[f"{name} p99 ms"] = 1000 * percentile(values, 0.99)
            return figures
        yield measure
    return prepare


def throughput():
    @contextlib.contextmanager
    def prepare(env):
        megabytes = env.size(3_000)
        path, count = record_file(env, megabytes)
        with broker(env, EAST, partitions=PARTITIONS):
            produce(EAST, "bulk", path, batch_bytes=100_000)

            def seconds(program, number):
                """From the first record on the target to the last, with what all instances took."""
                from confluent_kafka import Consumer, KafkaException, TopicPartition
                client = Consumer({"bootstrap.servers": f"127.0.0.1:{WEST}", "group.id": "ends", "log_level": 0})

                def copied():
                    try:
                        return sum(client.get_watermark_offsets(TopicPartition("east.bulk", p), timeout=5)[1]
                                   for p in range(PARTITIONS))
                    except KafkaException:
                        return 0

                with broker(env, WEST, partitions=PARTITIONS), instances(env, program, number, "nothing") as members:
                    await_members(members)
                    for one in members:
                        allow(one.config, "bulk")
                    before = sum(cpu_seconds(one.child.pid) for one in members)
                    for one in members:
                        one.child.send_signal(signal.SIGHUP)
                    await_true("the first record is there", lambda: copied() > 0, pause=0.01)
                    began, first = time.monotonic(), copied()
                    await_true("everything is copied", lambda: copied() >= count)
                    taken = time.monotonic() - began
                    cpu = sum(cpu_seconds(one.child.pid) for one in members) - before
                client.close()
                return megabytes * (1 - first / count) / taken, cpu / (megabytes / 1000)

            def measure(program):
                one, of_one = seconds(program, 1)
                two, of_two = seconds(program, 2)
                return {"one MB/s": one, "two MB/s": two, "two to one": two / one, "one CPU-s/GB": of_one,
                        "two CPU-s/GB": of_two}
            yield measure
    return prepare


def await_members(members):
    """Until each knows of all others."""
    def know_each_other():
        for one in members:
            try:
                with urllib.request.urlopen(f"http://{one.http}/api/status", timeout=5) as answer:
                    flows = json.load(answer)["flows"]
            except (OSError, ValueError):
                return False
            if any(len(flow.get("instances") or []) != len(members) for flow in flows) or not flows:
                return False
        return True

    await_true("the instances know each other", know_each_other)


def allow(config, topic):
    with open(config) as file:
        text = file.read()
    with open(config, "w") as file:
        file.write(text.replace("[nothing]", f"[{topic}]"))


CASES = [
    Case("three instances: killed, left and joined", gaps()),
    Case("two instances beside one", throughput()),
]
