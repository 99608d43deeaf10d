internal import KafkaClient
internal import KafkaCompression
internal import KafkaWire

/// Builds the partitions of a flow from its settings and what a discovery has found.
struct PartitionFactory {
    var settings: FlowSettings
    let sourceClusterID: String
    let targetClusterID: String
    /// The id that most records are written under.
    let producer: ProducerIdentity

    func partition(
        _ new: FlowDiscovery.NewPartition, in found: TopicSync.Discovery, metrics: TopicMetrics
    ) -> PartitionReplicator {
        let pair = new.pair
        let sourceTopicID = found.sourceMetadata.topics[pair.source.topic]?.id ?? .zero
        var rules = PartitionReplicator.Rules(
            policies: settings.policies, delivery: settings.delivery, keepsOffsets: settings.offsets == .preserve,
            sourceCluster: settings.source.name, targetCluster: settings.target.name)
        rules.alignment.holes = settings.holes
        var partition = PartitionReplicator(
            source: pair.source, target: pair.target, sourceTopicID: sourceTopicID, metrics: metrics,
            rewriter: RecordRewriter(
                compression: settings.compression, loopGuard: loopGuard(of: pair.source, sourceTopicID),
                limit: settings.recordLimit),
            rules: rules, position: new.position, map: new.map, producer: producer)
        let source = found.sourceMetadata.partition(pair.source.topic, pair.source.partition)
        partition.sourceDescribed(
            topicID: sourceTopicID,
            leader: source?.leader.map { PartitionLeader(broker: $0, epoch: source?.leaderEpoch ?? -1) })
        let target = found.targetMetadata.partition(pair.target.topic, pair.target.partition)
        partition.targetDescribed(
            topicID: found.targetMetadata.topics[pair.target.topic]?.id ?? .zero, leader: target?.leader,
            epoch: target?.leaderEpoch ?? -1)
        if let checkpoint = new.checkpoint { partition.restore(checkpoint) }
        if let failure = new.failure { partition.failWithoutPosition(failure) }
        return partition
    }

    private func loopGuard(of source: TopicPartition, _ topicID: KafkaUUID) -> LoopGuard? {
        guard settings.naming == .identical else { return nil }
        return LoopGuard(
            sourceCluster: sourceClusterID, targetCluster: targetClusterID, topicID: topicID,
            partition: source.partition, stamps: settings.stampsRecords,
            stopsAtForeignHeaders: settings.onForeignLoopHeader == .stop)
    }
}

extension FlowSettings {
    /// Bytes that one record may decompress to: it has to find room beside what is held.
    var recordLimit: OutputLimit { OutputLimit(bytes: min(max(bufferBytes, 8 << 20), 1 << 30)) }

    /// Each record gets a header that says where it came from.
    var stampsRecords: Bool { naming == .identical && loopPrevention == .headers }
}
