internal import DequeModule
internal import KafkaClient
internal import KafkaWire
internal import NIOCore

/// The partitions of one shard and everything decided about them. No I/O and no clock: time comes in.
struct ShardState {
    var partitions: [PartitionState] = []
    var ledger: FrameLedger
    /// Where partitions are read that are not read from their leaders.
    var readReplicas = ReadReplicas(lifetime: .seconds(300))
    private var bySource: [TopicPartition: Int] = [:]
    private var changedAtSource: [Int32: Set<Int>] = [:]
    private var fullAtSource: [Int32: Set<Int>] = [:]
    private var readyAtTargetBroker: [Int32: Deque<Int>] = [:]
    /// Partitions whose last attempt failed rest until then.
    private var restingUntil: [Int: NIODeadline] = [:]
    /// What was set aside since it was last asked for: source offsets and why, by partition.
    private var leftOut: [Int: [(Range<Int64>, String)]] = [:]
    /// What partitions wait to learn.
    private(set) var needs: Set<OriginRules.Need> = []
    /// Partitions of which it is not known what the target has. Kept apart, since they are looked for after each answer.
    private(set) var withoutFooting: Set<Int> = []
    /// Partitions whose position the source has refused, for a reason yet to be found.
    private(set) var outOfRange: Set<Int> = []
    private var failuresInARow: [Int: Int] = [:]
    private(set) var intake: PartitionIntake
    let policies: FlowPolicies
    let delivery: DeliveryGuarantee
    private let limits: Limits

    struct Limits: Sendable {
        /// Bytes asked for in one fetch.
        var fetchBytes: Int
        /// Bytes asked for of one partition in one fetch; a larger batch comes all the same.
        var partitionFetchBytes = 1 << 20
        /// A partition with more than this waiting for the target is left out of fetches.
        var partitionBufferBytes: Int
        /// Bytes sent in one produce request, but at least one batch.
        var produceBytes = 4 << 20
    }

    init(
        budget: Int, limits: Limits, intake: PartitionIntake, policies: FlowPolicies, delivery: DeliveryGuarantee
    ) {
        self.policies = policies
        self.delivery = delivery
        ledger = FrameLedger(budget: budget)
        self.limits = limits
        self.intake = intake
    }

    /// Adds partitions, or moves them to the leaders they have now.
    mutating func add(_ partition: PartitionState) {
        guard bySource[partition.source] == nil else { return }
        let index = partitions.count
        partitions.append(partition)
        bySource[partition.source] = index
        setFooting(partition.footing, of: index)
        noteChange(index)
        enqueueIfReady(index)
    }

    mutating func setFooting(_ footing: Footing, of index: Int) {
        partitions[index].footing = footing
        if footing == .firm { withoutFooting.remove(index) } else { withoutFooting.insert(index) }
    }

    mutating func setOutOfRange(_ index: Int, _ isOutOfRange: Bool) {
        partitions[index].isOutOfRange = isOutOfRange
        if isOutOfRange { outOfRange.insert(index) } else { outOfRange.remove(index) }
    }

    var isDrained: Bool {
        partitions.allSatisfy { ($0.window.isEmpty && $0.regression == nil) || !$0.isActive }
    }

    mutating func takeLeftOut(_ index: Int) -> [(Range<Int64>, String)] {
        leftOut.isEmpty ? [] : leftOut.removeValue(forKey: index) ?? []
    }

    mutating func setAside(_ offsets: Range<Int64>, _ reason: String, _ index: Int) {
        leftOut[index, default: []].append((offsets, reason))
    }

    mutating func updateOrigins(_ change: (inout OriginRules) -> Void) {
        change(&intake.origins)
    }

    mutating func removeNeeds(_ isMet: (OriginRules.Need) -> Bool) {
        needs = needs.filter { !isMet($0) }
    }

    func index(ofSource partition: TopicPartition) -> Int? { bySource[partition] }
}

// Fetching.
extension ShardState {
    /// Bytes to ask for in the next fetch; zero while the budget is used up.
    var fetchableBytes: Int { min(limits.fetchBytes, ledger.available) }

