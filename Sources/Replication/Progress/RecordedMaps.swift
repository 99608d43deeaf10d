package import KafkaClient
internal import KafkaWire

/// The offset maps of a flow as it has recorded them on the target, for those who look from outside of it: at most
/// about a second old while the flow runs.
package struct RecordedMaps: Sendable {
    /// True if the flow has ever been started.
    package let hasRun: Bool
    /// The partitions that it copies, as far as it has recorded them.
    package let partitions: [ForwardPartition]

    /// - Throws: when the target cannot be asked, or what is recorded there cannot be understood.
    package static func read(flow name: String, from target: ClusterClient) async throws(KafkaError) -> RecordedMaps {
        var reader = RecordedFlowReader(flow: name, target: target)
        try await reader.refresh()
        let flow = reader.recorded
        return RecordedMaps(hasRun: flow.identity != nil, partitions: flow.partitions(isSettled: false))
    }
}

extension RecordedFlow {
    /// The partitions that the flow copies, as far as it has recorded them, with their maps.
    ///
    /// - Parameter isSettled: whether nothing is on its way that the maps do not know yet.
    package func partitions(isSettled: Bool) -> [ForwardPartition] {
        checkpoints.keys.compactMap { partition in
            guard let name = targetName(of: partition.topic), let map = map(of: partition) else { return nil }
            var forward = ForwardPartition(
                source: partition, target: TopicPartition(name, partition.partition), map: map, isSettled: isSettled)
            guard let checkpoint = checkpoints[partition] else { return nil }
            forward.sourceTopicID = KafkaUUID(hexadecimal: checkpoint.sourceTopicID) ?? .zero
            forward.targetTopicID = checkpoint.targetTopicID.flatMap { KafkaUUID(hexadecimal: $0) } ?? .zero
            if checkpoint.formerSourceTopicID != nil {
                forward.succession = succession(of: partition.topic, topicID: checkpoint.sourceTopicID)
            }
            return forward
        }
    }
}

extension ClusterClient {
    /// The ends of these logs; those that do not exist, or cannot be asked for, are missing.
    package func logEnds(of partitions: Set<TopicPartition>) async -> [TopicPartition: Int64] {
        let queries = Dictionary(uniqueKeysWithValues: await existing(partitions).map { ($0, OffsetQuery.latest) })
        guard !queries.isEmpty else { return [:] }
        return await offsets(queries).compactMapValues { try? $0.get().offset }
    }

    /// Without those of which the cluster knows nothing: a question about them would be asked again until they
    /// appear, or time is up.
    private func existing(_ partitions: Set<TopicPartition>) async -> Set<TopicPartition> {
        let topics = Set(partitions.map(\.topic)).sorted()
        guard !topics.isEmpty, let known = try? await metadata(.named(topics), allowingAge: .seconds(1)) else {
            return partitions
        }
        return partitions.filter { known.topics[$0.topic]?.partitions[$0.partition] != nil }
    }
}
