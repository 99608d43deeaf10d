internal import KafkaClient
internal import KafkaWire
internal import NIOCore

/// Reading from replicas near the flow's rack in place of leaders (KIP-392). The rules are those of ``ReadReplicas``.
extension Shard {
    /// Follows an answer that moves the partition to a replica, or from one back to its leader.
    ///
    /// - Returns: whether the answer says something about the partition.
    func counts(_ fetched: FetchedPartition, _ index: Int, from broker: Int32) -> Bool {
        guard source.settings.rackID != nil else { return true }
        var random = SystemRandomNumberGenerator()
        switch state.answered(fetched, index, by: broker, at: .now(), using: &random) {
        case .none: return true
        case .moved(let replica):
            startLink(source: replica)
            ring(source: replica)
            return true
        case .returned:
            ringLeader(of: index)
            return false
        }
    }

    /// A broker could not be used: what is read there as from a replica is read from its leader again. A fetch session
    /// that the broker has forgotten says nothing about its logs.
    func leaveReplica(_ broker: Int32, _ error: KafkaError) {
        switch error.code {
        case .fetchSessionIDNotFound, .invalidFetchSessionEpoch, .fetchSessionTopicIDError: return
        default: break
        }
        var random = SystemRandomNumberGenerator()
        for index in state.replicaFailed(broker, at: .now(), using: &random) { ringLeader(of: index) }
    }

    /// Asks leaders again whose partitions have been read from replicas for long enough.
    func endReplicaLeases() {
        for index in state.endReplicaLeases(at: .now()) { ringLeader(of: index) }
    }

    private func ringLeader(of index: Int) {
        guard let leader = state.partitions[index].sourceLeader else { return }
        ring(source: leader.broker)
    }
}

extension ShardState {
    /// The broker that a partition is read from: a replica that its leader has named, or the leader.
    func sourceBroker(of index: Int) -> Int32? {
        readReplicas.replica(of: partitions[index].source) ?? partitions[index].sourceLeader?.broker
    }

    mutating func answered(
        _ fetched: FetchedPartition, _ index: Int, by broker: Int32, at now: NIODeadline,
        using random: inout some RandomNumberGenerator
    ) -> ReadReplicas.Effect {
        let before = sourceBroker(of: index)
        let effect = readReplicas.answered(fetched, by: broker, at: now, using: &random)
        if effect != .none { noteMove(index, from: before) }
        return effect
    }

    /// - Returns: the partitions that are read from their leaders again.
    mutating func replicaFailed(
        _ broker: Int32, at now: NIODeadline, using random: inout some RandomNumberGenerator
    ) -> [Int] {
        readReplicas.partitions(at: broker).compactMap { partition in
            readReplicas.failed(partition, at: now, using: &random)
            return noteMove(partition, from: broker)
        }
    }

    /// - Returns: the partitions that are read from their leaders again.
    mutating func endReplicaLeases(at now: NIODeadline) -> [Int] {
        readReplicas.endLeases(at: now).compactMap { noteMove($0.partition, from: $0.replica) }
    }

    /// Whether the broker that the partition is read from is no longer one of its replicas.
    func hasLostReplica(_ index: Int, _ metadata: ClusterMetadata) -> Bool {
        let partition = partitions[index].source
        guard let replica = readReplicas.replica(of: partition) else { return false }
        let replicas = metadata.partition(partition.topic, partition.partition)?.replicas ?? []
        return metadata.brokers[replica] == nil || !replicas.contains(replica)
    }

    mutating func leaveReplica(_ index: Int) {
        guard let replica = readReplicas.replica(of: partitions[index].source) else { return }
        readReplicas.leave(partitions[index].source)
        noteMove(index, from: replica)
    }

    private mutating func noteMove(_ partition: TopicPartition, from broker: Int32) -> Int? {
        guard let index = index(ofSource: partition) else { return nil }
        noteMove(index, from: broker)
        return index
    }

    /// Both brokers' sessions have to learn that a partition is read elsewhere.
    private mutating func noteMove(_ index: Int, from broker: Int32?) {
        if let broker { noteChange(index, at: broker) }
        noteChange(index)
    }
}
