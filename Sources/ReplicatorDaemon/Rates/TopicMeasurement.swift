internal import Observability

/// Metrics of one topic of a flow, as they are at a poll.
package struct TopicMeasurement: Sendable {
    /// Bytes written to the target since the start of the process.
    package var bytes: Double
    /// Records written to the target since the start of the process.
    package var records: Double
    /// Replication latency since the measurement before, in seconds; nil when nothing was acknowledged.
    package var latency: (mean: Double, maximum: Double)?

    package init(bytes: Double, records: Double, latency: (mean: Double, maximum: Double)? = nil) {
        self.bytes = bytes
        self.records = records
        self.latency = latency
    }
}

extension MetricsRegistry {
    /// Reads the topic's metrics. Latencies that were read are not told again.
    func measurement(flow: String, topic: String) -> TopicMeasurement {
        let labels = [("flow", flow), ("topic", topic)]
        return TopicMeasurement(
            bytes: value("replicator_throughput_bytes_total", labels),
            records: value("replicator_records_total", labels),
            latency: latency("replicator_replication_latency_seconds", labels))
    }
}
