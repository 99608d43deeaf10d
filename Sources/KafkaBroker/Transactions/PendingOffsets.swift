import KafkaWire

/// Offsets that were committed in a transaction: they are not a group's until the transaction commits.
struct PendingOffsets {
    /// By producer id, topic and partition.
    private var byProducer: [Int64: [String: [Int32: CommittedOffset]]] = [:]

    var isEmpty: Bool { byProducer.isEmpty }

    mutating func add(_ offset: CommittedOffset, _ topic: String, _ partition: Int32, producerID: Int64) {
        byProducer[producerID, default: [:]][topic, default: [:]][partition] = offset
    }

    /// Returns true if what a group reads of a partition may change with the end of a transaction.
    func contains(_ topic: String, _ partition: Int32) -> Bool {
        byProducer.values.contains { $0.exactly(topic)?[partition] != nil }
    }

    /// Takes out what a producer's transaction committed.
    mutating func take(producerID: Int64) -> [String: [Int32: CommittedOffset]] {
        byProducer.removeValue(forKey: producerID) ?? [:]
    }

    mutating func forget(topic: String) {
        for producerID in byProducer.keys {
            byProducer[producerID]?[topic] = nil
            if byProducer[producerID]?.isEmpty == true { byProducer[producerID] = nil }
        }
    }
}

extension GroupEntry {
    /// A producer's transaction ended. A commit that came after the transactional one, outside of it, stays.
    func settleOffsets(of producerID: Int64, commit: Bool) {
        let settled = pendingOffsets.take(producerID: producerID)
        guard commit else { return }
        for (topic, partitions) in settled {
            for (partition, offset) in partitions
            where offsets[topic]?[partition].map({ $0.position < offset.position }) ?? true {
                offsets[topic, default: [:]][partition] = offset
            }
        }
    }
}

extension Cluster {
    /// Settles the groups that a partition of `__consumer_offsets` holds.
    func settleOffsets(of producerID: Int64, in partition: Partition, commit: Bool) {
        for (id, entry) in groups.groups
        where !entry.pendingOffsets.isEmpty && offsetsPartition(of: id.text) === partition {
            entry.settleOffsets(of: producerID, commit: commit)
        }
    }
}

extension GroupState {
    func admitTransactionalCommit(memberID: String, instanceID: String?, generation: Int32) -> ErrorCode {
        switch self {
        case .classic(let group):
            return group.admitTransactionalCommit(
                memberID: memberID, instanceID: instanceID, generation: generation)
        case .consumer(let group):
            guard generation >= 0 || !memberID.isEmpty || instanceID != nil else { return .none }
            let error = group.admitCommit(
                memberID: memberID, epoch: generation, isTransactional: true, knowsEpochs: true)
            return error == .staleMemberEpoch ? .illegalGeneration : error
        case .memberless(_, .share): return .groupIDNotFound
        case .memberless: return .none
        }
    }
}

extension Group {
    /// Checks that a commit within a transaction may be taken: from a member of the present generation, or from a
    /// producer that names none (KIP-447).
    func admitTransactionalCommit(memberID: String, instanceID: String?, generation: Int32) -> ErrorCode {
        guard generation >= 0 || !memberID.isEmpty || instanceID != nil else { return .none }
        if let error = fault(of: memberID, instanceID: instanceID) { return error }
        return generation == self.generation ? .none : .illegalGeneration
    }
}
