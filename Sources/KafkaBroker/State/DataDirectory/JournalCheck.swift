import KafkaWire

/// Rules for the contents of a journal. Its checksums tell damage, not intent: names become paths, and numbers are counted on from.
enum JournalCheck {
    /// Epochs and producer ids beyond these leave no room for those to come.
    private static let largestEpoch = Int32.max / 2
    private static let largestProducerID = Int64.max / 2

    /// The reason why a record cannot have been written by a broker; nil for those that can.
    static func problem(with record: ClusterRecord) -> String? {
        switch record {
        case .topic(let topic): return TopicName.problem(with: topic.name)
        case .partition(let partition):
            guard partition.index >= 0 else { return "a partition has the number \(partition.index)" }
            guard (0...largestEpoch).contains(partition.leaderEpoch) else {
                return "partition \(partition.index) has the leader epoch \(partition.leaderEpoch)"
            }
            return nil
        case .producerIDs(let ids):
            return (0...largestProducerID).contains(ids.next) ? nil : "the next producer id is \(ids.next)"
        case .cluster, .topicRemoved, .config, .scram, .acl, .quota: return nil
        }
    }
}
