import KafkaClient
import KafkaCompression
import KafkaWire
import NIOCore
import Replication
import Testing

/// A partition whose copy keeps its source's offsets, with a source and a target that are a few lines each: steps are drawn,
/// and after each of them the target must hold nothing that the source does not have in that place, unless the hazard of
/// the model explains it.
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

    /// Something that the offsets may not survive: then the partition has to stop.
    enum Hazard: String, CaseIterable, CustomTestStringConvertible {
        case none
        /// The source loses its end, and grows again in a later leader epoch.
        case sourceCut
        case sourceRecreated
        /// The target loses its end, and what was on its way arrives all the same.
        case targetCut
        /// The target forgets our producer now and then.
        case forgetfulTarget
        /// Markers of a process that was killed arrive later.
        case lateMarkers
        /// DescribeProducers is not allowed.
        case silentTarget

        var testDescription: String { rawValue }

        /// Records or markers may take each other's places.
        var misplaces: Bool {
            switch self {
            case .none, .sourceCut, .sourceRecreated: false
            case .targetCut, .forgetfulTarget, .lateMarkers, .silentTarget: true
            }
        }
    }

    let hazard: Hazard
    let cleanup: CleanupPolicy
    let holes: HoleChoice
    /// The target refuses some records for good, and policy is to leave them out.
    let refusesSome: Bool
    var dice: Dice
    var source: AlignmentSource
    private(set) var start: Int64
    var log = AlignmentTarget()
    var partition: PartitionReplicator
    var intake: BatchIntake
    var now = NIODeadline.uptimeNanoseconds(1_000_000_000)
    var inFlight: [ProduceAttempt] = []
    /// Sent over connections that are lost, and not arrived yet.
    var late: [ProduceAttempt] = []
    var lateMarkers: [ProducerIdentity] = []
    var work: OffsetAlignment.Work?
    var checkpoint: (state: Checkpoint, map: OffsetMap)?
    var kills = 0
    private(set) var expirations = 0
    private(set) var stops: [PartitionFailure] = []
    /// Times that the hazard could have done harm.
    private(set) var strikes = 0
    /// The hazard may have done what a partition has to stop for.
    private var mayStop = false
    private var frame = 0

    init(
        seed: UInt64, start: Int64, hazard: Hazard = .none, cleanup: CleanupPolicy = .delete,
        holes: HoleChoice = .markers, refusesSome: Bool = false
    ) throws {
        self.hazard = hazard
        self.cleanup = cleanup
        self.holes = holes
        self.refusesSome = refusesSome
        log.refusesSome = refusesSome
        dice = Dice(seed: seed)
        self.start = start
        source = AlignmentSource(start: start)
        var origins = OriginRules(sourceCluster: "S", targetCluster: "T", isIdentical: false, stamps: false)
        origins.producerIDs[origins.usual] = Self.producerID
        intake = BatchIntake(planner: BatchPlanner(compression: .keep, addsLoopHeader: false), origins: origins)
        partition = Self.partition(start, OffsetMap(start: start), source, log, cleanup, holes)
        if refusesSome { partition.setPolicies(Self.leavingOut) }
        for _ in 0..<5 { try source.grow(&dice) }
    }

    private static var leavingOut: FlowPolicies {
        var policies = FlowPolicies()
        policies.quarantined = .continue
        return policies
    }

    private static func partition(
        _ position: Int64, _ map: OffsetMap, _ source: AlignmentSource, _ log: AlignmentTarget,
        _ cleanup: CleanupPolicy, _ holes: HoleChoice
    ) -> PartitionReplicator {
        var rules = PartitionReplicator.Rules(
            policies: FlowPolicies(), delivery: .exactlyOnce, keepsOffsets: true, targetCluster: "west")
        rules.alignment.holes = holes
        rules.alignment.fillerSize = cleanup == .delete ? 100 : 6
        rules.alignment.shortestFilled = 4
        var partition = PartitionReplicator(
            source: TopicPartition("orders", 0), target: TopicPartition("orders", 0),
            sourceTopicID: source.topicID, metrics: TopicMetrics(flow: "test", topic: "orders"),
            rewriter: RecordRewriter(compression: .keep, loopGuard: nil, limit: .default),
            rules: rules, position: position, map: map, producer: ProducerIdentity(id: producerID, epoch: 0))
        partition.sourceDescribed(
            topicID: source.topicID, leader: PartitionLeader(broker: 1, epoch: source.epoch))
        partition.targetDescribed(topicID: PartitionDriver.targetID, leader: 2, epoch: log.leaderEpoch)
        partition.setCleanup(cleanup)
        return partition
    }

    private mutating func takeEffects() {
        for case .stopped(let failure, _) in partition.takeEffects().reports { stops.append(failure) }
    }
}

