internal import KafkaClient
internal import KafkaWire

/// The log that a partition has: what was found out about its offsets holds as long as it is the same one, and has only
/// grown.
struct LogState: Hashable, Sendable {
    /// Zero where the cluster does not tell.
    let topicID: KafkaUUID
    /// A new leader may have a log that is shorter, and offsets with other records behind its end. -1 where the cluster does not
    /// tell.
    let leaderEpoch: Int32
    let end: Int64

    /// True if the offsets that an earlier log had hold the same records.
    func continues(_ earlier: LogState) -> Bool {
        topicID == earlier.topicID && leaderEpoch == earlier.leaderEpoch && end >= earlier.end
    }
}

extension ClusterClient {
    /// The logs of partitions; those that cannot be asked for are missing.
    func logStates(of partitions: Set<TopicPartition>) async -> [TopicPartition: LogState] {
        guard !partitions.isEmpty,
            let metadata = try? await metadata(.named(Set(partitions.map(\.topic)).sorted()))
        else { return [:] }
        let present = partitions.filter { metadata.partition($0.topic, $0.partition) != nil }
        let ends = await offsets(Dictionary(present.map { ($0, OffsetQuery.latest) }) { first, _ in first })
        var states: [TopicPartition: LogState] = [:]
        for (partition, outcome) in ends {
            guard case .success(let found) = outcome, let end = found.offset else { continue }
            states[partition] = LogState(
                topicID: metadata.topics[partition.topic]?.id ?? .zero, leaderEpoch: found.leaderEpoch, end: end)
        }
        return states
    }
}
