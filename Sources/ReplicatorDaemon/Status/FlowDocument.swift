package import Replication

/// A flow in the status document: what the flow says, and what was found by polling it twice.
package struct FlowDocument: Sendable, Codable {
    package struct Rates: Sendable, Codable {
        package var lag: Int64 = 0
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

    package init(_ status: FlowStatus, sample: FlowSample?) {
        self.status = status
        guard let sample else { return }
        rates = Rates(
            lag: sample.lag, bytesPerSecond: sample.bytesPerSecond, recordsPerSecond: sample.recordsPerSecond,
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

    /// Reasons why the flow is not ready: it does not run, or a partition of it has stopped or makes no progress.
    package var obstacles: [String] {
        guard status.state == .running else { return ["flow \(status.name) is \(status.state)"] }
        return status.partitions.compactMap { partition in
            let name = "flow \(status.name): \(partition.topic)-\(partition.partition)"
            if partition.state == .failed { return "\(name) has stopped: \(partition.reason ?? "")" }
            guard let seconds = partition.stuckForSeconds else { return nil }
            return "\(name) has made no progress for \(seconds) s at offset \(partition.sourceOffset), "
                + "\(partition.lag) behind" + (partition.obstacle.map { ": \($0)" } ?? "")
        }
    }
}

extension FlowStatus.Partition {
    /// Whether it has stopped or stands still.
    package var isProblem: Bool { state == .failed || stuckForSeconds != nil }
}
