import KafkaClient
import KafkaCompression
import KafkaWire
import NIOCore
import Replication
import Testing

/// A partition without a shard: events are calls, time is a number, the target is what the test says it is.
struct PartitionDriver {
    /// The flow's producer id.
    static let producerID: Int64 = 7
    static let sourceID = KafkaUUID(high: 1, low: 1)
    static let targetID = KafkaUUID(high: 2, low: 2)
    /// Source offset at which replication begins.
    static let start: Int64 = 100

    var partition: PartitionReplicator
    var intake: BatchIntake
    var now = NIODeadline.uptimeNanoseconds(1_000_000_000)
    /// Reports since they were last taken.
    var reports: [PartitionReport] = []
    var released: [Int] = []
    /// Batches without an answer, oldest first.
    var inFlight: [ProduceAttempt] = []
    private var frame = 0

    /// A partition that begins its recovery.
    init(
        _ delivery: DeliveryGuarantee = .exactlyOnce, number: Int32 = 0, position: Int64 = start, map: OffsetMap? = nil,
        targetLeader: Int32? = 2, _ edit: (inout FlowPolicies) -> Void = { _ in }
    ) {
        var policies = FlowPolicies()
        edit(&policies)
        var origins = OriginRules(sourceCluster: "S", targetCluster: "T", isIdentical: false, stamps: false)
        origins.producerIDs[origins.usual] = Self.producerID
        intake = BatchIntake(
            planner: BatchPlanner(compression: .keep, addsLoopHeader: false), origins: origins,
            quarantinesDamaged: policies.quarantined == .continue)
        partition = PartitionReplicator(
            source: TopicPartition("orders", number), target: TopicPartition("east.orders", number),
            sourceTopicID: Self.sourceID, metrics: TopicMetrics(flow: "test", topic: "orders"),
            rewriter: RecordRewriter(compression: .keep, loopGuard: nil, limit: .default),
            rules: .init(policies: policies, delivery: delivery, targetCluster: "west"), position: position,
            map: map ?? OffsetMap(start: position), producer: ProducerIdentity(id: Self.producerID, epoch: 0))
        partition.sourceDescribed(topicID: Self.sourceID, leader: PartitionLeader(broker: 1, epoch: 0))
        partition.targetDescribed(topicID: Self.targetID, leader: targetLeader, epoch: 0)
        takeEffects()
    }

    /// A partition that has copied so many records, with more in flight.
    static func streaming(
        _ delivery: DeliveryGuarantee = .exactlyOnce, copied: Int = 10, inFlight: Int = 0,
        _ edit: (inout FlowPolicies) -> Void = { _ in }
    ) throws -> PartitionDriver {
        var driver = PartitionDriver(delivery, edit)
        try driver.recover(end: 0)
        if copied > 0 {
            try driver.fetch(copied)
            driver.send()
            driver.answer(baseOffset: 0)
        }
        for _ in 0..<inFlight {
            try driver.fetch(10)
            driver.send()
        }
        driver.reports = []
        driver.released = []
        return driver
    }

    mutating func takeEffects() {
        let effects = partition.takeEffects()
        reports += effects.reports
        released += effects.released
    }

    mutating func event(_ body: (inout PartitionReplicator) -> Void) {
        body(&partition)
        takeEffects()
    }

    /// The source answers with so many records from the position on.
    mutating func fetch(_ count: Int, edit: (inout SourceAnswer) -> Void = { _ in }) throws {
        var answer = SourceAnswer(fetchOffset: partition.cursor.position)
        answer.records = RecordBytes(try Self.batch(partition.cursor.position, count: count).bytes)
        answer.highWatermark = answer.fetchOffset + Int64(count)
        edit(&answer)
        fetch(answer)
    }

    mutating func fetch(_ answer: SourceAnswer, room: Int = .max) {
        frame += 1
        partition.fetched(answer, frame: frame, intake: &intake, room: room, at: now)
        takeEffects()
    }

    mutating func fetch(error: ErrorCode) {
        var answer = SourceAnswer(fetchOffset: partition.cursor.position)
        answer.errorCode = error
        fetch(answer)
    }

    /// Sends everything that may be sent.
    @discardableResult
    mutating func send() -> Int {
        var count = 0
        while let attempt = partition.nextAttempt() {
            inFlight.append(attempt)
            count += 1
        }
        return count
    }

    /// The target answers the oldest batch in flight.
    mutating func answer(_ code: ErrorCode = .none, message: String? = nil, baseOffset: Int64 = -1) {
        let attempt = inFlight.removeFirst()
        partition.answered(
            ProduceAnswer(code, message: message, baseOffset: baseOffset), to: attempt, at: now, wallClock: 0)
        takeEffects()
    }

