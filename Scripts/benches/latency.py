"""Latency that replication adds, record by record: when a consumer of the target has what a consumer of the source had.

Both consumers run at the same time, on the same machine, with the same settings: their own share cancels out. The
first seconds are left out. Every record counts; percentiles are exact.
"""

import contextlib
import multiprocessing
import time

from benches.harness import EAST, WEST, Case, broker, running


def arrivals(port, topic, total, results):
    """When each record was here."""
    from confluent_kafka import Consumer
    consumer = Consumer({
        "bootstrap.servers": f"127.0.0.1:{port}", "group.id": "latency", "auto.offset.reset": "earliest",
        "enable.auto.commit": False, "topic.metadata.refresh.interval.ms": 500, "fetch.wait.max.ms": 100,
        "log_level": 0})
    consumer.subscribe([topic])
    times = {}
    while len(times) < total:
        for message in consumer.consume(500, 0.05):
            if not message.error():
                times[int(message.key())] = time.monotonic_ns()
    consumer.close()
    results.put((port, times))


def send(rate, total):
    """Records at an even pace; when each was handed to the producer."""
    from confluent_kafka import Producer
    producer = Producer({"bootstrap.servers": f"127.0.0.1:{EAST}", "linger.ms": 0, "acks": "all", "log_level": 0})
    producer.list_topics("bench", timeout=10)
    sent, value, began = {}, bytes(1000), time.monotonic()
    for number in range(total):
        delay = began + number / rate - time.monotonic()
        if delay > 0:
            time.sleep(delay)
        sent[number] = time.monotonic_ns()
        producer.produce("bench", value, key=str(number))
        producer.poll(0)
    producer.flush(60)
    return sent


def percentile(values, share):
    values = sorted(values)
    return values[min(len(values) - 1, int(len(values) * share))] / 1e6


def figures(name, values):
    return {f"{name} p50 ms": percentile(values, 0.5), f"{name} p99 ms": percentile(values, 0.99),
            f"{name} p99.9 ms": percentile(values, 0.999)}


def added(rate, options, copied_topic):
    @contextlib.contextmanager
    def prepare(env):
        def measure(program):
            warm_up, total = 3 * rate, rate * (8 if env.is_quick else 20)
            with broker(env, EAST), broker(env, WEST), running(env, program, options=options):
                results = multiprocessing.Queue()
                readers = [multiprocessing.Process(target=arrivals, args=(port, topic, total, results))
                           for port, topic in ((EAST, "bench"), (WEST, copied_topic))]
                for reader in readers:
                    reader.start()
                sent = send(rate, total)
                times = dict(results.get() for _ in readers)
                for reader in readers:
                    reader.join()
            measured = range(warm_up, total)
            return {**figures("source", [times[EAST][n] - sent[n] for n in measured]),
                    **figures("target", [times[WEST][n] - sent[n] for n in measured]),
                    **figures("added", [times[WEST][n] - times[EAST][n] for n in measured])}
        yield measure
    return prepare


CASES = [
    Case(f"latency at {rate} records/s, {name}", added(rate, options, topic))
    for rate in (1_000, 10_000)
    for name, options, topic in (("pass-through", "naming: {mode: prefix}", "east.bench"),
                                 ("loop headers", "naming: {mode: identical}", "bench"))
]
