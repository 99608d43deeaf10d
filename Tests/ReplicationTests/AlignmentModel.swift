import KafkaClient
import KafkaCompression
import KafkaWire
import NIOCore
import Replication

/// A partition whose copy keeps its source's offsets, with a source and a target that are a few lines each: steps are drawn,
/// and after each of them the target must hold nothing that the source does not have in that place.
struct AlignmentModel {
    static let producerID = PartitionDriver.producerID

    /// Steps are drawn by a seed, so that a failure can be repeated.
    struct Dice: RandomNumberGenerator {
        private var state: UInt64

        init(seed: UInt64) {
            state = seed
        }

        mutating func next() -> UInt64 {
            state &+= 0x9E37_79B9_7F4A_7C15
            var mixed = (state ^ (state >> 30)) &* 0xBF58_476D_1CE4_E5B9
            mixed = (mixed ^ (mixed >> 27)) &* 0x94D0_49BB_1331_11EB
            return mixed ^ (mixed >> 31)
        }

        mutating func number(_ range: Range<Int>) -> Int { Int.random(in: range, using: &self) }
        mutating func happens(oneIn count: Int) -> Bool { number(0..<count) == 0 }
    }

    /// A log of the target as a broker keeps it.
    struct Log {
        var batches: [RecordBatch] = []
        var start: Int64 = 0
        var end: Int64 = 0
        var leaderEpoch: Int32 = 0
        /// Of our producer; -1 before it is known.
        var epoch: Int16 = -1
        var lastSequence: Int32 = -1
        var recent: [(first: Int32, last: Int32, base: Int64)] = []

        mutating func produce(_ bytes: ByteBuffer) throws -> ProduceAnswer {
            let header = try RecordBatch(bytes).header
            let last = header.baseSequence + header.recordCount - 1
            if header.producerEpoch < epoch { return ProduceAnswer(.invalidProducerEpoch) }
            if header.producerEpoch == epoch {
                if let known = recent.first(where: { $0.first == header.baseSequence && $0.last == last }) {
                    return ProduceAnswer(.none, baseOffset: known.base)
                }
                guard header.baseSequence == lastSequence + 1 else { return ProduceAnswer(.outOfOrderSequenceNumber) }
            } else if epoch >= 0, header.baseSequence != 0 {
                return ProduceAnswer(.outOfOrderSequenceNumber)
            }
            return ProduceAnswer(.none, baseOffset: try append(bytes))
        }

        mutating func mark(_ producer: ProducerIdentity) throws -> ErrorCode {
            guard producer.epoch >= epoch else { return .invalidProducerEpoch }
            _ = try append(AlignmentModel.marker(producer).bytes)
            return .none
        }

        private mutating func append(_ bytes: ByteBuffer) throws -> Int64 {
            var bytes = bytes
            let base = end
            // Neither is under the checksum.
            bytes.setInteger(base, at: bytes.readerIndex)
            bytes.setInteger(leaderEpoch, at: bytes.readerIndex + 12)
            let batch = try RecordBatch(bytes)
            batches.append(batch)
            end = batch.header.nextOffset
            remember(batch.header)
            return base
        }

        private mutating func remember(_ header: RecordBatchHeader) {
            if header.producerEpoch != epoch { (epoch, lastSequence, recent) = (header.producerEpoch, -1, []) }
            guard !header.isControl else { return }
            lastSequence = header.baseSequence + header.recordCount - 1
            recent = recent.suffix(4) + [(header.baseSequence, lastSequence, header.baseOffset)]
        }

        /// Loses its newest batches, as after the election of a leader that never had them.
        mutating func lose(_ count: Int) {
            batches.removeLast(min(count, batches.count))
            end = batches.last?.header.nextOffset ?? start
            leaderEpoch += 1
            (epoch, lastSequence, recent) = (-1, -1, [])
            for batch in batches { remember(batch.header) }
        }

