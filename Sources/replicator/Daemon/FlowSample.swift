internal import Replication

/// What can be said about a flow only by looking twice.
struct FlowSample: Sendable {
    struct Topic: Sendable, Codable {
        var topic: String
        var targetTopic: String
        var partitions: Int
        /// The worst of its partitions': `failed`, `stuck`, `paused` or `active`.
        var state: String
        var lag: Int64
        var bytesPerSecond: Double
        var recordsPerSecond: Double
        /// Replication latency since the look before, in seconds; nil when nothing was acknowledged.
        var latencyMean: Double?
        var latencyMaximum: Double?
    }

    /// Counters of a topic at the last look.
    struct Counters: Sendable {
        var bytes: Double
        var records: Double
    }

    var status: FlowStatus
    var topics: [Topic] = []
    var counters: [String: Counters] = [:]

    var lag: Int64 { topics.reduce(0) { $0 + $1.lag } }
    var bytesPerSecond: Double { topics.reduce(0) { $0 + $1.bytesPerSecond } }
    var recordsPerSecond: Double { topics.reduce(0) { $0 + $1.recordsPerSecond } }
    var latencyMaximum: Double? { topics.compactMap(\.latencyMaximum).max() }
    /// Weighted by records.
    var latencyMean: Double? {
        let moving = topics.filter { $0.latencyMean != nil }
        let weight = moving.reduce(0) { $0 + max(1, $1.recordsPerSecond) }
        guard weight > 0 else { return nil }
        return moving.reduce(0) { $0 + ($1.latencyMean ?? 0) * max(1, $1.recordsPerSecond) } / weight
    }
}

extension FlowSample.Topic {
    /// What its partitions amount to; rates come from counters.
    init(_ partitions: [FlowStatus.Partition]) {
        topic = partitions[0].topic
        targetTopic = partitions[0].targetTopic
        self.partitions = partitions.count
        let states = Set(partitions.map { $0.stuckForSeconds == nil ? $0.state.rawValue : "stuck" })
        state = ["failed", "stuck", "paused"].first { states.contains($0) } ?? "active"
        lag = partitions.reduce(0) { $0 + $1.lag }
        bytesPerSecond = 0
        recordsPerSecond = 0
    }
}
