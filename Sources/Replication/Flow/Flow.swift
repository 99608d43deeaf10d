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
    var pauses = Pauses()
    private let progress: ProgressStore
    private let checkpoints: CheckpointWriter
    private let groupSync: GroupSync
    private var groups: GroupSyncLoop?
    private(set) var shards: [Shard] = []
    /// The shard of each partition, by its number.
    private(set) var known: [TopicPartition: Int] = [:]
    private var topicMetrics: TopicMetrics.Table
    private let discoveryDue = Signal()
    private var reportedTopics: Set<String> = []
    private var phase = FlowStatus.State.starting
    /// Made by ``prepare()``.
    private var identity: (own: FlowProducerIDs, sourceID: String, targetID: String)?
    /// Batches in flight did not reach the target in time.
    private var isAbandoned = false

    /// Time for batches in flight to reach the target once the flow has been told to stop.
    private static let shutdownTimeout: Duration = .seconds(30)
    private static let checkpointInterval: Duration = .seconds(1)

    /// - Parameters:
    ///   - eventLoops: where the shards run; the first also runs discovery.
    ///   - wallClock: milliseconds since 1970.
    public init(
        _ settings: FlowSettings, eventLoops: [any EventLoop], logger: Logger,
        wallClock: @escaping @Sendable () -> Int64
    ) {
        precondition(!eventLoops.isEmpty, "a flow needs an event loop")
        name = settings.name
        self.settings = settings
        rateLimit = RateLimit(bytesPerSecond: settings.limits.bytesPerSecond)
        topicMetrics = TopicMetrics.Table(flow: settings.name)
        self.eventLoops = eventLoops
        self.wallClock = wallClock
        var logger = logger
        logger[metadataKey: "flow"] = "\(settings.name)"
        self.logger = logger
        source = ClusterClient(settings.source, eventLoop: eventLoops[0], logger: logger)
        target = ClusterClient(settings.target, eventLoop: eventLoops[0], logger: logger)
        topicSync = TopicSync(
            settings: settings, source: source, target: target, logger: logger, wallClock: wallClock)
        groupSync = GroupSync(settings: settings, source: source, target: target, logger: logger)
        progress = ProgressStore(flow: settings.name, target: target, wallClock: wallClock)
        checkpoints = CheckpointWriter(progress: progress, logger: logger)
    }

    /// Checks that the flow can run: both clusters answer, they are two, and what the target remembers of the flow
    /// agrees with the settings. Changes nothing but the topics that keep state.
    ///
    /// - Throws: ``FlowError``.
    public func prepare() async throws(FlowError) {
        let sourceMetadata = try await kafka { () async throws(KafkaError) in try await source.metadata(.none) }
        let targetMetadata = try await kafka { () async throws(KafkaError) in try await target.metadata(.none) }
        let sourceID = sourceMetadata.clusterID ?? ""
        let targetID = targetMetadata.clusterID ?? ""
        guard sourceID.isEmpty || sourceID != targetID else {
            throw .sameCluster(source: settings.source.name, target: settings.target.name, clusterID: sourceID)
        }
        try await progress.open()
        try await progress.check(
            FlowIdentity(
                sourceClusterID: sourceID, targetClusterID: targetID, naming: settings.naming.recorded,
                startFrom: settings.startFrom.recorded))
        let own = FlowProducerIDs(
            flow: name, sourceClusterID: sourceID, targetClusterID: targetID, target: target, progress: progress,
            wallClock: wallClock)
        let lost = try await own.open()
        if !lost.isEmpty {
            logger.warning(
                "producer ids of this flow were no longer registered: the topic was deleted or emptied; they are again",
                metadata: [
                    "topic": "\(OriginRecord.topic)", "cluster": "\(settings.target.name)",
                    "producerIDs": "\(lost.sorted().map(String.init).joined(separator: ","))",
                ])
        }
        identity = (own, sourceID, targetID)
    }

    /// Replicates until graceful shutdown, then lets what is in flight reach the target and records how far it came.
    ///
    /// - Throws: ``FlowError`` when the flow cannot start. Later troubles are logged, counted and retried.
    public func run() async throws {
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
        let factory = PartitionFactory(
            settings: settings, sourceClusterID: identity.sourceID, targetClusterID: identity.targetID,
            producer: ProducerIdentity(id: producerID, epoch: 0))
        try await discover(factory)
        if phase == .starting { phase = .running }
        logger.info("flow is running", metadata: ["partitions": "\(known.count)"])
        let groups = GroupSyncLoop(groupSync, logger: logger) { [shards] in
            await Self.collect(shards) { await $0.forwardPartitions }
        }
        self.groups = groups
        await withTaskGroup(of: Void.self) { background in
            background.addTask { await self.keepDiscovering(factory) }
            background.addTask { await self.keepCheckpoints() }
            background.addTask { await groups.run { await self.settings } }
            background.addTask { await self.keepMetadata() }
            background.addTask { await self.drainOnShutdown() }
            await withTaskGroup(of: Void.self) { group in
                for shard in shards { group.addTask { await shard.run() } }
            }
            background.cancelAll()
        }
        await storeCheckpoints()
        if !isAbandoned { await groups.finish(settings) }
        await source.close()
        await target.close()
        phase = .stopped
        logger.info("flow has stopped")
    }

    public func status() async -> FlowStatus {
        let partitions = await Self.collect(shards) { await $0.statuses }
            .sorted { ($0.topic, $0.partition) < ($1.topic, $1.partition) }
        return FlowStatus(
            name: name, source: settings.source.name, target: settings.target.name, state: phase,
            paused: pauses.scopes.map(\.description).sorted(), bytesPerSecondLimit: settings.limits.bytesPerSecond,
            partitions: partitions, groups: await groupSync.findings.map { FlowStatus.Group($0) })
    }

    /// Has the groups looked at now, not when it is their turn: progress up to this call has its place in the findings.
    ///
    /// - Returns: whether both clusters could be asked.
    /// - Throws: `CancellationError`.
    package func synchronizeGroups() async throws -> Bool {
        guard let groups else { return await groupSync.isReachable }
        return try await groups.runRound()
    }

    private func makeShards(_ own: FlowProducerIDs, _ rules: OriginRules) -> [Shard] {
        let sourceOrigins = OriginTable(of: source)
        let count = settings.shards ?? eventLoops.count
        let budget = settings.bufferBytes / count
        let limits = ShardScheduler.Limits(
            fetchBytes: min(8 << 20, max(1 << 20, budget / 3)), partitionBufferBytes: max(2 << 20, budget / 4))
        let intake = BatchIntake(
            planner: BatchPlanner(compression: settings.compression, addsLoopHeader: settings.stampsRecords),
            origins: rules, quarantinesDamaged: settings.policies.quarantined == .continue)
        return (0..<count).map { number in
            let loop = eventLoops[number % eventLoops.count]
            return Shard(
                source: ClusterClient(settings.source, eventLoop: loop, logger: logger),
                target: ClusterClient(settings.target, eventLoop: loop, logger: logger), eventLoop: loop,
                scheduler: ShardScheduler(
                    budget: budget, limits: limits, intake: intake,
                    replicaLease: settings.source.metadataMaximumAge), rateLimit: rateLimit,
                own: own, sourceOrigins: sourceOrigins, logger: logger, wallClock: wallClock)
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
        let found = try await topicSync.discover(
            onlyKnown: phase == .running && !settings.sync.newTopics ? Set(known.keys.map(\.topic)) : nil)
        for refusal in found.refused where reportedTopics.insert(refusal.topic).inserted {
            if phase == .starting { throw refusal.error }
            logger.error(
                "topic is not replicated", metadata: ["topic": "\(refusal.topic)", "error": "\(refusal.error)"])
        }
        let discovery = FlowDiscovery(topicSync: topicSync, progress: progress, startFrom: settings.startFrom)
        let new = try await discovery.begin(
            found.partitions.filter { known[$0.source] == nil }, isStarting: phase == .starting)
        if !new.isEmpty { await start(new, found, factory) }
        for shard in shards { await shard.update(source: found.sourceMetadata, target: found.targetMetadata) }
    }

    private func start(
        _ new: [FlowDiscovery.NewPartition], _ found: TopicSync.Discovery, _ factory: PartitionFactory
    ) async {
        var factory = factory
        factory.settings.policies = settings.policies
        var batches: [[PartitionReplicator]] = Array(repeating: [], count: shards.count)
        for new in new {
            let shard = shardNumber(of: new.pair.source)
            known[new.pair.source] = shard
            var partition = factory.partition(
                new, in: found, metrics: topicMetrics.metrics(of: new.pair.source.topic))
            partition.setPaused(pauses.covers(new.pair.source))
            batches[shard].append(partition)
        }
        for (shard, partitions) in zip(shards, batches) where !partitions.isEmpty { await shard.add(partitions) }
        let topics = Set(new.map(\.pair.source.topic)).sorted()
        let shown = topics.prefix(20).joined(separator: ",")
        logger.info(
            "replicating",
            metadata: [
                "topics": "\(shown)\(topics.count > 20 ? ",… (\(topics.count) in all)" : "")",
                "partitions": "\(new.count)",
            ])
    }

    private func shardNumber(of partition: TopicPartition) -> Int {
        let number = Int(partition.partition) &+ partition.topic.utf8.reduce(0) { $0 &* 31 &+ Int($1) }
        return Int(UInt(bitPattern: number) % UInt(shards.count))
    }

    /// Those who work by the settings get the new ones, and soon ask the clusters again.
    func settingsChanged() {
        topicSync = topicSync.adapted(to: settings)
        discoveryDue.notify()
    }

    private func keepDiscovering(_ factory: PartitionFactory) async {
        var signals = discoveryDue.makeWaiter()
        while phase == .running {
            guard await discoveryDue.wait(&signals, atMost: settings.sync.interval), phase == .running else { return }
            do throws(FlowError) {
                try await discover(factory)
            } catch {
                // A flow that stops cuts it short: that is no failure.
                guard !Task.isCancelled else { return }
                logger.warning("discovery failed, trying again", metadata: ["error": "\(error)"])
            }
        }
    }

    /// Settings of topics, access rules and quotas; records do not wait for them.
    private func keepMetadata() async {
        while !Task.isCancelled {
            await topicSync.metadata.synchronize()
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
        topicMetrics.report(lag: await checkpoints.write(from: shards))
    }

    /// Stops fetching; ``run()`` returns once the target has what is in flight.
    public func stop() async {
        guard phase == .starting || phase == .running else { return }
        phase = .draining
        logger.info("stopping: what is under way goes on to the target first")
        for shard in shards { await shard.drain() }
    }

    private func drainOnShutdown() async {
        guard (try? await gracefulShutdown()) != nil else { return }
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