        mutating func delete(before offset: Int64) {
            start = offset
            batches.removeAll { $0.header.nextOffset <= offset }
        }
    }

    var dice: Dice
    /// The source's batches, with holes in and between them, and its end.
    var source: [RecordBatch] = []
    var sourceEnd: Int64
    let start: Int64
    var log = Log()
    var partition: PartitionReplicator
    var intake: BatchIntake
    var now = NIODeadline.uptimeNanoseconds(1_000_000_000)
    var inFlight: [ProduceAttempt] = []
    /// Sent over connections that are lost, and not arrived yet.
    var late: [ProduceAttempt] = []
    var work: OffsetAlignment.Work?
    var checkpoint: (state: Checkpoint, map: OffsetMap)?
    var kills = 0
    var stops: [PartitionFailure] = []
    private var frame = 0

    init(seed: UInt64, start: Int64) throws {
        dice = Dice(seed: seed)
        self.start = start
        sourceEnd = start
        var origins = OriginRules(sourceCluster: "S", targetCluster: "T", isIdentical: false, stamps: false)
        origins.producerIDs[origins.usual] = Self.producerID
        intake = BatchIntake(planner: BatchPlanner(compression: .keep, addsLoopHeader: false), origins: origins)
        partition = Self.partition(start, OffsetMap(start: start), log)
        for _ in 0..<5 { try grow() }
    }

    private static func partition(_ position: Int64, _ map: OffsetMap, _ log: Log) -> PartitionReplicator {
        var rules = PartitionReplicator.Rules(
            policies: FlowPolicies(), delivery: .exactlyOnce, keepsOffsets: true, targetCluster: "west")
        rules.fillerSize = 100
        var partition = PartitionReplicator(
            source: TopicPartition("orders", 0), target: TopicPartition("orders", 0),
            sourceTopicID: PartitionDriver.sourceID, metrics: TopicMetrics(flow: "test", topic: "orders"),
            rewriter: RecordRewriter(compression: .keep, loopGuard: nil, limit: .default),
            rules: rules, position: position, map: map, producer: ProducerIdentity(id: producerID, epoch: 0))
        partition.sourceDescribed(topicID: PartitionDriver.sourceID, leader: PartitionLeader(broker: 1, epoch: 0))
        partition.targetDescribed(topicID: PartitionDriver.targetID, leader: 2, epoch: log.leaderEpoch)
        return partition
    }

    static func marker(_ producer: ProducerIdentity, at offset: Int64 = 0) throws -> RecordBatch {
        var builder = RecordBatchBuilder(
            baseOffset: offset, producerID: producer.id, producerEpoch: producer.epoch, isTransactional: true,
            isControl: true)
        builder.append(
            timestamp: 1, key: ByteBuffer(bytes: [0, 0, 0, 0]), value: ByteBuffer(bytes: [0, 0, 0, 0, 0, 0]))
        return try builder.finish()
    }

    /// The source gets something: a batch with or without holes, markers, or offsets that were compacted away.
    mutating func grow() throws {
        switch dice.number(0..<6) {
        case 0:
            source.append(try Self.marker(ProducerIdentity(id: 90, epoch: 0), at: sourceEnd))
            sourceEnd += 1
        case 1: sourceEnd += Int64(dice.number(1..<20))
        default:
            var builder = RecordBatchBuilder(baseOffset: sourceEnd, partitionLeaderEpoch: 0)
            var delta: Int32 = 0
            let holes = dice.happens(oneIn: 3)
            for _ in 0..<dice.number(1..<12) {
                builder.append(
                    timestamp: 1, key: nil, value: ByteBuffer(string: "record \(sourceEnd + Int64(delta))"),
                    offsetDelta: delta)
                delta += holes && dice.happens(oneIn: 2) ? Int32(dice.number(1..<5)) : 1
            }
            let batch = try builder.batch(codec: dice.happens(oneIn: 2) ? .lz4 : .none)
            source.append(batch)
            sourceEnd = batch.header.nextOffset
        }
    }

