package import KafkaClient
internal import KafkaWire

// Questions of those who wait for a flow: drills, migrations, failovers.
extension Flow {
    /// Whether the flow copies all partitions of a topic.
    package func copies(_ topic: String, partitions: Int32) async -> Bool {
        let found = await status().partitions.filter { $0.topic == topic && $0.state == .active }
        return found.count >= Int(partitions)
    }

    /// Whether every source offset below these ends has passed.
    package func hasPassed(_ ends: [TopicPartition: Int64]) async -> Bool {
        let passed = Dictionary(
            await status().partitions.map { (TopicPartition($0.topic, $0.partition), $0.sourceOffset) }
        ) { first, _ in first }
        return ends.allSatisfy { (passed[$0.key] ?? -1) >= $0.value }
    }

    /// Whether these positions of a group at the source have their counterparts committed on the target.
    package func hasCommitted(_ group: String, _ positions: [TopicPartition: Int64]) async -> Bool {
        let found = await status().groups.first { $0.group == group }?.partitions ?? []
        return positions.allSatisfy { partition, offset in
            found.contains {
                $0.topic == partition.topic && $0.partition == partition.partition && $0.sourceOffset >= offset
                    && ($0.state == .synced || $0.state == .further)
            }
        }
    }
}
