internal import KafkaClient

/// Finds partitions that a flow does not copy yet, and where each of them begins.
struct FlowDiscovery {
    let topicSync: TopicSync
    let progress: ProgressStore
    let startFrom: StartPosition

    /// The time that a partition's source has for saying where it begins, before the others go on without it.
    private static let patience: Duration = .seconds(5)

    /// A partition to begin with.
    struct NewPartition: Sendable {
        let pair: TopicSync.PartitionPair
        let position: Int64
        /// Nil for one that no run before has copied.
        let checkpoint: Checkpoint?
        let map: OffsetMap
        /// Something is recorded about it that cannot be understood: it stays where it is.
        var failure: PartitionFailure?
    }

    /// Records where new partitions begin before anything of them is copied.
    ///
    /// - Parameters:
    ///   - isStarting: the flow starts; partitions that appear later begin at their earliest offset.
    ///   - refused: takes in topics with partitions whose source does not tell where they begin.
    func begin(
        _ pairs: [TopicSync.PartitionPair], isStarting: Bool, source: ClusterMetadata, _ refused: inout [TopicRefusal]
    ) async throws(FlowError) -> [NewPartition] {
        let isFirstStart = isStarting ? await progress.isNewFlow : false
        guard !pairs.isEmpty else {
            // Topics that come later are none that were there at the first start; others have to know the flow, too.
            if isFirstStart { try await progress.storeIdentity() }
            return []
        }
        let recorded = await progress.known
        let unreadable = await progress.unreadable
        let (pairs, damaged) = (
            pairs.filter { unreadable[$0.source] == nil }, pairs.filter { unreadable[$0.source] != nil }
        )
        if await progress.isIdentityAtRisk { try await progress.storeIdentity() }
        let (positions, errors) = await positions(of: pairs, recorded, source, isFirstStart: isFirstStart)
        // A source that cannot be asked at all is nothing that a topic is to blame for.
        if positions.isEmpty, let error = errors.values.first, error.code == nil { throw .kafka(error) }
        var open: [String: (targetTopic: String, errors: [KafkaError])] = [:]
        var new: [NewPartition] = []
        for pair in pairs {
            guard let position = positions[pair.source] else {
                if let error = errors[pair.source] {
                    open[pair.source.topic, default: (pair.target.topic, [])].errors.append(error)
                }
                continue
            }
            new.append(
                NewPartition(
                    pair: pair, position: position, checkpoint: recorded[pair.source],
                    map: await progress.map(of: pair.source) ?? OffsetMap(start: position)))
        }
        try await progress.store(firstCheckpoints(of: new))
        if isFirstStart { try await progress.storeIdentity() }
        for (topic, found) in open where !refused.contains(where: { $0.topic == topic }) {
            refused.append(
                TopicRefusal(
                    topic: topic, targetTopic: found.targetTopic, partitions: found.errors.count,
                    reason: "it is not known where to begin: \(found.errors[0])", isPassing: true))
        }
        return new + damaged.map { stopped($0, unreadable[$0.source] ?? "") }
    }

    /// The position of the partition is not known. From its beginning everything would be there twice, from its end some
    /// would be missing.
    private func stopped(_ pair: TopicSync.PartitionPair, _ flaw: String) -> NewPartition {
        let key = ProgressRecord.Key.checkpoint(pair.source)
        return NewPartition(
            pair: pair, position: 0, checkpoint: nil, map: OffsetMap(start: 0),
            failure: PartitionFailure(
                .unreadable,
                "its checkpoint in the topic \(progress.topic) is damaged, so where to go on is not known: \(flaw). "
                    + "See who else may write to that topic. To copy the partition once more from its earliest "
                    + "offset, which may double what the target has already, write a record with the key "
                    + "\(key.text) and no value there, and start again"
            ))
    }

    /// Start of each partition: where it stopped last time; else, for topics that were there when the flow first
    /// started, where the configuration says; else at its earliest offset, since nobody has read it yet.
    private func positions(
        of pairs: [TopicSync.PartitionPair], _ recorded: [TopicPartition: Checkpoint], _ source: ClusterMetadata,
        isFirstStart: Bool
    ) async -> (offsets: [TopicPartition: Int64], errors: [TopicPartition: KafkaError]) {
        var offsets: [TopicPartition: Int64] = [:]
        var errors: [TopicPartition: KafkaError] = [:]
        var asked: [TopicPartition] = []
        for partition in pairs.map(\.source) {
            if let checkpoint = recorded[partition] {
                offsets[partition] = checkpoint.sourceOffset
            } else if source.partition(partition.topic, partition.partition)?.leader == nil {
                errors[partition] = topicSync.leaderless(partition)
            } else {
                asked.append(partition)
            }
        }
        let found = await topicSync.lookUp(
            asked, at: isFirstStart ? startFrom : .earliest, patience: isFirstStart ? nil : Self.patience)
        return (
            offsets.merging(found.offsets) { recorded, _ in recorded },
            errors.merging(found.errors) { first, _ in first }
        )
    }

    private func firstCheckpoints(of new: [NewPartition]) -> [TopicPartition: Checkpoint] {
        var checkpoints: [TopicPartition: Checkpoint] = [:]
        for partition in new where partition.checkpoint == nil {
            checkpoints[partition.pair.source] = Checkpoint(
                sourceOffset: partition.position, targetOffset: -1, sourceLeaderEpoch: -1,
                sourceTopicID: partition.pair.sourceTopicID.hexadecimal,
                map: OffsetMap(start: partition.position).edge)
        }
        return checkpoints
    }
}
