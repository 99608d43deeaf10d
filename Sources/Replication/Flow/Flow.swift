internal import KafkaClient
internal import KafkaCompression
internal import KafkaWire
public import Logging
internal import Metrics
public import NIOCore
public import ServiceLifecycle

/// Copies topics from one cluster to another until it is told to stop.
///
/// The flow supervises: its shards move the records, discovery finds partitions for them, the checkpoint writer records
/// how far they have come, and consumer groups follow.
///
/// ```
///   discovery ──▶ new partitions ──▶ shard 0 ─┐
///       │                            shard 1 ─┴─▶ target
///       └── creates topics on the target          │
///   checkpoint writer ◀── what has changed ───────┘
/// ```
public actor Flow: Service {
    public nonisolated let name: String
    /// Settings as they are now: some of them may change while the flow runs, see ``reload(_:)``.
    public internal(set) var settings: FlowSettings
    nonisolated let logger: Logger
    nonisolated let wallClock: @Sendable () -> Int64
    nonisolated let eventLoops: [any EventLoop]

    let source: ClusterClient
    let target: ClusterClient
    private(set) var topicSync: TopicSync
    let rateLimit: RateLimit
    /// Pauses, limits and traffic, as all instances know them.
    var control: SharedControl
    let progress: ProgressStore
    let checkpoints: CheckpointWriter
    private let groupSync: GroupSync
    private(set) var groups: GroupSyncLoop?
    private(set) var shards: [Shard] = []
    /// The shard of each partition that is copied here, by its number.
    var known: [TopicPartition: Int] = [:]
    private var topicMetrics: TopicMetrics.Table
    let discoveryDue = Signal()

    // Of the instances that share it.

    nonisolated let instance: InstanceSettings
    /// The time for which this instance may write.
    package nonisolated let lease = InstanceLease()
    var parts: InstanceParts
    var member: InstanceMember?
    var loads = PartLoads()
    var loadsMeasured: NIODeadline?
    /// Sight of the source, beside that of the others.
    var sight = SourceSight(at: .now())
    let controlDue = Signal()
    /// The flow's limit that is obeyed; a share of it may be less.
    var limitObeyed: Int?
    /// Partitions of the last discovery, whoever copies them.
    private(set) var pairs: [TopicPartition: TopicSync.PartitionPair] = [:]
    private(set) var lastFound: TopicSync.Discovery?
    /// The parts that this instance has divided last, as the group's leader.
    var lastDivided: Set<FlowPart>?
    /// Recorded topics that were in no assignment when they were divided here last, although the source has them.
    var undivided: Set<String> = []
    /// Something has changed that ``arrange(_:)`` has yet to look at.
    var isDivisionStale = true
    /// Partitions that a discovery was asked to find.
    var lookedFor: Set<TopicPartition> = []
    /// Partitions that go to others, since when.
    var releases: [TopicPartition: ContinuousClock.Instant] = [:]
    /// Time since which partitions are free to be given away and the group has not been told.
    var untoldSince: ContinuousClock.Instant?
    /// Last progress of released partitions that is not recorded yet.
    var unrecorded: [PartitionProgress] = []
    /// Partitions that were let go of without anybody there to take them, as they were then.
    var unattended: [TopicPartition: FlowStatus.Partition] = [:]
    /// Time of the claim on the start; milliseconds since 1970.
    var claimedAt: Int64?
    /// The target does not know groups: this instance is the only one.
    var hasNoGroup = false
    var provisionalEnd: NIODeadline = .distantPast
    /// It began before the flow had recorded anything.
    var isFirstStart = false
    let partsDue = Signal()
    let followingDue = Signal()
    /// Held while parts are taken and given.
    let arranging = AsyncSemaphore(1)

    private var waiting = WaitingTopics()
    /// Topics that are not begun with, since the target did not tell how it cleans their copies up.
    private var undescribed: [String: TopicRefusal] = [:]
    var waitingTopics: Set<String> { waiting.names }
    /// The source as discovery saw it last; nil before.
    private(set) var sourceSeen: ClusterMetadata?
    private(set) var excluded: [FlowStatus.ExcludedTopic] = []
    let troubles: TroubleLog
    /// Reason why the flow as a whole cannot do its work; nil while nothing is known to keep it from that.
    private var trouble: String?
    /// Discoveries in a row that have failed.
    private var discoveryFailures = 0
    private var factory: PartitionFactory?
    private(set) var phase = FlowStatus.State.starting
    /// Made by ``prepare()``.
    private(set) var identity: (own: FlowProducerIDs, sourceID: String, targetID: String)?
    /// See ``ProgressStore/restorations``.
    private var knownRestorations = 0
    private var neighbours: FlowNeighbours?
    /// Topics that the settings select, and that are left to other flows.
    private(set) var leftToOthers: Set<String> = []
    /// Batches in flight did not reach the target in time.
    private var isAbandoned = false

    /// Time for batches in flight to reach the target once the flow has been told to stop.
    private static let shutdownTimeout: Duration = .seconds(30)
    /// Time for brokers to accept a connection before they are named.
    private static let reachPatience: Duration = .seconds(3)
    private static let checkpointInterval: Duration = .seconds(1)
    private static let lagInterval: Duration = .seconds(1)
    /// Failed discoveries in a row that are no passing trouble any more.
    private static let lastingFailures = 3

    /// - Parameters:
    ///   - eventLoops: where the shards run; the first also runs discovery.
    ///   - series: bounds on its metrics.
    ///   - wallClock: milliseconds since 1970.
    public init(
        _ settings: FlowSettings, eventLoops: [any EventLoop], series: SeriesLimits = SeriesLimits(), logger: Logger,
        wallClock: @escaping @Sendable () -> Int64
    ) {
        precondition(!eventLoops.isEmpty, "a flow needs an event loop")
        name = settings.name
        self.settings = settings
        let instance = settings.instance ?? Self.processInstance
        self.instance = instance
        parts = InstanceParts(instance: instance.id, at: wallClock())
        control = SharedControl(
            instance: instance.id, address: instance.address, limit: settings.limits.bytesPerSecond,
            session: instance.sessionTimeout)
        limitObeyed = settings.limits.bytesPerSecond
        rateLimit = RateLimit(bytesPerSecond: settings.limits.bytesPerSecond)
        topicMetrics = TopicMetrics.Table(flow: settings.name, limit: series.topics)
        self.eventLoops = eventLoops
        self.wallClock = wallClock
        var logger = logger
        logger[metadataKey: "flow"] = "\(settings.name)"
        self.logger = logger
        troubles = TroubleLog(logger: logger)
        source = ClusterClient(settings.source, eventLoop: eventLoops[0], logger: logger)
        target = ClusterClient(settings.target, eventLoop: eventLoops[0], logger: logger)
        progress = ProgressStore(flow: settings.name, target: target, wallClock: wallClock)
        topicSync = TopicSync(
            settings: settings, source: source, target: target, progress: progress, troubles: troubles, logger: logger,
            wallClock: wallClock)
        groupSync = GroupSync(
            settings: settings, source: source, target: target, progress: progress, lease: lease, logger: logger)
        checkpoints = CheckpointWriter(progress: progress, troubles: troubles, lease: lease)
    }

    /// Checks that the flow may start, see ``FlowStart``. Changes nothing but the topics that keep state.
    ///
    /// - Throws: ``FlowError``.
    public func prepare() async throws(FlowError) {
        async let reach: Void = reportUnreachable()
        let start = FlowStart(settings, source: source, target: target, progress: progress)
        let found: FlowStart.Finding
        do throws(FlowError) {
            found = try await start.check(createsMemory: true)
        } catch {
            await reach
            throw error
        }
        await reach
        if let remark = found.remark(settings) { logger.warning("\(remark)") }
        let (sourceID, targetID) = (found.sourceClusterID, found.targetClusterID)
        let own = FlowProducerIDs(
            flow: name, sourceClusterID: sourceID, targetClusterID: targetID, target: target, progress: progress,
            wallClock: wallClock)
        let lost = try await own.open()
        reportRegistered(lost)
        identity = (own, sourceID, targetID)
        neighbours = FlowNeighbours(
            flow: name, sourceID: sourceID, targetID: targetID, source: source, target: target, own: own,
            progress: progress)
    }

    /// Says at once which brokers lead nowhere from here, although others answer: whatever waits for them would say so
    /// only when its own patience is over.
    private func reportUnreachable() async {
        await withTaskGroup(of: Void.self) { tasks in
            for cluster in [source, target] {
                tasks.addTask { [troubles] in
                    // A cluster that does not answer at all is told by those who need it.
                    let errors = try? await cluster.unreachableBrokers(patience: Self.reachPatience, reading: .all)
                    guard let errors else { return }
                    for error in errors {
                        guard let broker = error.broker?.id else { continue }
                        troubles.began(.broker(error.cluster, broker), shard: TroubleLog.start, "\(error)")
                    }
                }
            }
        }
    }

    /// Replicates until graceful shutdown, then lets what is in flight reach the target and records how far it came.
    ///
    /// - Throws: ``FlowError`` when the flow cannot start. Later troubles are logged, counted and retried.
    public func run() async throws {
        try await start()
        await replicate()
    }

    /// Finds the topics to copy and prepares for copying them. May be called again when it has failed.
    ///
    /// - Throws: ``FlowError`` when that is not possible. A topic that cannot be copied keeps no other from it.
    package func start() async throws(FlowError) {
        if identity == nil { try await prepare() }
        guard let identity else { preconditionFailure("prepare() has made it") }
        var rules = OriginRules(
            sourceCluster: identity.sourceID, targetCluster: identity.targetID,
            isIdentical: settings.naming == .identical, stamps: settings.stampsRecords)
        let usual = rules.usual
        let producerID = try await kafka { () async throws(KafkaError) in
            try await identity.own.producerID(for: usual)
        }
        rules.producerIDs[usual] = producerID
        shards = makeShards(identity.own, rules)
        known = [:]
        try await openControl()
        try await beginMembership()
        let factory = PartitionFactory(
            settings: settings, sourceClusterID: identity.sourceID, targetClusterID: identity.targetID,
            producer: ProducerIdentity(id: producerID, epoch: 0))
        try await discover(factory)
        self.factory = factory
        trouble = nil
        if phase == .waiting || phase == .resting { phase = .starting }
        if phase == .starting { phase = .running }
        logger.info("flow is running", metadata: ["partitions": "\(known.count)"])
    }

    /// Replicates from when the flow has been started until graceful shutdown.
    package func replicate() async {
        guard let factory else { preconditionFailure("start() has made it") }
        let groups = GroupSyncLoop(groupSync, logger: logger) { [weak self] () throws(KafkaError) in
            guard let self else { throw Self.unknownMaps("") }
            return try await self.maps()
        } isHeld: { [weak self] in
            await self?.parts.holds(.groups) ?? false
        }
        self.groups = groups
        await withTaskGroup(of: Void.self) { background in
            background.addTask { await self.keepDiscovering(factory) }
            background.addTask { await self.keepCheckpoints() }
            background.addTask {
                await groups.run { await self.settings }
            }
            background.addTask { await self.keepMembership(factory) }
            background.addTask { await self.keepMetadata() }
            background.addTask { [source, shards] in await SourceEnds(source: source, shards: shards).run() }
            background.addTask { await self.keepLag() }
            background.addTask { await self.drainOnShutdown() }
            await withTaskGroup(of: Void.self) { group in
                for shard in shards { group.addTask { await shard.run() } }
            }
            await storeCheckpoints()
            // The others need not wait for what a lone one does last.
            if parts.isShared { await leaveGroup() }
            background.cancelAll()
        }
        topicMetrics.lagsEnded(partitions: known.count)
        let isShared = parts.isShared
        if let metadata = try? await target.metadata(.named([progress.topic, OriginRecord.topic])) {
            await keepMemory(metadata)
        }
        if !isAbandoned, !isShared { await groups.finish(settings) }
        if !isShared { await leaveGroup() }
        await close()
        logger.info("flow has stopped")
    }

    /// The flow could not start, and will be tried again. The log hears of it once.
    package func startFailed(_ error: FlowError) {
        if error.isRest, phase != .resting {
            logger.info("flow rests", metadata: ["reason": "\(error)"])
            phase = .resting
        } else if !error.isRest, phase == .starting || phase == .resting {
            logger.error("flow cannot start, trying again", metadata: ["error": "\(error)"])
            phase = .waiting
        }
        trouble = "\(error)"
    }

    /// True if it does its work, as far as is known.
    package var works: Bool { phase == .running && trouble == nil && membershipTrouble == nil }

    /// Lets go of both clusters.
    package func close() async {
        await source.close()
        await target.close()
        phase = .stopped
    }

    public func status() async -> FlowStatus {
        let copied = await Self.collect(shards) { await $0.statuses }
        let partitions = (copied + (await unattended(besides: copied)))
            .sorted { ($0.topic, $0.partition) < ($1.topic, $1.partition) }
        var status = FlowStatus(
            name: name, source: settings.source.name, target: settings.target.name, state: phase,
            reason: trouble ?? membershipTrouble,
            paused: control.pauses.scopes.map(\.description).sorted(), bytesPerSecondLimit: control.limit,
            partitions: partitions, waiting: waiting.all.isEmpty ? nil : waiting.all,
            excluded: excluded.isEmpty ? nil : excluded,
            groups: await groupSync.findings.map { FlowStatus.Group($0) },
            groupsReason: await groupSync.staleness(at: .now))
        tell(&status)
        return status
    }

    /// Offset maps of the moment; of what is not copied here, as it was recorded last.
    ///
    /// - Throws: when others may have copied what is not known here.
    private func maps() async throws(KafkaError) -> [ForwardPartition] {
        let tenure = parts.tenure
        let own = await Self.collect(shards) { await $0.forwardPartitions }
        let recorded = await progress.partitions(without: Set(own.map(\.source)))
        let unreadable = await progress.unreadable.keys
        guard parts.knowsMaps, tenure == parts.tenure else {
            throw Self.unknownMaps(settings.target.name)
        }
        return own
            + recorded.map { partition in
                var partition = partition
                partition.isCopied = pairs[partition.source] != nil
                return partition
            }
            + unreadable.map { source in
                var partition = ForwardPartition(
                    source: source,
                    target: TopicPartition(settings.naming.targetName(of: source.topic), source.partition),
                    map: OffsetMap(start: 0), isSettled: false)
                partition.isCopied = false
                return partition
            }
    }

    private static func unknownMaps(_ cluster: String) -> KafkaError {
        KafkaError(.cancelled, during: .request(.offsetCommit), cluster: cluster)
    }

    /// The last look at the groups.
    var groupFindings: [GroupFinding] { get async { await groupSync.findings } }

    /// Has the groups looked at now, not when it is their turn: progress up to this call has its place in the findings.
    ///
    /// - Returns: whether both clusters could be asked, and everything that was copied was known.
    /// - Throws: `CancellationError`.
    package func synchronizeGroups() async throws -> Bool {
        guard let groups else { return await groupSync.isInformed }
        return try await groups.runRound()
    }

    private func makeShards(_ own: FlowProducerIDs, _ rules: OriginRules) -> [Shard] {
        let sourceOrigins = OriginTable(of: source)
        // A shard that connects first to a replaced cluster must not take it for the one it knows.
        var clusters = (source: settings.source, target: settings.target)
        if let identity, !identity.sourceID.isEmpty { clusters.source.clusterID = identity.sourceID }
        if let identity, !identity.targetID.isEmpty { clusters.target.clusterID = identity.targetID }
        let count = settings.shards ?? eventLoops.count
        let budget = settings.bufferBytes / count
        let limits = ShardScheduler.Limits(budget: budget)
        let intake = BatchIntake(
            planner: BatchPlanner(compression: settings.compression, addsLoopHeader: settings.stampsRecords),
            origins: rules, quarantinesDamaged: settings.policies.quarantined == .continue)
        return (0..<count).map { number in
            let loop = eventLoops[number % eventLoops.count]
            return Shard(
                source: ClusterClient(clusters.source, eventLoop: loop, logger: logger),
                target: ClusterClient(clusters.target, eventLoop: loop, logger: logger), eventLoop: loop,
                scheduler: ShardScheduler(
                    budget: budget, limits: limits, intake: intake,
                    replicaLease: settings.source.metadataMaximumAge), rateLimit: rateLimit,
                own: own, sourceOrigins: sourceOrigins, number: number, troubles: troubles, lease: lease,
                partsDue: partsDue, logger: logger, wallClock: wallClock)
        }
    }

    /// The elements of all shards.
    private static func collect<Element: Sendable>(
        _ shards: [Shard], _ elements: @Sendable (Shard) async -> [Element]
    ) async -> [Element] {
        var all: [Element] = []
        for shard in shards { all += await elements(shard) }
        return all
    }
}

