package import Replication

/// A flow in the status document: what the flow says, and what was found by polling it twice.
package struct FlowDocument: Sendable, Codable {
    package struct Rates: Sendable, Codable {
        /// Nil, and `null` in JSON, while that of a partition is not known.
        @ExplicitNull package var lag: Int64? = nil
        /// Lag of the partitions whose lag is known; nil when it is that of all.
        package var knownLag: Int64?
        /// Partitions whose lag is not known; nil for none.
        package var lagUnknownPartitions: Int?
        /// Age of the oldest of the ends of source logs that lags are counted by, in seconds; nil when none is known.
        package var lagAge: Int?
        /// Age of the rates, in seconds; nil when it is not told.
        package var sampleAge: Double?
        package var bytesPerSecond: Double = 0
        package var recordsPerSecond: Double = 0
        /// Replication latency since the poll before, in seconds; nil when nothing was acknowledged.
        package var latencyMean: Double?
        package var latencyMaximum: Double?
        /// By name.
        package var topics: [FlowSample.Topic] = []
    }

    package var status: FlowStatus
    package var rates = Rates()

    /// - Parameters:
    ///   - sample: with the lags of `status`, and rates.
    ///   - sampleAge: seconds since the rates were taken.
    package init(_ status: FlowStatus, sample: FlowSample?, sampleAge: Double? = nil) {
        self.status = status
        guard let sample else { return }
        let unknown = sample.lagUnknownPartitions
        rates = Rates(
            lag: sample.lag, knownLag: unknown > 0 ? sample.knownLag : nil,
            lagUnknownPartitions: unknown > 0 ? unknown : nil,
            lagAge: status.partitions.filter { $0.lag != nil }.compactMap(\.sourceEndAge).max(), sampleAge: sampleAge,
            bytesPerSecond: sample.bytesPerSecond, recordsPerSecond: sample.recordsPerSecond,
            latencyMean: sample.latencyMean, latencyMaximum: sample.latencyMaximum, topics: sample.topics)
    }

    // Both in one JSON object.
    package init(from decoder: any Decoder) throws {
        status = try FlowStatus(from: decoder)
        rates = try Rates(from: decoder)
    }

    package func encode(to encoder: any Encoder) throws {
        try status.encode(to: encoder)
        try rates.encode(to: encoder)
    }

    /// Reasons why the flow is not ready: it does not run, a topic waits, a partition of it has stopped or makes no
    /// progress, or it is not known yet how far it is behind.
    package var obstacles: [String] {
        guard status.state == .running else {
            return ["flow \(status.name) is \(status.state)" + (status.reason.map { ": \($0)" } ?? "")]
        }
        let flow = status.reason.map { ["flow \(status.name): \($0)"] } ?? []
        let topics = (status.waiting ?? []).map {
            "flow \(status.name): topic \($0.topic) is not replicated: \($0.reason)"
        }
        return flow + topics + status.partitions.compactMap { obstacle(of: $0) } + unknownLag
    }

    private func obstacle(of partition: FlowStatus.Partition) -> String? {
        let name = "flow \(status.name): \(partition.topic)-\(partition.partition)"
        if partition.state == .failed { return "\(name) has stopped: \(partition.reason ?? "")" }
        guard let seconds = partition.stuckForSeconds else { return nil }
        let behind = partition.lag.map { "\($0) behind" } ?? "and nobody knows how far behind"
        let reason = partition.obstacle ?? partition.lagUnknown
        return "\(name) has made no progress for \(seconds) s at offset \(partition.sourceOffset), \(behind)"
            + (reason.map { ": \($0)" } ?? "")
    }

    /// Partitions whose lag has never been known, summed up.
    private var unknownLag: [String] {
        let unknown = status.partitions.filter { $0.sourceEnd < 0 && $0.state != .failed && $0.stuckForSeconds == nil }
        guard let first = unknown.first else { return [] }
        let place = "\(first.topic)-\(first.partition)"
        let subject =
            unknown.count == 1 ? "the lag of \(place)" : "the lag of \(unknown.count) partitions, such as \(place),"
        return ["flow \(status.name): \(subject) is not known yet: \(first.lagUnknown ?? "")"]
    }
}

extension FlowStatus.Partition {
    /// Whether it has stopped or stands still.
    package var isProblem: Bool { state == .failed || stuckForSeconds != nil }
}
