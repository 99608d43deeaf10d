/// Lag by source topic, of how many partitions it is not known, and of how many an operator has paused.
struct TopicLags: Sendable {
    struct Lag: Sendable {
        var known: Int64 = 0
        /// Partitions whose lag is not known.
        var unknown = 0
        /// Partitions that an operator has paused.
        var paused = 0

        /// Nil when that of a partition is missing.
        var offsets: Int64? { unknown == 0 ? known : nil }

        mutating func add(_ other: Lag) {
            let (sum, overflows) = known.addingReportingOverflow(other.known)
            known = overflows ? .max : sum
            unknown += other.unknown
            paused += other.paused
        }
    }

    private var others: [String: Lag] = [:]
    /// The topic of the last partition: mostly the next is of the same, and need not be looked up.
    private var last: (topic: String, lag: Lag)?

    var byTopic: [String: Lag] {
        var all = others
        if let (topic, lag) = last { all[topic, default: Lag()].add(lag) }
        return all
    }

    mutating func add(_ lag: PartitionLag, isPaused: Bool = false, of topic: String) {
        var one = Lag(paused: isPaused ? 1 : 0)
        switch lag {
        case .known(let offsets): one.known = offsets
        case .unknown: one.unknown = 1
        }
        if last?.topic != topic {
            if let (topic, lag) = last { others[topic, default: Lag()].add(lag) }
            last = (topic, Lag())
        }
        last?.lag.add(one)
    }

    mutating func add(_ other: TopicLags) {
        for (topic, lag) in other.byTopic { others[topic, default: Lag()].add(lag) }
    }
}
