package import Replication

/// A flow at one poll, with the rates since the poll before.
package struct FlowSample: Sendable {
    package struct Topic: Sendable, Codable {
        package var topic: String
        package var targetTopic: String
        package var partitions: Int
        /// The worst of its partitions': `failed`, `stuck`, `waiting`, `paused` or `active`.
        package var state: String
        /// Nil, and `null` in JSON, while that of a partition is not known.
        @ExplicitNull package var lag: Int64?
        /// Lag of the partitions whose lag is known; nil when it is that of all.
        package var knownLag: Int64?
        /// Partitions whose lag is not known; nil for none.
        package var lagUnknownPartitions: Int?
        /// Reason why it waits to be copied.
        package var reason: String?
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
    /// Latency of the topics without series of their own, together.
    private var othersLatency: (mean: Double, maximum: Double)?

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
                // A topic that was recreated begins to count from nothing.
                topic.bytesPerSecond = max(0, now.bytes - earlier.bytes) / seconds
                topic.recordsPerSecond = max(0, now.records - earlier.records) / seconds
            }
            topic.latencyMean = now.latency?.mean
            topic.latencyMaximum = now.latency?.maximum
            measurements[name] = now
            topics.append(topic)
        }
        othersLatency = measure(SeriesLimits.others).latency
        for waiting in status.waiting ?? [] {
            if let index = topics.firstIndex(where: { $0.topic == waiting.topic }) {
                topics[index].wait(waiting.reason)
            } else {
                topics.append(Topic(waiting))
            }
        }
        topics.sort { $0.topic < $1.topic }
    }

    /// The same rates, with the states and lags of a later moment.
    package func updated(by status: FlowStatus) -> FlowSample {
        var updated = FlowSample(status, since: nil, seconds: 0) { _ in TopicMeasurement(bytes: 0, records: 0) }
        let rates = Dictionary(topics.map { ($0.topic, $0) }) { first, _ in first }
        for index in updated.topics.indices {
            guard let before = rates[updated.topics[index].topic] else { continue }
            updated.topics[index].bytesPerSecond = before.bytesPerSecond
            updated.topics[index].recordsPerSecond = before.recordsPerSecond
            updated.topics[index].latencyMean = before.latencyMean
            updated.topics[index].latencyMaximum = before.latencyMaximum
        }
        updated.othersLatency = othersLatency
        return updated
    }

    /// Nil while that of a partition is not known, or the flow does not know its partitions yet.
    package var lag: Int64? { lagUnknownPartitions > 0 || !status.knowsPartitions ? nil : knownLag }
    /// Lag of the partitions whose lag is known.
    package var knownLag: Int64 { topics.reduce(0) { $0.adding($1.lag ?? $1.knownLag ?? 0) } }
    package var lagUnknownPartitions: Int { topics.reduce(0) { $0 + ($1.lagUnknownPartitions ?? 0) } }
    package var bytesPerSecond: Double { topics.reduce(0) { $0 + $1.bytesPerSecond } }
    package var recordsPerSecond: Double { topics.reduce(0) { $0 + $1.recordsPerSecond } }
    package var latencyMaximum: Double? {
        (topics.compactMap(\.latencyMaximum) + [othersLatency?.maximum].compactMap(\.self)).max()
    }
    /// Weighted by records.
    package var latencyMean: Double? {
        var sum = 0.0
        var weight = 0.0
        var othersRecords = 0.0
        for topic in topics {
            guard let mean = topic.latencyMean else {
                othersRecords += topic.recordsPerSecond
                continue
            }
            let records = max(1, topic.recordsPerSecond)
            sum += mean * records
            weight += records
        }
        if let othersLatency {
            sum += othersLatency.mean * max(1, othersRecords)
            weight += max(1, othersRecords)
        }
        return weight > 0 ? sum / weight : nil
    }
}

extension FlowSample.Topic {
    /// Sums up its partitions; rates come from measurements.
    fileprivate init(_ partitions: [FlowStatus.Partition]) {
        topic = partitions[0].topic
        targetTopic = partitions[0].targetTopic
        self.partitions = partitions.count
        let states = Set(
            partitions.map { $0.stuckForSeconds == nil || $0.state == .failed ? $0.state.rawValue : "stuck" })
        state = ["failed", "stuck", "paused"].first { states.contains($0) } ?? "active"
        let known = partitions.reduce(0 as Int64) { $0.adding($1.lag ?? 0) }
        let unknown = partitions.count { $0.lag == nil }
        bytesPerSecond = 0
        recordsPerSecond = 0
        lag = unknown == 0 ? known : nil
        knownLag = unknown == 0 ? nil : known
        lagUnknownPartitions = unknown == 0 ? nil : unknown
    }

    /// Stands for a topic of which nothing is copied.
    fileprivate init(_ waiting: FlowStatus.WaitingTopic) {
        topic = waiting.topic
        targetTopic = waiting.targetTopic
        partitions = 0
        state = "waiting"
        lagUnknownPartitions = max(1, waiting.partitions)
        reason = waiting.reason
        bytesPerSecond = 0
        recordsPerSecond = 0
    }

    /// Some of the topic's partitions are not copied.
    fileprivate mutating func wait(_ reason: String) {
        if state == "active" || state == "paused" { state = "waiting" }
        self.reason = reason
    }
}

extension FlowSample.Topic {
    /// Place in a list that shows trouble first; from 0 on.
    fileprivate var rank: Int {
        switch state {
        case "failed": 0
        case "waiting": 1
        case "stuck": 2
        default: lag == nil ? 3 : 4
        }
    }
}

extension [FlowSample.Topic] {
    /// Failed, waiting and stuck ones first, then those whose lag is not known, then the others, each as they came: by
    /// name.
    package var troubleFirst: [FlowSample.Topic] {
        var ranks = [[FlowSample.Topic]](repeating: [], count: 5)
        for topic in self { ranks[topic.rank].append(topic) }
        return ranks.flatMap(\.self)
    }
}

extension FlowStatus {
    /// True if the flow has looked at its topics.
    fileprivate var knowsPartitions: Bool { ![.starting, .waiting, .resting].contains(state) }
}

extension FixedWidthInteger {
    /// The sum, or the largest number when it is beyond that: ends of logs, and other instances' numbers, come from
    /// elsewhere.
    func adding(_ other: Self) -> Self {
        let (sum, overflows) = addingReportingOverflow(other)
        return overflows ? .max : sum
    }
}
