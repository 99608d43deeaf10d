"""Copies with the offsets of their source (`offsets: preserve`), beside copies that translate, in the same rounds."""

import contextlib
import time

from benches.harness import EAST, WEST, Case, await_true, broker, copy, produce, record_file, running
from processes import cpu_seconds

PRESERVE = "compression: keep, offsets: preserve"
TRANSLATE = "compression: keep"


def ends(port, topic):
    from confluent_kafka import Consumer, KafkaException, TopicPartition
    client = Consumer({"bootstrap.servers": f"127.0.0.1:{port}", "group.id": "bench", "log_level": 0})
    try:
        partitions = client.list_topics(topic, timeout=30).topics[topic].partitions
        return {p: client.get_watermark_offsets(TopicPartition(topic, p), timeout=30) for p in partitions}
    except (KafkaException, KeyError):
        return {}
    finally:
        client.close()


def dense(megabytes, partitions):
    """A topic without holes: what preserving costs beside translating, which takes turns in going first."""
    @contextlib.contextmanager
    def prepare(env):
        size = env.size(megabytes)
        path, records = record_file(env, size)
        with broker(env, EAST, partitions=partitions):
            produce(EAST, "bench", path, batch_bytes=100_000)
            turns = [("translate", TRANSLATE), ("preserve", PRESERVE)]

            def measure(program):
                found = {}
                for name, options in turns:
                    with broker(env, WEST):
                        found[name] = copy(env, program, records, size / 1000, options=options)
                turns.reverse()
                one, other = found["preserve"], found["translate"]
                return {"MB/s": one["MB/s"], "CPU-s/GB": one["CPU-s/GB"],
                        "seconds to translate": other["MB/s"] / one["MB/s"],
                        "CPU-s to translate": one["CPU-s/GB"] / other["CPU-s/GB"],
                        "peak to translate": one["peak MB"] / other["peak MB"]}
            yield measure
    return prepare


def transactions(count, records, partitions):
    """Transactions of so many records: each leaves a marker in every partition, and a hole waits for what is in flight."""
    @contextlib.contextmanager
    def prepare(env):
        from confluent_kafka import Producer
        total = max(1, count // 8) if env.is_quick else count
        with broker(env, EAST, partitions=partitions):
            producer = Producer({"bootstrap.servers": f"127.0.0.1:{EAST}", "transactional.id": "bench", "linger.ms": 1,
                                 "log_level": 0})
            producer.init_transactions(60)
            for _ in range(total):
                producer.begin_transaction()
                for number in range(records * partitions):
                    producer.produce("bench", value=b"x" * 200, partition=number % partitions)
                producer.commit_transaction(60)

            def measure(program):
                found = {}
                for name, options in (("translate", TRANSLATE), ("preserve", PRESERVE)):
                    with broker(env, WEST):
                        found[name] = copy(
                            env, program, total * records * partitions, total * records * partitions / 5e6,
                            options=options)
                seconds = total * records * partitions / 5000 / found["preserve"]["MB/s"]
                return {"transactions/s": total / seconds, "CPU ms each": 1000 * found["preserve"]["CPU-s/GB"]
                        * records * partitions / 5e6,
                        "times slower than translate": found["translate"]["MB/s"] / found["preserve"]["MB/s"]}
            yield measure
    return prepare


def beginning(millions):
    """A source whose log begins so many offsets behind 0: offsets per second until the first record is copied."""
    @contextlib.contextmanager
    def prepare(env):
        offsets = 1_000_000 * (max(1, millions // 8) if env.is_quick else millions)
        path, _ = record_file(env, 1)
        with broker(env, EAST, partitions=1):
            start = source_from(offsets)
            produce(EAST, "bench", path)

            def measure(program):
                with broker(env, WEST):
                    with running(env, program, options=PRESERVE) as child:
                        before, began = cpu_seconds(child.pid), time.monotonic()
                        await_true("the first record", lambda: ends(WEST, "east.bench").get(0, (0, 0))[1] > start)
                        seconds = time.monotonic() - began
                        cpu = cpu_seconds(child.pid) - before
                        return {"offsets/s": start / seconds, "CPU-s per million": cpu / start * 1e6}
            yield measure
    return prepare


def source_from(offsets):
    """Brings the source's log to begin there: many tiny records, which are deleted."""
    from confluent_kafka import Producer, TopicPartition
    from confluent_kafka.admin import AdminClient
    producer = Producer({"bootstrap.servers": f"127.0.0.1:{EAST}", "linger.ms": 100, "compression.type": "zstd",
                         "batch.num.messages": 100_000, "queue.buffering.max.messages": 1_000_000, "log_level": 0})
    for _ in range(offsets):
        while True:
            try:
                producer.produce("bench", None, partition=0)
                break
            except BufferError:
                producer.poll(1)
    producer.flush(600)
    admin = AdminClient({"bootstrap.servers": f"127.0.0.1:{EAST}", "log_level": 0})
    start = ends(EAST, "bench")[0][1]
    for outcome in admin.delete_records([TopicPartition("bench", 0, start)]).values():
        outcome.result()
    return start


CASES = [
    Case("offsets: preserve beside translate, dense, 1 partition", dense(2_000, 1)),
    Case("offsets: preserve beside translate, dense, 12 partitions", dense(2_000, 12)),
    Case("offsets: preserve, transactions of 10 records, 3 partitions", transactions(2_000, 10, 3)),
    Case("offsets: preserve, a log that begins behind 8 million offsets", beginning(8)),
]
