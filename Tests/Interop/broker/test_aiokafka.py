"""aiokafka against `replicator broker`: idempotent producing, groups with two members, old message formats."""

import asyncio

from aiokafka import AIOKafkaConsumer, AIOKafkaProducer, TopicPartition
from aiokafka.admin import AIOKafkaAdminClient, NewTopic

from support.brokers import broker
from support.checks import check, equal


async def produce(bootstrap, topic, count, **settings):
    async with AIOKafkaProducer(bootstrap_servers=bootstrap, **settings) as producer:
        futures = [await producer.send(topic, b"v%d" % n, key=b"%d" % n) for n in range(count)]
        return [await f for f in futures]


def test_idempotent_producer_in_every_codec():
    async def run(bootstrap):
        for codec in (None, "gzip", "snappy", "lz4", "zstd"):
            topic = f"i-{codec}"
            acknowledged = await produce(bootstrap, topic, 300, enable_idempotence=True, compression_type=codec)
            equal(f"{codec}: acknowledged", sorted(a.offset for a in acknowledged), list(range(300)))
            async with AIOKafkaConsumer(topic, bootstrap_servers=bootstrap, auto_offset_reset="earliest") as consumer:
                records = []
                while len(records) < 300:
                    for batch in (await consumer.getmany(timeout_ms=2000)).values():
                        records += batch
                equal(f"{codec}: consumed", [r.value for r in records], [b"v%d" % n for n in range(300)])

    with broker() as cluster:
        asyncio.run(run(cluster.bootstrap))


def test_group_of_two_members():
    async def run(bootstrap):
        admin = AIOKafkaAdminClient(bootstrap_servers=bootstrap)
        await admin.start()
        await admin.create_topics([NewTopic("g", 4, 2)])
        await produce(bootstrap, "g", 400)

        def member():
            return AIOKafkaConsumer(
                "g", bootstrap_servers=bootstrap, group_id="team", auto_offset_reset="earliest",
                session_timeout_ms=6000, heartbeat_interval_ms=300, enable_auto_commit=False)

        seen = []

        async def read(consumer):
            for batch in (await consumer.getmany(timeout_ms=100)).values():
                seen.extend(r.value for r in batch)

        async with member() as one:
            for _ in range(100):
                await read(one)
                if len(seen) == 400:
                    break
            equal("one reads all", len(set(seen)), 400)
            await one.commit()
            async with member() as two:
                for _ in range(100):
                    await asyncio.gather(read(one), read(two))
                    if len(one.assignment()) == len(two.assignment()) == 2:
                        break
                equal("shared", (len(one.assignment()), len(two.assignment())), (2, 2))
            for _ in range(100):
                await read(one)
                if len(one.assignment()) == 4:
                    break
            equal("the rest returns", len(one.assignment()), 4)
            equal("nothing is read twice", len(seen), 400)
            ends = await one.end_offsets([TopicPartition("g", p) for p in range(4)])
            equal("ends", sum(ends.values()), 400)
        described = await admin.describe_consumer_groups(["team"])
        check("described", "Empty" in str(described), str(described))
        await admin.close()

    with broker(nodes=2) as cluster:
        asyncio.run(run(cluster.bootstrap))
