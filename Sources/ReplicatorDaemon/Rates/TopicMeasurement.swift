internal import Observability
internal import Replication

/// The measurements of one topic of a flow up to a poll.
package struct TopicMeasurement: Sendable {
    /// Bytes written to the target so far.
    package var bytes: Double
    /// Records written to the target so far.
    package var records: Double
    /// Replication latency since the measurement before, in seconds; nil when nothing was acknowledged, or the topic
    /// has no series of its own.
    package var latency: (mean: Double, maximum: Double)?

    package init(bytes: Double, records: Double, latency: (mean: Double, maximum: Double)? = nil) {
        self.bytes = bytes
        self.records = records
        self.latency = latency
    }
}

extension FlowStatus {
    /// Volume by topic, of every topic: series of their own have only so many.
    var measurements: [String: TopicMeasurement] {
        var byTopic: [String: TopicMeasurement] = [:]
        for partition in partitions {
            byTopic[partition.topic, default: TopicMeasurement(bytes: 0, records: 0)].bytes += Double(
                partition.writtenBytes)
            byTopic[partition.topic]?.records += Double(partition.written)
        }
        return byTopic
    }
}

extension MetricsRegistry {
    /// Reads latencies of a topic. Those that were read are not told again.
    func latency(flow: String, topic: String) -> (mean: Double, maximum: Double)? {
        latency("replicator_replication_latency_seconds", [("flow", flow), ("topic", topic)])
    }
}
