internal import Replication

extension FlowStatus.Group {
    /// Reason why consumers of the group could not continue at the target at their positions; nil when they could.
    var obstacle: String? {
        let behind = partitions.filter { ![.synced, .further].contains($0.state) }
        guard let first = behind.first else {
            return [.failed, .notCovered].contains(state) ? "\(group): \(reason ?? state.rawValue)" : nil
        }
        return "\(group): \(first.topic)-\(first.partition) is \(first.state)" + (first.reason.map { ": \($0)" } ?? "")
    }
}
