package import KafkaClient
package import KafkaWire
package import NIOCore

/// One source partition and its counterpart on the target: all that is known of them, and every rule about them.
///
/// A value without I/O and clock. An event is a call, with the time where it matters; its effects are left in
/// ``takeEffects()``. The wishes of the partition (to be fetched, sent, recovered, called again later) are asked for
/// after each event: ``fetchWish(limit:)``, ``isReadyToSend``, ``recoveryIsDue``, ``nextDeadline``.
package struct PartitionReplicator: Sendable {
    package let source: TopicPartition
    package let target: TopicPartition
    let metrics: TopicMetrics
    var rewriter: RecordRewriter
    private(set) var rules: Rules

    package internal(set) var phase = PartitionPhase.recovering(.init())
    /// Phase to take up again when a partition that has failed is tried again.
    private var phaseBeforeFailure: PartitionPhase?
    /// The position of the partition is not known: to begin anywhere would double or leave out records.
    private(set) var hasNoPosition = false

    // The source.

    /// Changes when the topic is recreated and replication continues with the new one.
    package internal(set) var sourceTopicID: KafkaUUID {
        didSet {
            guard sourceTopicID != oldValue else { return }
            rewriter.loopGuard = rewriter.loopGuard?.ofTopic(sourceTopicID)
        }
    }
    /// The topic that has the source's name by the cluster's metadata; zero before it is known.
    var describedTopicID = KafkaUUID.zero
    /// The topics of the same name that were copied before.
    package internal(set) var formerTopicIDs = FormerTopicIDs()
    package internal(set) var sourceLeader: PartitionLeader?
    package internal(set) var cursor: SourceCursor
    package internal(set) var reading = SourceReading.reading
    package internal(set) var highWatermark: Int64 = -1
    var sourceEnd = SourceEnd()
    /// The source's last answer to a fetch that brought nothing; nil once it brings something, or has nothing new.
    var sourceObstacle: String?
    /// The clusters' metadata name a leader.
    var hasSourceLeader = true
    var hasTargetLeader = true
    var fetchDelay = RetryDelay(initial: .milliseconds(50), maximum: .seconds(1))
    /// Answers in a row that brought bytes, and nothing that could be taken.
    var unhelpfulAnswers = 0
    /// Bytes to ask for, once the usual number was too small for a batch.
    var fetchBytes: Int?
    /// Batches met so far that are not as a log should hold them.
    var irregularBatches = 0
    /// Bytes of source batches taken in by this run.
    var readBytes: Int64 = 0
    /// Bytes of batches that the target has acknowledged to this run.
    var writtenBytes: Int64 = 0
    /// Batches that the target has acknowledged to this run.
    var writtenBatches: Int64 = 0
    /// An operator does not want it read for now.
    package internal(set) var isPaused = false
    /// False when the configuration has changed so that the topic is no longer copied.
    package internal(set) var isSelected = true
    /// It goes to another instance: nothing more is read, and the target still gets what was.
    package internal(set) var isReleasing = false

    // Progress.

    /// Every source offset below it is written to the target, or skipped for a counted reason.
    package internal(set) var completedOffset: Int64 {
        didSet {
            map.pass(completedOffset)
            // Copies of it are gone. Read from its beginning on, what lies in front of it would be taken for compacted.
            guard let sample, sample.sources.upperBound > completedOffset else { return }
            self.sample = nil
            isCompared = false
        }
    }
    /// Place of each record's copy. Copies are appended before ``completedOffset`` moves beyond their records; where
    /// they are not known, `lose(upTo:)`.
    package internal(set) var map: OffsetMap
    package internal(set) var accounting: Accounting

    // The target.

    package internal(set) var targetLog = TargetLog()
    package internal(set) var window: ProduceWindow<OutgoingBatch>
    package internal(set) var bufferedBytes = 0
    var sendDelay = RetryDelay(initial: .milliseconds(100), maximum: .seconds(1))
    var recoveryDelay = RetryDelay(initial: .milliseconds(100), maximum: .seconds(1))
    /// The target refuses the oldest batch for good: it is bisected once nothing is in flight.
    var rejection: ProduceVerdict.Rejection?
    /// The target's last answer to a batch that it may take later; nil once it takes one.
    package internal(set) var obstacle: String?
    /// The source's last answer, while it is one that cannot be true.
    package internal(set) var impossibleAnswer: String?
    /// Reason why the last attempt to find out what the target has failed, for when that lasts.
    var lastRecoveryError: String?
    /// The partition was streaming before in this run.
    var hasStreamed = false
    /// The last copies were compared with the source's records, as far as there was anything to compare.
    var isCompared = false
    /// Copies that the source is compared with when it is read next; nil for none.
    package internal(set) var sample: CopySample?
    /// Highest epochs that an earlier run is known to have used, by producer id.
    var recordedEpochs: [Int64: Int16] = [:]
    /// Sequences that would have followed on what an earlier run had completed.
    var recordedFollowing: [ProducerStamp] = []
    /// Ids to use in place of those whose epochs are used up.
    var successors: [Int64: Int64] = [:]

    /// Nil where offsets are translated.
    package internal(set) var alignment: OffsetAlignment?

    private var effects = PartitionEffects()

    /// Settings of the flow that decide about its partitions.
    package struct Rules: Sendable {
        package var policies: FlowPolicies
        package var delivery: DeliveryGuarantee
        /// Copies have the offsets of their source.
        package var keepsOffsets: Bool
        /// State of copies that keep their offsets.
        package var alignment = OffsetAlignment.Rules()
        /// The clusters' names, for messages.
        package var sourceCluster: String
        package var targetCluster: String

        package init(
            policies: FlowPolicies, delivery: DeliveryGuarantee, keepsOffsets: Bool = false,
            sourceCluster: String = "the source", targetCluster: String
        ) {
            self.policies = policies
            self.delivery = delivery
            self.keepsOffsets = keepsOffsets
            self.sourceCluster = sourceCluster
            self.targetCluster = targetCluster
            set(policies)
        }

        /// Behind a log that was cut, or is another one, offsets could not be those of the source.
        mutating func set(_ policies: FlowPolicies) {
            self.policies = policies
            guard keepsOffsets else { return }
            self.policies.truncated = .stop
            self.policies.recreated = .stop
        }

        /// Advice for a person, behind an explanation; copies that keep their offsets have other ways out.
        func remedy(_ usual: String) -> String { keepsOffsets ? Self.differingRemedy : ". \(usual)" }

        static let differingRemedy =
            ". With offsets: preserve the copy cannot continue there: delete the target topic and copy it with a flow of "
            + "another name, or use offsets: translate"

        static let unrecordedRemedy =
            ". Delete the target topic and have the partition tried again (replicator retry): the flow creates and fills it; or, "
            + "where it is a copy with equal offsets, stop the flow and take it over (replicator adopt)"
    }

    /// The target's log as far as it is known.
    package struct TargetLog: Hashable, Sendable {
        /// Id of the topic; zero when unknown.
        package var topicID = KafkaUUID.zero
        /// The topics of the same name that were there before.
        package var formerTopicIDs = FormerTopicIDs()
        package var leader: Int32?
        /// Everything of ours below this offset is accounted for, and the next batch should be appended there; -1
        /// before anything is known.
        package var endOffset: Int64 = -1
        /// Leader epoch of the log when it was last read: records below ``endOffset`` were written in this one or
        /// earlier. A log loses its end only when its leader changes, and then begins another. -1 when the broker does
        /// not tell.
        package var leaderEpoch: Int32 = -1
        /// The leader epoch by the cluster's metadata.
        package var metadataEpoch: Int32 = -1
        /// The topic was recreated since the last recovery.
        package var isRecreated = false
    }

    package init(
        source: TopicPartition, target: TopicPartition, sourceTopicID: KafkaUUID, metrics: TopicMetrics,
        rewriter: RecordRewriter, rules: Rules, position: Int64, map: OffsetMap, producer: ProducerIdentity
    ) {
        self.source = source
        self.target = target
        self.sourceTopicID = sourceTopicID
        self.metrics = metrics
        self.rewriter = rewriter
        self.rules = rules
        cursor = SourceCursor(position: position)
        completedOffset = position
        self.map = map
        accounting = Accounting(start: position)
        window = ProduceWindow(producer: producer)
        if rules.keepsOffsets {
            alignment = OffsetAlignment(start: position, rules: rules.alignment)
            self.rewriter.keepsOffsets = true
        }
    }

    /// The effects of all events since the last call.
    package mutating func takeEffects() -> PartitionEffects {
        failIfDrained()
        defer { effects = PartitionEffects() }
        return effects
    }

    mutating func report(_ report: PartitionReport) {
        effects.reports.append(report)
    }

    mutating func release(_ batch: OutgoingBatch) {
        effects.release(batch.frames)
    }

    mutating func hold(_ frame: PartitionEffects.HeldFrame) {
        effects.held = frame
    }

    mutating func refreshLeaders() {
        effects.areLeadersStale = true
    }
}

