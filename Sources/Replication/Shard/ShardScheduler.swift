internal import DequeModule
internal import KafkaClient
internal import KafkaWire
internal import NIOCore

/// The partitions of one shard, and which of them are due for what: to be fetched, sent, recovered, called again. No
/// I/O and no clock.
///
/// It decides nothing about a partition. Each event goes through ``send(to:_:)``, which takes the effects and files the
/// partition under what it wants then, so that nobody else has to remember anything after an event.
struct ShardScheduler {
    private var slots: [Slot] = []
    var budget: FrameBudget
    var intake: BatchIntake
    /// Replicas that partitions are read from instead of their leaders (KIP-392).
    private(set) var readReplicas: ReadReplicas
    private let limits: Limits
    private var bySource: [TopicPartition: Int] = [:]
    /// Partitions of which a source broker's session has yet to be told what has changed.
    private var changedAtSource: [Int32: Set<Int>] = [:]
    private var fullAtSource: [Int32: Set<Int>] = [:]
    /// Bytes to ask for of partitions that need more than usual, by source broker.
    private var largeWishes: [Int32: [Int: Int]] = [:]
    /// Memory that a byte of an answer takes, of late.
    private var expansion = 1.0
    private var readyAtTarget: [Int32: Deque<Int>] = [:]
    /// Partitions of which something has to be found out. Kept apart, since they are asked for after each answer.
    private var questions: Set<Int> = []
    private var recoveries = RecoveryGroups()
    /// Partitions whose source is being asked for its bounds.
    private var ranging: Set<Int> = []
    private var isLearning = false
    private var pausing: Set<Int> = []
    /// Partitions with an event since their progress was last taken.
    private var progressed: [Int] = []
    private var changes = ShardChanges()

    /// Room for rebuilt batches when nothing else is held, in bytes.
    private static let smallestRoom = 1 << 20
    /// Batches that stand for more than this are rare enough to be fetched for nothing now and then.
    private static let largestExpansion = 16.0

    struct Limits: Sendable {
        /// Bytes asked for in one fetch.
        var fetchBytes: Int
        /// Bytes asked for of one partition in one fetch; a larger batch comes all the same.
        var partitionFetchBytes = PartitionReplicator.usualFetchBytes
        /// A partition with more than this waiting for the target is not fetched.
        var partitionBufferBytes: Int
        /// Bytes sent in one produce request, but at least one batch.
        var produceBytes = 4 << 20
    }

    /// A partition, and what it is filed under.
    private struct Slot {
        var partition: PartitionReplicator
        var wish: FetchWish?
        /// The broker that the wish is told to.
        var readFrom: Int32?
        var queuedAt: Int32?
        var hasQuestion = false
        var isPausing = false
        var hasProgressed = false
    }

    /// - Parameter replicaLease: how long a partition is read from a replica before its leader is asked again.
    init(budget: Int, limits: Limits, intake: BatchIntake, replicaLease: Duration) {
        self.budget = FrameBudget(budget: budget)
        readReplicas = ReadReplicas(lifetime: replicaLease)
        self.limits = limits
        self.intake = intake
    }

    var partitions: some RandomAccessCollection<PartitionReplicator> { slots.lazy.map(\.partition) }

    subscript(index: Int) -> PartitionReplicator { slots[index].partition }

    mutating func add(_ partition: PartitionReplicator) {
        guard bySource[partition.source] == nil else { return }
        bySource[partition.source] = slots.count
        slots.append(Slot(partition: partition))
        file(slots.count - 1)
    }

    func index(ofSource partition: TopicPartition) -> Int? { bySource[partition] }

    var isDrained: Bool { slots.allSatisfy(\.partition.isDrained) }

    var sourceBrokers: Set<Int32> { Set(slots.compactMap { $0.readFrom ?? $0.partition.sourceLeader?.broker }) }
    var targetBrokers: Set<Int32> { Set(slots.compactMap(\.partition.targetLog.leader)) }
}

// Events and their effects.
extension ShardScheduler {
    /// Hands an event to a partition.
    @discardableResult
    mutating func send<Result>(to index: Int, _ event: (inout PartitionReplicator) -> Result) -> Result {
        defer { file(index) }
        return event(&slots[index].partition)
    }

    /// Tells a partition something that changes neither its progress nor its wishes.
    mutating func inform(_ index: Int, _ news: (inout PartitionReplicator) -> Void) {
        news(&slots[index].partition)
    }

    mutating func sendAll(_ event: (inout PartitionReplicator) -> Void) {
        for index in slots.indices { send(to: index, event) }
    }

    mutating func apply(_ policies: FlowPolicies) {
        intake.quarantinesDamaged = policies.quarantined == .continue
        sendAll { $0.setPolicies(policies) }
    }

    /// - Returns: how many of the partitions concerned had failed.
    mutating func retry(_ isConcerned: (TopicPartition) -> Bool) -> Int {
        slots.indices.count { index in
            isConcerned(slots[index].partition.source) && send(to: index) { $0.retry() }
        }
    }

    /// Partitions whose position is not known.
    func withoutPosition(_ isConcerned: (TopicPartition) -> Bool) -> Int {
        slots.count { $0.partition.hasNoPosition && isConcerned($0.partition.source) }
    }

    /// An answer to a fetch has arrived.
    mutating func fetched(_ fetched: FetchedPartition, of index: Int, from broker: Int32, at now: NIODeadline) {
        var random = SystemRandomNumberGenerator()
        guard slots[index].partition.expects(fetched.fetchOffset),
            readReplicas.answered(fetched, by: broker, at: now, using: &random) != .returned
        else { return file(index) }
        // With nothing held there is nothing to wait for.
        let room = budget.held > 0 ? budget.available : max(budget.available, Self.smallestRoom)
        slots[index].partition.fetched(
            SourceAnswer(fetched), frame: budget.nextFrame, intake: &intake, room: room, at: now)
        file(index)
    }

