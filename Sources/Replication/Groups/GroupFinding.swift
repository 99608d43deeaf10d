package import KafkaClient

/// Findings about one consumer group on both clusters.
package struct GroupFinding: Sendable {
    package let group: String
    package let targetGroup: String
    package let kind: GroupKind
    /// The group could not be asked about, or its positions not be committed.
    package var failure: String?
    /// Reason why a cluster has no positions for groups of this kind; nil when both have.
    package var notCovered: String?
    /// The failure is that a cluster did not answer: nothing is wrong with the group itself.
    var isOutage = false
    /// True if the group has members on the target; nil when the target does not tell (before Kafka 2.6).
    var hasMembersOnTarget: Bool? = false
    package var partitions: [PartitionFinding] = []
}

/// A group's position in one partition on either side, and what is to be done about it.
package struct PartitionFinding: Sendable {
    package let source: TopicPartition
    package let target: TopicPartition
    package let committed: CommittedOffset
    package var position: Result<GroupPosition, TranslationRefusal>
    /// Target offset behind everything that the flows are known to have copied; nil while that is nothing.
    var copiesEnd: Int64?
    /// Committed offset on the target; nil for none.
    package var atTarget: Int64?
    package var verdict: Verdict
    /// Reason why the position on the target is in front of the one that the maps have found; nil when it is not.
    package var heldBy: String?

    package enum Verdict: Hashable, Sendable {
        /// Both sides are at the same record.
        case synced
        /// The target's position is to become this one.
        case move(to: Int64)
        /// The target's position is further than the source's.
        case further
        /// The target's position is none that reading there can have led to.
        case beyond(BeyondPosition)
        /// The target's position is the first record that the group has not read, in front of some that it has.
        case held
        /// Nothing is committed, for a reason that an operator may have to do something about.
        case refused(String)
        /// Nothing is committed while the group has members on the target.
        case activeMembers
    }
}

extension PartitionFinding {
    /// The group has read further than is copied.
    var isAhead: Bool { if case .success(let position) = position { position.aheadBy > 0 } else { false } }

    /// The position lies in front of what the opposite flow has yet to see; see ``GroupPosition/isCautious``.
    package var isCautious: Bool { if case .success(let position) = position { position.isCautious } else { false } }

    /// True when a consumer that moves to the target now reads nothing again.
    var isExact: Bool { !isAhead && !isCautious && (verdict == .synced || verdict == .further) }

    /// State of the target's log, and of its readers.
    struct TargetSide: Sendable {
        var committed: Int64?
        var hasMembers: Bool
        /// First offset of the log; nil when not looked up.
        var start: Int64?
        /// End of the log, looked up after `committed`; nil when not looked up.
        var end: Int64?
        /// See ``PartitionFinding/copiesEnd``.
        var copiesEnd: Int64?
    }

    /// The rules of group-offset synchronisation, for one position:
    /// only where it is known, only forward, only inside the target's log, only while nobody reads there.
    static func verdict(on position: Result<GroupPosition, TranslationRefusal>, _ side: TargetSide) -> Verdict {
        if let beyond = BeyondPosition(of: side, comparedTo: position) { return .beyond(beyond) }
        let wanted: Int64
        switch position {
        case .failure(let refusal): return .refused("\(refusal)")
        case .success(let position): wanted = position.target
        }
        if let committed = side.committed, committed >= wanted { return committed == wanted ? .synced : .further }
        if side.hasMembers { return .activeMembers }
        if let start = side.start, wanted < start {
            return .refused("target offset \(wanted) is gone from the target, whose log begins at \(start)")
        }
        if let end = side.end, wanted > end {
            return .refused("target offset \(wanted) lies behind the target's end \(end): its log went backwards")
        }
        return .move(to: wanted)
    }
}

/// Positions on the target that a commit may set back.
package enum GroupRewind: Hashable, Sendable {
    case none
    /// Positions beyond the end of the log.
    case beyondEnd
    /// Every position that is further than the source's.
    case all
}
