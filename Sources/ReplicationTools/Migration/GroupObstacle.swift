internal import Replication

extension FlowStatus.Group {
    /// Reason why consumers of the group could not continue at the target at their positions; nil when they could.
    var obstacle: String? {
        let behind = partitions.filter { ![.synced, .further].contains($0.state) }
        guard let first = behind.first else {
            return [.failed, .refused, .notCovered].contains(state) ? "\(group): \(reason ?? state.rawValue)" : nil
        }
        return text(first)
    }

    /// Reason why a position on the target is one to which reading there cannot have led; nil where none is.
    var beyond: String? { partitions.first { [.beyondEnd, .beyondCopies].contains($0.state) }.map(text) }

    private func text(_ partition: FlowStatus.GroupPartition) -> String {
        "\(group): \(partition.topic)-\(partition.partition) is \(partition.state)"
            + (partition.reason.map { ": \($0)" } ?? "")
    }
}
