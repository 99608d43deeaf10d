internal import PlainText
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

    /// Found when the document was made, from all that there is; a listing that leaves things out keeps it.
    package struct Verdict: Sendable, Codable {
        /// The flow in one or two words, as it is and not only as it is meant to be.
        package var condition = FlowCondition.running
        package var counts: FlowCounts
        /// Reasons why the flow is not ready, summed up: a bounded number of sentences.
        package var obstacles: [String]
    }

    package var status: FlowStatus
    package var rates = Rates()
    package var verdict: Verdict

    /// The part of this instance in a sentence; nil where it is all there is.
    package var partInWords: String? {
        guard let instances = status.instances, instances.count > 1 else { return nil }
        return
            "flow \(status.name) is \(verdict.condition) here, with \(verdict.counts.partitions.counted("partition")), "
            + "as one of \(instances.count.counted("instance"))"
    }

    /// Reasons why the flow is not ready, as the verdict has them.
    package var obstacles: [String] { verdict.obstacles }

    /// - Parameters:
    ///   - sample: with the lags of `status`, and rates.
    ///   - sampleAge: seconds since the rates were taken.
    package init(_ status: FlowStatus, sample: FlowSample?, sampleAge: Double? = nil) {
        self.status = status
        let counts = FlowCounts(status)
        verdict = Verdict(
            condition: FlowCondition(status, counts), counts: counts, obstacles: FlowObstacles(status).sentences)
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
        verdict = try Verdict(from: decoder)
    }

    package func encode(to encoder: any Encoder) throws {
        try status.encode(to: encoder)
        try rates.encode(to: encoder)
        try verdict.encode(to: encoder)
    }
}

extension FlowStatus.Partition {
    /// True if it has stopped or makes no progress.
    package var isProblem: Bool { state == .failed || stuckForSeconds != nil }
}