    /// Takes the effects of the last event, and files the partition under what it wants now.
    private mutating func file(_ index: Int) {
        apply(slots[index].partition.takeEffects(), index)
        fileWish(index)
        fileReadiness(index)
        let hasQuestion = slots[index].partition.hasOpenQuestion
        if hasQuestion != slots[index].hasQuestion {
            slots[index].hasQuestion = hasQuestion
            if hasQuestion { questions.insert(index) } else { questions.remove(index) }
        }
        if hasQuestion { changes.isRecoveryDue = true }
        let isPausing = slots[index].partition.nextDeadline != nil
        if isPausing != slots[index].isPausing {
            slots[index].isPausing = isPausing
            if isPausing { pausing.insert(index) } else { pausing.remove(index) }
        }
        if isPausing { changes.isDeadlineNew = true }
        guard !slots[index].hasProgressed else { return }
        slots[index].hasProgressed = true
        progressed.append(index)
    }

    private mutating func apply(_ effects: PartitionEffects, _ index: Int) {
        // Booked before anything of it is given back.
        if let held = effects.held {
            budget.book(frame: held.frame, bytes: held.bytes, batches: held.batches)
            learnExpansion(held)
        }
        for frame in effects.released { budget.release(frame) }
        if !effects.released.isEmpty { changes.hasBudget = true }
        if effects.areLeadersStale { changes.areLeadersStale = true }
        for report in effects.reports { changes.reports.append((index, report)) }
    }

    private mutating func fileWish(_ index: Int) {
        let wish = slots[index].partition.fetchWish(limit: limits.partitionBufferBytes)
        let readFrom = wish.map { readReplicas.replica(of: slots[index].partition.source) ?? $0.leader.broker }
        let before = (wish: slots[index].wish, readFrom: slots[index].readFrom)
        guard wish != before.wish || readFrom != before.readFrom else { return }
        slots[index].wish = wish
        slots[index].readFrom = readFrom
        for broker in [before.readFrom, readFrom] {
            guard let broker else { continue }
            changedAtSource[broker, default: []].insert(index)
            changes.sources.insert(broker)
        }
    }

    private mutating func fileReadiness(_ index: Int) {
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
        return progressed.map { index in
            slots[index].hasProgressed = false
            return PartitionProgress(slots[index].partition)
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
    /// Brokers with something new to fetch or to produce.
    var sources: Set<Int32> = []
    var targets: Set<Int32> = []
    /// Bytes of the budget are free again.
    var hasBudget = false
    var isRecoveryDue = false
    var areLeadersStale = false
    /// The next deadline may be earlier than the one known.
    var isDeadlineNew = false
    var reports: [(index: Int, report: PartitionReport)] = []
}

// Fetching.
extension ShardScheduler {
    /// Bytes to ask for in the next fetch; zero while the budget is used up. Where answers become more in memory than
    /// they were, less is asked for.
    var fetchableBytes: Int {
        guard budget.available > 0 else { return 0 }
        return min(limits.fetchBytes, max(1, Int(Double(budget.available) / expansion)))
    }

    private mutating func learnExpansion(_ held: PartitionEffects.HeldFrame) {
        guard held.answered > 0 else { return }
        let ratio = Double(held.bytes) / Double(held.answered)
        expansion += (min(max(ratio, 1), Self.largestExpansion) - expansion) / 8
    }

    /// The largest of the numbers of bytes that partitions of a source broker need in one answer.
    func largestWish(at broker: Int32) -> Int { largeWishes[broker]?.values.max() ?? 0 }

    /// Whether partitions of a source broker are not fetched because the target has yet to take what they hold.
    func leavesOutFullPartitions(at broker: Int32) -> Bool { fullAtSource[broker]?.isEmpty == false }

    /// Tells a broker's session what has changed about its partitions since the last time.
    mutating func update(_ session: inout FetchSession, of broker: Int32) {
        for index in changedAtSource.removeValue(forKey: broker) ?? [] {
            let source = slots[index].partition.source
            let wish = slots[index].readFrom == broker ? slots[index].wish : nil
            if wish?.isFull == true {
                fullAtSource[broker, default: []].insert(index)
            } else {
                fullAtSource[broker]?.remove(index)
            }
            largeWishes[broker, default: [:]][index] = wish?.bytes
            guard let wish, !wish.isFull else {
                session.remove(source)
                continue
            }
            session.want(
                FetchPosition(
                    topic: source.topic, topicID: slots[index].partition.sourceTopicID, partition: source.partition,
                    fetchOffset: wish.offset, maxBytes: Int32(wish.bytes ?? limits.partitionFetchBytes),
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
        for index in slots.indices {
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
    struct Sending: Sendable {
        let index: Int
        let target: TopicPartition
        /// The topic that the batch is meant for; zero when it has no id, or that is not known.
        let topicID: KafkaUUID
        let attempt: ProduceAttempt
    }

    /// Partitions that others lead by now do not count: their old leader would be connected to for nothing.
    func hasWork(atTarget broker: Int32) -> Bool {
        readyAtTarget[broker]?.contains { slots[$0].partition.targetLog.leader == broker } ?? false
    }

    /// The batches of the next produce request to a broker: at most one per partition, in turn.
    mutating func nextSendings(to broker: Int32) -> [Sending] {
        guard var ready = readyAtTarget[broker] else { return [] }
        var sendings: [Sending] = []
        var bytes = 0
        var again: [Int] = []
        while let index = ready.first {
            guard slots[index].partition.targetLog.leader == broker, let size = slots[index].partition.prepareNext()
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