// Steps.
extension AlignmentModel {
    /// - Parameter faults: whether anything may go wrong.
    mutating func step(faults: Bool) throws {
        defer {
            takeEffects()
            // Retention has passed over the beginning.
            if expirations > 0 { start = partition.accounting.start }
        }
        switch dice.number(0..<(faults ? 17 : 8)) {
        case 0: fetch()
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
        case 8: try source.grow(&dice)
        case 9: try loseConnection()
        case 10: if let work { try finish(work, marks: dice.number(0..<4), isAnswered: dice.happens(oneIn: 2)) }
        case 11:
            if !inFlight.isEmpty {
                let attempt = inFlight.removeFirst()
                partition.answered(ProduceAnswer(.notEnoughReplicas), to: attempt, at: now, wallClock: 0)
            }
        case 12: if dice.happens(oneIn: 4) { try kill() }
        case 13: if dice.happens(oneIn: hazard == .targetCut ? 6 : 12) { try lose() }
        case 14: try arriveLate()
        case 15: if dice.happens(oneIn: 4) { try source.compact(&dice) }
        default: if dice.happens(oneIn: 6) { try strike() }
        }
        // What a person does about it.
        if !partition.isActive, faults, dice.happens(oneIn: 20) {
            if dice.happens(oneIn: 2) { try kill() } else { _ = partition.retry() }
        }
    }

    private mutating func fetch() {
        if partition.isOutOfRange { return partition.foundSourceRange(start: source.start, end: source.end) }
        guard let wish = partition.fetchWish(limit: .max) else { return }
        frame += 1
        let answer = source.answer(
            from: wish.offset, of: partition.sourceTopicID, readEpoch: wish.readEpoch, &dice)
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
        if hazard == .silentTarget, !late.isEmpty { mayStop = true }
    }

