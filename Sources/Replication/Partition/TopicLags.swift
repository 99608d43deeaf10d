/// Lag by source topic, and of how many partitions it is not known.
struct TopicLags: Sendable {
    struct Lag: Sendable {
        var known: Int64 = 0
        /// Partitions whose lag is not known.
        var unknown = 0

        /// Nil when that of a partition is missing.
        var offsets: Int64? { unknown == 0 ? known : nil }

        mutating func add(_ other: Lag) {
            let (sum, overflows) = known.addingReportingOverflow(other.known)
            known = overflows ? .max : sum
            unknown += other.unknown
        }
    }

    private(set) var byTopic: [String: Lag] = [:]

    mutating func add(_ lag: PartitionLag, of topic: String) {
        let one =
            switch lag {
            case .known(let offsets): Lag(known: offsets)
            case .unknown: Lag(unknown: 1)
            }
        byTopic[topic, default: Lag()].add(one)
    }

    mutating func add(_ other: TopicLags) {
        for (topic, lag) in other.byTopic { byTopic[topic, default: Lag()].add(lag) }
    }
}
