import Logging
import Metrics

/// Records of state topics that could not be understood: each is counted and named once, however often it is read.
struct UnreadableRecords {
    private struct Place: Hashable {
        var partition: TopicPartition
        var offset: Int64
    }

    private var named: Set<Place> = []
    /// More than these are counted at each reading, and not named.
    private static let mostNamed = 10_000
    /// Length limit of a reason that quotes the record.
    private static let longestReason = 300

    /// - Returns: whether it was not there before.
    mutating func insert(_ partition: TopicPartition, _ offset: Int64) -> Bool {
        named.count < Self.mostNamed && named.insert(Place(partition: partition, offset: offset)).inserted
    }

    static func shortened(_ reason: String) -> String {
        reason.count > longestReason ? "\(reason.prefix(longestReason))…" : reason
    }
}

extension ClusterClient {
    func skip(_ offset: Int64, of partition: TopicPartition, because reason: String) {
        guard unreadableRecords.insert(partition, offset) else { return }
        Counter(
            label: "\(settings.identity.metricsPrefix)_unreadable_state_records_total",
            dimensions: [("cluster", settings.name), ("topic", partition.topic)]
        ).increment()
        logger.warning(
            "a record of a state topic cannot be understood and is skipped; see who else may write there",
            metadata: [
                "topic": "\(partition.topic)", "partition": "\(partition.partition)", "offset": "\(offset)",
                "reason": "\(UnreadableRecords.shortened(reason))",
            ])
    }
}