// Discovery.
extension Flow {
    /// Asks both clusters for their topics: creates those that are missing on the target, and starts partitions not
    /// seen before.
    private func discover(_ factory: PartitionFactory) async throws(FlowError) {
        let isStarting = self.factory == nil
        let isHolder = parts.holds(.topics)
        let now = ContinuousClock.now
        var copied = Set(known.keys.map(\.topic)).union(waiting.names)
        if !parts.isAlone { copied.formUnion(await progress.known.keys.map(\.topic)) }
        guard let neighbours else { preconditionFailure("prepare() has made it") }
        let found = try await topicSync.discover(
            onlyKnown: !isStarting && !settings.sync.newTopics ? copied : nil, held: waiting.held(at: now), neighbours,
            changes: isHolder)
        sourceSeen = found.sourceMetadata
        lastFound = found
        pairs = Dictionary(found.partitions.map { ($0.source, $0) }) { first, _ in first }
        if found.leftToOthers != leftToOthers {
            leftToOthers = found.leftToOthers
            await selectTopics()
        }
        excluded = found.excluded
        let isHolding = isHolder && parts.holds(.topics)
        let refused = isHolding ? try await recordNew(found) : []
        isDivisionStale = true
        // Those that are begun with now have just been asked for.
        let begun = settings.offsets == .preserve ? Set(known.keys) : []
        await arrange(factory)
        if isHolding {
            forgetDescribed()
            let others = undescribed.values.filter { one in !refused.contains { $0.topic == one.topic } }
            report(waiting.update(refused + others, at: now, retryAfter: settings.sync.interval, time: wallClock()))
        } else {
            // It is the one that holds this task that knows.
            waiting = WaitingTopics()
        }
        for shard in shards { await shard.update(source: found.sourceMetadata, target: found.targetMetadata) }
        await keepMemory(found.targetMetadata)
        await followCleanup(of: begun)
    }

