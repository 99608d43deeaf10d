internal import Metrics

/// Counters of one topic of one flow. Names and meanings are those of Docs/Metrics.md.
///
/// They are the factory's own handlers: what the library puts around each of them takes more memory than the number itself,
/// and a flow may have thousands of topics.
package final class TopicMetrics: Sendable {
    private let bytesIn: any CounterHandler
    private let bytesOut: any CounterHandler
    private let records: any CounterHandler
    private let skipped: [SkipReason: any CounterHandler]
    private let forwarded: any CounterHandler
    private let rewritten: [RewriteReason: any CounterHandler]
    private let lag: any RecorderHandler
    private let paused: any RecorderHandler
    private let recoveredRecords: any CounterHandler
    private let foreignOffsets: any CounterHandler
    private let regressions: any CounterHandler
    private let doubledRecords: any CounterHandler
    private let failures: [FailureReason: any CounterHandler]
    private let replicationLatency: any TimerHandler
    private let pipelineLatency: any TimerHandler

    package init(flow: String, topic: String) {
        let labels = [("flow", flow), ("topic", topic)]
        let factory = MetricsSystem.factory
        bytesIn = factory.makeCounter(label: "replicator_bytes_in_total", dimensions: labels)
        bytesOut = factory.makeCounter(label: "replicator_throughput_bytes_total", dimensions: labels)
        records = factory.makeCounter(label: "replicator_records_total", dimensions: labels)
        skipped = Dictionary(
            uniqueKeysWithValues: SkipReason.allCases.map {
                (
                    $0,
                    factory.makeCounter(
                        label: "replicator_skipped_records_total", dimensions: labels + [("reason", $0.rawValue)])
                )
            })
        forwarded = factory.makeCounter(
            label: "replicator_batches_total", dimensions: labels + [("path", "forward"), ("reason", "")])
        rewritten = Dictionary(
            uniqueKeysWithValues: RewriteReason.allCases.map {
                (
                    $0,
                    factory.makeCounter(
                        label: "replicator_batches_total",
                        dimensions: labels + [("path", "rewrite"), ("reason", $0.rawValue)])
                )
            })
        failures = Dictionary(
            uniqueKeysWithValues: FailureReason.allCases.map {
                (
                    $0,
                    factory.makeCounter(
                        label: "replicator_failures_total", dimensions: labels + [("reason", $0.rawValue)])
                )
            })
        recoveredRecords = factory.makeCounter(label: "replicator_recovered_records_total", dimensions: labels)
        foreignOffsets = factory.makeCounter(label: "replicator_foreign_offsets_total", dimensions: labels)
        regressions = factory.makeCounter(label: "replicator_target_regressions_total", dimensions: labels)
        doubledRecords = factory.makeCounter(label: "replicator_doubled_records_total", dimensions: labels)
        lag = factory.makeRecorder(
            label: "replicator_message_lag", dimensions: labels, aggregate: false)
        paused = factory.makeRecorder(
            label: "replicator_partitions_paused", dimensions: labels, aggregate: false)
        replicationLatency = factory.makeTimer(label: "replicator_replication_latency_seconds", dimensions: labels)
        pipelineLatency = factory.makeTimer(label: "replicator_pipeline_latency_seconds", dimensions: labels)
    }

    func took(bytes: Int, outcome: BatchIntake.Outcome) {
        bytesIn.increment(by: Int64(bytes))
        for (reason, count) in outcome.skipped { skipped[reason]?.increment(by: count) }
        var whole = outcome.batches.count
        for (reason, count) in outcome.rewritten {
            rewritten[reason]?.increment(by: Int64(count))
            whole -= count
        }
        if whole > 0 { forwarded.increment(by: Int64(whole)) }
    }

    /// - Parameter latencyMilliseconds: nil for records without a timestamp.
    func acknowledged(_ batch: OutgoingBatch, latencyMilliseconds: Int64?, pipelineNanoseconds: Int64) {
        bytesOut.increment(by: Int64(batch.sizeInBytes))
        records.increment(by: Int64(batch.recordCount))
        if let latencyMilliseconds {
            let (nanoseconds, overflows) = latencyMilliseconds.multipliedReportingOverflow(by: 1_000_000)
            replicationLatency.recordNanoseconds(overflows ? .max : nanoseconds)
        }
        pipelineLatency.recordNanoseconds(pipelineNanoseconds)
    }

    /// Source offsets were passed without a record being written, outside of a batch that was taken in.
    func skipped(_ count: Int64, _ reason: SkipReason) {
        skipped[reason]?.increment(by: count)
    }

    /// Takes note that batches, counted already when they were taken in, have become one.
    func merged(batches: Int) {
        rewritten[.merge]?.increment(by: Int64(batches))
    }

    func recovered(_ records: Int64) {
        recoveredRecords.increment(by: records)
    }

    func metForeign(_ offsets: Int64) {
        foreignOffsets.increment(by: offsets)
    }

    func targetWentBackwards() {
        regressions.increment(by: 1)
    }

    func doubled(_ records: Int64) {
        if records > 0 { doubledRecords.increment(by: records) }
    }

    func failed(_ reason: FailureReason) {
        failures[reason]?.increment(by: 1)
    }

    /// Lag of all the topic's partitions together; nil when that of one is not known. Then the series is not shown.
    func report(lag value: Int64?) {
        if let value { lag.record(value) } else { lag.record(Double.nan) }
    }

    /// Partitions of the topic that an operator has paused.
    func report(paused count: Int) {
        paused.record(Int64(count))
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
        mutating func report(_ lags: TopicLags) {
            let lags = lags.byTopic
            var byLabel: [String: TopicLags.Lag] = [:]
            for (topic, lag) in lags { byLabel[label(of: topic), default: .init()].add(lag) }
            for (label, metrics) in byTopic {
                let lag = byLabel[label] ?? .init()
                metrics.report(lag: lag.offsets)
                metrics.report(paused: lag.paused)
            }
            unknown.record(lags.values.reduce(0) { $0 + $1.unknown })
            summed.record(lags.keys.count { label(of: $0) != $0 })
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
