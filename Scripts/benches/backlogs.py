"""What partitions that catch up do to others, to memory, and to the limit that an operator sets."""

import contextlib
import json
import threading
import time

from benches.harness import (
    EAST, FAR, WEST, Case, await_true, broker, has_copied, metric, process, produce, record_file, running)
from benches.latency import figures
from processes import cpu_seconds, memory_megabytes

QUIET = 99


def latency_of_quiet(env, is_busy, quiet=range(QUIET)):
    """Records now and then on quiet partitions: until each is at the target, in nanoseconds."""
    from confluent_kafka import Consumer, Producer, TopicPartition
    producer = Producer({"bootstrap.servers": f"127.0.0.1:{EAST}", "linger.ms": 0, "log_level": 0})
    consumer = Consumer({"bootstrap.servers": f"127.0.0.1:{WEST}", "group.id": "quiet", "enable.auto.commit": False,
                         "fetch.wait.max.ms": 100, "log_level": 0})
    consumer.assign([TopicPartition("east.quiet", partition, 0) for partition in quiet])
    sent, times, is_over = {}, {}, threading.Event()

    def receive():
        while not is_over.is_set() or len(times) < len(sent):
            message = consumer.poll(0.1)
            if message is not None and not message.error():
                times[int(message.key())] = time.monotonic_ns()
    reader = threading.Thread(target=receive)
    reader.start()
    number = 0
    while is_busy():
        sent[number] = time.monotonic_ns()
        producer.produce("quiet", b"news", key=str(number), partition=quiet[number % len(quiet)])
        producer.poll(0)
        number += 1
        time.sleep(0.01)
    producer.flush(60)
    is_over.set()
    reader.join()
    consumer.close()
    # Before the first has come, the consumer was finding the partitions.
    begun = min(times.values())
    return [times[n] - sent[n] for n in sent if sent[n] >= begun]


def beside_backlog(megabytes):
    """99 quiet partitions beside one that catches up; with nothing to catch up, by themselves."""
    @contextlib.contextmanager
    def prepare(env):
        size = env.size(megabytes)
        with broker(env, EAST, partitions=1):
            from confluent_kafka.admin import AdminClient, NewTopic
            admin = AdminClient({"bootstrap.servers": f"127.0.0.1:{EAST}", "log_level": 0})
            for outcome in admin.create_topics([NewTopic("quiet", QUIET, 1)]).values():
                outcome.result()
            if megabytes:
                path, records = record_file(env, size)
                produce(EAST, "busy", path)

            def measure(program):
                with broker(env, WEST), running(env, program, options="bufferBytes: 32MiB", topics="busy|quiet") as child:
                    await_true("copying has begun", lambda: metric("replicator_records_total") > 0 or not megabytes)
                    began = time.monotonic()

                    def is_busy():
                        if not megabytes:
                            return time.monotonic() - began < (5 if env.is_quick else 20)
                        return metric("replicator_records_total") < records
                    found = latency_of_quiet(env, is_busy)
                    return {**figures("quiet", found), "peak MB": memory_megabytes(child.pid)}
            yield measure
    return prepare


