package import KafkaClient
internal import KafkaWire

// Questions of those who wait for a flow: drills, migrations, failovers.
extension Flow {
    /// Tells whether the flow copies all partitions of a topic.
    package func copies(_ topic: String, partitions: Int32) async -> Bool {
        let own = await status().partitions
        let found = own.filter { $0.topic == topic && $0.state == .active }
        let others = await recordedByOthers(beside: own).keys.count { $0.topic == topic }
        return found.count + others >= Int(partitions)
    }

    /// Tells whether every source offset below these ends has passed.
    package func hasPassed(_ ends: [TopicPartition: Int64]) async -> Bool {
        let own = await status().partitions
        var passed = await recordedByOthers(beside: own)
        for partition in own { passed[TopicPartition(partition.topic, partition.partition)] = partition.sourceOffset }
        return ends.allSatisfy { (passed[$0.key] ?? -1) >= $0.value }
    }

    /// Source offsets that have passed of partitions that other instances copy, as they have recorded them.
    private func recordedByOthers(beside own: [FlowStatus.Partition]) async -> [TopicPartition: Int64] {
        guard parts.isShared else { return [:] }
        let ours = Set(own.map { TopicPartition($0.topic, $0.partition) })
        return await progress.known.filter { !ours.contains($0.key) && pairs[$0.key] != nil }.mapValues(\.sourceOffset)
    }

    /// True when these positions of a group at the source have their exact counterparts committed on the target.
    package func hasCommitted(_ group: String, _ positions: [TopicPartition: Int64]) async -> Bool {
        let found = await groupFindings.first { $0.group == group }?.partitions ?? []
        return positions.allSatisfy { partition, offset in
            found.contains { $0.source == partition && $0.committed.offset >= offset && $0.isExact }
        }
    }
}
