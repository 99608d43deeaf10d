import KafkaWire

/// Position in a partition's log that is asked for.
public enum OffsetQuery: Sendable, Hashable {
    /// The first that can still be read.
    case earliest
    /// The offset of the next record; with `readCommitted`, the one where reading committed records ends.
    case latest
    /// The record with the largest timestamp (Kafka 3.0, KIP-734).
    case maxTimestamp
    /// The first that lies on the leader's own disks: records before it are in tiered storage alone (Kafka 3.6, KIP-405).
    case earliestLocal
    /// The first record whose timestamp, in milliseconds since 1970, is at least this.
    case timestamp(Int64)

    fileprivate var wireValue: Int64 {
        switch self {
        case .latest: -1
        case .earliest: -2
        case .maxTimestamp: -3
        case .earliestLocal: -4
        case .timestamp(let milliseconds): milliseconds
        }
    }
}

extension OffsetQuery {
    /// The version of ListOffsets from which on the query is understood.
    fileprivate var firstVersion: Int16 {
        switch self {
        case .earliest, .latest, .timestamp: 1
        case .maxTimestamp: 7
        case .earliestLocal: 8
        }
    }
}

/// An offset that a leader found.
public struct FoundOffset: Sendable, Hashable {
    /// Nil when no record is that late, or the partition has none.
    public var offset: Int64?
    /// The record's timestamp, for queries by time; -1 otherwise.
    public var timestamp: Int64
    /// -1 when the broker does not tell.
    public var leaderEpoch: Int32
}

extension ClusterClient {
    /// Looks offsets up at the partitions' leaders, all at once; leaders that have moved are found again.
    ///
    /// - Parameter patience: the time during which it retries, where that is to be shorter than `operationTimeout`.
    public func offsets(
        _ queries: [TopicPartition: OffsetQuery], isolation: IsolationLevel = .readUncommitted,
        patience: Duration? = nil
    ) async -> Outcomes<TopicPartition, FoundOffset> {
        await askLeaders(queries.keys, during: .listOffsets, patience: patience) {
            client, leader, partitions throws(KafkaError) in
            var request = ListOffsetsRequest()
            request.replicaID = -1
            request.isolationLevel = isolation.rawValue
            request.timeoutMs = client.settings.requestTimeout.wireMilliseconds
            request.topics = Dictionary(grouping: partitions, by: \.topic).map { name, partitions in
                var topic = ListOffsetsRequest.ListOffsetsTopic()
                topic.name = name
                topic.partitions = partitions.map { partition in
                    var entry = ListOffsetsRequest.ListOffsetsPartition()
                    entry.partitionIndex = partition.partition
                    entry.timestamp = queries[partition]?.wireValue ?? -1
                    return entry
                }
                return topic
            }
            let needed = partitions.compactMap { queries[$0]?.firstVersion }.max() ?? 1
            let response = try await client.send(
                request, to: leader, versions: max(needed, isolation == .readCommitted ? 2 : 1)...11)
            return client.outcomes(in: response)
        }
    }

    private func outcomes(in response: ListOffsetsResponse) -> Outcomes<TopicPartition, FoundOffset> {
        var outcomes: Outcomes<TopicPartition, FoundOffset> = [:]
        for topic in response.topics {
            for partition in topic.partitions {
                outcomes[TopicPartition(topic.name, partition.partitionIndex)] = partition.errorCode.outcome(
                    FoundOffset(
                        offset: partition.offset >= 0 ? partition.offset : nil, timestamp: partition.timestamp,
                        leaderEpoch: partition.leaderEpoch), flaw: NumberCheck.flaw(partition.offset, "offset")
                ) {
                    error($0, during: .request(.listOffsets)).about(
                        topic: topic.name, partition: partition.partitionIndex)
                }
            }
        }
        return outcomes
    }
}