    /// Whether partitions of a source broker are left out because the target has yet to take what they hold.
    func leavesOutFullPartitions(at broker: Int32) -> Bool { fullAtSource[broker]?.isEmpty == false }

    /// Tells a broker's session what has changed about its partitions since the last time.
    mutating func update(_ session: inout FetchSession, of broker: Int32, now: NIODeadline) {
        for index in changedAtSource.removeValue(forKey: broker) ?? [] {
            let partition = partitions[index]
            let isFull = partition.bufferedBytes >= limits.partitionBufferBytes
            let isWanted =
                partition.isReadable && partition.fetchRestsUntil <= now && sourceBroker(of: index) == broker
            if isWanted, isFull {
                fullAtSource[broker, default: []].insert(index)
            } else {
                fullAtSource[broker]?.remove(index)
            }
            guard isWanted, !isFull else {
                session.remove(partition.source)
                continue
            }
            session.want(
                FetchPosition(
                    topic: partition.source.topic, topicID: partition.sourceTopicID,
                    partition: partition.source.partition, fetchOffset: partition.position,
                    maxBytes: Int32(limits.partitionFetchBytes),
                    currentLeaderEpoch: partition.sourceLeader?.epoch ?? -1,
                    lastFetchedEpoch: partition.lastReadEpoch))
        }
    }

    /// The source refused the partition for now: it is left out for a while, for longer each time.
    ///
    /// - Returns: when ``endFetchRest(_:)`` is to be called.
    mutating func restFetching(_ index: Int, now: NIODeadline) -> NIODeadline {
        partitions[index].fetchRefusals = min(partitions[index].fetchRefusals + 1, 6)
        let until = now + .milliseconds(25 << Int64(partitions[index].fetchRefusals))
        partitions[index].fetchRestsUntil = until
        noteChange(index)
        return until
    }

    mutating func endFetchRest(_ index: Int) {
        noteChange(index)
    }

    mutating func setPaused(_ index: Int, _ isPaused: Bool) {
        guard partitions[index].isPaused != isPaused else { return }
        partitions[index].isPaused = isPaused
        noteChange(index)
    }

    mutating func setSelected(_ index: Int, _ isSelected: Bool) {
        guard partitions[index].isSelected != isSelected else { return }
        partitions[index].isSelected = isSelected
        noteChange(index)
    }

    mutating func noteChange(_ index: Int) {
        guard let broker = sourceBroker(of: index) else { return }
        noteChange(index, at: broker)
    }

    mutating func noteChange(_ index: Int, at broker: Int32) {
        changedAtSource[broker, default: []].insert(index)
    }

    /// What arrived of one partition becomes batches to send.
    ///
    /// Batches in front of one that cannot be read still go on; see ``dueFailure(_:)``.
    mutating func received(_ fetched: FetchedPartition, index: Int, at now: NIODeadline) {
        partitions[index].highWatermark = fetched.highWatermark
        partitions[index].fetchRefusals = 0
        guard let records = fetched.records, records.readableBytes > 0 else { return }
        let outcome = intake.take(
            records.contiguous, aborted: fetched.abortedTransactions, at: now, into: &partitions[index])
        partitions[index].metrics.took(bytes: records.readableBytes, outcome: outcome)
        partitions[index].readBytes += outcome.sourceBytes
        if let need = outcome.need {
            partitions[index].need = need
            needs.insert(need)
        }
        // Booked before cutting, so that the frame counts while anything of it waits.
        let booked = ledger.book(bytes: records.readableBytes, batches: outcome.batches.count)
        for var batch in outcome.batches {
            if let booked { batch.frames = [booked] }
            partitions[index].bufferedBytes += batch.sizeInBytes
            partitions[index].window.enqueue(
                batch, recordCount: Int32(batch.recordCount), producerID: batch.producerID)
        }
        noteChange(index)
        settlePassed(index)
        if let failure = outcome.failure { partitions[index].endOfReading = failure }
        if !outcome.examined.isEmpty { updateOrigins { $0.examined(outcome.examined) } }
        for damaged in outcome.damaged { setAside(damaged.offsets, damaged.reason, index) }
        enqueueIfReady(index)
    }