    mutating func lose() {
        inFlight.removeFirst()
        partition.unanswered(backsOff: false, at: now)
        takeEffects()
    }

    mutating func advance(_ time: TimeAmount) {
        now = now + time
        partition.tick(now: now)
        takeEffects()
    }

    /// Recovers against a target log that holds these batches.
    mutating func recover(
        end: Int64, epoch: Int32 = 0, log: [RecordBatch] = [], sourceLog: [RecordBatch] = [],
        hasCopy: Bool = true
    ) throws {
        var recovery = PartitionRecovery(partition.recoverySubject, ours: [Self.producerID], fresh: [])
        var target = RecoveryTarget(end: LogEnd(offset: end, epoch: epoch), log: log)
        target.sourceLog = sourceLog
        target.hasCopy = hasCopy
        target.answer(&recovery, intake: intake)
        partition.recovered(recovery, at: now, wallClock: 0)
        takeEffects()
    }

    /// A batch of so many records at an offset, as the flow writes it, or a producer at the source.
    static func batch(
        _ offset: Int64, count: Int, source: Int64? = nil, producerID: Int64 = -1, epoch: Int16 = -1,
        sequence: Int32 = -1, leaderEpoch: Int32 = 0
    ) throws -> RecordBatch {
        var builder = RecordBatchBuilder(
            baseOffset: offset, partitionLeaderEpoch: leaderEpoch, producerID: producerID, producerEpoch: epoch,
            baseSequence: sequence)
        for number in 0..<count {
            builder.append(
                timestamp: 1, key: nil, value: ByteBuffer(string: "record \((source ?? offset) + Int64(number))"))
        }
        return try builder.finish()
    }
}

/// Both clusters of a recovery, as simple as can be.
struct RecoveryTarget {
    var end: LogEnd
    var log: [RecordBatch] = []
    /// The target's producers; nil when it cannot tell.
    var producers: [ProducerIdentity]? = []
    var lastSequences: [Int64: Int32] = [:]
    /// Ends of the leader epochs that were asked for.
    var epochEnd: Int64?
    var sourceEpochEnd: LogEnd?
    var sourceLog: [RecordBatch] = []
    /// The end of the source's log; nil for that of its last batch.
    var sourceEnd: Int64?
    var hasCopy = true
    /// The start of the target's log; nil for its first batch.
    var logStart: Int64?
    private(set) var asked: [PartitionRecovery.Request] = []

    init(end: LogEnd, log: [RecordBatch] = []) {
        self.end = end
        self.log = log
    }

    /// Answers requests until there are no more.
    mutating func answer(
        _ recovery: inout PartitionRecovery, intake: BatchIntake, until last: PartitionRecovery.Request? = nil
    ) {
        while let request = recovery.nextRequest, request != last, asked.count < 100 {
            asked.append(request)
            switch request {
            case .describeProducers: recovery.described(producers, lastSequences: lastSequences)
            case .replaceProducers: recovery.producersReplaced()
            case .targetEnd: recovery.targetEnds(end)
            case .targetEpochEnd: recovery.targetEpochEnded(at: epochEnd)
            case .compare: recovery.compared(isCopy: hasCopy)
            case .fence: recovery.fenced()
            case .targetRecords(let offset): recovery.tookTargetRecords(Self.bytes(of: log, from: offset))
            case .copies(let offset): recovery.tookCopies(Self.bytes(of: log, from: offset))
            case .originals(let offset): recovery.tookOriginals(Self.bytes(of: sourceLog, from: offset))
            case .targetStart: recovery.targetBegins(at: logStart ?? log.first?.header.baseOffset ?? 0)
            case .sourceEpochEnd: recovery.sourceEpochEnded(sourceEpochEnd)
            case .sourceRecords(let offset):
                let end = sourceLog.last?.header.nextOffset ?? 0
                recovery.tookSourceRecords(
                    .init(records: Self.bytes(of: sourceLog, from: offset), end: end), intake: intake)
            case .sourceStart: recovery.sourceBegins(at: sourceLog.first?.header.baseOffset ?? 0)
            case .origins: recovery.originsLearned()
            case .sourceLeaderEnd:
                recovery.sourceLeaderEnds(at: sourceEnd ?? sourceLog.last?.header.nextOffset, cluster: "east")
            }
        }
    }

    private static func bytes(of log: [RecordBatch], from offset: Int64) -> ByteBuffer {
        var bytes = ByteBuffer()
        for batch in log where batch.header.nextOffset > offset { bytes.writeImmutableBuffer(batch.bytes) }
        return bytes
    }
}