// Events of any phase.
extension PartitionReplicator {
    /// - Parameter bytes: what the target topic takes in one batch.
    package mutating func setLargestBatch(_ bytes: Int) {
        rewriter.largestBatch = bytes
    }

    package mutating func setPaused(_ isPaused: Bool) {
        self.isPaused = isPaused
    }

    package mutating func setSelected(_ isSelected: Bool) {
        self.isSelected = isSelected
    }

    package mutating func setReleasing() {
        isReleasing = true
    }

    /// It belongs to another instance, or may by now: nothing more is done for it.
    package mutating func letGo() {
        for batch in window.abandon() { release(batch) }
        bufferedBytes = 0
        rejection = nil
        phase = .failed(PartitionFailure(.abandoned, "another instance has it"), isIdle: false)
    }

    package mutating func setPolicies(_ policies: FlowPolicies) {
        rules.set(policies)
    }

    /// An operator wants a partition that has failed to be tried again: from what is completed, as a restart would. What
    /// the target has of the rest is found out first, and batches that are still on their way to it are waited for.
    ///
    /// - Returns: whether it had failed.
    package mutating func retry() -> Bool {
        guard case .failed(let failure, _) = phase, !hasNoPosition else { return false }
        switch phaseBeforeFailure {
        case .awaitingCheckpoint(let recovering): phase = .awaitingCheckpoint(recovering)
        case .recovering(let recovering): phase = .recovering(recovering)
        case .unknownOutcome(let unknown): phase = .recovering(.init(truncation: unknown.truncation))
        case .streaming, .failed, nil: phase = .recovering(.init())
        }
        phaseBeforeFailure = nil
        dropBuffered()
        reading = .reading
        obstacle = nil
        sourceObstacle = nil
        impossibleAnswer = nil
        lastRecoveryError = nil
        unhelpfulAnswers = 0
        fetchBytes = nil
        sample = nil
        isCompared = false
        fetchDelay.reset()
        sendDelay.reset()
        recoveryDelay.reset()
        // A leader, or the topic itself, may be another one by now.
        refreshLeaders()
        report(.retried(failure))
        checkGeneration()
        return true
    }