    /// Records where partitions begin that nothing is recorded of.
    ///
    /// - Returns: what is not copied.
    private func recordNew(_ found: TopicSync.Discovery) async throws(FlowError) -> [TopicRefusal] {
        if !parts.isAlone { try await progress.catchUp() }
        let isFirstStart = settings.startFrom != .earliest ? await progress.isNewFlow : false
        let recorded = await progress.known
        let unreadable = await progress.unreadable
        var discovery = FlowDiscovery(topicSync: topicSync, progress: progress, startFrom: settings.startFrom)
        discovery.keepsOffsets = settings.offsets == .preserve
        var refused = found.refused
        let new = try await discovery.record(
            found.partitions.filter {
                known[$0.source] == nil && recorded[$0.source] == nil && unreadable[$0.source] == nil
            },
            hasOthers: found.partitions.contains { known[$0.source] == nil && recorded[$0.source] != nil },
            source: found.sourceMetadata, &refused)
        if isFirstStart { await tellSkipped(new) }
        return refused
    }

    /// Says once, when a flow starts for the first time, what it leaves behind.
    private func tellSkipped(_ new: [FlowDiscovery.NewPartition]) async {
        let positions: [TopicPartition: Int64?] = Dictionary(new.map { ($0.pair.source, $0.position) }) { first, _ in
            first
        }
        guard !positions.isEmpty else { return }
        let earliest = await topicSync.lookUp(Array(positions.keys), at: .earliest, patience: .seconds(5)).offsets
        guard let note = SkippedBeginning(positions: positions, earliest: earliest).note(settings) else { return }
        logger.warning("\(note.message)")
    }