    /// No log ends with what was compacted away.
    mutating func endSource() throws {
        source.append(try Self.marker(ProducerIdentity(id: 90, epoch: 0), at: sourceEnd))
        sourceEnd += 1
    }

    private mutating func takeEffects() {
        for case .stopped(let failure, _) in partition.takeEffects().reports { stops.append(failure) }
    }
}

// Steps.
extension AlignmentModel {
    /// - Parameter faults: whether anything may go wrong.
    mutating func step(faults: Bool) throws {
        defer { takeEffects() }
        switch dice.number(0..<(faults ? 15 : 8)) {
        case 0: if partition.fetchWish(limit: .max) != nil { fetch() }
        case 1: if let attempt = partition.nextAttempt() { inFlight.append(attempt) }
        case 2: try answerOldest()
        case 3:
            if work == nil, let due = partition.alignmentWork {
                partition.began(due)
                work = due
            }
        case 4: if let work { try finish(work, marks: .max, isAnswered: true) }
        case 5: if partition.recoveryIsDue { recover() }
        case 6:
            if let state = partition.checkpoint { checkpoint = (state, partition.map) }
            if partition.isAwaitingCheckpoint { partition.checkpointed() }
        case 7: advance()
        case 8: try grow()
        case 9: try loseConnection()
        case 10: if let work { try finish(work, marks: dice.number(0..<4), isAnswered: dice.happens(oneIn: 2)) }
        case 11:
            if !inFlight.isEmpty {
                let attempt = inFlight.removeFirst()
                partition.answered(ProduceAnswer(.notEnoughReplicas), to: attempt, at: now, wallClock: 0)
            }
        case 14: if !late.isEmpty { _ = try log.produce(late.removeFirst().records.contiguous) }
        case 12: if dice.happens(oneIn: 4) { try kill() }
        default: if dice.happens(oneIn: 12) { lose() }
        }
    }

    private mutating func fetch() {
        frame += 1
        var answer = SourceAnswer(fetchOffset: partition.nextFetchOffset)
        var bytes = ByteBuffer()
        for batch in source where batch.header.nextOffset > answer.fetchOffset {
            bytes.writeImmutableBuffer(batch.bytes)
            if dice.happens(oneIn: 3) { break }
        }
        if bytes.readableBytes > 0 { answer.records = RecordBytes(bytes) }
        answer.highWatermark = sourceEnd
        partition.fetched(answer, frame: frame, intake: &intake, at: now)
    }

    private mutating func answerOldest() throws {
        guard !inFlight.isEmpty else { return }
        let attempt = inFlight.removeFirst()
        partition.answered(try log.produce(attempt.records.contiguous), to: attempt, at: now, wallClock: 0)
    }

    /// Everything in flight is applied up to some batch, and no answer comes.
    private mutating func loseConnection() throws {
        let applied = dice.number(0..<inFlight.count + 1)
        for attempt in inFlight.prefix(applied) { _ = try log.produce(attempt.records.contiguous) }
        for _ in inFlight { partition.unanswered(backsOff: false, at: now) }
        late += inFlight.dropFirst(applied)
        inFlight = []
    }

    private mutating func finish(_ work: OffsetAlignment.Work, marks: Int, isAnswered: Bool) throws {
        self.work = nil
        var outcome = PartitionReplicator.WorkOutcome.done
        switch work {
        case .deletion(let offset): if isAnswered || marks > 0 { log.delete(before: offset) }
        case .markers(let range):
            for _ in range.prefix(marks) {
                let code = try log.mark(partition.markerProducer)
                if code != .none { outcome = .inDoubt("\(code)") }
            }
            if marks < range.count { outcome = .inDoubt("some are missing") }
        }
        partition.ended(work, isAnswered ? outcome : .inDoubt("no answer"), at: now)
    }