    /// Time has passed: pauses that are over end.
    package mutating func tick(now: NIODeadline) {
        fetchDelay.tick(now: now)
        sendDelay.tick(now: now)
        recoveryDelay.tick(now: now)
    }

    /// The flow stops before the target has taken everything.
    package mutating func abandon() {
        guard !isDrained else { return }
        fail(PartitionFailure(.abandoned, "the flow stopped before the target acknowledged everything"))
    }

    /// Leaves a partition alone whose position is not known: only a person can say where it is to begin.
    package mutating func failWithoutPosition(_ failure: PartitionFailure) {
        hasNoPosition = true
        fail(failure)
    }

    /// Leaves the partition alone from now on.
    mutating func fail(_ failure: PartitionFailure) {
        guard isActive else { return }
        let isIdle = isIdle
        phaseBeforeFailure = phase
        phase = .failed(failure, isIdle: isIdle)
        for batch in window.abandon() { release(batch) }
        bufferedBytes = 0
        rejection = nil
        report(.stopped(failure, offset: cursor.position))
    }

    /// A partition that cannot be read any further fails once the target has all that was read.
    private mutating func failIfDrained() {
        guard case .draining(let failure) = reading, case .streaming = phase, window.isEmpty else { return }
        fail(failure)
    }

    /// With nothing on the way, everything up to the position is completed.
    mutating func completeIfIdle() {
        guard window.isEmpty, truncation == nil else { return }
        // Markers in the places of what was skipped come first.
        if alignment != nil, targetLog.endOffset < cursor.position {
            _ = checkHole(cursor.position - targetLog.endOffset, isFillable: false)
            return
        }
        guard comparePresentHole(upTo: cursor.position, cursor.openSkips) else { return }
        accounting.skip(cursor.openSkips)
        cursor.openSkips = [:]
        if alignment != nil { completeInPlace(upTo: cursor.position) } else { completedOffset = cursor.position }
        checkBalance()
    }