    func isWaiting(_ topic: String) -> Bool { waiting.names.contains(topic) }

    /// Has topics that wait tried at once.
    ///
    /// - Returns: how many partitions are not copied.
    func retryWaiting(_ scope: PauseScope) -> Int {
        let found = waiting.all.filter {
            switch scope {
            case .flow: true
            case .topic(let topic): $0.topic == topic
            case .partition: false
            }
        }
        guard !found.isEmpty else { return 0 }
        waiting.release(at: .now)
        discoveryDue.notify()
        return found.reduce(0) { $0 + max(1, $1.partitions) }
    }

    private func report(_ news: WaitingTopics.News) {
        for topic in news.began.prefix(Self.namedTopics) {
            logger.error("topic is not replicated", metadata: ["topic": "\(topic.topic)", "error": "\(topic.reason)"])
        }
        if news.began.count > Self.namedTopics {
            logger.error(
                "more topics are not replicated; /api/status lists them all with their reasons",
                metadata: ["topics": "\(news.began.count - Self.namedTopics)"])
        }
        for topic in news.ended.prefix(Self.namedTopics) {
            logger.info("topic is replicated now", metadata: ["topic": "\(topic)"])
        }
        if news.ended.count > Self.namedTopics {
            logger.info(
                "more topics are replicated now", metadata: ["topics": "\(news.ended.count - Self.namedTopics)"])
        }
    }

