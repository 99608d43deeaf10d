package import Replication

/// Finds the partitions whose leader has changed between two polls of a flow.
package enum LeaderMoves {
    /// - Returns: one sentence per side on which leaders have moved.
    package static func describe(from old: FlowStatus, to new: FlowStatus) -> [String] {
        [sentence(old, new, \.sourceLeader, "source"), sentence(old, new, \.targetLeader, "target")].compactMap(\.self)
    }

    private static func sentence(
        _ old: FlowStatus, _ new: FlowStatus, _ leader: KeyPath<FlowStatus.Partition, Int32?>, _ side: String
    ) -> String? {
        struct Key: Hashable {
            let topic: String
            let partition: Int32
        }
        let before = Dictionary(
            old.partitions.map { (Key(topic: $0.topic, partition: $0.partition), $0[keyPath: leader]) }
        ) { first, _ in first }
        let moves = new.partitions.compactMap { partition -> String? in
            guard let was = before[Key(topic: partition.topic, partition: partition.partition)] ?? nil,
                let now = partition[keyPath: leader], was != now
            else { return nil }
            return "\(partition.topic)-\(partition.partition) from broker \(was) to \(now)"
        }
        guard let first = moves.first else { return nil }
        return moves.count == 1
            ? "leader on the \(side) moved: \(first)"
            : "leaders of \(moves.count) partitions on the \(side) moved, such as \(first)"
    }
}
