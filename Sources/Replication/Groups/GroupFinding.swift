package import KafkaClient

/// Findings about one consumer group on both clusters.
package struct GroupFinding: Sendable {
    package let group: String
    package let targetGroup: String
    /// The group could not be asked about, or its positions not be committed.
    package var failure: String?
    /// The failure is that a cluster did not answer: nothing is wrong with the group itself.
    var isOutage = false
    /// Whether somebody reads with the group on the target; nil when the target does not tell (before Kafka 2.6).
    var hasMembersOnTarget: Bool? = false
    package var partitions: [PartitionFinding] = []
}

/// A group's position in one partition on either side, and what is to be done about it.
package struct PartitionFinding: Sendable {
    package let source: TopicPartition
    package let target: TopicPartition
    package let committed: CommittedOffset
    package let position: Result<GroupPosition, TranslationRefusal>
    /// Committed offset on the target; nil for none.
    package var atTarget: Int64?
    package var verdict: Verdict

    package enum Verdict: Hashable, Sendable {
        /// Both sides stand at the same record.
        case synced
        /// The target's position is to become this one.
        case move(to: Int64)
        /// The target's position is further than the source's.
        case further
        /// Nothing is committed, for a reason that an operator may have to do something about.
        case refused(String)
        /// Nothing is committed while somebody reads with the group on the target.
        case activeMembers
    }
}

extension PartitionFinding {
    /// State of the target's log, and of its readers.
    struct TargetSide: Sendable {
        var committed: Int64?
        var hasMembers: Bool
        /// First offset and end of the log; nil when not looked up.
        var bounds: Range<Int64>?
    }

    /// The rules of group-offset synchronisation, for one position:
    /// only where it is known, only forward, only inside the target's log, only while nobody reads there.
    static func verdict(on position: Result<GroupPosition, TranslationRefusal>, _ side: TargetSide) -> Verdict {
        let wanted: Int64
        switch position {
        case .failure(let refusal): return .refused("\(refusal)")
        case .success(let position): wanted = position.target
        }
        if let committed = side.committed, committed >= wanted { return committed == wanted ? .synced : .further }
        if side.hasMembers { return .activeMembers }
        guard let bounds = side.bounds else { return .move(to: wanted) }
        if wanted < bounds.lowerBound {
            return .refused(
                "target offset \(wanted) is gone from the target, whose log begins at \(bounds.lowerBound)")
        }
        if wanted > bounds.upperBound {
            return .refused(
                "target offset \(wanted) lies behind the target's end \(bounds.upperBound): its log went backwards")
        }
        return .move(to: wanted)
    }
}
