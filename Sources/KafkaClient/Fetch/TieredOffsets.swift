// Tiered storage (KIP-405): the beginning of a log may lie apart from its broker.
extension ClusterClient {
    /// The number of offsets of each partition that lie in tiered storage alone; of none where the cluster does not tell
    /// (before Kafka 3.6).
    public func tieredOffsets(of partitions: [TopicPartition]) async -> [TopicPartition: Int64] {
        let local = await found(.earliestLocal, of: partitions)
        guard !local.isEmpty else { return [:] }
        let first = await found(.earliest, of: Array(local.keys))
        var tiered: [TopicPartition: Int64] = [:]
        for (partition, start) in first {
            guard let local = local[partition], local > start else { continue }
            tiered[partition] = local - start
        }
        return tiered
    }

    private func found(_ query: OffsetQuery, of partitions: [TopicPartition]) async -> [TopicPartition: Int64] {
        await offsets(Dictionary(partitions.map { ($0, query) }) { first, _ in first })
            .compactMapValues { try? $0.get().offset }
    }
}
