"""Client quotas of `replicator broker`: set with kafka-python's messages, felt by librdkafka."""

import kafka
import pytest
from confluent_kafka import Consumer, Producer
from kafka.protocol.admin.client_quotas import AlterClientQuotasRequest, DescribeClientQuotasRequest

from support.checks import check, equal, eventually


def send(admin, request):
    return admin._manager.run(admin._manager.send, request)


@pytest.mark.long
def test_quotas_throttle_the_client_they_name(cluster):
    admin = kafka.KafkaAdminClient(bootstrap_servers=cluster.bootstrap)
    entity = AlterClientQuotasRequest.EntryData
    answer = send(admin, AlterClientQuotasRequest(validate_only=False, entries=[entity(
        entity=[entity.EntityData(entity_type="client-id", entity_name="slow")],
        ops=[entity.OpData(key=key, value=200_000.0, remove=False)
             for key in ("producer_byte_rate", "consumer_byte_rate")])]))
    equal("set", [(e.error_code, e.error_message) for e in answer.entries], [(0, None)])
    described = send(admin, DescribeClientQuotasRequest(components=[], strict=False))
    equal("described", [(e.entity[0].entity_name, sorted((v.key, v.value) for v in e.values))
                        for e in described.entries],
          [("slow", [("consumer_byte_rate", 200_000.0), ("producer_byte_rate", 200_000.0)])])

    for client_id, is_throttled in (("quick", False), ("slow", True)):
        events = []
        settings = {"bootstrap.servers": cluster.bootstrap, "client.id": client_id, "throttle_cb": events.append}
        producer = Producer({**settings, "linger.ms": 5, "batch.num.messages": 10})
        failed = []
        for _ in range(25):
            producer.produce(client_id, b"x" * 100_000, callback=lambda e, _: failed.append(e) if e else None)
            producer.poll(0.02)
        equal(f"{client_id}: all sent", producer.flush(60), 0)
        equal(f"{client_id}: nothing fails", failed, [])
        equal(f"{client_id}: the producer is throttled", bool(events), is_throttled)
        events.clear()
        consumer = Consumer({**settings, "group.id": client_id, "auto.offset.reset": "earliest"})
        consumer.subscribe([client_id])
        read = []

        def reads_all():
            read.extend(m for m in consumer.consume(100, 0.5) if not m.error())
            return len(read) == 25

        check(f"{client_id}: everything is read", eventually(reads_all, 60), len(read))
        equal(f"{client_id}: the consumer is throttled", bool(events), is_throttled)
        consumer.close()
    admin.close()