    /// Topics that a line of their own is written about at a time: whoever may create topics may create thousands.
    private static let namedTopics = 100

    /// - Parameter tenure: as of when it was decided, see ``InstanceParts/tenure``.
    func start(
        _ new: [FlowDiscovery.NewPartition], _ found: TopicSync.Discovery, _ factory: PartitionFactory, tenure: Int
    ) async {
        var factory = factory
        factory.settings.policies = settings.policies
        var batches: [[PartitionReplicator]] = Array(repeating: [], count: shards.count)
        let (limits, errors) = await batchLimits(of: Set(new.map(\.pair.target.topic)))
        guard tenure == parts.tenure else { return }
        let owned = new.filter { parts.owns($0.pair.source) && known[$0.pair.source] == nil }
        wait(for: owned, errors)
        let new = owned.filter { undescribed[$0.pair.source.topic] == nil }
        for new in new {
            let shard = shardNumber(of: new.pair.source)
            known[new.pair.source] = shard
            var partition = factory.partition(
                new, in: found, metrics: topicMetrics.metrics(of: new.pair.source.topic))
            partition.setPaused(control.pauses.covers(new.pair.source))
            if let limit = limits[new.pair.target.topic] {
                if let bytes = limit.largestBatch { partition.setLargestBatch(bytes) }
                partition.setCleanup(limit.cleanup)
            }
            batches[shard].append(partition)
        }
        for (shard, partitions) in zip(shards, batches) where !partitions.isEmpty {
            // Everything may have been lost since the one before.
            guard tenure == parts.tenure else { return }
            await shard.add(partitions)
        }
        guard !new.isEmpty else { return }
        let topics = Set(new.map(\.pair.source.topic)).sorted()
        let shown = topics.prefix(20).joined(separator: ",")
        logger.info(
            "replicating",
            metadata: [
                "topics": "\(shown)\(topics.count > 20 ? ",… (\(topics.count) in all)" : "")",
                "partitions": "\(new.count)",
            ])
    }

