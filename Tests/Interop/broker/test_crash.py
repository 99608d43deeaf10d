"""kill -9 of `replicator broker --data` under load, again and again: every acknowledged record is there, once, in
order."""

import threading

import pytest
from confluent_kafka import Consumer, KafkaException, Producer, TopicPartition
from confluent_kafka.admin import AdminClient, NewTopic

from support.checks import check, equal, eventually, measured

PARTITIONS = 2
CRASHES = 5


def create(bootstrap, topic, config):
    admin = AdminClient({"bootstrap.servers": bootstrap})
    admin.create_topics([NewTopic(topic, PARTITIONS, 1, config=config)])[topic].result()


def read(bootstrap, topic):
    """By partition: (offset, value) of everything committed."""
    consumer = Consumer({
        "bootstrap.servers": bootstrap, "group.id": "reader", "isolation.level": "read_committed", "log_level": 0,
        "enable.partition.eof": True, "enable.auto.commit": False, "check.crcs": True})
    consumer.assign([TopicPartition(topic, p, 0) for p in range(PARTITIONS)])
    found, at_end = [[] for _ in range(PARTITIONS)], set()
    while len(at_end) < PARTITIONS:
        message = consumer.poll(20)
        if message is None:
            raise RuntimeError(f"no end of {topic} after twenty seconds")
        if message.error():
            at_end.add(message.partition())
        else:
            found[message.partition()].append((message.offset(), message.value()))
    consumer.close()
    return found


class Crasher:
    """Kills and restarts a broker while a load runs, each time after some more of it was acknowledged."""

    def __init__(self, cluster, progress):
        self.cluster = cluster
        self.progress = progress
        self.done = threading.Event()
        self.thread = threading.Thread(target=self.run)

    def run(self):
        for crash in range(CRASHES):
            mark = self.progress()
            eventually(lambda: self.progress() >= mark + 150 + 70 * crash, 120, 0.01)
            self.cluster.kill()
            self.cluster.restart_on_same_ports()
        self.done.set()

    def __enter__(self):
        self.thread.start()
        return self

    def __exit__(self, *_):
        self.thread.join(120)
        check("the broker came back each time", self.done.is_set())


@pytest.mark.cluster(data=True)
@pytest.mark.parametrize(("name", "config"), [
    pytest.param("flushed", {"flush.messages": "1", "segment.bytes": "20000"}, id="every record flushed"),
    pytest.param("unflushed", {"segment.bytes": "20000"}, id="left to the system")])
def test_idempotent_producer(cluster, name, config):
    """Acknowledged offsets hold what was sent, nothing twice, each partition in order."""
    create(cluster.bootstrap, name, config)
    producer = Producer({
        "bootstrap.servers": cluster.bootstrap, "enable.idempotence": True, "acks": "all", "linger.ms": 1,
        "log_level": 0, "retry.backoff.ms": 20, "reconnect.backoff.ms": 20, "reconnect.backoff.max.ms": 200,
        "message.timeout.ms": 120000, "batch.num.messages": 20})
    acknowledged, failed = [], []

    def delivered(error, message):
        if error:
            failed.append(str(error))
        else:
            acknowledged.append((message.partition(), message.offset(), message.value()))

    number = 0
    with Crasher(cluster, lambda: len(acknowledged)) as crasher:
        while not crasher.done.is_set() and crasher.thread.is_alive():
            producer.produce(
                name, value=b"%d" % number, partition=number % PARTITIONS, callback=delivered)
            number += 1
            producer.poll(0.001)
    check(f"{name}: all are delivered", producer.flush(60) == 0 and not failed, failed[:3])
    found = read(cluster.bootstrap, name)
    held = [dict(records) for records in found]
    missing = [entry for entry in acknowledged if held[entry[0]].get(entry[1]) != entry[2]]
    equal(f"{name}: acknowledged records at their offsets", missing[:3], [])
    for partition in range(PARTITIONS):
        equal(
            f"{name}: partition {partition} whole, in order, nothing twice", [v for _, v in found[partition]],
            [b"%d" % n for n in range(number) if n % PARTITIONS == partition])
    measured(f"{name}: {CRASHES} crashes under {number} records")


@pytest.mark.cluster(
    data=True, transaction_state_log_num_partitions=2, transaction_abort_timed_out_transaction_cleanup_interval_ms=500)
def test_transactional_producer(cluster):
    """Transactions are whole or absent in both partitions, and all that were acknowledged are there."""
    create(cluster.bootstrap, "tx", {"segment.bytes": "20000"})

    def start():
        producer = Producer({
            "bootstrap.servers": cluster.bootstrap, "transactional.id": "x", "linger.ms": 0, "log_level": 0,
            "retry.backoff.ms": 20, "reconnect.backoff.ms": 20, "reconnect.backoff.max.ms": 200,
            "transaction.timeout.ms": 30000, "message.timeout.ms": 30000})
        producer.init_transactions(60)
        return producer

    producer = start()
    committed, unknown, aborted = [], [], []
    records, number = 5, 0
    with Crasher(cluster, lambda: len(committed) * records * PARTITIONS) as crasher:
        while not crasher.done.is_set() and crasher.thread.is_alive():
            number += 1
            producer.begin_transaction()
            try:
                for record in range(records):
                    for partition in range(PARTITIONS):
                        producer.produce("tx", value=b"%d.%d" % (number, record), partition=partition)
                if number % 5 == 4:
                    producer.flush(30)
                    producer.abort_transaction(60)
                    aborted.append(number)
                else:
                    producer.commit_transaction(60)
                    committed.append(number)
            except KafkaException as error:
                if error.args[0].txn_requires_abort():
                    producer.abort_transaction(60)
                    aborted.append(number)
                else:
                    unknown.append(number)
                    producer = start()
    found = read(cluster.bootstrap, "tx")
    contents = []
    for partition in range(PARTITIONS):
        values = [value for _, value in found[partition]]
        order = [int(value.split(b".")[0]) for value in values[::records]]
        whole = [b"%d.%d" % (n, r) for n in order for r in range(records)]
        equal(f"transactional: partition {partition} has whole transactions", values, whole)
        contents.append(order)
    equal("transactional: the same in both partitions", contents[0], contents[1])
    equal("transactional: in order, none twice", contents[0], sorted(set(contents[0])))
    equal("transactional: committed ones are there", sorted(set(committed) - set(contents[0])), [])
    equal("transactional: aborted ones are not", sorted(set(aborted) & set(contents[0])), [])
    measured(
        f"transactional: {CRASHES} crashes, {len(committed)} commits, {len(aborted)} aborts, "
        f"{len(unknown)} outcomes unknown to the producer")
