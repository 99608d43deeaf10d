import KafkaWire

/// A producer that a partition's leader remembers.
public struct ActiveProducer: Sendable, Hashable {
    public var producerID: Int64
    public var epoch: Int32
    /// Sequence of the last record; -1 if it has none.
    public var lastSequence: Int32
    /// The largest timestamp of its last batch, in milliseconds since 1970.
    public var lastTimestamp: Int64
    /// Nil when it has no transaction open.
    public var transactionStartOffset: Int64?
}

extension ClusterClient {
    /// Deletes all records before the offsets given, and says where each partition now starts.
    public func deleteRecords(before offsets: [TopicPartition: Int64]) async -> Outcomes<TopicPartition, Int64> {
        await askLeaders(offsets.keys, during: .deleteRecords) { client, leader, partitions throws(KafkaError) in
            var request = DeleteRecordsRequest()
            request.timeoutMs = client.brokerTimeoutMs
            request.topics = Dictionary(grouping: partitions, by: \.topic).map { name, partitions in
                var topic = DeleteRecordsRequest.DeleteRecordsTopic()
                topic.name = name
                topic.partitions = partitions.map { partition in
                    var entry = DeleteRecordsRequest.DeleteRecordsPartition()
                    entry.partitionIndex = partition.partition
                    entry.offset = offsets[partition] ?? 0
                    return entry
                }
                return topic
            }
            let response = try await client.send(request, to: leader, timeout: client.answerTimeout)
            var outcomes: Outcomes<TopicPartition, Int64> = [:]
            for topic in response.topics {
                for partition in topic.partitions {
                    outcomes[TopicPartition(topic.name, partition.partitionIndex)] = partition.errorCode.outcome(
                        partition.lowWatermark, flaw: NumberCheck.flaw(partition.lowWatermark, "low watermark")
                    ) {
                        client.error($0, during: .request(.deleteRecords))
                            .about(topic: topic.name, partition: partition.partitionIndex)
                    }
                }
            }
            return outcomes
        }
    }

    /// The producers that partitions remember (Kafka 2.8, KIP-664).
    public func describeProducers(
        _ partitions: [TopicPartition]
    ) async -> Outcomes<TopicPartition, [ActiveProducer]> {
        await askLeaders(partitions, during: .describeProducers) { client, leader, partitions throws(KafkaError) in
            var request = DescribeProducersRequest()
            request.topics = Dictionary(grouping: partitions, by: \.topic).map { name, partitions in
                var topic = DescribeProducersRequest.TopicRequest()
                topic.name = name
                topic.partitionIndexes = partitions.map(\.partition)
                return topic
            }
            let response = try await client.send(request, to: leader)
            var outcomes: Outcomes<TopicPartition, [ActiveProducer]> = [:]
            for topic in response.topics {
                for partition in topic.partitions {
                    outcomes[TopicPartition(topic.name, partition.partitionIndex)] = partition.errorCode.outcome(
                        partition.activeProducers.map(ActiveProducer.init), message: partition.errorMessage,
                        flaw: partition.activeProducers.lazy.compactMap(\.flaw).first
                    ) {
                        client.error($0, during: .request(.describeProducers))
                            .about(topic: topic.name, partition: partition.partitionIndex)
                    }
                }
            }
            return outcomes
        }
    }

    /// A producer id of its own for idempotent producing; any broker hands them out.
    public func initProducerID() async throws(KafkaError) -> ProducerIdentity {
        try await retrying(during: .initProducerId) { () throws(KafkaError) in
            var request = InitProducerIdRequest()
            request.transactionalID = nil
            request.transactionTimeoutMs = .max
            let response = try await self.send(request, to: .any)
            guard response.errorCode == .none else {
                throw self.error(.broker(response.errorCode, message: nil), during: .request(.initProducerId))
            }
            guard response.producerID >= 0, response.producerEpoch >= 0 else {
                throw self.error(
                    .unexpectedAnswer(
                        "the broker answered producer id \(response.producerID), epoch \(response.producerEpoch)"),
                    during: .request(.initProducerId))
            }
            return ProducerIdentity(id: response.producerID, epoch: response.producerEpoch)
        }
    }
}

extension DescribeProducersResponse.ProducerState {
    fileprivate var flaw: String? {
        if let flaw = NumberCheck.flaw(currentTxnStartOffset, "transaction start offset") { return flaw }
        // Epochs are 16 bits wide everywhere else.
        guard (-1...Int32(Int16.max)).contains(producerEpoch) else { return "producer epoch \(producerEpoch)" }
        return producerID < -1 ? "producer id \(producerID)" : nil
    }
}

extension ActiveProducer {
    fileprivate init(_ state: DescribeProducersResponse.ProducerState) {
        self.init(
            producerID: state.producerID, epoch: state.producerEpoch, lastSequence: state.lastSequence,
            lastTimestamp: state.lastTimestamp,
            transactionStartOffset: state.currentTxnStartOffset >= 0 ? state.currentTxnStartOffset : nil)
    }
}
