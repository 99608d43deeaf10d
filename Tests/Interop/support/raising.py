"""A transactional producer of version 2 (KIP-890), one request per step, encoded by kafka-python's descriptions of messages:
Produce adds its partitions by itself, and each EndTxn raises the epoch."""

import time

import kafka
from kafka.protocol.metadata import FindCoordinatorRequest
from kafka.protocol.producer import (
    EndTxnRequest, InitProducerIdRequest, ProduceRequest, TxnOffsetCommitRequest)
from kafka.record import MemoryRecordsBuilder

CONCURRENT_TRANSACTIONS = 51


class RaisingProducer:
    """For a cluster of one node."""

    def __init__(self, bootstrap, transactional_id):
        self.admin = kafka.KafkaAdminClient(bootstrap_servers=bootstrap)
        self.id = transactional_id
        self.sequences = {}
        self.find(transactional_id, 1)
        while (answer := self.initialise()).error_code == CONCURRENT_TRANSACTIONS:
            time.sleep(0.05)
        assert answer.error_code == 0, answer
        self.producer_id, self.epoch = answer.producer_id, answer.producer_epoch

    def send(self, request):
        return self.admin._manager.run(self.admin._manager.send, request)

    def find(self, key, kind):
        """Has the coordinator of a group or a transactional id, whose topic may have to be created first."""
        self.send(FindCoordinatorRequest(
            key=key, key_type=kind, coordinator_keys=[key], min_version=4, max_version=4))

    def initialise(self):
        return self.send(InitProducerIdRequest(
            transactional_id=self.id, transaction_timeout_ms=60_000, producer_id=-1, producer_epoch=-1,
            min_version=4, max_version=5))

    def produce(self, topic, *values, partition=0):
        """The error code of a batch on a partition that nobody has added to the transaction."""
        sequence = self.sequences.get((topic, partition), 0)
        builder = MemoryRecordsBuilder(
            2, 0, 1 << 20, transactional=True, producer_id=self.producer_id, producer_epoch=self.epoch,
            base_sequence=sequence)
        for value in values:
            builder.append(timestamp=int(time.time() * 1000), key=None, value=value)
        builder.close()
        data = ProduceRequest.TopicProduceData
        answer = self.send(ProduceRequest(
            transactional_id=self.id, acks=-1, timeout_ms=30_000, min_version=12, max_version=12,
            topic_data=[data(name=topic, partition_data=[
                data.PartitionProduceData(index=partition, records=bytes(builder.buffer()))])]))
        code = answer.responses[0].partition_responses[0].error_code
        if code == 0:
            self.sequences[topic, partition] = sequence + len(values)
        return code

    def commit_offset(self, group, topic, offset, partition=0):
        self.find(group, 0)
        topics = TxnOffsetCommitRequest.TxnOffsetCommitRequestTopic
        answer = self.send(TxnOffsetCommitRequest(
            transactional_id=self.id, group_id=group, producer_id=self.producer_id, producer_epoch=self.epoch,
            generation_id=-1, member_id="", group_instance_id=None, min_version=5, max_version=5,
            topics=[topics(name=topic, partitions=[topics.TxnOffsetCommitRequestPartition(
                partition_index=partition, committed_offset=offset, committed_leader_epoch=-1,
                committed_metadata=None)])]))
        return answer.topics[0].partitions[0].error_code

    def end(self, commit):
        """The error code; afterwards the producer has the identity that the broker gave it."""
        answer = self.send(EndTxnRequest(
            transactional_id=self.id, producer_id=self.producer_id, producer_epoch=self.epoch, committed=commit,
            min_version=5, max_version=5))
        if answer.error_code == 0:
            self.producer_id, self.epoch = answer.producer_id, answer.producer_epoch
            self.sequences = {}
        return answer.error_code

    def close(self):
        self.admin.close()