def beside_silence():
    """Quiet partitions of two brokers of the target, while the third one's, with much to catch up on, find it silent."""
    @contextlib.contextmanager
    def prepare(env):
        import urllib.request
        path, _ = record_file(env, env.size(512))
        with broker(env, EAST, partitions=12):
            from confluent_kafka.admin import AdminClient, NewTopic
            admin = AdminClient({"bootstrap.servers": f"127.0.0.1:{EAST}", "log_level": 0})
            for outcome in admin.create_topics([NewTopic("quiet", QUIET, 1)]).values():
                outcome.result()

            def measure(program):
                control = f"http://127.0.0.1:{FAR + 3}"

                def state():
                    return json.load(urllib.request.urlopen(control, timeout=10))

                def leaders(topic):
                    return {p["partition"]: p["leader"] for t in state()["topics"] if t["name"].startswith(topic)
                            for p in t["partitions"]}
                with process(env.program, "broker", "--listen", f"127.0.0.1:{WEST}", "--nodes", "3", "--control",
                             f"127.0.0.1:{FAR + 3}", ready="listening"):
                    with running(env, program, topics="bench|quiet") as child:
                        await_true("the topics are there", lambda: len(leaders("east.quiet")) == QUIET)
                        silent = next(n for n in (3, 2) if n not in leaders("__replicator").values())
                        request = urllib.request.Request(f"{control}/nodes/{silent}/freeze", method="POST")
                        urllib.request.urlopen(request, timeout=10).read()
                        produce(EAST, "bench", path)
                        began = time.monotonic()
                        found = latency_of_quiet(
                            env, lambda: time.monotonic() - began < (5 if env.is_quick else 20),
                            [p for p, leader in leaders("east.quiet").items() if leader != silent])
                        peak = memory_megabytes(child.pid)
                        request = urllib.request.Request(f"{control}/nodes/{silent}/thaw", method="POST")
                        urllib.request.urlopen(request, timeout=10).read()
                        return {**figures("quiet", found), "peak MB": peak}
            yield measure
    return prepare


def limited(megabytes_per_second, partitions):
    """MB/s under `limits.bytesPerSecond`, as a share of it, over ten seconds from the first record."""
    @contextlib.contextmanager
    def prepare(env):
        path, _ = record_file(env, 14 * megabytes_per_second)
        with broker(env, EAST, partitions=partitions):
            produce(EAST, "bench", path, batch_bytes=100_000)

            def measure(program):
                options = f"limits: {{bytesPerSecond: {megabytes_per_second * 1_000_000}}}"
                with broker(env, WEST), running(env, program, options=options):
                    def copied():
                        return metric("replicator_throughput_bytes_total")
                    await_true("the first record", lambda: copied() > 0, pause=0.01)
                    began, before = time.monotonic(), copied()
                    time.sleep(10)
                    moved, seconds = copied() - before, time.monotonic() - began
                    return {"of the limit": moved / seconds / (megabytes_per_second * 1e6)}
            yield measure
    return prepare


def stalled():
    """Memory while the target takes connections and answers nothing, and afterwards."""
    @contextlib.contextmanager
    def prepare(env):
        import urllib.request
        path, records = record_file(env, env.size(512))
        with broker(env, EAST, partitions=12):
            produce(EAST, "bench", path)

            def measure(program):
                control = FAR + 1
                with process(env.program, "broker", "--listen", f"127.0.0.1:{WEST}", "--control",
                             f"127.0.0.1:{control}", ready="listening"):
                    def node(action):
                        url = f"http://127.0.0.1:{control}/nodes/1/{action}"
                        urllib.request.urlopen(urllib.request.Request(url, method="POST"), timeout=10).read()
                    with running(env, program) as child:
                        await_true("copying has begun", lambda: metric("replicator_records_total") > 0)
                        node("freeze")
                        time.sleep(5)
                        held, before = memory_megabytes(child.pid, "VmRSS"), cpu_seconds(child.pid)
                        time.sleep(5)
                        cpu = (cpu_seconds(child.pid) - before) / 5
                        node("thaw")
                        has_copied(records)
                        return {"stalled MB": held, "stalled % of a core": 100 * cpu,
                                "peak MB": memory_megabytes(child.pid)}
            yield measure
    return prepare


CASES = [
    Case("99 quiet partitions by themselves", beside_backlog(0)),
    Case("99 quiet partitions beside one that catches up", beside_backlog(4_000)),
    Case("quiet partitions beside a broker that is silent", beside_silence()),
    Case("bytesPerSecond 5 MB, 1 partition", limited(5, 1)),
    Case("bytesPerSecond 50 MB, 12 partitions", limited(50, 12)),
    Case("a target that stalls", stalled()),
]
