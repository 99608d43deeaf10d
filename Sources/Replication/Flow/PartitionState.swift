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
    /// The frame in the ledger that the bytes belong to.
    var frame: Int?

    var sizeInBytes: Int { records.sizeInBytes }
}

/// One source partition and its counterpart on the target: what is known, where it stands, what is under way.
struct PartitionState: Sendable {
    let source: TopicPartition
    let target: TopicPartition
    let sourceTopicID: KafkaUUID
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
    /// Offset behind the last record that reached the target; -1 before the first.
    var targetEnd: Int64 = -1
    var highWatermark: Int64 = -1
    var window: ProduceWindow<OutgoingBatch>
    var bufferedBytes = 0
    var status = Status.active
    /// Set when nothing more can be read: the partition stops once the target has what was read before.
    var endOfReading: Failure?
    /// Fetches leave the partition out until then, after the source has refused it.
    var fetchRestsUntil: NIODeadline = .distantPast
    /// Refusals by the source in a row.
    var fetchRefusals = 0
    /// Whether the partition stands in its target leader's queue of partitions with something to send.
    var isQueued = false
    /// The next attempt belongs to a new epoch, once nothing is in flight.
    var needsNewEpoch = false
    /// An operator does not want it read for now.
    var isPaused = false
    /// The configuration has changed so that the topic is no longer copied.
    var isSelected = true

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

    var isActive: Bool { status == .active }
    var isReadable: Bool { isActive && endOfReading == nil && !isPaused && isSelected }

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
