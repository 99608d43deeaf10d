package import KafkaClient
internal import PlainText
package import Replication

/// Reasons that a flow which runs in this process gives for what it does not copy.
package struct FlowObstacles: Sendable {
    /// Reasons of partitions that have stopped, or that an operator has paused before everything of them had passed.
    package private(set) var stopped: [TopicPartition: String] = [:]
    /// Reasons of topics that wait.
    package private(set) var waiting: [String: String] = [:]

    package init() {}

    package init(_ status: FlowStatus) {
        for partition in status.partitions where partition.state == .failed {
            stopped[TopicPartition(partition.topic, partition.partition)] =
                Self.told(partition.reason) ?? Self.told(partition.obstacle) ?? "its reason is only in the log"
        }
        // A pause is kept on the target: nobody but an operator ends it, whoever runs the flow.
        for partition in status.partitions where partition.state == .paused && partition.lag != 0 {
            stopped[TopicPartition(partition.topic, partition.partition)] =
                "it is paused (\(status.paused.joined(separator: ", "))); end that with: replicator resume --flow "
                + "\(status.name.shellQuoted), while replicator run runs the flow"
        }
        for topic in status.waiting ?? [] {
            waiting[topic.topic] = Self.told(topic.reason) ?? "its reason is only in the log"
        }
    }

    /// Each with its place.
    package var all: [String] {
        stopped.sorted { ($0.key.topic, $0.key.partition) < ($1.key.topic, $1.key.partition) }
            .map { "\($0.key): \($0.value)" }
            + waiting.sorted { $0.key < $1.key }.map { "\($0.key): \($0.value)" }
    }

    private static func told(_ reason: String?) -> String? {
        guard let reason, !reason.isEmpty else { return nil }
        return reason
    }
}
