internal import Replication

extension FlowStatus.Group {
    /// Why consumers of the group could not go on at the target exactly where they are; nil when they could.
    var obstacle: String? {
        let behind = partitions.filter { ![.synced, .further].contains($0.state) }
        guard let first = behind.first else { return state == .failed ? "\(group): \(reason ?? state.rawValue)" : nil }
        return "\(group): \(first.topic)-\(first.partition) is \(first.state)" + (first.reason.map { ": \($0)" } ?? "")
    }
}
