internal import KafkaClient
internal import KafkaWire
internal import NIOCore

/// A batch on its way to the target.
struct OutgoingBatch: Sendable {
    let records: RecordBatch
    /// Source offsets of the records.
    let sources: SourceRuns
    /// Everything of the source below this offset has gone on, once this batch is acknowledged.
    let nextSourceOffset: Int64
    let recordCount: Int
    /// Largest record timestamp, in milliseconds since 1970.
    let maxTimestamp: Int64
    let fetchedAt: NIODeadline
    /// The id that it is written under.
    let producerID: Int64
    /// Source offsets before and among its records, back to the batch before, that have none on the target.
    var skipped: [SkipReason: Int64] = [:]
    /// Cut from a batch that the target has refused: put together again it would be refused again.
    var isPiece = false
    /// The frames in the ledger that the bytes came in.
    var frames: [Int] = []

    var sizeInBytes: Int { records.sizeInBytes }
}

/// One source partition and its counterpart on the target: what is known, where it stands, what is under way.
struct PartitionState: Sendable {
    let source: TopicPartition
    let target: TopicPartition
    /// Changes when the topic is created anew and replication goes on with that.
    var sourceTopicID: KafkaUUID
    /// Until the partition has footing again: the source's log is not the one any more that was copied. Its topic was created
    /// anew, or its end was cut.
    var isOtherLog = false
    let metrics: TopicMetrics
    let rewriter: RecordRewriter

    var sourceLeader: Leader?
    var targetLeader: Int32?
    /// The next source offset to fetch.
    var position: Int64
    /// Every source offset below it is written to the target, or skipped for a counted reason.
    var passed: Int64 { didSet { map.pass(passed) } }
    /// Where each record has its copy. Whoever learns where copies are, from acknowledgements or from the target's
    /// log, appends to it before ``passed`` moves beyond their records; where copies are not known, `lose(upTo:)`.
    var map: OffsetMap
    /// Everything of ours below this target offset is accounted for, and the next batch should land there; -1 before
    /// anything is known.
    var targetEnd: Int64 = -1
    /// Leader epoch of the target's log when it was last looked at: what lies below ``targetEnd`` was written in this one or
    /// earlier. A log loses its end only when its leader changes, and then begins another. -1 when the broker does not tell.
    var targetEpoch: Int32 = -1
    /// The target's leader epoch by the cluster's metadata.
    var seenTargetEpoch: Int32 = -1
    var highWatermark: Int64 = -1
    var window: ProduceWindow<OutgoingBatch>
    var bufferedBytes = 0
    var status = Status.active
    /// Set when nothing more can be read: the partition stops once the target has what was read before.
    var endOfReading: Failure?
    /// What the target answered when it last did not take a batch that it may take later; nil once it takes one.
    var obstacle: String?
    /// Fetches leave the partition out until then, after the source has refused it.
    var fetchRestsUntil: NIODeadline = .distantPast
    /// Refusals by the source in a row.
    var fetchRefusals = 0
    /// Whether the partition stands in its target leader's queue of partitions with something to send.
    var isQueued = false
    /// Whether it is known what the target has; batches go out only then.
    var footing = Footing.takeover
    /// A batch has landed below where it should have: nothing passes any more before the target is filled again.
    var regression: Regression?
    /// The target's log went backwards, and no checkpoint says so yet. Until one does nothing is written there, not even
    /// a fence: once the log has grown again beyond the old checkpoint, nobody could tell after a crash.
    var awaitsCheckpoint = false
    /// The footing was firm before in this run.
    var wasFirm = false
    /// The search for footing rests until then, after it has failed.
    var footingRestsUntil: NIODeadline = .distantPast
    var footingFailures = 0
    /// Highest epochs that an earlier run is known to have used, by producer id.
    var recordedEpochs: [Int64: Int16] = [:]
    /// What would have followed on what an earlier run had passed.
    var recordedFollowing: [TargetTail.ProducerStamp] = []
    /// Ids to use in place of those that are used up.
    var successors: [Int64: Int64] = [:]
    /// Id of the target topic; zero when unknown.
    var targetTopicID = KafkaUUID.zero
    /// The id that was recorded, while the present one is another.
    var isTargetRecreated = false
    var accounting: Accounting
    /// Bytes of source batches taken in by this run.
    var readBytes: Int64 = 0
    /// Skipped since the last batch that goes on.
    var openSkips: [SkipReason: Int64] = [:]
    /// Leader epoch of the last batch read; -1 when unknown.
    var lastReadEpoch: Int32 = -1
    /// The source has refused the position; why is to be found out.
    var isOutOfRange = false
    /// What has to be learned before the next batch can be taken in.
    var need: OriginRules.Need?
    /// The target refuses the oldest batch for good: it is taken apart once nothing is in flight.
    var refusal: String?
    var refusesWhole = false
    /// The next attempt belongs to a new epoch, once nothing is in flight.
    var needsNewEpoch = false
    /// An operator does not want it read for now.
    var isPaused = false
    /// The configuration has changed so that the topic is no longer copied.
    var isSelected = true

    /// The target's log went backwards, to `target`; what it has lost begins at `source`.
    struct Regression: Hashable, Sendable {
        var target: Int64
        var source: Int64
    }

    struct Leader: Hashable, Sendable {
        var broker: Int32
        var epoch: Int32
    }

    struct Failure: Hashable, Sendable {
        var reason: FailureReason
        var explanation: String
    }

    enum Status: Hashable, Sendable {
        case active
        /// Left alone until an operator or a restart; the reason is for people.
        case failed(String)
    }

    /// The highest epoch known of each of our producer ids.
    var knownEpochs: [Int64: Int16] {
        var known = recordedEpochs
        for producer in window.producers { known[producer.id] = max(known[producer.id] ?? -1, producer.epoch) }
        return known
    }

    /// What each of our producer ids would write next behind ``targetEnd``, as far as that is known; by id.
    var following: [TargetTail.ProducerStamp] {
        guard wasFirm else { return recordedFollowing }
        return window.nextSequences.map { id, sequence in
            TargetTail.ProducerStamp(id: id, epoch: window.epoch(of: id), sequence: sequence)
        }.sorted { $0.id < $1.id }
    }

    var isActive: Bool { status == .active }
    var isReadable: Bool {
        isActive && endOfReading == nil && !isPaused && isSelected && need == nil && footing != .takeover
            && !isOutOfRange
    }

    func recreatedExplanation(nowID: KafkaUUID) -> String {
        Self.recreatedExplanation(
            recordedID: sourceTopicID.hexadecimal, nowID: nowID.hexadecimal, sourceOffset: position)
    }

    static func recreatedExplanation(recordedID: String, nowID: String, sourceOffset: Int64) -> String {
        "the source topic was deleted and created again (its id was \(recordedID), now it is \(nowID)): "
            + "offset \(sourceOffset) means nothing in the new one"
    }

    /// Records at the source that have not passed yet.
    var lag: Int64 { max(0, highWatermark - passed) }
}