    /// Forgets topics that are nothing to begin with here any more.
    private func forgetDescribed() {
        guard !undescribed.isEmpty else { return }
        let due = Set(pairs.keys.filter { parts.owns($0) && known[$0] == nil }.map(\.topic))
        undescribed = undescribed.filter { due.contains($0.key) }
    }

    /// Has topics wait whose target failed to tell how it cleans them up, until it does: with copies that keep their
    /// offsets that decides what has the place of holes.
    private func wait(for new: [FlowDiscovery.NewPartition], _ errors: [String: KafkaError]) {
        for (topic, partitions) in Dictionary(grouping: new, by: \.pair.source.topic) {
            undescribed[topic] = nil
            guard settings.offsets == .preserve, let first = partitions.first,
                let error = errors[first.pair.target.topic]
            else { continue }
            let remedy = error.code == .topicAuthorizationFailed ? "; grant DESCRIBE_CONFIGS on it" : ""
            undescribed[topic] = TopicRefusal(
                topic: topic, targetTopic: first.pair.target.topic, partitions: partitions.count,
                reason: "the cleanup.policy of its copy is not known: \(error)\(remedy)", isPassing: true)
        }
    }

    /// The batches and records that a target topic takes.
    private struct BatchLimit {
        /// Bytes.
        var largestBatch: Int?
        var cleanup: CleanupPolicy
    }

