package import Replication

/// A flow at one poll, with the rates since the poll before.
package struct FlowSample: Sendable {
    package struct Topic: Sendable, Codable {
        package var topic: String
        package var targetTopic: String
        package var partitions: Int
        /// The worst of its partitions': `failed`, `stuck`, `paused` or `active`.
        package var state: String
        package var lag: Int64
        package var bytesPerSecond: Double
        package var recordsPerSecond: Double
        /// Replication latency since the poll before, in seconds; nil when nothing was acknowledged.
        package var latencyMean: Double?
        package var latencyMaximum: Double?
    }

    package var status: FlowStatus
    /// By name.
    package var topics: [Topic] = []
    private var measurements: [String: TopicMeasurement] = [:]

    /// - Parameters:
    ///   - before: the sample of the poll before; nil for the first.
    ///   - seconds: time since then.
    ///   - measure: what has been measured of a topic so far.
    package init(
        _ status: FlowStatus, since before: FlowSample?, seconds: Double, measure: (String) -> TopicMeasurement
    ) {
        self.status = status
        for (name, partitions) in Dictionary(grouping: status.partitions, by: \.topic) {
            var topic = Topic(partitions)
            let now = measure(name)
            if let earlier = before?.measurements[name], seconds > 0 {
                topic.bytesPerSecond = (now.bytes - earlier.bytes) / seconds
                topic.recordsPerSecond = (now.records - earlier.records) / seconds
            }
            topic.latencyMean = now.latency?.mean
            topic.latencyMaximum = now.latency?.maximum
            measurements[name] = now
            topics.append(topic)
        }
        topics.sort { $0.topic < $1.topic }
    }

    package var lag: Int64 { topics.reduce(0) { $0 + $1.lag } }
    package var bytesPerSecond: Double { topics.reduce(0) { $0 + $1.bytesPerSecond } }
    package var recordsPerSecond: Double { topics.reduce(0) { $0 + $1.recordsPerSecond } }
    package var latencyMaximum: Double? { topics.compactMap(\.latencyMaximum).max() }
    /// Weighted by records.
    package var latencyMean: Double? {
        let moving = topics.filter { $0.latencyMean != nil }
        let weight = moving.reduce(0) { $0 + max(1, $1.recordsPerSecond) }
        guard weight > 0 else { return nil }
        return moving.reduce(0) { $0 + ($1.latencyMean ?? 0) * max(1, $1.recordsPerSecond) } / weight
    }
}

extension FlowSample.Topic {
    /// Sums up its partitions; rates come from measurements.
    fileprivate init(_ partitions: [FlowStatus.Partition]) {
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
