internal import KafkaClient
internal import KafkaWire

/// Whether it is known what of a partition the target has.
enum Footing: Hashable, Sendable {
    /// Everything of ours below `targetEnd` is accounted for: batches may go out.
    case firm
    /// An earlier run may have written beyond its checkpoint: the target's tail tells.
    case takeover
    /// Answers were lost: batches that wait for one may be in the target's log or not.
    case uncertain
}

/// What was found out about one partition's place on the target.
struct FootingFindings: Sendable {
    /// Why was searched.
    var footing: Footing
    /// Epochs to go on with, by producer id; empty to keep those in use.
    var epochs: [ProducerIdentity] = []
    /// Where the target's log ends now.
    var end: Int64 = -1
    /// The leader's epoch by then; -1 when the broker does not tell.
    var epoch: Int32 = -1
    /// The target has less than it once had: its log was cut at this offset. What it holds behind it has come since.
    var cut: Int64?
    /// From ``from`` on; of a log that was cut from there.
    var tail: TargetTail
    /// Behind the last offset that is accounted for.
    var from: Int64
    /// The target's leader epoch by the cluster's metadata when the search began.
    var seenEpoch: Int32 = -1
    /// After a takeover: where the source goes on, and what the earlier run did in between.
    var recovery: Recovery?

    struct Recovery: Sendable {
        /// Which topic was walked; of one that has its name now it tells nothing.
        var sourceTopicID: KafkaUUID
        /// Where the walk began; if the partition has moved since, it tells nothing.
        var start: Int64
        var position: Int64
        /// Leader epoch of the source's record in front of `position`; -1 when the walk read on beyond it.
        var readEpoch: Int32
        var written: Int64
        var skipped: [SkipReason: Int64]
        /// Source ranges with the target offsets of their copies; nil when only the end is known.
        var copies: [(sources: Range<Int64>, target: Int64)]?
        /// The source's log was cut behind where the walk began: where, and how many records the target has of what is gone.
        var sourceCut: (offset: Int64, records: Int64)?
        var landed: Landed?
    }

    /// Records that landed in front of what is missing, and come once more behind it, in their place.
    struct Landed: Sendable {
        /// Of the first of them.
        var offset: Int64
        var records: Int64
        /// What is missing was refused; else the log was cut.
        var behindRefused: Bool
    }

    /// Where the target's log was cut, however that was found out.
    var cutAt: Int64? { cut ?? recovery?.landed?.offset }

    /// The source's log has become another one behind the search: it has to begin again.
    func areOutdated(for partition: PartitionState) -> Bool {
        if footing == .uncertain, partition.footing == .takeover { return true }
        guard let recovery else { return false }
        return recovery.sourceTopicID != partition.sourceTopicID || recovery.start != partition.passed
    }
}