    /// Why the partition has to stop now: it cannot be read any further, and the target has all that was read.
    func dueFailure(_ index: Int) -> PartitionState.Failure? {
        partitions[index].isActive && partitions[index].window.isEmpty ? partitions[index].endOfReading : nil
    }

    /// With nothing on the way, everything up to the position has passed.
    mutating func settlePassed(_ index: Int) {
        guard partitions[index].window.isEmpty, partitions[index].regression == nil else { return }
        partitions[index].accounting.skip(partitions[index].openSkips)
        partitions[index].openSkips = [:]
        partitions[index].passed = partitions[index].position
        checkBalance(index)
    }

    /// Every offset that has passed is written or skipped, or the partition stops at once.
    private mutating func checkBalance(_ index: Int) {
        let imbalance = partitions[index].accounting.imbalance(passed: partitions[index].passed)
        guard imbalance != 0, partitions[index].endOfReading == nil else { return }
        partitions[index].endOfReading = PartitionState.Failure(
            reason: .imbalance,
            explanation: "of the source offsets below \(partitions[index].passed), \(imbalance) are accounted for as "
                + "neither written nor skipped: this is a defect of the replicator, please report it")
    }
}

// Producing.
extension ShardState {
    /// One batch of one partition in a produce request.
    struct Sending: Sendable {
        let index: Int
        let target: TopicPartition
        let sequence: Int32
        let records: RecordBytes
    }

    func hasWork(atTarget broker: Int32) -> Bool {
        readyAtTargetBroker[broker]?.isEmpty == false
    }

    /// The batches of the next produce request to a broker: at most one per partition, in turn.
    mutating func nextSendings(to broker: Int32) -> [Sending] {
        guard var ready = readyAtTargetBroker[broker] else { return [] }
        var sendings: [Sending] = []
        var bytes = 0
        var again: [Int] = []
        while let index = ready.first {
            mergeSmallBatches(index)
            guard partitions[index].isActive, partitions[index].footing == .firm,
                partitions[index].targetLeader == broker,
                let upcoming = partitions[index].window.upcoming
            else {
                ready.removeFirst()
                partitions[index].isQueued = false
                continue
            }
            guard bytes == 0 || bytes + upcoming.sizeInBytes <= limits.produceBytes else { break }
            ready.removeFirst()
            guard let attempt = partitions[index].window.next() else { continue }
            bytes += attempt.batch.sizeInBytes
            let patch = BatchHeaderPatch(
                producerID: attempt.producer.id, producerEpoch: attempt.producer.epoch, baseSequence: attempt.sequence)
            sendings.append(
                Sending(
                    index: index, target: partitions[index].target, sequence: attempt.sequence,
                    records: patch.apply(to: attempt.batch.records)))
            if partitions[index].window.canSend { again.append(index) } else { partitions[index].isQueued = false }
        }
        ready.append(contentsOf: again)
        readyAtTargetBroker[broker] = ready
        return sendings
    }

    private mutating func mergeSmallBatches(_ index: Int) {
        guard let upcoming = partitions[index].window.upcoming, upcoming.sizeInBytes <= BatchMerger.small else {
            return
        }
        var (count, difference) = (0, 0)
        partitions[index].window.mergeUnsent(limit: BatchMerger.limit, size: BatchMerger.size) { batches in
            guard let merged = BatchMerger.merge(batches) else { return nil }
            count = batches.count
            difference = batches.reduce(merged.sizeInBytes) { $0 - $1.sizeInBytes }
            return (merged, Int32(merged.recordCount))
        }
        guard count > 0 else { return }
        partitions[index].bufferedBytes += difference
        partitions[index].metrics.merged(batches: count)
    }

    /// The target has the batch.
    ///
    /// - Parameter targetLogStart: where the target's log begins now; -1 when the broker does not tell.
    mutating func written(
        _ index: Int, sequence: Int32, baseOffset: Int64, targetLogStart: Int64, now: NIODeadline, wallClock: Int64
    ) {
        failuresInARow[index] = nil
        partitions[index].obstacle = nil
        let done = partitions[index].window.succeeded(sequence: sequence, baseOffset: baseOffset)
        acknowledge(done, index, now: now, wallClock: wallClock)
        partitions[index].map.trim(belowTarget: targetLogStart)
        checkOrder(index)
        settlePassed(index)
        noteChange(index)
        enqueueIfReady(index)
    }

