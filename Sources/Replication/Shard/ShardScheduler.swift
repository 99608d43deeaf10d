internal import DequeModule
package import KafkaClient
package import KafkaWire
package import NIOCore

/// The partitions of one shard, and which of them are due for what: to be fetched, sent, recovered, called again. No
/// I/O and no clock.
///
/// It decides nothing about a partition. Each event goes through ``send(to:_:)``, which takes the effects and files the
/// partition under what it wants then, so that nobody else has to remember anything after an event.
package struct ShardScheduler {
    private var slots: [Slot] = []
    package var budget: FrameBudget
    var intake: BatchIntake
    /// Replicas that partitions are read from instead of their leaders (KIP-392).
    private(set) var readReplicas: ReadReplicas
    private let limits: Limits
    private var bySource: [TopicPartition: Int] = [:]
    private var lanes = FetchLanes()
    /// Bytes to ask for over a lane's connection.
    private var laneWindows: [FetchLane: FetchWindow] = [:]
    /// Partitions of which a lane's session has yet to be told what has changed.
    private var changedInLane: [FetchLane: Set<Int>] = [:]
    private var fullInLane: [FetchLane: Set<Int>] = [:]
    /// Partitions with something that waits for the target.
    private var holding: Set<Int> = []
    private var silentTargets = SilentTargets()
    private var silentAnswers = SilentAnswers()
    /// Target brokers that partitions have had so far.
    private var knownTargets: Set<Int32> = []
    /// Bytes to ask for of partitions that need more than usual.
    private var largeWishes: [FetchLane: [Int: Int]] = [:]
    /// Memory that a byte of an answer takes, of late.
    private var expansion = 1.0
    private var readyAtTarget: [Int32: Deque<Int>] = [:]
    /// Partitions of which something has to be found out. Kept apart, since they are asked for after each answer.
    private var questions: Set<Int> = []
    private var recoveries = RecoveryGroups()
    /// Partitions with work at the target that is due before their next batch.
    private var aligning: Set<Int> = []
    /// Partitions whose source is being asked for its bounds.
    private var ranging: Set<Int> = []
    private var isLearning = false
    private var pausing: Set<Int> = []
    /// Partitions with an event since their progress was last taken.
    private var progressed: [Int] = []
    /// Slots of partitions that are released, and have reached the target with everything.
    private var drained: Set<Int> = []
    /// Slots whose partitions are gone, and that something may still refer to.
    private var left: Set<Int> = []
    private var vacant: [Int] = []
    private var changes = ShardChanges()

    /// Room for rebuilt batches when nothing else is held, in bytes.
    private static let smallestRoom = 1 << 20
    /// Batches that stand for more than this are rare enough to be fetched for nothing now and then.
    private static let largestExpansion = 16.0

    package struct Limits: Sendable {
        /// Bytes asked for in one fetch from nearby.
        var fetchBytes: Int
        /// Bytes asked for of one partition in one fetch from nearby; a larger batch comes all the same.
        var partitionFetchBytes = PartitionReplicator.usualFetchBytes
        /// Bytes sent in one produce request, but at least one batch.
        var produceBytes = 4 << 20

        /// - Parameter budget: bytes that the shard may hold.
        package init(budget: Int) {
            fetchBytes = min(8 << 20, max(1 << 20, budget / 3))
        }
    }

    /// A partition, and what it is filed under.
    private struct Slot {
        var partition: PartitionReplicator
        var wish: FetchWish?
        /// The lane that the wish is told to.
        var lane: FetchLane?
        var window: FetchWindow
        /// See ``SilentAnswers``.
        var toldIn = 0
        var queuedAt: Int32?
        var hasQuestion = false
        var isPausing = false
        var hasProgressed = false
        var isHolding = false
        var isAligning = false
        /// The partition is gone; the slot is used again when nothing refers to it.
        var isLeft = false
    }

    /// - Parameter replicaLease: how long a partition is read from a replica before its leader is asked again.
    package init(budget: Int, limits: Limits, intake: BatchIntake, replicaLease: Duration) {
        self.budget = FrameBudget(budget: budget)
        readReplicas = ReadReplicas(lifetime: replicaLease)
        self.limits = limits
        self.intake = intake
    }

    var partitions: some Collection<PartitionReplicator> { slots.lazy.filter { !$0.isLeft }.map(\.partition) }

    /// Looks at each partition where it is: a copy of one counts references for all that it holds.
    package func forEach(_ body: (borrowing PartitionReplicator) -> Void) {
        let slots = slots.span
        for index in slots.indices where !slots[index].isLeft { body(slots[index].partition) }
    }

    /// Slots of the partitions that a question is answered with yes for, looked at where they are.
    private func indexes(where isConcerned: (borrowing PartitionReplicator) -> Bool) -> [Int] {
        let slots = slots.span
        var found: [Int] = []
        for index in slots.indices where !slots[index].isLeft && isConcerned(slots[index].partition) {
            found.append(index)
        }
        return found
    }

    package subscript(index: Int) -> PartitionReplicator { slots[index].partition }

    /// Makes room for so many more partitions, no more than that: a slot takes more than a kilobyte.
    package mutating func reserve(_ count: Int) {
        let free = vacant.count + slots.capacity - slots.count
        // A few at a time are left to grow as arrays do.
        if count > free, count > slots.count / 8 { slots.reserveCapacity(slots.count + count - vacant.count) }
    }

    package mutating func add(_ partition: PartitionReplicator) {
        guard bySource[partition.source] == nil else { return }
        if vacant.isEmpty { reclaim() }
        let index = vacant.popLast() ?? slots.count
        let slot = Slot(partition: partition, window: FetchWindow(usual: limits.partitionFetchBytes))
        if index == slots.count { slots.append(slot) } else { slots[index] = slot }
        bySource[partition.source] = index
        file(index)
    }

    func index(ofSource partition: TopicPartition) -> Int? { bySource[partition] }

    var isDrained: Bool { slots.allSatisfy(\.partition.isDrained) }

    var sourceBrokers: Set<Int32> {
        Set(slots.compactMap { $0.isLeft ? nil : $0.lane?.broker ?? $0.partition.sourceLeader?.broker })
    }
    var targetBrokers: Set<Int32> { Set(slots.compactMap { $0.isLeft ? nil : $0.partition.targetLog.leader }) }
}

