internal import KafkaClient

// Partitions that this instance answers for and does not copy: it has lost them to nobody that is known, or has yet to begin.
// Left out they would count as having no lag.
extension Flow {
    /// Remembers what is let go of without anybody there to take it.
    func remember(unattended partitions: [FlowStatus.Partition]) {
        for partition in partitions {
            unattended[TopicPartition(partition.topic, partition.partition)] = partition
        }
    }

    /// The group has said who has what: the others answer for their parts.
    func forgetUnattendedOfOthers() { unattended = unattended.filter { parts.owns($0.key) } }

    /// Their places; those that wait for a reason of their own, such as topics that cannot be created, are told as such.
    var unattendedPlaces: Set<TopicPartition> {
        guard phase == .running || phase == .draining else { return [] }
        let waiting = waitingTopics
        var places: Set<TopicPartition> = []
        // What is copied is held: with nothing to give away and as many as are its own, none is missing.
        let isComplete = parts.ownership.releasing.isEmpty && known.count == parts.partitionCount
        for case .partition(let partition) in isComplete ? [] : parts.ownership.owned
        where known[partition] == nil && pairs[partition] != nil && !waiting.contains(partition.topic) {
            places.insert(partition)
        }
        if parts.membership.state != .member { places.formUnion(unattended.keys.filter { known[$0] == nil }) }
        return places
    }

    /// - Parameter copied: the partitions that are copied here.
    func unattended(besides copied: [FlowStatus.Partition]) async -> [FlowStatus.Partition] {
        var places = unattendedPlaces
        guard !places.isEmpty else { return [] }
        for partition in copied { places.remove(TopicPartition(partition.topic, partition.partition)) }
        guard !places.isEmpty else { return [] }
        let reason =
            parts.membership.state == .member
            ? "it is being taken over: copying has yet to begin here"
            : "nothing is copied here, and no other instance is known to copy it:  "
                + (membershipTrouble ?? "the group is being joined")
        let recorded = await progress.known
        return places.compactMap { place in
            if let known = unattended[place] { return known.unattended(because: reason) }
            guard let target = pairs[place]?.target else { return nil }
            return FlowStatus.Partition(unattended: place, target: target, since: recorded[place])
                .unattended(because: reason)
        }
    }
}

extension FlowStatus.Partition {
    /// One of which nothing is known but what was recorded.
    fileprivate init(unattended source: TopicPartition, target: TopicPartition, since checkpoint: Checkpoint?) {
        topic = source.topic
        partition = source.partition
        targetTopic = target.topic
        state = .active
        sourceOffset = checkpoint?.sourceOffset ?? 0
        sourceEnd = -1
        targetOffset = checkpoint?.targetOffset ?? -1
        written = 0
        readBytes = 0
        writtenBytes = 0
        skipped = [:]
        foreign = 0
        doubled = 0
        bufferedBytes = 0
    }

    fileprivate func unattended(because reason: String) -> Self {
        var partition = self
        if partition.state == .active { partition.obstacle = reason }
        partition.lag = nil
        partition.lagUnknown = reason
        partition.bufferedBytes = 0
        partition.instance = nil
        partition.instanceSince = nil
        return partition
    }
}
