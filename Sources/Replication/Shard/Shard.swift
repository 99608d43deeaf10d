internal import KafkaClient
internal import KafkaWire
internal import Logging
internal import NIOCore

/// A slice of a flow's partitions on one event loop, with connections of its own. Everything that happens to a
/// partition happens here, so nothing is locked and nothing crosses threads.
///
/// One task per lane of a source broker fetches, one per target broker produces, one recovers partitions, one per cluster follows
/// leaders. They turn what they hear into events of partitions; the effects are executed in one place, ``perform()``.
actor Shard {
    nonisolated let eventLoop: any EventLoop
    nonisolated var unownedExecutor: UnownedSerialExecutor { eventLoop.executor.asUnownedSerialExecutor() }
    /// Keeps the tasks that fetch and produce on the event loop while they wait.
    private let taskExecutor: EventLoopTaskExecutor

    let source: ClusterClient
    let target: ClusterClient
    let logger: Logger
    let wallClock: @Sendable () -> Int64
    let rateLimit: RateLimit
    let own: FlowProducerIDs
    let sourceOrigins: OriginTable
    /// Attempts in a row to find out where records come from.
    var originFailures = 0
    /// Target partitions of which the last answer could not be true.
    var disbelieved: Set<TopicPartition> = []
    let recoverySignal = Signal()
    let alignmentSignal = Signal()
    let sourceThrottle: ThrottleMeter
    let targetThrottle: ThrottleMeter

    /// The shard's place among those of the flow.
    let number: Int
    let troubles: TroubleLog
    /// Asked before anything is written.
    let lease: InstanceLease
    /// Notified when partitions have been released, or taken away by others.
    let partsDue: Signal
    var fenced: [TopicPartition] = []
    var givesUpFenced = false
    var scheduler: ShardScheduler
    private(set) var isDraining = false
    /// Everything fetched has reached the target: nothing is taken in any more.
    private(set) var hasEnded = false
    private var sourceLinks: [Int32: BrokerLink] = [:]
    private var laneLinks: [FetchLane: LaneLink] = [:]
    private var targetLinks: [Int32: BrokerLink] = [:]
    private let sourceLeadersSignal = Signal()
    private let targetLeadersSignal = Signal()
    /// Time of the next scheduled call of ``tick()``.
    private var tickAt: NIODeadline?
    private let newLinks: AsyncStream<NewLink>
    private let newLinksContinuation: AsyncStream<NewLink>.Continuation

    private enum NewLink {
        case source(FetchLane)
        case target(Int32)
    }

    init(
        source: ClusterClient, target: ClusterClient, eventLoop: any EventLoop, scheduler: ShardScheduler,
        rateLimit: RateLimit, own: FlowProducerIDs, sourceOrigins: OriginTable, number: Int, troubles: TroubleLog,
        lease: InstanceLease, partsDue: Signal, logger: Logger, wallClock: @escaping @Sendable () -> Int64
    ) {
        self.lease = lease
        self.partsDue = partsDue
        self.number = number
        self.troubles = troubles
        self.source = source
        self.target = target
        self.eventLoop = eventLoop
        taskExecutor = EventLoopTaskExecutor(eventLoop)
        self.scheduler = scheduler
        self.logger = logger
        self.wallClock = wallClock
        self.rateLimit = rateLimit
        self.own = own
        self.sourceOrigins = sourceOrigins
        sourceThrottle = ThrottleMeter(cluster: source.settings.name)
        targetThrottle = ThrottleMeter(cluster: target.settings.name)
        (newLinks, newLinksContinuation) = AsyncStream.makeStream()
    }

    /// Replicates until ``drain()`` was called and everything fetched has reached the target.
    func run() async {
        await withDiscardingTaskGroup { group in
            group.addTask { await self.followSourceLeaders() }
            group.addTask { await self.followTargetLeaders() }
            group.addTask { await self.runRecovery() }
            group.addTask { await self.runAlignment() }
            for await link in newLinks {
                switch link {
                case .source(let lane):
                    group.addTask(executorPreference: taskExecutor) { await self.runSourceFetcher(lane) }
                case .target(let broker):
                    group.addTask(executorPreference: taskExecutor) { await self.runTargetProducer(broker) }
                }
            }
            // Everything has reached the target: what is still being asked is of no use any more.
            group.cancelAll()
        }
        await source.close()
        await target.close()
    }

    /// Stops fetching; ``run()`` returns once the target has what was fetched.
    func drain() {
        isDraining = true
        endIfDrained()
        notifyAll()
    }

    /// Gives up what the target has not acknowledged; ``run()`` returns soon.
    func abandon() {
        scheduler.sendAll { $0.abandon() }
        perform()
        drain()
    }

    /// Takes partitions in and starts on them.
    func add(_ partitions: [PartitionReplicator]) {
        scheduler.reserve(partitions.count)
        for partition in partitions { scheduler.add(partition) }
        perform()
        startMissingLinks()
    }

    /// Takes in leaders that the flow, or the shard itself, has just learned.
    func update(source: ClusterMetadata?, target: ClusterMetadata?) {
        if let source { scheduler.leaveLostReplicas(source) }
        // Mostly nothing is new, and whatever gets an event has its progress looked at.
        scheduler.sendAll { partition in
            (source.map { partition.sourceDiffers(from: $0) } ?? false)
                || (target.map { partition.targetDiffers(from: $0) } ?? false)
        } _: { partition in
            if let source { partition.sourceDescribed(by: source) }
            if let target { partition.targetDescribed(by: target) }
        }
        perform()
        startMissingLinks()
        leaveIdleBrokers()
    }

    func checkpointed(_ sources: [TopicPartition]) {
        for source in sources {
            guard let index = scheduler.index(ofSource: source) else { continue }
            scheduler.send(to: index) { $0.checkpointed() }
        }
        perform()
    }

    /// Progress of the partitions that had an event since the last call.
    func takeProgress() -> [PartitionProgress] { scheduler.takeProgress() }

    /// The offset maps of the moment.
    var forwardPartitions: [ForwardPartition] {
        var all: [ForwardPartition] = []
        scheduler.forEach {
            // Before a recovery is done the target may hold copies of an earlier run that the map does not know.
            var forward = ForwardPartition(source: $0.source, target: $0.target, map: $0.map, isSettled: $0.isIdle)
            forward.sourceTopicID = $0.sourceTopicID
            forward.targetTopicID = $0.targetLog.topicID
            forward.isTargetReplaced = $0.targetLog.isRecreated
            if $0.formerTopicIDs.newest != nil { forward.succession = .unsettled }
            all.append(forward)
        }
        return all
    }

    var isFinished: Bool { hasEnded || (isDraining && scheduler.isDrained) }

    // Effects.

    /// Executes the effects of all events since the last call.
    func perform() {
        let changes = scheduler.takeChanges()
        for (index, report) in changes.reports { log(report, of: index) }
        if changes.hasBudget { notifySources() }
        for lane in changes.sources {
            startLink(source: lane.broker)
            laneLinks[lane]?.signal.notify()
        }
        for broker in changes.targets { targetLinks[broker]?.signal.notify() }
        if changes.isRecoveryDue { recoverySignal.notify() }
        if changes.isAlignmentDue { alignmentSignal.notify() }
        if changes.areLeadersStale { refreshLeaders() }
        if changes.isDeadlineNew { scheduleTick() }
        if changes.hasReleased { partsDue.notify() }
    }

    private func scheduleTick() {
        guard let next = scheduler.nextDeadline, tickAt.map({ next < $0 }) ?? true else { return }
        tickAt = next
        eventLoop.scheduleTask(deadline: next) { self.assumeIsolated { $0.tick() } }
    }

    private func tick() {
        tickAt = nil
        scheduler.tick(now: .now())
        perform()
        scheduleTick()
    }

    func endIfDrained() {
        guard isFinished else { return }
        hasEnded = true
        newLinksContinuation.finish()
        refreshLeaders()
        recoverySignal.notify()
        alignmentSignal.notify()
        notifyAll()
    }

    private func notifyAll() {
        notifySources()
        for link in targetLinks.values { link.signal.notify() }
    }

    func notifySources() {
        for lane in laneLinks.values { lane.signal.notify() }
    }
}