    /// The most that target topics take in one batch, where the cluster tells: `max.message.bytes`, and no more than a segment
    /// holds. Elsewhere refusals tell.
    ///
    /// - Returns: the errors of those that may tell later, too: not where it is not offered.
    private func batchLimits(of topics: Set<String>) async -> ([String: BatchLimit], errors: [String: KafkaError]) {
        let keys = ["max.message.bytes", "segment.bytes", "cleanup.policy"]
        let described = await target.describeConfigs(topics.map { .topic($0) }, keys: keys)
        var limits: [String: BatchLimit] = [:]
        var errors: [String: KafkaError] = [:]
        for topic in topics {
            if case .failure(let error)? = described[.topic(topic)], !error.isUnsupported { errors[topic] = error }
            guard case .success(let entries)? = described[.topic(topic)] else { continue }
            let values = keys.compactMap { entries[$0]?.value.flatMap { Int($0) } }
            limits[topic] = BatchLimit(
                largestBatch: values.filter { $0 > 0 }.min(),
                cleanup: CleanupPolicy(entries["cleanup.policy"]?.value))
        }
        return (limits, errors)
    }

    /// Follows the cleanup of copies that keep their offsets: it decides what has the place of holes.
    private func followCleanup(of partitions: Set<TopicPartition>) async {
        let topics = Set(partitions.compactMap { pairs[$0]?.target.topic })
        guard !topics.isEmpty else { return }
        let cleanups = await batchLimits(of: topics).0.mapValues(\.cleanup)
        for shard in shards { await shard.apply(cleanups) }
    }

    private func shardNumber(of partition: TopicPartition) -> Int {
        let number = Int(partition.partition) &+ partition.topic.utf8.reduce(0) { $0 &* 31 &+ Int($1) }
        return Int(UInt(bitPattern: number) % UInt(shards.count))
    }

    /// Gives the new settings to all tasks that work by them, which soon ask the clusters again.
    func settingsChanged() {
        topicSync = topicSync.adapted(to: settings)
        waiting.release(at: .now)
        discoveryDue.notify()
    }

    private func keepDiscovering(_ factory: PartitionFactory) async {
        var signals = discoveryDue.makeWaiter()
        while phase == .running {
            guard await discoveryDue.wait(&signals, atMost: settings.sync.interval), phase == .running else { return }
            do throws(FlowError) {
                if try await isHandedOver() { return await stop() }
                try await discover(factory)
                discoveryFailures = 0
                trouble = nil
                troubles.ended(.discovery)
            } catch {
                // A flow that stops cuts it short: that is no failure.
                guard !Task.isCancelled else { return }
                discoveryFailures += 1
                if discoveryFailures >= Self.lastingFailures || error.isForeignCluster { trouble = "\(error)" }
                troubles.began(.discovery, "\(error)")
            }
        }
    }