    private mutating func arriveLate() throws {
        if !late.isEmpty {
            _ = try log.produce(late.removeFirst().records.contiguous)
        } else if !lateMarkers.isEmpty {
            mayStop = true
            strikes += 1
            _ = try log.mark(lateMarkers.removeFirst())
        }
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
            if marks < range.count || log.end != range.upperBound { outcome = .inDoubt("some are missing") }
        }
        partition.ended(work, isAnswered ? outcome : .inDoubt("no answer"), at: now)
    }

    private mutating func recover() {
        var recovery = PartitionRecovery(partition.recoverySubject, ours: [Self.producerID], fresh: [])
        var target = RecoveryTarget(end: LogEnd(offset: log.end, epoch: log.leaderEpoch), log: log.batches)
        target.lastSequences = [Self.producerID: log.lastSequence]
        target.producers = log.epoch >= 0 ? [ProducerIdentity(id: Self.producerID, epoch: log.epoch)] : []
        if hazard == .silentTarget { target.producers = nil }
        let asked = partition.targetLog.leaderEpoch
        target.epochEnd =
            log.batches.first { $0.header.partitionLeaderEpoch > asked }?.header.baseOffset ?? log.end
        target.sourceLog = source.batches
        target.sourceEnd = source.end
        target.logStart = log.start
        target.answer(&recovery, intake: intake)
        partition.recovered(recovery, at: now, wallClock: 0)
    }

    private mutating func advance() {
        now = now + .seconds(3)
        partition.tick(now: now)
        partition.sourceDescribed(
            topicID: source.topicID, leader: PartitionLeader(broker: 1, epoch: source.epoch))
    }

    /// The process ends: what it had sent arrives or does not; another begins with the last checkpoint.
    mutating func kill() throws {
        let applied = dice.number(0..<inFlight.count + 1)
        for attempt in inFlight.prefix(applied) { _ = try log.produce(attempt.records.contiguous) }
        late += inFlight.dropFirst(applied)
        // Where nobody tells the last sequence, what comes late is not recognised.
        if hazard == .silentTarget, !late.isEmpty { mayStop = true }
        if case .markers(let range) = work {
            let applied = dice.number(0..<range.count + 1)
            for _ in range.prefix(applied) { _ = try log.mark(partition.markerProducer) }
            if hazard == .lateMarkers {
                lateMarkers += range.dropFirst(applied).map { _ in partition.markerProducer }
            }
        }
        if case .deletion(let offset) = work, dice.happens(oneIn: 2) { log.delete(before: offset) }
        (inFlight, work) = ([], nil)
        kills += 1
        if checkpoint == nil, source.start != start { start = source.start }
        partition = Self.partition(
            checkpoint?.state.sourceOffset ?? start, checkpoint?.map ?? OffsetMap(start: start), source, log, cleanup,
            holes)
        if refusesSome { partition.setPolicies(Self.leavingOut) }
        if let checkpoint {
            partition.restore(checkpoint.state)
            partition.setCleanup(cleanup)
        }
    }

    /// Another flow continues the copy where it ends, as if others had made it.
    mutating func adopt() throws {
        let state = Checkpoint(
            sourceOffset: log.end, targetOffset: log.end, sourceLeaderEpoch: -1,
            sourceTopicID: source.topicID.hexadecimal, map: partition.map.edge,
            targetTopicID: PartitionDriver.targetID.hexadecimal,
            accounting: Accounting(start: log.end, adopted: AdoptedCopies(doubled: 0, missing: 0, filled: 0)))
        checkpoint = (state, partition.map)
        try kill()
    }

    /// Retention of the source passes over the place where the copy begins, while the target is brought there.
    mutating func expireBeginning() throws {
        guard partition.alignment?.isBeginning == true, inFlight.count + late.count == 0 || log.end < start else {
            return
        }
        try source.grow(&dice)
        source.expire()
        expirations += 1
    }

    /// The target elects a leader that lacks its newest batches.
    mutating func lose() throws {
        guard log.end > start || log.start == 0 else { return }
        log.lose(dice.number(1..<4))
        var arriving: [ProduceAttempt] = []
        if hazard == .targetCut {
            arriving = inFlight
            if !inFlight.isEmpty || work != nil || !late.isEmpty {
                mayStop = true
                strikes += 1
            }
        } else {
            late = []
        }
        for _ in inFlight { partition.unanswered(backsOff: false, at: now) }
        inFlight = []
        if let work {
            if case .markers(let range) = work, hazard == .targetCut {
                for _ in range.prefix(3) { _ = try log.mark(partition.markerProducer) }
            }
            partition.ended(work, .inDoubt("no answer"), at: now)
        }
        work = nil
        for attempt in arriving { _ = try log.produce(attempt.records.contiguous) }
        partition.targetDescribed(topicID: PartitionDriver.targetID, leader: 2, epoch: log.leaderEpoch)
    }

    private mutating func strike() throws {
        switch hazard {
        case .none, .targetCut, .lateMarkers, .silentTarget: break
        case .sourceCut:
            let reached = max(log.end, partition.nextFetchOffset)
            let cut = source.lose(&dice)
            // What a killed process has sent before is not to arrive after that.
            late = []
            guard cut < reached else { return }
            mayStop = true
            strikes += 1
        case .sourceRecreated:
            source.recreate()
            mayStop = true
            strikes += 1
        case .forgetfulTarget:
            log.forget()
            strikes += 1
            mayStop = true
        }
    }
}