    /// Takes note of batches that the target has, oldest first.
    mutating func acknowledge(
        _ done: [ProduceWindow<OutgoingBatch>.Acknowledged], _ index: Int, now: NIODeadline, wallClock: Int64
    ) {
        for acknowledged in done {
            let batch = acknowledged.batch
            partitions[index].bufferedBytes -= batch.sizeInBytes
            giveBack(batch)
            guard place(acknowledged.baseOffset, index) else { continue }
            if acknowledged.baseOffset >= 0 {
                partitions[index].map.append(batch.sources, at: acknowledged.baseOffset)
                partitions[index].targetEnd = acknowledged.baseOffset + Int64(batch.recordCount)
            } else {
                partitions[index].map.lose(upTo: batch.sources.end)
            }
            partitions[index].accounting.write(Int64(batch.recordCount))
            partitions[index].accounting.skip(batch.skipped)
            partitions[index].passed = batch.nextSourceOffset
            partitions[index].metrics.acknowledged(
                batch, latencyMilliseconds: batch.maxTimestamp < 0 ? nil : max(0, wallClock - batch.maxTimestamp),
                pipelineNanoseconds: (now - batch.fetchedAt).nanoseconds)
        }
    }

    /// Compares where a batch has landed with where it should have.
    ///
    /// - Parameter baseOffset: -1 when the broker does not tell.
    /// - Returns: false when the target's log has gone backwards: the batch has not passed, and comes once more in its place.
    private mutating func place(_ baseOffset: Int64, _ index: Int) -> Bool {
        let expected = partitions[index].targetEnd
        guard partitions[index].regression == nil else { return false }
        guard baseOffset >= 0, expected >= 0, baseOffset != expected, delivery == .exactlyOnce || baseOffset > expected
        else {
            return true
        }
        if baseOffset > expected {
            partitions[index].accounting.meetForeign(baseOffset - expected)
            partitions[index].metrics.metForeign(baseOffset - expected)
            return true
        }
        // Before anything else goes there, what the target has lost is copied again.
        // Nothing of ours, when only a marker was cut off.
        let gone = partitions[index].map.firstGone(fromTarget: baseOffset).source
        guard gone < partitions[index].map.passed else { return true }
        partitions[index].regression = PartitionState.Regression(target: baseOffset, source: gone)
        loseFooting(index)
        return false
    }

    /// The batch goes out again: after a rest that grows with the number of failures, when `rests`.
    ///
    /// - Parameter isUncertain: the target may have it all the same.
    mutating func notWritten(
        _ index: Int, isUncertain: Bool = false, renewsEpoch: Bool, rests: Bool, now: NIODeadline
    ) {
        partitions[index].window.failed()
        if renewsEpoch { partitions[index].needsNewEpoch = true }
        if isUncertain || renewsEpoch, delivery == .exactlyOnce { loseFooting(index) }
        checkOrder(index)
        takeApartIfRefused(index)
        if rests {
            let failures = min(failuresInARow[index, default: 0] + 1, 6)
            failuresInARow[index] = failures
            restingUntil[index] = now + .milliseconds(50 << Int64(failures))
        }
        if partitions[index].needsNewEpoch, partitions[index].footing == .firm,
            partitions[index].window.answersOutstanding == 0
        {
            partitions[index].needsNewEpoch = false
            partitions[index].window.forgetAcknowledgements()
            for old in partitions[index].window.producers {
                partitions[index].window.renew(ProducerIdentity(id: old.id, epoch: old.epoch &+ 1))
            }
        }
        enqueueIfReady(index)
    }

    /// A broker that has forgotten the producer takes any sequence: a batch may have landed although the one in front of it
    /// was refused. What the target has is looked at then; without a look it all goes out again, in its order.
    private mutating func checkOrder(_ index: Int) {
        let isRefused = partitions[index].refusal != nil
        guard partitions[index].window.isOutOfOrder, delivery == .exactlyOnce || isRefused else { return }
        partitions[index].refusal = nil
        partitions[index].needsNewEpoch = true
        if delivery == .exactlyOnce { loseFooting(index) }
    }

