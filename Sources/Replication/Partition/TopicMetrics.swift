internal import Metrics

/// Counters of one topic of one flow. Names and meanings are those of Docs/Metrics.md.
package final class TopicMetrics: Sendable {
    private let bytesIn: Counter
    private let bytesOut: Counter
    private let records: Counter
    private let skipped: [SkipReason: Counter]
    private let forwarded: Counter
    private let rewritten: [RewriteReason: Counter]
    private let lag: Gauge
    private let paused: Gauge
    private let recoveredRecords: Counter
    private let foreignOffsets: Counter
    private let regressions: Counter
    private let doubledRecords: Counter
    private let failures: [FailureReason: Counter]
    private let replicationLatency: Metrics.Timer
    private let pipelineLatency: Metrics.Timer

    package init(flow: String, topic: String) {
        let labels = [("flow", flow), ("topic", topic)]
        bytesIn = Counter(label: "replicator_bytes_in_total", dimensions: labels)
        bytesOut = Counter(label: "replicator_throughput_bytes_total", dimensions: labels)
        records = Counter(label: "replicator_records_total", dimensions: labels)
        skipped = Dictionary(
            uniqueKeysWithValues: SkipReason.allCases.map {
                ($0, Counter(label: "replicator_skipped_records_total", dimensions: labels + [("reason", $0.rawValue)]))
            })
        forwarded = Counter(
            label: "replicator_batches_total", dimensions: labels + [("path", "forward"), ("reason", "")])
        rewritten = Dictionary(
            uniqueKeysWithValues: RewriteReason.allCases.map {
                (
                    $0,
                    Counter(
                        label: "replicator_batches_total",
                        dimensions: labels + [("path", "rewrite"), ("reason", $0.rawValue)])
                )
            })
        failures = Dictionary(
            uniqueKeysWithValues: FailureReason.allCases.map {
                ($0, Counter(label: "replicator_failures_total", dimensions: labels + [("reason", $0.rawValue)]))
            })
        recoveredRecords = Counter(label: "replicator_recovered_records_total", dimensions: labels)
        foreignOffsets = Counter(label: "replicator_foreign_offsets_total", dimensions: labels)
        regressions = Counter(label: "replicator_target_regressions_total", dimensions: labels)
        doubledRecords = Counter(label: "replicator_doubled_records_total", dimensions: labels)
        lag = Gauge(label: "replicator_message_lag", dimensions: labels)
        paused = Gauge(label: "replicator_partitions_paused", dimensions: labels)
        replicationLatency = Metrics.Timer(label: "replicator_replication_latency_seconds", dimensions: labels)
        pipelineLatency = Metrics.Timer(label: "replicator_pipeline_latency_seconds", dimensions: labels)
    }

    func took(bytes: Int, outcome: BatchIntake.Outcome) {
        bytesIn.increment(by: bytes)
        for (reason, count) in outcome.skipped { skipped[reason]?.increment(by: count) }
        var whole = outcome.batches.count
        for (reason, count) in outcome.rewritten {
            rewritten[reason]?.increment(by: count)
            whole -= count
        }
        if whole > 0 { forwarded.increment(by: whole) }
    }

    /// - Parameter latencyMilliseconds: nil for records without a timestamp.
    func acknowledged(_ batch: OutgoingBatch, latencyMilliseconds: Int64?, pipelineNanoseconds: Int64) {
        bytesOut.increment(by: batch.sizeInBytes)
        records.increment(by: batch.recordCount)
        if let latencyMilliseconds { replicationLatency.recordMilliseconds(latencyMilliseconds) }
        pipelineLatency.recordNanoseconds(pipelineNanoseconds)
    }

    /// Source offsets were passed without a record being written, outside of a batch that was taken in.
    func skipped(_ count: Int64, _ reason: SkipReason) {
        skipped[reason]?.increment(by: count)
    }

    /// So many batches, counted already when they were taken in, have become one.
    func merged(batches: Int) {
        rewritten[.merge]?.increment(by: batches)
    }

    func recovered(_ records: Int64) {
        recoveredRecords.increment(by: records)
    }

    func metForeign(_ offsets: Int64) {
        foreignOffsets.increment(by: offsets)
    }

    func targetWentBackwards() {
        regressions.increment()
    }

    func doubled(_ records: Int64) {
        if records > 0 { doubledRecords.increment(by: records) }
    }

    func failed(_ reason: FailureReason) {
        failures[reason]?.increment()
    }

    /// Lag of all the topic's partitions together; nil when that of one is not known. Then the series is not shown.
    func report(lag value: Int64?) {
        if let value { lag.record(value) } else { lag.record(Double.nan) }
    }

    /// Partitions of the topic that an operator has paused.
    func report(paused count: Int) {
        paused.record(count)
    }
}

extension TopicMetrics {
    /// The topics of one flow that have metrics of their own. Beyond a number of them topics share one set, so that a
    /// flow of very many topics does not drown who collects the metrics.
    struct Table {
        private let flow: String
        private let limit: Int
        private var byTopic: [String: TopicMetrics] = [:]
        private let unknown: Gauge
        private let summed: Gauge

        /// - Parameter limit: topics with series of their own.
        init(flow: String, limit: Int) {
            self.flow = flow
            self.limit = limit
            unknown = Gauge(label: "replicator_partitions_lag_unknown", dimensions: [("flow", flow)])
            summed = Gauge(label: "replicator_topics_summed", dimensions: [("flow", flow)])
        }

        mutating func metrics(of topic: String) -> TopicMetrics {
            let label = label(of: topic)
            if let known = byTopic[label] { return known }
            let created = TopicMetrics(flow: flow, topic: label)
            byTopic[label] = created
            return created
        }

        /// Takes in the lag of every topic, and how many of its partitions are paused.
        mutating func report(_ lags: TopicLags, paused: [String: Int]) {
            var lagByLabel: [String: TopicLags.Lag] = [:]
            for (topic, lag) in lags.byTopic { lagByLabel[label(of: topic), default: .init()].add(lag) }
            var pausedByLabel: [String: Int] = [:]
            for (topic, count) in paused { pausedByLabel[label(of: topic), default: 0] += count }
            for (label, metrics) in byTopic {
                metrics.report(lag: (lagByLabel[label] ?? .init()).offsets)
                metrics.report(paused: pausedByLabel[label] ?? 0)
            }
            unknown.record(lags.byTopic.values.reduce(0) { $0 + $1.unknown })
            summed.record(lags.byTopic.keys.count { label(of: $0) != $0 })
        }

        /// The flow has stopped: nobody hears of the lag of its partitions any more.
        func lagsEnded(partitions: Int) {
            for metrics in byTopic.values { metrics.report(lag: nil) }
            unknown.record(partitions)
        }

        private func label(of topic: String) -> String {
            byTopic[topic] != nil || byTopic.count < limit ? topic : SeriesLimits.others
        }
    }
}

/// Time that a cluster has asked us to be silent, because of its quotas.
struct ThrottleMeter: Sendable {
    private let seconds: FloatingPointCounter

    init(cluster: String) {
        seconds = FloatingPointCounter(label: "replicator_throttle_seconds_total", dimensions: [("cluster", cluster)])
    }

    func record(milliseconds: Int32) {
        seconds.increment(by: Double(milliseconds) / 1_000)
    }
}
