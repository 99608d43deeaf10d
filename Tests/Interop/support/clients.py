"""What is common to the clients made with librdkafka."""

from confluent_kafka import Consumer, Producer, TopicPartition
from confluent_kafka.admin import AdminClient

from support.checks import PATIENCE

# librdkafka says on standard error whatever befalls a connection; these tests break them on purpose.
QUIET = {"log_level": 0}


def admin(bootstrap):
    return AdminClient({"bootstrap.servers": bootstrap, **QUIET})


def commit(bootstrap, group, topic, offsets):
    """Puts an idle group at these positions: partition → offset."""
    client = Consumer({"bootstrap.servers": bootstrap, "group.id": group, "enable.auto.commit": False, **QUIET})
    client.commit(offsets=[TopicPartition(topic, p, offset) for p, offset in offsets.items()], asynchronous=False)
    client.close()


def committed(bootstrap, group, topic, partitions):
    """Where a group stands in this many partitions: partition → offset, negative where it has none."""
    client = Consumer({"bootstrap.servers": bootstrap, "group.id": group, "enable.auto.commit": False, **QUIET})
    try:
        found = client.committed([TopicPartition(topic, p) for p in range(partitions)], timeout=PATIENCE)
        return {p.partition: p.offset for p in found}
    finally:
        client.close()


def say(bootstrap, topic, **message):
    """One record into partition 0."""
    client = Producer({"bootstrap.servers": bootstrap, **QUIET})
    client.produce(topic, partition=0, **message)
    client.flush(PATIENCE)
