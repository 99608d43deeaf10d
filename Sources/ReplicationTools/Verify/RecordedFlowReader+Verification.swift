internal import KafkaClient
internal import KafkaWire
internal import Replication

// The parts of a flow's records that a verification needs.
extension RecordedFlowReader {
    /// Reads the flow's records about the clusters that are compared; nil where it has none about those.
    static func current(
        _ settings: FlowSettings, _ snapshot: EndOffsetSnapshot, _ target: ClusterClient
    ) async throws(KafkaError) -> RecordedFlowReader? {
        var reader = RecordedFlowReader(flow: settings.name, target: target)
        try await reader.refresh()
        guard let identity = reader.recorded.identity, identity.sourceClusterID == snapshot.sourceID,
            identity.targetClusterID == snapshot.targetID
        else { return nil }
        return reader
    }

    /// Reads on until the flow has passed these source offsets, or has not moved for as long as patience lasts.
    /// Partitions that it has not begun to copy are not waited for.
    mutating func follow(to ends: [TopicPartition: Int64], patience: Duration) async throws(KafkaError) {
        let clock = ContinuousClock()
        var deadline = clock.now + patience
        var passed: [TopicPartition: Int64] = [:]
        while true {
            try await refresh()
            let now = recorded.checkpoints.mapValues(\.sourceOffset)
            if ends.allSatisfy({ now[$0.key, default: .max] >= $0.value }) { return }
            if now != passed { deadline = clock.now + patience }
            passed = now
            guard clock.now < deadline else { return }
            do {
                try await clock.sleep(for: .milliseconds(300))
            } catch {
                throw KafkaError(.cancelled, during: .request(.fetch), cluster: target.settings.name)
            }
        }
    }

    /// The map of a pair of partitions; nil when the flow has recorded nothing of these very topics.
    func map(of pair: EndOffsetSnapshot.Pair) -> OffsetMap? {
        guard let checkpoint = recorded.checkpoints[pair.source],
            recorded.targetName(of: pair.source.topic) == pair.target.topic,
            pair.sourceTopicID == .zero || checkpoint.sourceTopicID == pair.sourceTopicID.hexadecimal,
            pair.targetTopicID == .zero
                || checkpoint.targetTopicID ?? pair.targetTopicID.hexadecimal
                    == pair.targetTopicID.hexadecimal
        else { return nil }
        return recorded.map(of: pair.source)
    }
}
