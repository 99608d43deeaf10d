internal import KafkaClient
internal import KafkaWire
internal import Logging
internal import NIOCore

/// A slice of a flow's partitions on one event loop, with connections of its own. Everything that happens to a
/// partition happens here, so nothing is locked and nothing crosses threads.
///
/// One task per source broker fetches, one per target broker produces, one follows leaders.
actor Shard {
    nonisolated let eventLoop: any EventLoop
    nonisolated var unownedExecutor: UnownedSerialExecutor { eventLoop.executor.asUnownedSerialExecutor() }

    let source: ClusterClient
    let target: ClusterClient
    let logger: Logger
    let readCommitted: Bool
    let wallClock: @Sendable () -> Int64
    let rateLimit: RateLimit
    let own: OwnProducers
    let sourceOrigins: OriginTable
    /// Attempts in a row to find out where records come from.
    var originFailures = 0
    let footingWake = Wake()
    let sourceThrottle: ThrottleMeter
    let targetThrottle: ThrottleMeter

    var state: ShardState
    private(set) var isDraining = false
    /// Everything fetched has reached the target: nothing is taken in any more.
    private(set) var hasEnded = false
    private var sourceLinks: [Int32: Link] = [:]
    private var targetLinks: [Int32: Link] = [:]
    private let sourceLeadersWake = Wake()
    private let targetLeadersWake = Wake()
    private let newLinks: AsyncStream<NewLink>
    private let newLinksContinuation: AsyncStream<NewLink>.Continuation

    /// A broker's task, as the rest of the shard sees it.
    struct Link {
        let wake = Wake()
        /// Connection failures in a row.
        var failures = 0
        var requestsInFlight = 0
        var restsUntil: NIODeadline = .distantPast
        /// The broker has asked for silence until then.
        var throttledUntil: NIODeadline = .distantPast
        /// The flow's own limit is kept by waiting until then.
        var limitedUntil: NIODeadline = .distantPast

        func mayAsk(at now: NIODeadline) -> Bool {
            restsUntil <= now && throttledUntil <= now && limitedUntil <= now
        }
    }

    private enum NewLink {
        case source(Int32)
        case target(Int32)
    }

    init(
        source: ClusterClient, target: ClusterClient, eventLoop: any EventLoop, state: ShardState,
        readCommitted: Bool, rateLimit: RateLimit, own: OwnProducers, sourceOrigins: OriginTable, logger: Logger,
        wallClock: @escaping @Sendable () -> Int64
    ) {
        self.source = source
        self.target = target
        self.eventLoop = eventLoop
        self.state = state
        self.readCommitted = readCommitted
        self.logger = logger
        self.wallClock = wallClock
        self.rateLimit = rateLimit
        self.own = own
        self.sourceOrigins = sourceOrigins
        self.state.readReplicas = ReadReplicas(lifetime: source.settings.metadataMaximumAge)
        sourceThrottle = ThrottleMeter(cluster: source.settings.name)
        targetThrottle = ThrottleMeter(cluster: target.settings.name)
        (newLinks, newLinksContinuation) = AsyncStream.makeStream()
    }

    /// Replicates until ``drain()`` was called and everything fetched has reached the target.
    func run() async {
        await withDiscardingTaskGroup { group in
            group.addTask { await self.followSourceLeaders() }
            group.addTask { await self.followTargetLeaders() }
            group.addTask { await self.keepFooting() }
            for await link in newLinks {
                switch link {
                case .source(let broker): group.addTask { await self.runSourceLink(broker) }
                case .target(let broker): group.addTask { await self.runTargetLink(broker) }
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
        ringAll()
    }

    /// Gives up what the target has not acknowledged; ``run()`` returns soon.
    func abandon() {
        for index in state.partitions.indices
        where !state.partitions[index].window.isEmpty || state.partitions[index].regression != nil {
            state.fail(index, .abandoned, "the flow stopped before the target acknowledged everything")
        }
        drain()
    }

    /// Takes partitions in and starts on them.
    func add(_ partitions: [PartitionState]) {
        for partition in partitions { state.add(partition) }
        footingWake.ring()
        startMissingLinks()
        ringAll()
    }

    /// Takes in leaders that somebody else has just learned.
    func update(source: ClusterMetadata?, target: ClusterMetadata?) {
        state.update(source: source, target: target)
        if let source { stopRecreated(source) }
        startMissingLinks()
        footingWake.ring()
        ringAll()
    }

    private func stopRecreated(_ metadata: ClusterMetadata) {
        for partition in state.recreatedPartitions(metadata) {
            recreated(partition.index, topicID: partition.topicID)
        }
    }

    func checkpointed(_ sources: [TopicPartition]) {
        state.checkpointed(sources)
        footingWake.ring()
    }

    var snapshot: [PartitionState] { state.partitions }

    var isFinished: Bool { hasEnded || (isDraining && state.isDrained) }

    func link(source broker: Int32) -> Link { sourceLinks[broker] ?? Link() }
    func link(target broker: Int32) -> Link { targetLinks[broker] ?? Link() }

    func ring(source broker: Int32) { sourceLinks[broker]?.wake.ring() }
    func ring(target broker: Int32) { targetLinks[broker]?.wake.ring() }

    func ringAllSources() {
        for link in sourceLinks.values { link.wake.ring() }
    }

    func ringAllTargets() {
        for link in targetLinks.values { link.wake.ring() }
    }

    func ringAll() {
        ringAllSources()
        ringAllTargets()
    }

    var delivery: DeliveryGuarantee { state.delivery }

    /// Somebody who leads a partition no longer does, or cannot be reached.
    func refreshLeaders() {
        sourceLeadersWake.ring()
        targetLeadersWake.ring()
    }

    func endIfDrained() {
        guard isFinished else { return }
        hasEnded = true
        newLinksContinuation.finish()
        refreshLeaders()
        footingWake.ring()
        ringAll()
    }

    func succeeded(source broker: Int32) {
        sourceLinks[broker]?.failures = 0
    }

    func succeeded(target broker: Int32) {
        targetLinks[broker]?.failures = 0
    }

    func submitted(target broker: Int32) {
        targetLinks[broker]?.requestsInFlight += 1
    }

    func answered(target broker: Int32) {
        targetLinks[broker]?.requestsInFlight -= 1
    }

    /// A broker could not be used: its link rests, for longer each time, and leaders are looked up again.
    func failed(source broker: Int32, _ error: KafkaError) {
        guard var link = sourceLinks[broker] else { return }
        rest(&link, broker: broker, error, side: "source")
        sourceLinks[broker] = link
    }

    func failed(target broker: Int32, _ error: KafkaError) {
        guard var link = targetLinks[broker] else { return }
        rest(&link, broker: broker, error, side: "target")
        targetLinks[broker] = link
    }

    private func rest(_ link: inout Link, broker: Int32, _ error: KafkaError, side: String) {
        let before = link.failures
        link.failures = min(before + 1, 7)
        let pause = TimeAmount.milliseconds(25 << Int64(link.failures))
        link.restsUntil = .now() + pause
        if before == 0 || before == 6 {
            logger.warning(
                "\(side) broker cannot be used, trying again",
                metadata: ["broker": "\(broker)", "attempt": "\(link.failures)", "error": "\(error)"])
        }
        let wake = link.wake
        eventLoop.scheduleTask(in: pause) { wake.ring() }
        refreshLeaders()
    }

    func hold(source broker: Int32, for pause: TimeAmount, _ until: WritableKeyPath<Link, NIODeadline>) {
        guard let wake = sourceLinks[broker]?.wake else { return }
        sourceLinks[broker]?[keyPath: until] = .now() + pause
        eventLoop.scheduleTask(in: pause) { wake.ring() }
    }

    func hold(target broker: Int32, for pause: TimeAmount) {
        guard let wake = targetLinks[broker]?.wake else { return }
        targetLinks[broker]?.throttledUntil = .now() + pause
        eventLoop.scheduleTask(in: pause) { wake.ring() }
    }

    func liftLimits() {
        for broker in sourceLinks.keys { sourceLinks[broker]?.limitedUntil = .distantPast }
    }

    /// Starts the task of a source broker that has none yet.
    func startLink(source broker: Int32) {
        guard sourceLinks[broker] == nil else { return }
        sourceLinks[broker] = Link()
        newLinksContinuation.yield(.source(broker))
    }

    private func startMissingLinks() {
        for broker in state.sourceBrokers { startLink(source: broker) }
        for broker in state.targetBrokers where targetLinks[broker] == nil {
            targetLinks[broker] = Link()
            newLinksContinuation.yield(.target(broker))
        }
    }

    // Leaders are looked up again whenever a link asks for it; of each cluster by itself, since the other may be silent.

    private func followSourceLeaders() async {
        var wakes = sourceLeadersWake.makeWaiter()
        while await wakes.next() != nil, !isFinished {
            let topics = Set(state.partitions.map(\.source.topic))
            guard let metadata = try? await source.metadata(.named(Array(topics))) else { continue }
            update(source: metadata, target: nil)
        }
    }

    private func followTargetLeaders() async {
        var wakes = targetLeadersWake.makeWaiter()
        while await wakes.next() != nil, !isFinished {
            let topics = Set(state.partitions.map(\.target.topic))
            guard let metadata = try? await target.metadata(.named(Array(topics))) else { continue }
            update(source: nil, target: metadata)
        }
    }
}