// Links to brokers.
extension Shard {
    func link(source broker: Int32) -> BrokerLink { sourceLinks[broker] ?? BrokerLink() }
    func link(target broker: Int32) -> BrokerLink { targetLinks[broker] ?? BrokerLink() }

    func link(_ lane: FetchLane) -> LaneLink { laneLinks[lane] ?? LaneLink() }

    private func signals(source broker: Int32) -> [Signal] {
        FetchLane.all(of: broker).compactMap { laneLinks[$0]?.signal }
    }

    // Not `sourceLinks[broker]?.change()`: that allocates several times for each call.

    @discardableResult
    private func change<Result>(source broker: Int32, _ body: (inout BrokerLink) -> Result) -> Result? {
        guard var link = sourceLinks[broker] else { return nil }
        defer { sourceLinks[broker] = link }
        return body(&link)
    }

    @discardableResult
    private func change<Result>(target broker: Int32, _ body: (inout BrokerLink) -> Result) -> Result? {
        guard var link = targetLinks[broker] else { return nil }
        defer { targetLinks[broker] = link }
        return body(&link)
    }

    func notify(target broker: Int32) { targetLinks[broker]?.signal.notify() }

    func succeeded(source broker: Int32, in round: Int) {
        guard change(source: broker, { $0.succeeded(in: round) }) == true else { return }
        troubles.ended(.broker(source.settings.name, broker), shard: number)
    }

