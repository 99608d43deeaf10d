internal import PlainText

/// A group's position on the target to which reading what is there cannot have led: it was committed for an earlier
/// log of that name, or by hand. A consumer that continues from it misses records.
package struct BeyondPosition: Hashable, Sendable {
    package enum Kind: Hashable, Sendable {
        /// Beyond the end of the log: what is appended up to there would never be read.
        case end
        /// Beyond everything that was copied, while the group has copied records left to read at the source.
        case copies
    }

    package let kind: Kind
    /// Target offset to set it back to, on demand.
    package let backTo: Int64
    package var reason: String

    init?(of side: PartitionFinding.TargetSide, comparedTo position: Result<GroupPosition, TranslationRefusal>) {
        guard let committed = side.committed else { return nil }
        let wanted = try? position.get()
        if let end = side.end, committed > end {
            kind = .end
            backTo = min(wanted?.target ?? end, end)
            reason =
                "its position on the target, \(committed), is beyond the end of the log there, \(end): what comes before "
                + "that offset would never be read"
        } else if let wanted, wanted.next != nil, wanted.target < committed, let end = side.copiesEnd, committed > end {
            kind = .copies
            backTo = wanted.target
            reason =
                "its position on the target, \(committed), is beyond everything that is known to be copied there, which ends "
                + "at \(end), and at the source it has not read all of that: it has read what others wrote there, or "
                + "its position is that of an earlier log, and then it misses the records from \(wanted.target) on"
        } else {
            return nil
        }
    }

    /// Adds the way back, for people.
    mutating func addRemedy(flow: String, group: String) {
        reason +=
            ". When no member reads there, replicator offsets --flow \(flow) --group \(group.shellQuoted) "
            + "--apply --allow-rewind sets it to \(backTo)"
    }
}