// Looking.
extension AlignmentModel {
    var isDone: Bool {
        log.end == source.end && partition.completedOffset == source.end && source.topicID == partition.sourceTopicID
    }

    /// The first offset that holds something else than at the source, or holds something although the source ends in front
    /// of it; nil for none.
    var difference: Int64? { (start..<max(start, log.end)).first { !isSame($0) } }

    private func isSame(_ offset: Int64) -> Bool {
        guard offset < source.end else { return false }
        let copy = log.contents[offset]
        if copy == source.contents[offset] { return true }
        if copy == nil, isRefused(offset) { return true }
        guard copy != nil, let former = source.compacted[offset] else { return false }
        return copy == former || hazard.misplaces
    }

    /// The target takes no record that the source has there, or has had.
    private func isRefused(_ offset: Int64) -> Bool {
        refusesSome
            && (source.contents[offset] ?? source.compacted[offset]).map(AlignmentTarget.refuses) == true
    }

    /// Contents of the target that nothing explains; nil for none.
    func flaw() -> String? {
        if let stop = stops.first(where: { !isExpected($0) }) { return "\(stop)" }
        // Filler that comes late may lie behind the start: then the partition has to stop in front of the first record.
        if (hazard.misplaces && mayStop ? partition.completedOffset : log.end) > start, log.start < start,
            hazard != .sourceRecreated, cleanup != .compact
        {
            return "filler is left in front of records"
        }
        if partition.isStreaming, log.leaderEpoch == partition.targetLog.leaderEpoch,
            partition.completedOffset > max(log.end, start),
            // Markers in the places of refused records come last.
            !(max(log.end, start)..<partition.completedOffset).allSatisfy(isRefused)
        {
            return "\(partition.completedOffset) is completed, and the target's log ends at \(log.end)"
        }
        guard let difference else { return nil }
        return hazard.misplaces ? misplaced(from: difference) : replaced(from: difference)
    }

    private func isExpected(_ failure: PartitionFailure) -> Bool {
        guard mayStop else { return false }
        return switch hazard {
        case .none: false
        case .sourceCut: [.truncated, .offsetsDiffer].contains(failure.reason)
        case .sourceRecreated: failure.reason == .recreated
        case .targetCut, .forgetfulTarget, .lateMarkers, .silentTarget: failure.reason == .offsetsDiffer
        }
    }

    /// Offset from which on the target's contents were in that place of a log that is gone, and nothing of the present one came
    /// behind it.
    private func replaced(from first: Int64) -> String? {
        for offset in first..<log.end {
            let copy = log.contents[offset]
            guard mayStop, source.had(copy, at: offset) else {
                return "the target holds \(copy ?? "nothing") at \(offset), the source "
                    + "\(source.contents[offset] ?? "nothing"), and ends at \(source.end)"
            }
            if let copy, copy == source.contents[offset] {
                return "\(copy) has come behind \(log.contents[first] ?? "a marker") at \(first), where the source has "
                    + "\(source.contents[first] ?? "nothing")"
            }
        }
        return nil
    }

    /// Records in a wrong place are not taken for completed, unless compaction has left the place empty.
    private func misplaced(from first: Int64) -> String? {
        let copy = log.contents[first] ?? "nothing"
        let what = "the target holds \(copy) at \(first), the source \(source.contents[first] ?? "nothing")"
        guard mayStop else { return what }
        let isCurrent = partition.isStreaming && log.leaderEpoch == partition.targetLog.leaderEpoch
        return isCurrent && partition.completedOffset > first
            ? what + ", and \(partition.completedOffset) is completed" : nil
    }
}