    /// A fetch was answered at once, without anything: the next waits a little, but not longer than this one would have.
    func answeredIdly(_ lane: FetchLane, longest: TimeAmount) {
        guard let pause = laneLinks[lane]?.answeredIdly(), let signal = laneLinks[lane]?.signal else { return }
        let wait = min(pause, longest)
        laneLinks[lane]?.idleUntil = .now() + wait
        eventLoop.scheduleTask(in: wait) { signal.notify() }
    }

    func endIdle(_ lane: FetchLane) {
        laneLinks[lane]?.answeredWithSomething()
    }

    func submitted(target broker: Int32) {
        change(target: broker) { $0.asked(at: .now()) }
    }

    func asked(source broker: Int32) {
        change(source: broker) { $0.asked(at: .now()) }
    }

    /// A fetch has come to its end, with an answer or without.
    func completed(source broker: Int32) {
        change(source: broker) { $0.completed(at: .now()) }
    }

    /// A request has come to its end, with an answer or without.
    func completed(target broker: Int32) {
        change(target: broker) { $0.completed(at: .now()) }
    }

    func succeeded(target broker: Int32, in round: Int) {
        guard change(target: broker, { $0.succeeded(in: round) }) == true else { return }
        troubles.ended(.broker(target.settings.name, broker), shard: number)
    }

    /// A broker could not be used: it is left alone for a while, and leaders are looked up again.
    func failed(source broker: Int32, _ error: KafkaError, in round: Int) {
        guard let pause = sourceLinks[broker]?.failed(error, in: round, at: .now()), let link = sourceLinks[broker]
        else { return }
        pauseEnds(of: link, in: pause, broker: broker, error, source, signals(source: broker))
    }

    func failed(target broker: Int32, _ error: KafkaError, in round: Int) {
        guard let pause = targetLinks[broker]?.failed(error, in: round, at: .now()), let link = targetLinks[broker]
        else { return }
        pauseEnds(of: link, in: pause, broker: broker, error, target, [link.signal])
    }

    private func pauseEnds(
        of link: BrokerLink, in pause: TimeAmount, broker: Int32, _ error: KafkaError, _ cluster: ClusterClient,
        _ signals: [Signal]
    ) {
        // Sessions come and go: that is no trouble of the broker.
        if link.failures > 1 || !error.isSessionLoss {
            troubles.began(.broker(cluster.settings.name, broker), shard: number, "\(error)")
        }
        eventLoop.scheduleTask(in: pause) { for signal in signals { signal.notify() } }
        refreshLeaders()
    }

    func hold(source broker: Int32, for pause: TimeAmount, _ until: WritableKeyPath<BrokerLink, NIODeadline>) {
        let signals = signals(source: broker)
        sourceLinks[broker]?[keyPath: until] = .now() + pause
        eventLoop.scheduleTask(in: pause) { for signal in signals { signal.notify() } }
    }