    private mutating func recover() {
        var recovery = PartitionRecovery(partition.recoverySubject, ours: [Self.producerID], fresh: [])
        var target = RecoveryTarget(end: LogEnd(offset: log.end, epoch: log.leaderEpoch), log: log.batches)
        target.lastSequences = [Self.producerID: log.lastSequence]
        target.producers = log.epoch >= 0 ? [ProducerIdentity(id: Self.producerID, epoch: log.epoch)] : []
        let asked = partition.targetLog.leaderEpoch
        target.epochEnd =
            log.batches.first { $0.header.partitionLeaderEpoch > asked }?.header.baseOffset ?? log.end
        target.sourceLog = source
        target.logStart = log.start
        target.answer(&recovery, intake: intake)
        partition.recovered(recovery, at: now, wallClock: 0)
    }

    private mutating func advance() {
        now = now + .seconds(3)
        partition.tick(now: now)
    }

    /// The process ends: what it had sent arrives or does not; another begins with the last checkpoint.
    private mutating func kill() throws {
        let applied = dice.number(0..<inFlight.count + 1)
        for attempt in inFlight.prefix(applied) { _ = try log.produce(attempt.records.contiguous) }
        late += inFlight.dropFirst(applied)
        if case .markers(let range) = work {
            for _ in range.prefix(dice.number(0..<range.count + 1)) { _ = try log.mark(partition.markerProducer) }
        }
        if case .deletion(let offset) = work, dice.happens(oneIn: 2) { log.delete(before: offset) }
        (inFlight, work) = ([], nil)
        kills += 1
        partition = Self.partition(
            checkpoint?.state.sourceOffset ?? start, checkpoint?.map ?? OffsetMap(start: start), log)
        if let checkpoint { partition.restore(checkpoint.state) }
    }

    /// The target elects a leader that lacks its newest batches. Nothing that is on its way arrives.
    private mutating func lose() {
        guard log.end > start || log.start == 0 else { return }
        log.lose(dice.number(1..<4))
        late = []
        for _ in inFlight { partition.unanswered(backsOff: false, at: now) }
        inFlight = []
        if let work { partition.ended(work, .inDoubt("no answer"), at: now) }
        work = nil
        partition.targetDescribed(topicID: PartitionDriver.targetID, leader: 2, epoch: log.leaderEpoch)
    }
}

// Looking.
extension AlignmentModel {
    var isDone: Bool { log.end == sourceEnd && partition.completedOffset == sourceEnd }

    /// Records from the start on, by offset.
    static func records(_ batches: [RecordBatch], from start: Int64) throws -> [Int64: String] {
        var found: [Int64: String] = [:]
        for batch in batches where !batch.header.isControl {
            var records = try batch.records()
            while let record = try records.next() {
                guard record.offset >= start else { continue }
                found[record.offset] = record.value.map { String(buffer: $0) } ?? "null"
            }
        }
        return found
    }

    /// Contents of the target that the source does not hold there; nil for none.
    func flaw() throws -> String? {
        let source = try Self.records(source, from: 0)
        let copies = try Self.records(log.batches, from: 0)
        for (offset, value) in copies where offset >= start && source[offset] != value {
            return "the target holds \(value) at \(offset), the source \(source[offset] ?? "nothing")"
        }
        if let missing = source.keys.first(where: { $0 < log.end && copies[$0] == nil }) {
            return "the target's log ends at \(log.end), and lacks \(missing)"
        }
        if log.end > max(sourceEnd, start) { return "the target ends at \(log.end), the source at \(sourceEnd)" }
        if log.end > start, log.start < start { return "filler is left in front of records" }
        if partition.isStreaming, partition.completedOffset > max(log.end, start) {
            return "\(partition.completedOffset) is completed, and the target's log ends at \(log.end)"
        }
        return stops.first.map { "\($0)" }
    }
}
