/// Partitions that are recovered together, and those whose turn it is. No I/O and no clock.
///
/// Those that need the same brokers share their requests, and none waits for a broker that only others need: one that
/// does not answer, or a leader that is missing, would hold up everybody for as long as requests are tried again.
/// Partitions that come later do not wait for those before them either, unless there are many.
package struct RecoveryGroups: Sendable {
    /// The brokers that a recovery depends on.
    package struct Brokers: Hashable, Sendable {
        /// Nil while the target's partition has no leader.
        package var target: Int32?
        /// True if reads from the source may have to wait.
        package var sourceIsInTrouble: Bool

        package init(target: Int32?, sourceIsInTrouble: Bool) {
            self.target = target
            self.sourceIsInTrouble = sourceIsInTrouble
        }
    }

    package struct Group: Hashable, Sendable {
        package let brokers: Brokers
        /// Ascending.
        package let partitions: [Int]
    }

    private var underWay: [Brokers: Int] = [:]
    private var partitions: Set<Int> = []

    /// Groups under way at a time that depend on the same brokers. Partitions that are due when there are so many become
    /// one group as soon as one of those has ended.
    package static let most = 2

    package init() {}

    /// Tells whether a partition is being recovered.
    package func holds(_ partition: Int) -> Bool { partitions.contains(partition) }

    /// Puts partitions that are due into groups.
    ///
    /// - Returns: the groups that may begin now. The others are to be handed in again when one has ended.
    package mutating func begin(_ due: some Collection<Int>, brokers: (Int) -> Brokers) -> [Group] {
        var begun: [Group] = []
        for (brokers, due) in Dictionary(grouping: due, by: brokers) where underWay[brokers, default: 0] < Self.most {
            underWay[brokers, default: 0] += 1
            partitions.formUnion(due)
            begun.append(Group(brokers: brokers, partitions: due.sorted()))
        }
        return begun
    }

    package mutating func end(_ group: Group) {
        partitions.subtract(group.partitions)
        underWay[group.brokers, default: 0] -= 1
        if underWay[group.brokers] == 0 { underWay[group.brokers] = nil }
    }
}
