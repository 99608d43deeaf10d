import KafkaWire

/// The end of a leader epoch in a partition's log.
public struct EpochEnd: Sendable, Hashable {
    /// The largest epoch not above the one asked for; nil when the log knows none.
    public var epoch: Int32?
    /// One past the last offset of that epoch. A position beyond it was truncated away.
    public var endOffset: Int64?
}

extension ClusterClient {
    /// Asks leaders where epochs ended (KIP-320): how a log that was truncated or recreated is noticed.
    public func epochEnds(_ epochs: [TopicPartition: Int32]) async -> Outcomes<TopicPartition, EpochEnd> {
        await epochEnds(of: epochs.keys) { _, partition in (asked: epochs[partition] ?? -1, current: -1) }
    }

    /// Asks leaders how far their own logs go, beyond what their followers have and readers see. A leader that
    /// another has followed does not answer.
    ///
    /// - Returns: no end where the cluster tells no leader epochs.
    public func leaderLogEnds(of partitions: some Collection<TopicPartition>) async
        -> Outcomes<TopicPartition, EpochEnd>
    {
        await epochEnds(of: partitions) { metadata, partition in
            let epoch = metadata.partition(partition.topic, partition.partition)?.leaderEpoch ?? -1
            return (asked: epoch, current: epoch)
        }
    }

    private func epochEnds(
        of partitions: some Collection<TopicPartition>,
        _ epochs: @escaping @Sendable (ClusterMetadata, TopicPartition) -> (asked: Int32, current: Int32)
    ) async -> Outcomes<TopicPartition, EpochEnd> {
        await askLeaders(partitions, during: .offsetForLeaderEpoch) {
            client, leader, partitions throws(KafkaError) in
            let metadata = client.knownMetadata
            var request = OffsetForLeaderEpochRequest()
            request.replicaID = -1
            request.topics = Dictionary(grouping: partitions, by: \.topic).map { name, partitions in
                var topic = OffsetForLeaderEpochRequest.OffsetForLeaderTopic()
                topic.topic = name
                topic.partitions = partitions.map { partition in
                    var entry = OffsetForLeaderEpochRequest.OffsetForLeaderPartition()
                    entry.partition = partition.partition
                    (entry.leaderEpoch, entry.currentLeaderEpoch) = epochs(metadata, partition)
                    return entry
                }
                return topic
            }
            let response = try await client.send(request, to: leader)
            return client.outcomes(in: response)
        }
    }

    private func outcomes(in response: OffsetForLeaderEpochResponse) -> Outcomes<TopicPartition, EpochEnd> {
        var outcomes: Outcomes<TopicPartition, EpochEnd> = [:]
        for topic in response.topics {
            for partition in topic.partitions {
                outcomes[TopicPartition(topic.topic, partition.partition)] = partition.errorCode.outcome(
                    EpochEnd(
                        epoch: partition.leaderEpoch >= 0 ? partition.leaderEpoch : nil,
                        endOffset: partition.endOffset >= 0 ? partition.endOffset : nil),
                    flaw: NumberCheck.flaw(partition.endOffset, "end offset")
                ) {
                    error($0, during: .request(.offsetForLeaderEpoch))
                        .about(topic: topic.topic, partition: partition.partition)
                }
            }
        }
        return outcomes
    }
}
