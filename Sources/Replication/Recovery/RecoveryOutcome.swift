package import KafkaClient
internal import KafkaWire

/// Findings of a partition's recovery.
package struct RecoveryOutcome: Sendable {
    package let cause: RecoveryCause
    /// Behind the last target offset that was accounted for; -1 for none.
    package let from: Int64
    /// The target's leader epoch by the cluster's metadata when the recovery began.
    let metadataEpoch: Int32
    /// Epochs to continue with, by producer id; empty to keep those in use.
    package var epochs: [ProducerIdentity] = []
    /// Sequences to continue with, by producer id, where copies keep their offsets.
    package var continued: [ProducerStamp] = []
    /// Present end of the target's log.
    package var end = LogEnd()
    /// The target has less than it once had: its log was truncated at this offset. Records behind it came later.
    package var truncation: Int64?
    /// Our records from ``from`` on; of a truncated log from there.
    package var tail: TargetTail
    /// Place of the source that the target's records lead to; nil after an unknown outcome, or without such records.
    package var resumption: Resumption?
    /// Copies that the source is to be compared with before anything is read behind them; nil for none.
    package var sample: CopySample?

    /// Result of matching the source beside the target's tail.
    package struct Resumption: Sendable {
        /// The topic that was read; of one that has its name now it tells nothing.
        let sourceTopicID: KafkaUUID
        /// Start of the match; if the partition has moved since, it tells nothing.
        let start: Int64
        package var position: Int64
        /// Leader epoch of the source's record in front of `position`; -1 when more than that was read.
        package var leaderEpoch: Int32
        package var written: Int64
        package var skipped: [SkipReason: Int64]
        /// Source ranges with the target offsets of their copies; nil when only the end is known.
        var copies: [(sources: Range<Int64>, target: Int64)]?
        /// The source's log was truncated behind the start: where, and how many records of the target are gone from it.
        package var sourceTruncation: (offset: Int64, records: Int64)?
        package var outOfOrder: OutOfOrder?
    }

    /// Records that were appended in front of missing ones, and come once more behind them, in their place.
    package struct OutOfOrder: Hashable, Sendable {
        /// Offset of the first of them.
        package var offset: Int64
        package var records: Int64
        package var cause: DuplicateCause
    }
}

/// Reason why records are on the target twice.
package enum DuplicateCause: Hashable, Sendable {
    /// They were in flight when the target's log was truncated.
    case truncation
    /// The target had forgotten the producer, and took them although it had refused those before them.
    case outOfOrderAppend
}

/// Reason why a partition is recovered.
package enum RecoveryCause: Hashable, Sendable {
    /// An earlier run, or an earlier source log, may have written beyond the checkpoint.
    case takeover
    /// Answers were lost, or the target's leader has changed.
    case unknownOutcome
}

/// End of a log, and the leader epoch there; both -1 when unknown.
package struct LogEnd: Hashable, Sendable {
    package var offset: Int64
    package var epoch: Int32

    package init(offset: Int64 = -1, epoch: Int32 = -1) {
        self.offset = offset
        self.epoch = epoch
    }
}