    /// Every completed offset is written or skipped, or the partition stops at once.
    private mutating func checkBalance() {
        let imbalance = accounting.imbalance(passed: completedOffset)
        guard imbalance != 0 else { return }
        if case .draining = reading { return }
        reading = .draining(
            PartitionFailure(
                .imbalance,
                "of the source offsets below \(completedOffset), \(imbalance) are accounted for as "
                    + "neither written nor skipped: this is a defect of the replicator, please report it"))
    }

    /// Forgets what was read and not yet acknowledged; it will be read again.
    mutating func dropBuffered() {
        for batch in window.abandon() { release(batch) }
        bufferedBytes = 0
        rejection = nil
        cursor.openSkips = [:]
        alignment?.openSkips = [:]
        alignment?.fillerEnd = -1
        alignment?.present?.rewind(to: completedOffset)
        if case .draining = reading { reading = .reading }
        cursor.position = completedOffset
    }
}

// Wishes and state.
extension PartitionReplicator {
    package var isActive: Bool { if case .failed = phase { false } else { true } }

    package var isStreaming: Bool { if case .streaming = phase { true } else { false } }

    /// The target's log has to be read before anything is read from the source.
    var isRecovering: Bool {
        switch phase {
        case .recovering, .awaitingCheckpoint: true
        case .streaming, .unknownOutcome, .failed: false
        }
    }

    package var isAwaitingCheckpoint: Bool { if case .awaitingCheckpoint = phase { true } else { false } }

    var truncation: TargetTruncation? {
        switch phase {
        case .recovering(let recovering), .awaitingCheckpoint(let recovering): recovering.truncation
        case .unknownOutcome(let unknown): unknown.truncation
        case .streaming, .failed: nil
        }
    }

    /// Nothing is on its way to the target that the map does not know.
    package var isIdle: Bool {
        if case .failed(_, let isIdle) = phase { return isIdle }
        return window.isEmpty && isStreaming && !hasTrailingHole && alignment?.underWay == nil
    }

    /// Answers to what was sent are still to come.
    var awaitsAnswers: Bool { window.answersOutstanding > 0 || alignment?.underWay != nil }

    /// Nothing is left to be done when the flow stops.
    package var isDrained: Bool {
        !isActive || (window.isEmpty && truncation == nil && !hasTrailingHole && alignment?.underWay == nil)
    }

    /// - Parameter limit: with this many bytes waiting for the target the partition is full.
    /// - Returns: nil while it is not to be fetched.
    package func fetchWish(limit: Int) -> FetchWish? {
        guard isActive, reading == .reading, !isPaused, isSelected, !isReleasing, !isRecovering,
            fetchDelay.until == nil, alignment?.isBeginning != true,
            let sourceLeader
        else { return nil }
        return FetchWish(
            leader: sourceLeader, offset: nextFetchOffset, readEpoch: cursor.leaderEpoch,
            isFull: bufferedBytes >= limit, bytes: fetchBytes)
    }

    /// The next offset to fetch: where there are copies to compare, that of the first of their originals.
    package var nextFetchOffset: Int64 { sample?.sources.lowerBound ?? cursor.position }

    package var isReadyToSend: Bool {
        isStreaming && sendDelay.until == nil && targetLog.leader != nil && window.canSend && isNextInPlace
    }

    /// It has to be found out what the target has. False while that cannot be asked.
    package var recoveryIsDue: Bool {
        switch phase {
        case .recovering, .unknownOutcome:
            !awaitsAnswers && recoveryDelay.until == nil && targetLog.leader != nil
        case .streaming, .awaitingCheckpoint, .failed: false
        }
    }

    /// Knowledge that the next batch waits for.
    package var need: OriginRules.Need? {
        guard isActive, case .waiting(let need) = reading else { return nil }
        return need
    }

    /// The bounds of the source's log are to be asked for.
    package var isOutOfRange: Bool { isActive && reading == .outOfRange }

    /// Something has to be found out before the partition can continue.
    var hasOpenQuestion: Bool {
        switch phase {
        case .failed: false
        case .recovering, .unknownOutcome, .awaitingCheckpoint: true
        case .streaming: need != nil || isOutOfRange
        }
    }

    /// Time at which ``tick(now:)`` has something to do; nil when only another event can change the partition.
    package var nextDeadline: NIODeadline? {
        guard isActive else { return nil }
        var next = fetchDelay.until
        for until in [sendDelay.until, recoveryDelay.until].compactMap({ $0 }) { next = min(next ?? until, until) }
        return next
    }

}