// Events and their effects.
extension ShardScheduler {
    /// Hands an event to a partition.
    @discardableResult
    package mutating func send<Result>(to index: Int, _ event: (inout PartitionReplicator) -> Result) -> Result {
        defer { file(index) }
        return event(&slots[index].partition)
    }

    /// Tells a partition something that changes neither its progress nor its wishes.
    mutating func inform(_ index: Int, _ news: (inout PartitionReplicator) -> Void) {
        news(&slots[index].partition)
    }

    /// - Parameter isConcerned: whether the event is one for a partition.
    mutating func sendAll(
        where isConcerned: (borrowing PartitionReplicator) -> Bool = { _ in true },
        _ event: (inout PartitionReplicator) -> Void
    ) {
        for index in indexes(where: isConcerned) { send(to: index, event) }
    }

    mutating func apply(_ policies: FlowPolicies) {
        intake.quarantinesDamaged = policies.quarantined == .continue
        sendAll { $0.setPolicies(policies) }
    }

    /// - Returns: how many of the partitions concerned had failed.
    mutating func retry(_ isConcerned: (TopicPartition) -> Bool) -> Int {
        slots.indices.count { index in
            !slots[index].isLeft && isConcerned(slots[index].partition.source) && send(to: index) { $0.retry() }
        }
    }

    /// Partitions whose position is not known.
    func withoutPosition(_ isConcerned: (TopicPartition) -> Bool) -> Int {
        slots.count { !$0.isLeft && $0.partition.hasNoPosition && isConcerned($0.partition.source) }
    }

    /// An answer to a fetch has arrived.
    ///
    /// - Parameter roundTrip: to the broker and back.
    package mutating func fetched(
        _ fetched: FetchedPartition, of index: Int, in lane: FetchLane, roundTrip: TimeAmount, at now: NIODeadline
    ) {
        var random = SystemRandomNumberGenerator()
        guard slots[index].partition.expects(fetched.fetchOffset),
            readReplicas.answered(fetched, by: lane.broker, at: now, using: &random) != .returned
        else { return file(index) }
        // With nothing held there is nothing to wait for.
        let room = budget.held > 0 ? budget.available : max(budget.available, Self.smallestRoom)
        slots[index].partition.fetched(
            SourceAnswer(fetched), frame: budget.nextFrame, intake: &intake, room: room, at: now)
        if let bytes = fetched.records?.readableBytes {
            slots[index].window.answered(bytes, roundTrip: roundTrip, most: backlogShare, at: now)
        }
        fileLane(index, after: fetched, in: lane, isFar: roundTrip >= Self.far)
        file(index)
    }

