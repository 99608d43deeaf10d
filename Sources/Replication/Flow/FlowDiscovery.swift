internal import KafkaClient

/// Finds partitions that a flow does not copy yet, and where each of them begins.
struct FlowDiscovery {
    let topicSync: TopicSync
    let progress: ProgressStore
    let startFrom: StartPosition
    /// Copies keep the offsets of their source.
    var keepsOffsets = false

    /// The time that a partition's source has for saying where it begins, before the others continue without it.
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

    /// Records where partitions begin that nothing is recorded of, before anything of them is copied.
    ///
    /// - Parameters:
    ///   - pairs: of all that the flow copies, those of which nothing is recorded.
    ///   - hasOthers: there are others, of which something is.
    ///   - refused: takes in topics with partitions whose source does not tell where they begin.
    func record(
        _ pairs: [TopicSync.PartitionPair], hasOthers: Bool, source: ClusterMetadata, _ refused: inout [TopicRefusal]
    ) async throws(FlowError) -> [NewPartition] {
        // Partitions that appear later begin at their earliest offset.
        let isFirstStart = await progress.isNewFlow
        if await progress.isIdentityAtRisk { try await progress.storeIdentity() }
        guard !pairs.isEmpty else {
            // Topics that come later are none that were there at the first start; others have to know the flow, too.
            if isFirstStart { try await progress.storeIdentity() }
            return []
        }
        let (positions, errors) = await positions(of: pairs, source, isFirstStart: isFirstStart)
        // A source that cannot be asked at all is nothing that a topic is to blame for.
        if positions.isEmpty, !hasOthers, let error = errors.values.first, error.code == nil { throw .kafka(error) }
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
                NewPartition(pair: pair, position: position, checkpoint: nil, map: OffsetMap(start: position)))
        }
        // What the target has lost comes back from its copies.
        var ends: [TopicPartition: Int64] = [:]
        if keepsOffsets {
            let found = await topicSync.lookUp(new.map(\.pair.source), at: .latest, patience: Self.patience)
            ends = found.offsets
            // Without an end it is not known what comes back: such a partition begins once it has one.
            for one in new where ends[one.pair.source] == nil {
                let error = found.errors[one.pair.source] ?? topicSync.leaderless(one.pair.source)
                open[one.pair.source.topic, default: (one.pair.target.topic, [])].errors.append(error)
            }
            new.removeAll { ends[$0.pair.source] == nil }
        }
        try await progress.store(firstCheckpoints(of: new, refillsBelow: ends))
        if isFirstStart { try await progress.storeIdentity() }
        for (topic, found) in open where !refused.contains(where: { $0.topic == topic }) {
            refused.append(
                TopicRefusal(
                    topic: topic, targetTopic: found.targetTopic, partitions: found.errors.count,
                    reason: "it is not known where to begin: \(found.errors[0])", isPassing: true))
        }
        return new
    }

    /// Partitions as they are recorded, to be continued here. Those of which nothing is recorded are left out.
    func resume(_ pairs: [TopicSync.PartitionPair]) async -> [NewPartition] {
        let recorded = await progress.known
        let unreadable = await progress.unreadable
        var found: [NewPartition] = []
        for pair in pairs {
            if let flaw = unreadable[pair.source] {
                found.append(stopped(pair, flaw))
            } else if let checkpoint = recorded[pair.source] {
                found.append(
                    NewPartition(
                        pair: pair, position: checkpoint.sourceOffset, checkpoint: checkpoint,
                        map: await progress.map(of: pair.source) ?? OffsetMap(start: checkpoint.sourceOffset)))
            }
        }
        return found
    }

    /// The position of the partition is not known. From its beginning everything would be there twice, from its end some
    /// would be missing.
    private func stopped(_ pair: TopicSync.PartitionPair, _ flaw: String) -> NewPartition {
        let key = ProgressRecord.Key.checkpoint(pair.source)
        return NewPartition(
            pair: pair, position: 0, checkpoint: nil, map: OffsetMap(start: 0),
            failure: PartitionFailure(
                .unreadable,
                "its checkpoint in the topic \(progress.topic) is damaged, so the place to continue from is not known: \(flaw). "
                    + "See who else may write to that topic. To copy the partition once more from its earliest "
                    + "offset, which may double what the target has already, write a record with the key "
                    + "\(key.text) and no value there, and start again"
            ))
    }

    /// Start of each partition: for topics that were there when the flow first started, where the configuration says;
    /// else at its earliest offset, since nobody has read it yet.
    private func positions(
        of pairs: [TopicSync.PartitionPair], _ source: ClusterMetadata, isFirstStart: Bool
    ) async -> (offsets: [TopicPartition: Int64], errors: [TopicPartition: KafkaError]) {
        var errors: [TopicPartition: KafkaError] = [:]
        var asked: [TopicPartition] = []
        for partition in pairs.map(\.source) {
            if source.partition(partition.topic, partition.partition)?.leader == nil {
                errors[partition] = topicSync.leaderless(partition)
            } else {
                asked.append(partition)
            }
        }
        let found = await topicSync.lookUp(
            asked, at: isFirstStart ? startFrom : .earliest, patience: isFirstStart ? nil : Self.patience)
        return (found.offsets, errors.merging(found.errors) { first, _ in first })
    }

    private func firstCheckpoints(
        of new: [NewPartition], refillsBelow: [TopicPartition: Int64]
    ) -> [TopicPartition: Checkpoint] {
        var checkpoints: [TopicPartition: Checkpoint] = [:]
        for partition in new where partition.checkpoint == nil {
            var checkpoint = Checkpoint(
                sourceOffset: partition.position, targetOffset: -1, sourceLeaderEpoch: -1,
                sourceTopicID: partition.pair.sourceTopicID.hexadecimal,
                map: OffsetMap(start: partition.position).edge)
            checkpoint.refillsBelow = refillsBelow[partition.pair.source]
            checkpoints[partition.pair.source] = checkpoint
        }
        return checkpoints
    }
}