    /// Leaves the partition alone from now on.
    mutating func fail(_ index: Int, _ reason: FailureReason, _ explanation: String) {
        partitions[index].status = .failed(explanation)
        partitions[index].metrics.failed(reason)
        for batch in partitions[index].window.abandon() {
            giveBack(batch)
        }
        partitions[index].bufferedBytes = 0
        noteChange(index)
    }

    /// Partitions whose rest is over are ready again.
    ///
    /// - Returns: when to call again, if any still rests.
    mutating func endRests(now: NIODeadline) -> NIODeadline? {
        for (index, until) in restingUntil where until <= now {
            restingUntil[index] = nil
            enqueueIfReady(index)
        }
        return restingUntil.values.min()
    }

    mutating func enqueueIfReady(_ index: Int) {
        guard !partitions[index].isQueued, partitions[index].isActive, restingUntil[index] == nil,
            partitions[index].footing == .firm,
            partitions[index].window.canSend, let leader = partitions[index].targetLeader
        else { return }
        partitions[index].isQueued = true
        readyAtTargetBroker[leader, default: []].append(index)
    }
}

// Leaders.
extension ShardState {
    /// Takes in who leads what now.
    mutating func update(source: ClusterMetadata?, target: ClusterMetadata?) {
        for index in partitions.indices {
            if let source { updateSource(index, source) }
            if let target { updateTarget(index, target) }
        }
    }

    /// Partitions whose topic was deleted and created again since they were taken in. Clusters without topic ids do
    /// not tell.
    func recreatedPartitions(_ source: ClusterMetadata) -> [(index: Int, topicID: KafkaUUID)] {
        partitions.indices.compactMap { index in
            let partition = partitions[index]
            guard partition.isActive, partition.sourceTopicID != .zero,
                let id = source.topics[partition.source.topic]?.id, id != .zero, id != partition.sourceTopicID
            else { return nil }
            return (index, id)
        }
    }

    private mutating func updateSource(_ index: Int, _ metadata: ClusterMetadata) {
        let name = partitions[index].source
        guard let found = metadata.partition(name.topic, name.partition), let broker = found.leader else {
            return
        }
        let leader = PartitionState.Leader(broker: broker, epoch: found.leaderEpoch)
        if leader != partitions[index].sourceLeader || hasLostReplica(index, metadata) { leaveReplica(index) }
        guard leader != partitions[index].sourceLeader else { return }
        noteChange(index)
        partitions[index].sourceLeader = leader
        noteChange(index)
    }

    private mutating func updateTarget(_ index: Int, _ metadata: ClusterMetadata) {
        let name = partitions[index].target
        guard let broker = metadata.partition(name.topic, name.partition)?.leader else { return }
        if let id = metadata.topics[name.topic]?.id, id != .zero, id != partitions[index].targetTopicID {
            if partitions[index].targetTopicID != .zero {
                partitions[index].isTargetRecreated = true
                if delivery == .exactlyOnce { loseFooting(index) }
            }
            partitions[index].targetEpoch = -1
            partitions[index].seenTargetEpoch = -1
            partitions[index].targetTopicID = id
        }
        if let epoch = metadata.partition(name.topic, name.partition)?.leaderEpoch,
            epoch > partitions[index].seenTargetEpoch
        {
            partitions[index].seenTargetEpoch = epoch
            leaderEpochChanged(index)
        }
        guard broker != partitions[index].targetLeader else { return }
        if let old = partitions[index].targetLeader { readyAtTargetBroker[old]?.removeAll { $0 == index } }
        partitions[index].targetLeader = broker
        partitions[index].isQueued = false
        enqueueIfReady(index)
    }

    var sourceBrokers: Set<Int32> { Set(partitions.indices.compactMap(sourceBroker(of:))) }
    var targetBrokers: Set<Int32> { Set(partitions.compactMap(\.targetLeader)) }
}
