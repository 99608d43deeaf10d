package import Replication

/// Distances of consumer groups from the ends of the logs that they read, on both sides.
package struct GroupLags: Sendable {
    package struct Lag: Hashable, Sendable {
        /// Offsets between the group's positions at the source and the ends there; nil while it is not known.
        package var source: Int64? = 0
        /// Offsets between the group's positions on the target and the ends of the copies; nil while it is not known.
        package var target: Int64? = 0

        package init(source: Int64? = 0, target: Int64? = 0) {
            self.source = source
            self.target = target
        }

        fileprivate mutating func add(_ other: Lag) {
            source = Self.sum(source, other.source)
            target = Self.sum(target, other.target)
        }

        private static func sum(_ one: Int64?, _ other: Int64?) -> Int64? {
            guard let one, let other else { return nil }
            let (sum, overflows) = one.addingReportingOverflow(other)
            return overflows ? .max : sum
        }
    }

    /// By the group's name at the source.
    package private(set) var byGroup: [String: Lag] = [:]

    package init(_ status: FlowStatus) {
        struct Place: Hashable {
            let topic: String
            let partition: Int32
        }
        let isKnown = status.groupsReason == nil && status.state == .running
        let named = isKnown ? Set(status.groups.flatMap { $0.partitions.map(\.topic) }) : []
        let partitions = Dictionary(
            (named.isEmpty ? [] : status.partitions).lazy.filter { named.contains($0.topic) }
                .map { (Place(topic: $0.topic, partition: $0.partition), $0) }
        ) { first, _ in first }
        for group in status.groups {
            guard isKnown, group.state != .failed else {
                byGroup[group.group] = Lag(source: nil, target: nil)
                continue
            }
            var lag = Lag()
            for position in group.partitions {
                lag.add(Self.lag(of: position, partitions[Place(topic: position.topic, partition: position.partition)]))
            }
            byGroup[group.group] = lag
        }
    }

    private static func lag(of position: FlowStatus.GroupPartition, _ partition: FlowStatus.Partition?) -> Lag {
        guard let partition else { return Lag(source: nil, target: nil) }
        return Lag(
            source: partition.lag == nil ? nil : distance(position.sourceOffset, partition.sourceEnd),
            // Where nothing has been copied yet there is nothing to read.
            target: partition.targetOffset < 0
                ? 0 : position.targetOffset.map { distance($0, partition.targetOffset) })
    }

    private static func distance(_ position: Int64, _ end: Int64) -> Int64 {
        let (distance, overflows) = end.subtractingReportingOverflow(position)
        return overflows ? .max : max(0, distance)
    }

    /// The same with no more than so many groups on their own, and the rest as one.
    ///
    /// - Parameter own: groups that have been on their own so far: they stay it while they are there.
    /// - Returns: how many groups are summed up.
    package mutating func sum(beyond limit: Int, _ own: inout Set<String>) -> Int {
        own.formIntersection(byGroup.keys)
        for group in byGroup.keys.sorted() where own.count < limit { own.insert(group) }
        var others: Lag?
        var count = 0
        for (group, lag) in byGroup where !own.contains(group) {
            byGroup[group] = nil
            count += 1
            if others == nil { others = lag } else { others?.add(lag) }
        }
        if let others { byGroup[SeriesLimits.others] = others }
        return count
    }
}