    private mutating func fileLane(_ index: Int, after fetched: FetchedPartition, in lane: FetchLane, isFar: Bool) {
        guard fetched.errorCode == .none, fetched.preferredReadReplica == nil else { return }
        let end = min(fetched.highWatermark, fetched.lastStableOffset >= 0 ? fetched.lastStableOffset : .max)
        let hasBacklog = slots[index].partition.nextFetchOffset < end
        // Without a session others that took all the bytes leave an empty answer.
        if hasBacklog, fetched.records == nil { return }
        lanes.answered(
            index, at: lane.broker, hasBacklog: hasBacklog, lanes: isFar ? FetchLane.mostBacklogs : 1)
        if lanes.hasReturning(to: lane.broker) { changes.sources.insert(.tails(lane.broker)) }
    }

    /// A fetch was answered as a whole.
    package mutating func answered(_ lane: FetchLane, bytes: Int, roundTrip: TimeAmount, at now: NIODeadline) {
        guard !lane.isForTails, bytes > 0 else { return }
        laneWindows[lane, default: FetchWindow(usual: limits.fetchBytes)].answered(
            bytes, roundTrip: roundTrip, most: backlogShare, at: now)
    }

    private var backlogShare: Int { budget.backlogShare(of: lanes.backlogLanes) }

    /// A round trip from which on a broker is far: waiting for it takes longer than what an answer of the usual size does.
    static let far: TimeAmount = .milliseconds(10)

    /// A fetch was answered within its session: what it does not name has nothing new.
    package mutating func answeredInSession(_ lane: FetchLane, at now: NIODeadline) {
        silentAnswers.answered(lane, at: now)
    }

    /// Partitions whose source has to be asked where the log ends, since neither answers nor their silence tell.
    package mutating func takeEndsDue(at now: NIODeadline) -> [Int] {
        var due: [Int] = []
        let (untold, answers) = (changedInLane, silentAnswers)
        var slots = slots.mutableSpan
        for index in slots.indices where !slots[index].isLeft && slots[index].partition.needsSourceEnd(at: now) {
            // A replica tells where its own log ends, which may be behind the leader's.
            if let lane = slots[index].lane, lane.broker == slots[index].partition.sourceLeader?.broker,
                slots[index].wish?.isFull == false, untold[lane]?.contains(index) != true,
                let heardAt = answers.silence(of: lane, since: slots[index].toldIn)
            {
                slots[index].partition.heardNothing(at: heardAt, now: now)
                guard slots[index].partition.needsSourceEnd(at: now) else { continue }
            }
            due.append(index)
        }
        return due
    }

    /// Takes the effects of the last event, and files the partition under what it wants now.
    private mutating func file(_ index: Int) {
        apply(slots[index].partition.takeEffects(), index)
        let isHolding = slots[index].partition.bufferedBytes > 0
        if isHolding != slots[index].isHolding {
            slots[index].isHolding = isHolding
            if isHolding { holding.insert(index) } else { holding.remove(index) }
        }
        fileWish(index)
        fileReadiness(index)
        let hasQuestion = slots[index].partition.hasOpenQuestion
        if hasQuestion != slots[index].hasQuestion {
            slots[index].hasQuestion = hasQuestion
            if hasQuestion { questions.insert(index) } else { questions.remove(index) }
        }
        if hasQuestion { changes.isRecoveryDue = true }
        fileAlignment(index)
        let isPausing = slots[index].partition.nextDeadline != nil
        if isPausing != slots[index].isPausing {
            slots[index].isPausing = isPausing
            if isPausing { pausing.insert(index) } else { pausing.remove(index) }
        }
        if isPausing { changes.isDeadlineNew = true }
        fileRelease(index)
        guard !slots[index].hasProgressed else { return }
        slots[index].hasProgressed = true
        progressed.append(index)
    }

    private mutating func apply(_ effects: PartitionEffects, _ index: Int) {
        // Booked before anything of it is given back.
        if let held = effects.held {
            budget.book(frame: held.frame, bytes: held.bytes, batches: held.batches)
            learnExpansion(held)
            if let leader = slots[index].partition.targetLog.leader { silentTargets.took(held.bytes, for: leader) }
        }
        for frame in effects.released { budget.release(frame) }
        if !effects.released.isEmpty {
            changes.hasBudget = true
            if let leader = slots[index].partition.targetLog.leader { silentTargets.acknowledged(by: leader) }
        }
        if effects.areLeadersStale { changes.areLeadersStale = true }
        for report in effects.reports { changes.reports.append((index, report)) }
    }