    func hold(target broker: Int32, for pause: TimeAmount) {
        guard let signal = targetLinks[broker]?.signal else { return }
        targetLinks[broker]?.throttledUntil = .now() + pause
        eventLoop.scheduleTask(in: pause) { signal.notify() }
    }

    func liftLimits() {
        for broker in sourceLinks.keys { sourceLinks[broker]?.limitedUntil = .distantPast }
    }

    /// Brokers in trouble of which nothing is needed any more, since others lead now: nobody would learn of its end.
    private func leaveIdleBrokers() {
        leaveIdle(&sourceLinks, needed: scheduler.sourceBrokers, of: source)
        leaveIdle(&targetLinks, needed: scheduler.targetBrokers, of: target)
    }

    private func leaveIdle(_ links: inout [Int32: BrokerLink], needed: Set<Int32>, of cluster: ClusterClient) {
        for (broker, link) in links where link.error != nil && !needed.contains(broker) {
            links[broker]?.left()
            troubles.ended(.broker(cluster.settings.name, broker), shard: number, "it leads nothing that is copied now")
        }
    }

    /// Starts the tasks of a source broker that has none yet.
    private func startLink(source broker: Int32) {
        guard sourceLinks[broker] == nil else { return }
        sourceLinks[broker] = BrokerLink()
        for lane in FetchLane.all(of: broker) {
            laneLinks[lane] = LaneLink()
            newLinksContinuation.yield(.source(lane))
        }
    }

    private func startMissingLinks() {
        for broker in scheduler.sourceBrokers { startLink(source: broker) }
        for broker in scheduler.targetBrokers where targetLinks[broker] == nil {
            targetLinks[broker] = BrokerLink()
            newLinksContinuation.yield(.target(broker))
        }
    }
}

// Leaders are looked up again whenever a link asks for it; of each cluster by itself, since the other may be silent.
extension Shard {
    /// A broker that led a partition no longer does, or cannot be reached.
    func refreshLeaders() {
        sourceLeadersSignal.notify()
        targetLeadersSignal.notify()
    }

    private func followSourceLeaders() async {
        var signals = sourceLeadersSignal.makeWaiter()
        while await signals.next() != nil, !isFinished {
            var topics: Set<String> = []
            scheduler.forEach { topics.insert($0.source.topic) }
            guard let metadata = try? await source.metadata(.named(Array(topics))) else { continue }
            update(source: metadata, target: nil)
        }
    }

    private func followTargetLeaders() async {
        var signals = targetLeadersSignal.makeWaiter()
        while await signals.next() != nil, !isFinished {
            var topics: Set<String> = []
            scheduler.forEach { topics.insert($0.target.topic) }
            guard let metadata = try? await target.metadata(.named(Array(topics))) else { continue }
            update(source: nil, target: metadata)
        }
    }
}

extension PartitionReplicator {
    fileprivate mutating func sourceDescribed(by metadata: ClusterMetadata) {
        let found = metadata[source]
        sourceDescribed(topicID: found.topicID, leader: found.leader)
    }

    fileprivate mutating func targetDescribed(by metadata: ClusterMetadata) {
        let found = metadata[target]
        targetDescribed(topicID: found.topicID, leader: found.leader?.broker, epoch: found.leader?.epoch ?? -1)
    }

    fileprivate func sourceDiffers(from metadata: ClusterMetadata) -> Bool {
        let found = metadata[source]
        return sourceDiffers(topicID: found.topicID, leader: found.leader)
    }

    fileprivate func targetDiffers(from metadata: ClusterMetadata) -> Bool {
        let found = metadata[target]
        return targetDiffers(topicID: found.topicID, leader: found.leader?.broker, epoch: found.leader?.epoch ?? -1)
    }
}

extension ClusterMetadata {
    /// - Returns: zero for a topic that has no id or is not known, nil for no leader.
    fileprivate subscript(place: TopicPartition) -> (topicID: KafkaUUID, leader: PartitionLeader?) {
        guard let topic = topics[place.topic] else { return (.zero, nil) }
        let found = topic.partitions[place.partition]
        return (topic.id, found?.leader.map { PartitionLeader(broker: $0, epoch: found?.leaderEpoch ?? -1) })
    }
}
