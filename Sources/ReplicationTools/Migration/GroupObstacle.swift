internal import KafkaClient
internal import Replication

extension FlowStatus.Group {
    /// Reason why consumers of the group could not continue at the target at their positions; nil when they could.
    var obstacle: String? {
        let behind = partitions.filter { ![.synced, .further].contains($0.state) }
        guard let first = behind.first else {
            return [.failed, .refused, .notCovered].contains(state) ? "\(named): \(reason ?? state.rawValue)" : nil
        }
        return text(first)
    }

    /// Reason why a position on the target is one to which reading there cannot have led; nil where none is.
    var beyond: String? { partitions.first { [.beyondEnd, .beyondCopies].contains($0.state) }.map(text) }

    /// Parts of the group's knowledge that stay at the source although its positions are carried over; nil for none.
    var staysBehind: String? { notCarried.map { "\(named): \($0)" } }

    /// The group with its kind, where that is not the usual one.
    private var named: String { [.classic, .unknown].contains(kind) ? group : "\(group) (\(kind) group)" }

    private func text(_ partition: FlowStatus.GroupPartition) -> String {
        "\(named): \(partition.topic)-\(partition.partition) is \(partition.state)"
            + (partition.reason.map { ": \($0)" } ?? "")
    }
}