    private mutating func fileWish(_ index: Int) {
        let wish = slots[index].partition.fetchWish(limit: limit(of: index))
        let broker = wish.map { readReplicas.replica(of: slots[index].partition.source) ?? $0.leader.broker }
        let before = (wish: slots[index].wish, lane: slots[index].lane)
        if before.lane != nil, before.lane?.broker != broker { lanes.leave(index) }
        let lane = broker.map { lanes.lane(of: index, at: $0) }
        guard wish != before.wish || lane != before.lane else { return }
        slots[index].wish = wish
        slots[index].lane = lane
        for lane in [before.lane, lane] {
            guard let lane else { continue }
            changedInLane[lane, default: []].insert(index)
            changes.sources.insert(lane)
        }
    }

    /// Bytes waiting for the target with which a partition is full.
    private func limit(of index: Int) -> Int {
        if !silentTargets.silent.isEmpty, let leader = slots[index].partition.targetLog.leader,
            silentTargets.silent.contains(leader)
        {
            return 0
        }
        return budget.largestPartition
    }

    private mutating func fileReadiness(_ index: Int) {
        if let leader = slots[index].partition.targetLog.leader { knownTargets.insert(leader) }
        guard let leader = slots[index].partition.targetLog.leader, slots[index].partition.isReadyToSend else { return }
        if let queuedAt = slots[index].queuedAt {
            guard queuedAt != leader else { return }
            readyAtTarget[queuedAt]?.removeAll { $0 == index }
        }
        slots[index].queuedAt = leader
        readyAtTarget[leader, default: []].append(index)
        changes.targets.insert(leader)
    }

    /// Progress of the partitions that had an event since the last call.
    mutating func takeProgress() -> [PartitionProgress] {
        defer { progressed = [] }
        return progressed.compactMap { index in
            slots[index].hasProgressed = false
            return slots[index].isLeft ? nil : PartitionProgress(slots[index].partition)
        }
    }

    /// Changes for the shard by the events since the last call.
    mutating func takeChanges() -> ShardChanges {
        defer { changes = ShardChanges() }
        return changes
    }
}

/// Work of a shard after events of its partitions.
struct ShardChanges {
    /// Lanes with something new to fetch.
    var sources: Set<FetchLane> = []
    /// Brokers with something new to produce.
    var targets: Set<Int32> = []
    /// Bytes of the budget are free again.
    var hasBudget = false
    var isRecoveryDue = false
    var isAlignmentDue = false
    var areLeadersStale = false
    /// The next deadline may be earlier than the one known.
    var isDeadlineNew = false
    var reports: [(index: Int, report: PartitionReport)] = []
    /// Partitions that are released have reached the target with everything.
    var hasReleased = false
}

// Partitions that others take over.
extension ShardScheduler {
    /// Reads partitions no further, so that others can take them over when the target has what was read.
    mutating func release(_ sources: [TopicPartition]) {
        for source in sources {
            guard let index = bySource[source] else { continue }
            send(to: index) { $0.setReleasing() }
        }
    }

    /// Partitions that were released and have reached the target with everything: they are gone from here.
    mutating func takeReleased() -> [PartitionProgress] {
        let released = drained.sorted().map { PartitionProgress(slots[$0].partition) }
        for index in drained { leave(index) }
        return released
    }

    /// Drops partitions with everything that the target has yet to acknowledge.
    ///
    /// - Parameter sources: nil for all.
    mutating func letGo(_ sources: [TopicPartition]?) {
        for index in sources.map({ $0.compactMap { bySource[$0] } }) ?? Array(bySource.values) { leave(index) }
    }

    /// Has progress told once more, although nothing has happened.
    mutating func tellAgain(_ sources: [TopicPartition]) {
        for source in sources {
            if let index = bySource[source] { file(index) }
        }
    }

    private mutating func fileRelease(_ index: Int) {
        guard slots[index].partition.isReleasing, !slots[index].isLeft else { return }
        if slots[index].partition.isDrained {
            drained.insert(index)
            changes.hasReleased = true
        } else {
            drained.remove(index)
        }
    }

