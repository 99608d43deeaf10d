package import Replication

/// Finds the partitions whose leader has changed between two polls of a flow.
package enum LeaderMoves {
    /// - Returns: one sentence per side on which leaders have moved.
    package static func describe(from old: FlowStatus, to new: FlowStatus) -> [String] {
        var (source, target): ([String], [String]) = ([], [])
        for (before, after) in pairs(old.partitions, new.partitions) {
            if let move = move(of: after, from: before.sourceLeader, to: after.sourceLeader) { source.append(move) }
            if let move = move(of: after, from: before.targetLeader, to: after.targetLeader) { target.append(move) }
        }
        return [sentence(source, "source"), sentence(target, "target")].compactMap(\.self)
    }

    private typealias Partition = FlowStatus.Partition

    /// Each partition that both have, as it was and as it is. Mostly they have the same ones, in the same order.
    private static func pairs(_ old: [Partition], _ new: [Partition]) -> [(Partition, Partition)] {
        func areSame(_ one: Partition, _ other: Partition) -> Bool {
            one.partition == other.partition && one.topic == other.topic
        }
        if old.count == new.count, zip(old, new).allSatisfy(areSame) {
            return zip(old, new).filter { $0.sourceLeader != $1.sourceLeader || $0.targetLeader != $1.targetLeader }
        }
        struct Key: Hashable {
            let topic: String
            let partition: Int32
        }
        let before = Dictionary(old.map { (Key(topic: $0.topic, partition: $0.partition), $0) }) { first, _ in first }
        return new.compactMap { after in
            before[Key(topic: after.topic, partition: after.partition)].map { ($0, after) }
        }
    }

    private static func move(of partition: Partition, from was: Int32?, to now: Int32?) -> String? {
        guard let was, let now, was != now else { return nil }
        return "\(partition.topic)-\(partition.partition) from broker \(was) to \(now)"
    }

    private static func sentence(_ moves: [String], _ side: String) -> String? {
        guard let first = moves.first else { return nil }
        return moves.count == 1
            ? "leader on the \(side) moved: \(first)"
            : "leaders of \(moves.count) partitions on the \(side) moved, such as \(first)"
    }
}