    /// A failover has handed the target over to others: nothing is to be written there any more.
    private func isHandedOver() async throws(FlowError) -> Bool {
        guard settings.offsets == .preserve else { return false }
        try await progress.catchUp()
        guard await progress.isHandedOver else { return false }
        logger.warning(
            "stopping: the target has taken over",
            metadata: ["source": "\(settings.source.name)", "target": "\(settings.target.name)"])
        return true
    }

    /// Settings of topics, access rules and quotas; records do not wait for them.
    private func keepMetadata() async {
        while !Task.isCancelled {
            if parts.holds(.metadata) { await topicSync.metadata.synchronize() }
            guard (try? await Task.sleep(for: settings.sync.interval)) != nil else { return }
        }
    }
}

// Progress and shutdown.
extension Flow {
    private func keepCheckpoints() async {
        while !Task.isCancelled {
            guard (try? await Task.sleep(for: Self.checkpointInterval)) != nil else { return }
            await storeCheckpoints()
        }
    }

    private func storeCheckpoints() async {
        await checkpoints.write(from: shards)
    }

    /// The topics that hold the flow's state are filled again should they be deleted under it.
    private func keepMemory(_ metadata: ClusterMetadata) async {
        do throws(FlowError) {
            _ = try await progress.restoreIfLost(metadata)
            let restorations = await progress.restorations
            if restorations > knownRestorations {
                try await topicSync.restoreLedger()
                knownRestorations = restorations
                logger.warning(
                    "the flow's progress was lost: the topic was deleted or emptied; everything is recorded there again",
                    metadata: ["topic": "\(progress.topic)", "cluster": "\(settings.target.name)"])
            }
            if let identity {
                reportRegistered(
                    try await kafka { () async throws(KafkaError) in try await identity.own.registerIfLost(metadata) })
            }
            troubles.ended(.memory)
        } catch {
            guard !Task.isCancelled else { return }
            troubles.began(.memory, "\(error)")
        }
    }

    private func reportRegistered(_ lost: Set<Int64>) {
        guard !lost.isEmpty else { return }
        logger.warning(
            "producer ids of this flow were no longer registered: the topic was deleted or emptied; they are again",
            metadata: [
                "topic": "\(OriginRecord.topic)", "cluster": "\(settings.target.name)",
                "producerIDs": "\(lost.sorted().map(String.init).joined(separator: ","))",
            ])
    }

    /// Lag has its own pace: it grows while the target takes neither records nor checkpoints.
    private func keepLag() async {
        repeat {
            var lags = TopicLags()
            // The last statement holds until the next.
            let next = NIODeadline.now() + TimeAmount(Self.lagInterval)
            for shard in shards { lags.add(await shard.lags(at: next)) }
            for place in unattendedPlaces { lags.add(.unknown(""), of: place.topic) }
            topicMetrics.report(lags)
        } while (try? await Task.sleep(for: Self.lagInterval)) != nil
    }

    /// Stops fetching; ``run()`` returns once the target has what is in flight.
    public func stop() async {
        guard [.starting, .waiting, .resting, .running].contains(phase) else { return }
        phase = .draining
        logger.info("stopping: batches that were read still go to the target first")
        for shard in shards { await shard.drain() }
    }

    private func drainOnShutdown() async {
        guard (try? await gracefulShutdown()) != nil else { return }
        await end()
    }

    /// Stops as graceful shutdown does, for a flow that ends before its process does: ``replicate()`` returns once the
    /// target has what is in flight, or has had the time for it. To be cancelled then.
    package func end() async {
        await stop()
        guard (try? await Task.sleep(for: Self.shutdownTimeout)) != nil else { return }
        logger.warning("the target did not take everything in time; the rest will be copied at the next start")
        isAbandoned = true
        for shard in shards { await shard.abandon() }
    }

    private func kafka<Value: Sendable>(
        _ body: () async throws(KafkaError) -> Value
    ) async throws(FlowError) -> Value {
        do throws(KafkaError) {
            return try await body()
        } catch {
            throw .kafka(error)
        }
    }
}