    private mutating func leave(_ index: Int) {
        let source = slots[index].partition.source
        readReplicas.leave(source)
        slots[index].partition.letGo()
        slots[index].isLeft = true
        bySource[source] = nil
        drained.remove(index)
        left.insert(index)
        if let broker = slots[index].queuedAt {
            readyAtTarget[broker]?.removeAll { $0 == index }
            slots[index].queuedAt = nil
        }
        file(index)
    }

    /// Makes room of slots that nothing refers to any more.
    private mutating func reclaim() {
        guard !left.isEmpty else { return }
        let told = changedInLane.values.reduce(into: Set<Int>()) { $0.formUnion($1) }
        for index in left {
            guard !slots[index].hasProgressed, !slots[index].partition.awaitsAnswers, !recoveries.holds(index),
                !ranging.contains(index), !told.contains(index)
            else { continue }
            left.remove(index)
            vacant.append(index)
        }
    }
}

// Fetching.
extension ShardScheduler {
    /// Bytes to ask for in the next fetch; zero while the budget is used up. Where answers become more in memory than
    /// they were, less is asked for.
    package func fetchableBytes(in lane: FetchLane) -> Int {
        let available = lane.isForTails ? budget.available : budget.availableToBacklogs
        guard available > 0 else { return 0 }
        let wanted =
            lane.isForTails
            ? max(1, budget.tailFetch)
            : min(laneWindows[lane]?.bytes ?? limits.fetchBytes, max(limits.fetchBytes, backlogShare))
        return min(wanted, max(1, Int(Double(available) / expansion)))
    }

    private mutating func learnExpansion(_ held: PartitionEffects.HeldFrame) {
        guard held.answered > 0 else { return }
        let ratio = Double(held.bytes) / Double(held.answered)
        expansion += (min(max(ratio, 1), Self.largestExpansion) - expansion) / 8
    }

    /// The largest of the numbers of bytes that partitions need in one answer.
    func largestWish(in lane: FetchLane) -> Int { largeWishes[lane]?.values.max() ?? 0 }

    /// Tells whether partitions are not fetched because the target has yet to take what they hold.
    package func leavesOutFullPartitions(in lane: FetchLane) -> Bool { fullInLane[lane]?.isEmpty == false }

    /// Looks again at fullness, before each fetch: it follows from what all other partitions hold.
    private mutating func lookAtFullness(in lane: FetchLane) {
        guard budget.mayFill || !silentTargets.silent.isEmpty || leavesOutFullPartitions(in: lane) else { return }
        for broker in lookAtTargets() {
            for index in slots.indices where slots[index].partition.targetLog.leader == broker { refile(index) }
        }
        for index in holding where slots[index].lane == lane { refile(index) }
        for index in fullInLane[lane] ?? [] { refile(index) }
    }

    /// - Returns: target brokers that have become silent, or are not any more.
    private mutating func lookAtTargets() -> Set<Int32> {
        // Beside a single one there is nobody to leave memory to.
        guard knownTargets.count > 1 else { return [] }
        var held: [Int32: Int] = [:]
        for index in holding {
            guard let leader = slots[index].partition.targetLog.leader else { continue }
            held[leader, default: 0] += slots[index].partition.bufferedBytes
        }
        let smallest = budget.tailShare / (2 * knownTargets.count)
        return silentTargets.look(held: held, limit: max(budget.largestPartition, smallest))
    }

    private mutating func refile(_ index: Int) {
        guard !slots[index].isLeft, let wish = slots[index].wish,
            wish.isFull != (slots[index].partition.bufferedBytes >= limit(of: index))
        else { return }
        fileWish(index)
    }

    /// Tells a lane's session what has changed about its partitions since the last time.
    package mutating func update(_ session: inout FetchSession, of lane: FetchLane) {
        if lane.isForTails {
            for index in lanes.takeReturning(to: lane.broker) { fileWish(index) }
        }
        lookAtFullness(in: lane)
        let round = silentAnswers.told(lane)
        for index in changedInLane.removeValue(forKey: lane) ?? [] {
            let source = slots[index].partition.source
            // It may have come back to another slot meanwhile.
            if slots[index].isLeft, let present = bySource[source], slots[present].lane == lane {
                fullInLane[lane]?.remove(index)
                largeWishes[lane]?[index] = nil
                continue
            }
            let wish = slots[index].lane == lane ? slots[index].wish : nil
            if wish?.isFull == true {
                fullInLane[lane, default: []].insert(index)
            } else {
                fullInLane[lane]?.remove(index)
            }
            largeWishes[lane, default: [:]][index] = wish?.bytes
            guard let wish, !wish.isFull else {
                session.remove(source)
                continue
            }
            slots[index].toldIn = round
            let usual = lane.isForTails ? limits.partitionFetchBytes : slots[index].window.bytes
            session.want(
                FetchPosition(
                    topic: source.topic, topicID: slots[index].partition.sourceTopicID, partition: source.partition,
                    fetchOffset: wish.offset, maxBytes: Int32(wish.bytes.map { max($0, usual) } ?? usual),
                    currentLeaderEpoch: wish.leader.epoch, lastFetchedEpoch: wish.readEpoch))
        }
    }
}

