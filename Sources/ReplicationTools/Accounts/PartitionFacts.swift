package import KafkaClient
internal import Replication

/// Everything that is known of one selected partition, from which its account follows.
package struct PartitionFacts: Sendable {
    /// Progress that was recorded of the partition.
    package struct Recorded: Hashable, Sendable {
        package var sourceOffset: Int64
        /// Id of the source topic, as 32 hexadecimal digits; nil or zeros when it is not known.
        package var sourceTopicID: String?
        /// -1 when unknown.
        package var sourceLeaderEpoch: Int32
        /// Id of the target topic, likewise.
        package var targetTopicID: String?
        /// Target offset up to which copies were known; -1 when nothing is known.
        package var targetOffset: Int64
        /// End that the target's log had at a moment that counts; nil for the present one.
        package var targetEnd: Int64?

        package init(
            sourceOffset: Int64, sourceTopicID: String?, sourceLeaderEpoch: Int32, targetTopicID: String? = nil,
            targetOffset: Int64 = -1, targetEnd: Int64? = nil
        ) {
            self.sourceOffset = sourceOffset
            self.sourceTopicID = sourceTopicID
            self.sourceLeaderEpoch = sourceLeaderEpoch
            self.targetTopicID = targetTopicID
            self.targetOffset = targetOffset
            self.targetEnd = targetEnd
        }
    }

    /// Offsets of the source's log.
    package struct Bounds: Hashable, Sendable {
        package var start: Int64
        /// Last stable offset.
        package var committedEnd: Int64
        /// High watermark.
        package var end: Int64

        package init(start: Int64, committedEnd: Int64, end: Int64) {
            self.start = start
            self.committedEnd = committedEnd
            self.end = end
        }
    }

    /// State of the partition on a cluster.
    package enum Presence: Hashable, Sendable {
        case there, leaderless, missing
        /// The cluster does not say whether it is there.
        case withheld
    }

    package var source: TopicPartition
    package var targetTopic: String
    /// Nil when the flow has not begun with it.
    package var recorded: Recorded?
    /// Topic id as 32 hexadecimal digits.
    package var sourceTopicID: String
    package var targetTopicID = ""
    /// Present end of the target's log; nil where it is not known.
    package var targetEnd: Int64?
    package var atSource: Presence
    package var atTarget: Presence
    /// Error in words where the source could not say; nil where it was not asked.
    package var bounds: Result<Bounds, KafkaError>?
    /// Source offset at which the epoch ended that was read last; nil when that is not known.
    package var epochEnd: Int64?
    /// Reason for which a flow that runs has stopped it.
    package var stopped: String?
    /// Reason for which a flow that runs waits with it.
    package var waiting: String?
    /// Reason for which the target refuses to create it.
    package var uncreatable: String?

    package init(source: TopicPartition, targetTopic: String, sourceTopicID: String) {
        self.source = source
        self.targetTopic = targetTopic
        self.sourceTopicID = sourceTopicID
        atSource = .there
        atTarget = .there
    }

    /// - Parameters:
    ///   - flow: name of the flow.
    ///   - from: name of the source cluster; `to` is that of the target.
    package func account(flow: String, from: String, to: String) -> Account {
        let (state, reason) = judgement(flow, from, to)
        var account = Account(
            topic: source.topic, partition: source.partition, targetTopic: targetTopic, state: state, reason: reason)
        account.copiedBelow = recorded?.sourceOffset
        if case .success(let bounds) = bounds { account.sourceEnd = bounds.end }
        return account
    }

    /// Judges first what nobody can read, then what makes offsets incomparable, then what the offsets say.
    private func judgement(_ flow: String, _ from: String, _ to: String) -> (Account.State, String) {
        switch atSource {
        case .missing:
            let next = recorded.map { " What it held from source offset \($0.sourceOffset) on is gone with it" } ?? ""
            return (.deleted, "\(from) has no \(source) any more.\(next)")
        case .withheld: return (.withheld, "\(from) does not let us see \(source.topic)")
        case .leaderless:
            return (
                .leaderless,
                "\(source) has no leader on \(from): bring the brokers back that hold its replicas"
            )
        case .there: break
        }
        let bounds: Bounds
        switch self.bounds {
        case .success(let found): bounds = found
        case .failure(let error): return (.unknown, "\(error)")
        case nil: return (.unknown, "\(from) has not been asked about it")
        }
        guard let recorded else { return untouched(flow, bounds) }
        if let old = recorded.sourceTopicID, Self.isKnown(old), Self.isKnown(sourceTopicID), old != sourceTopicID {
            return (
                .recreated,
                "the topic was deleted and created again on \(from); of the new one nothing is on \(to), and what the "
                    + "old one held from source offset \(recorded.sourceOffset) on is gone with it"
            )
        }
        if atTarget == .missing {
            return (.copyGone, "\(to) has no \(targetTopic)-\(source.partition) any more: its copies are gone")
        }
        if let old = recorded.targetTopicID, Self.isKnown(old), Self.isKnown(targetTopicID), old != targetTopicID {
            return (.copyGone, "\(targetTopic) was deleted and created again on \(to): the copies are gone")
        }
        if let end = recorded.targetEnd ?? targetEnd, end < recorded.targetOffset {
            return (
                .copyGone,
                "the log of \(targetTopic)-\(source.partition) on \(to) ends at \(end), and copies went up to "
                    + "\(recorded.targetOffset): the last of them are gone"
            )
        }
        if let stopped { return (.stopped, stopped) }
        let cut = min(epochEnd ?? .max, bounds.end)
        if cut < recorded.sourceOffset {
            return (
                .truncated,
                "the log on \(from) was cut at offset \(cut), below \(recorded.sourceOffset), to which it was copied: "
                    + "what was written since is not on \(to)"
            )
        }
        if recorded.sourceOffset < bounds.start {
            return (
                .expired,
                "source offsets \(recorded.sourceOffset) to \(bounds.start - 1) were removed on \(from) before they were "
                    + "copied"
            )
        }
        guard recorded.sourceOffset >= bounds.committedEnd else {
            let count = bounds.committedEnd - recorded.sourceOffset
            let why =
                waiting
                ?? (atTarget == .leaderless ? "\(targetTopic)-\(source.partition) has no leader on \(to)" : nil)
            return (
                .behind,
                "\(count) source offsets from \(recorded.sourceOffset) on have not been copied"
                    + (why.map { ": \($0)" } ?? "")
            )
        }
        guard bounds.committedEnd >= bounds.end else {
            return (
                .openTransaction,
                "a transaction is open on \(from): the \(bounds.end - bounds.committedEnd) offsets from its beginning, "
                    + "\(bounds.committedEnd), on are copied once it ends"
            )
        }
        return (.complete, "every source offset below \(recorded.sourceOffset) is on \(to), or was skipped and counted")
    }

    private func untouched(_ flow: String, _ bounds: Bounds) -> (Account.State, String) {
        let held = "\(bounds.end - bounds.start) source offsets"
        if let uncreatable { return (.uncreatable, "\(held), and \(uncreatable)") }
        if let stopped { return (.stopped, stopped) }
        if let waiting { return (.waiting, "\(held): \(waiting)") }
        return (.waiting, "\(held), and flow \(flow) has not begun with it: see its replicator status, or its log")
    }

    private static func isKnown(_ id: String) -> Bool { id.contains { $0 != "0" } }
}
