internal import KafkaClient
internal import PlainText

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
        where known[partition] == nil && !waiting.contains(partition.topic) {
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
        let recorded = await progress.known
        return places.map { place in
            let reason = reasonUnattended(place)
            if let known = unattended[place] { return known.unattended(because: reason) }
            let target = pairs[place]?.target.topic ?? settings.naming.targetName(of: place.topic)
            return FlowStatus.Partition(unattended: place, targetTopic: target, since: recorded[place])
                .unattended(because: reason)
        }
    }

    private func reasonUnattended(_ place: TopicPartition) -> String {
        guard parts.membership.state == .member else {
            return "nothing is copied here, and no other instance is known to copy it: "
                + (membershipTrouble ?? "the group is being joined")
        }
        guard pairs[place] == nil else { return "it is being taken over: copying has yet to begin here" }
        let name = instance.id.printable()
        guard isAtSource(place.topic) else {
            return "it was given to instance \(name), which has not found the topic on \(settings.source.name) yet"
        }
        return
            "it was given to instance \(name), whose configuration does not select it, or whose discovery has yet to find "
            + "it: give all instances the same configuration"
    }
}

extension FlowStatus.Partition {
    /// One of which nothing is known but what was recorded.
    fileprivate init(unattended source: TopicPartition, targetTopic: String, since checkpoint: Checkpoint?) {
        topic = source.topic
        partition = source.partition
        self.targetTopic = targetTopic
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