// Reading from replicas in place of leaders (KIP-392). The rules are those of ``ReadReplicas``.
extension ShardScheduler {
    /// A broker could not be used: partitions that are read there as from a replica are read from their leaders again.
    mutating func replicaFailed(_ broker: Int32, at now: NIODeadline) {
        var random = SystemRandomNumberGenerator()
        for partition in readReplicas.partitions(at: broker) {
            readReplicas.failed(partition, at: now, using: &random)
            if let index = bySource[partition] { file(index) }
        }
    }

    /// Asks leaders again whose partitions have been read from replicas for long enough.
    mutating func endReplicaLeases(at now: NIODeadline) {
        for ended in readReplicas.endLeases(at: now) {
            if let index = bySource[ended.partition] { file(index) }
        }
    }

    /// Partitions whose leader is another one, or whose replica is none any more, are read from their leaders.
    mutating func leaveLostReplicas(_ metadata: ClusterMetadata) {
        guard !readReplicas.isEmpty else { return }
        for index in slots.indices where !slots[index].isLeft {
            let source = slots[index].partition.source
            guard let replica = readReplicas.replica(of: source),
                let found = metadata.partition(source.topic, source.partition), let broker = found.leader
            else { continue }
            let leader = PartitionLeader(broker: broker, epoch: found.leaderEpoch)
            if leader == slots[index].partition.sourceLeader, metadata.brokers[replica] != nil,
                found.replicas.contains(replica)
            {
                continue
            }
            readReplicas.leave(source)
            file(index)
        }
    }
}

// Producing.
extension ShardScheduler {
    /// One batch of one partition in a produce request.
    package struct Sending: Sendable {
        package let index: Int
        package let target: TopicPartition
        /// The topic that the batch is meant for; zero when it has no id, or that is not known.
        package let topicID: KafkaUUID
        package let attempt: ProduceAttempt

        package init(index: Int, target: TopicPartition, topicID: KafkaUUID, attempt: ProduceAttempt) {
            self.index = index
            self.target = target
            self.topicID = topicID
            self.attempt = attempt
        }
    }

    /// Partitions that others lead by now do not count: their old leader would be connected to for nothing.
    package func hasWork(atTarget broker: Int32) -> Bool {
        readyAtTarget[broker]?.contains { slots[$0].partition.targetLog.leader == broker } ?? false
    }

    /// The batches of the next produce request to a broker: at most one per partition, in turn.
    ///
    /// - Parameter isFar: small batches cost more than they do nearby.
    package mutating func nextSendings(to broker: Int32, isFar: Bool = false) -> [Sending] {
        guard var ready = readyAtTarget[broker] else { return [] }
        var sendings: [Sending] = []
        var bytes = 0
        var again: [Int] = []
        while let index = ready.first {
            guard slots[index].partition.targetLog.leader == broker,
                let size = slots[index].partition.prepareNext(merging: isFar ? .far : .nearby)
            else {
                ready.removeFirst()
                slots[index].queuedAt = nil
                continue
            }
            guard bytes == 0 || bytes + size <= limits.produceBytes else { break }
            ready.removeFirst()
            slots[index].queuedAt = nil
            guard let attempt = slots[index].partition.nextAttempt() else { continue }
            bytes += size
            sendings.append(
                Sending(
                    index: index, target: slots[index].partition.target,
                    topicID: slots[index].partition.targetLog.topicID, attempt: attempt))
            if slots[index].partition.isReadyToSend { again.append(index) }
        }
        for index in again { slots[index].queuedAt = broker }
        ready.append(contentsOf: again)
        readyAtTarget[broker] = ready
        return sendings
    }
}

// Work at the target where copies keep their offsets.
extension ShardScheduler {
    /// Work of one partition that its leader is asked for.
    struct Alignment: Sendable {
        let index: Int
        let target: TopicPartition
        let producer: ProducerIdentity
        let work: OffsetAlignment.Work
    }

    private mutating func fileAlignment(_ index: Int) {
        guard slots[index].partition.alignment != nil else { return }
        let isDue = !slots[index].isLeft && slots[index].partition.alignmentWork != nil
        if isDue { changes.isAlignmentDue = true }
        guard isDue != slots[index].isAligning else { return }
        slots[index].isAligning = isDue
        if isDue { aligning.insert(index) } else { aligning.remove(index) }
    }

    /// Work that is due, by the broker that leads; the caller does it, and hands its outcome to each partition.
    mutating func takeAlignments() -> [Int32: [Alignment]] {
        var work: [Int32: [Alignment]] = [:]
        for index in aligning.sorted() {
            guard let due = slots[index].partition.alignmentWork, let leader = slots[index].partition.targetLog.leader
            else { continue }
            send(to: index) { $0.began(due) }
            work[leader, default: []].append(
                Alignment(
                    index: index, target: slots[index].partition.target,
                    producer: slots[index].partition.markerProducer, work: due))
        }
        return work
    }
}

// Recovery, and what partitions wait to learn.
extension ShardScheduler {
    var needs: Set<OriginRules.Need> { Set(questions.compactMap { slots[$0].partition.need }) }

    /// - Returns: whether there is something to learn that nobody is finding out yet; then the caller is, until
    ///   ``endNeeds()``.
    mutating func takeNeeds() -> Bool {
        guard !isLearning, !needs.isEmpty else { return false }
        isLearning = true
        return true
    }

    mutating func endNeeds() { isLearning = false }

    /// Partitions whose position the source has refused, for the caller to find out about until ``rangesFound(_:)``.
    mutating func takeOutOfRange() -> [Int] {
        let due = questions.filter { slots[$0].partition.isOutOfRange && !ranging.contains($0) }.sorted()
        ranging.formUnion(due)
        return due
    }

    mutating func rangesFound(_ indexes: [Int]) { ranging.subtract(indexes) }

    /// Partitions to recover, for the caller to do so until ``ended(_:)``.
    ///
    /// - Parameter isInTrouble: whether a source broker is: what is read there may have to wait for it.
    mutating func takeRecoveries(sourceIsInTrouble isInTrouble: (Int32) -> Bool) -> [RecoveryGroups.Group] {
        let due = questions.filter { slots[$0].partition.recoveryIsDue && !recoveries.holds($0) }
        guard !due.isEmpty else { return [] }
        return recoveries.begin(due) { index in
            let partition = slots[index].partition
            return RecoveryGroups.Brokers(
                target: partition.hasTargetLeader ? partition.targetLog.leader : nil,
                sourceIsInTrouble: !partition.hasSourceLeader
                    || (partition.sourceLeader.map { isInTrouble($0.broker) } ?? true))
        }
    }

    mutating func ended(_ group: RecoveryGroups.Group) { recoveries.end(group) }

    mutating func learn(_ ids: Set<Int64>, _ found: [Int64: Provenance]) {
        intake.origins.learn(ids, found)
        learned { if case .origin(let id) = $0 { ids.contains(id) } else { false } }
    }

    mutating func learn(producerID: Int64, for provenance: Provenance) {
        intake.origins.producerIDs[provenance] = producerID
        learned { $0 == .producer(provenance) }
    }

    private mutating func learned(_ isMet: (OriginRules.Need) -> Bool) {
        for index in questions where slots[index].partition.need != nil { send(to: index) { $0.learned(isMet) } }
    }

    /// An id whose epochs are used up gives way to another.
    mutating func replace(_ used: Int64, by successor: Int64, for provenance: Provenance) {
        intake.origins.producerIDs[provenance] = successor
        sendAll { $0.replaceProducer(used, by: successor) }
    }
}

// Time.
extension ShardScheduler {
    var nextDeadline: NIODeadline? { pausing.compactMap { slots[$0].partition.nextDeadline }.min() }

    /// Calls the partitions whose pauses are over.
    mutating func tick(now: NIODeadline) {
        for index in pausing where slots[index].partition.nextDeadline.map({ $0 <= now }) ?? false {
            send(to: index) { $0.tick(now: now) }
        }
    }
}
