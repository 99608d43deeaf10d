internal import KafkaClient
internal import KafkaCompression
internal import KafkaWire
public import Logging
internal import Metrics
public import NIOCore
public import ServiceLifecycle

/// Copies topics from one cluster to another until it is told to stop.
///
/// The flow discovers topics and keeps progress; its shards move the records.
///
/// ```
///   discovery ──▶ new partitions ──▶ shard 0 ─┐
///       │                            shard 1 ─┴─▶ target
///       └── creates topics on the target          │
///   checkpoints ◀── what has passed ──────────────┘
/// ```
public actor Flow: Service {
    public nonisolated let name: String
    /// What may change while the flow runs is changed by ``reload(_:)``.
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
    private let groupSync: GroupSync
    private(set) var shards: [Shard] = []
    private(set) var known: [TopicPartition: Int] = [:]
    private var topicMetrics: TopicMetrics.Table
    /// The settings have changed: the next look at the clusters is due at once.
    private var isLookDue = false
    /// The next look at consumer groups is due at once.
    private var areGroupsDue = false
    private var groupRounds = (begun: 0, ended: 0)
    private var reportedTopics: Set<String> = []
    private var phase = Phase.starting
    private var isPrepared = false
    private var own: OwnProducers?
    private var clusterIDs: (source: String, target: String) = ("", "")
    /// How long what is in flight may take to reach the target once the flow has been told to stop.
    private let shutdownTimeout: Duration = .seconds(30)
    /// How long the last look at consumer groups may take after that.
    private let lastGroupSyncTimeout: Duration = .seconds(10)
    /// What is in flight did not reach the target in time.
    private var isAbandoned = false

    private enum Phase: String {
        case starting, running, draining, stopped
    }

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
        clusterIDs = (sourceID, targetID)
        try await progress.open()
        let identity = FlowIdentity(
            sourceClusterID: sourceID, targetClusterID: targetID, naming: settings.naming.recorded,
            startFrom: settings.startFrom.recorded)
        try await progress.check(identity)
        let own = OwnProducers(
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
        self.own = own
        isPrepared = true
    }

    /// Replicates until graceful shutdown, then lets what is under way reach the target and records how far it came.
    ///
    /// - Throws: ``FlowError`` when the flow cannot start. Later troubles are logged, counted and retried.
    public func run() async throws {
        if !isPrepared { try await prepare() }
        guard let own else { preconditionFailure("prepare() has made it") }
        var rules = OriginRules(
            sourceCluster: clusterIDs.source, targetCluster: clusterIDs.target,
            isIdentical: settings.naming == .identical, stamps: stampsRecords)
        let usual = rules.usual
        let producerID = try await kafka { () async throws(KafkaError) in try await own.producerID(for: usual) }
        rules.producerIDs[usual] = producerID
        let producer = ProducerIdentity(id: producerID, epoch: 0)
        makeShards(own, rules)
        try await discover(producer: producer)
        if phase == .starting { phase = .running }
        logger.info("flow is running", metadata: ["partitions": "\(known.count)"])
        await withTaskGroup(of: Void.self) { background in
            background.addTask { await self.keepDiscovering(producer: producer) }
            background.addTask { await self.keepCheckpoints() }
            background.addTask { await self.keepGroups() }
            background.addTask { await self.keepMetadata() }
            background.addTask { await self.drainOnShutdown() }
            await withTaskGroup(of: Void.self) { group in
                for shard in shards { group.addTask { await shard.run() } }
            }
            background.cancelAll()
        }
        await storeCheckpoints()
        await finishGroups()
        await source.close()
        await target.close()
        phase = .stopped
        logger.info("flow has stopped")
    }

    public func status() async -> FlowStatus {
        var partitions: [FlowStatus.Partition] = []
        for shard in shards {
            partitions += await shard.snapshot.filter(\.isSelected).map { FlowStatus.Partition($0) }
        }
        partitions.sort { ($0.topic, $0.partition) < ($1.topic, $1.partition) }
        return FlowStatus(
            name: name, source: settings.source.name, target: settings.target.name, state: phase.rawValue,
            paused: pauses.scopes.map(\.description).sorted(), bytesPerSecondLimit: settings.limits.bytesPerSecond,
            partitions: partitions, groups: await groupSync.findings.map { FlowStatus.Group($0) })
    }

    private func makeShards(_ own: OwnProducers, _ rules: OriginRules) {
        let sourceOrigins = OriginTable(of: source)
        let count = settings.shards ?? eventLoops.count
        let budget = settings.bufferBytes / count
        let limits = ShardScheduler.Limits(
            fetchBytes: min(8 << 20, max(1 << 20, budget / 3)), partitionBufferBytes: max(2 << 20, budget / 4))
        let intake = BatchIntake(
            planner: BatchPlanner(compression: settings.compression, addsLoopHeader: stampsRecords),
            origins: rules, quarantinesDamaged: settings.policies.quarantined == .continue)
        shards = (0..<count).map { number in
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

    private var stampsRecords: Bool {
        settings.naming == .identical && settings.loopPrevention == .headers
    }
}

// Discovery.
extension Flow {
    /// One look at both clusters: creates what is missing on the target and starts on partitions not seen before.
    private func discover(producer: ProducerIdentity) async throws(FlowError) {
        let found = try await topicSync.discover(
            onlyKnown: phase == .running && !settings.sync.newTopics ? knownTopics : nil)
        for refusal in found.refused where reportedTopics.insert(refusal.topic).inserted {
            if phase == .starting { throw refusal.error }
            logger.error(
                "topic is not replicated", metadata: ["topic": "\(refusal.topic)", "error": "\(refusal.error)"])
        }
        let fresh = found.partitions.filter { known[$0.source] == nil }
        if !fresh.isEmpty {
            try await start(fresh, found, producer)
        } else if phase == .starting, await progress.isNewFlow {
            // Topics that come later are none that were there at the first start; others have to know the flow, too.
            try await progress.storeIdentity()
        }
        for shard in shards { await shard.update(source: found.sourceMetadata, target: found.targetMetadata) }
    }

    private var knownTopics: Set<String> { Set(known.keys.map(\.topic)) }

    private func start(
        _ fresh: [TopicSync.PartitionPair], _ found: TopicSync.Discovery, _ producer: ProducerIdentity
    ) async throws(FlowError) {
        let isFirstStart = phase == .starting ? await progress.isNewFlow : false
        let recorded = await progress.known
        var maps: [TopicPartition: OffsetMap] = [:]
        for pair in fresh { maps[pair.source] = await progress.map(of: pair.source) }
        let positions = try await startOffsets(of: fresh, recorded, isFirstStart: isFirstStart)
        try await progress.store(checkpointsAtStart(fresh, recorded, positions))
        if isFirstStart { try await progress.storeIdentity() }
        var batches: [[PartitionReplicator]] = Array(repeating: [], count: shards.count)
        for pair in fresh {
            guard let position = positions[pair.source] else { continue }
            let shard = Int(pair.source.partition) &+ pair.source.topic.utf8.reduce(0) { $0 &* 31 &+ Int($1) }
            let index = Int(UInt(bitPattern: shard) % UInt(shards.count))
            known[pair.source] = index
            batches[index].append(
                state(
                    of: pair, position: position, checkpoint: recorded[pair.source],
                    map: maps[pair.source] ?? OffsetMap(start: position), found, producer))
        }
        for (shard, partitions) in zip(shards, batches) where !partitions.isEmpty { await shard.add(partitions) }
        let topics = Set(fresh.map(\.source.topic)).sorted()
        let shown = topics.prefix(20).joined(separator: ",")
        logger.info(
            "replicating",
            metadata: [
                "topics": "\(shown)\(topics.count > 20 ? ",… (\(topics.count) in all)" : "")",
                "partitions": "\(fresh.count)",
            ])
    }

    /// Where each partition begins: where it stopped last time; else, for topics that were there when the flow first
    /// started, where the configuration says; else at its earliest offset, since nobody has read it yet.
    private func startOffsets(
        of pairs: [TopicSync.PartitionPair], _ recorded: [TopicPartition: Checkpoint], isFirstStart: Bool
    ) async throws(FlowError) -> [TopicPartition: Int64] {
        var offsets: [TopicPartition: Int64] = [:]
        var unknown: [TopicPartition] = []
        for pair in pairs {
            if let checkpoint = recorded[pair.source] {
                offsets[pair.source] = checkpoint.sourceOffset
            } else {
                unknown.append(pair.source)
            }
        }
        let position = isFirstStart ? settings.startFrom : .earliest
        offsets.merge(try await topicSync.offsets(of: unknown, at: position)) { recorded, _ in recorded }
        return offsets
    }

    private func checkpointsAtStart(
        _ fresh: [TopicSync.PartitionPair], _ recorded: [TopicPartition: Checkpoint],
        _ positions: [TopicPartition: Int64]
    ) -> [TopicPartition: Checkpoint] {
        var checkpoints: [TopicPartition: Checkpoint] = [:]
        for pair in fresh where recorded[pair.source] == nil {
            guard let position = positions[pair.source] else { continue }
            checkpoints[pair.source] = Checkpoint(
                sourceOffset: position, targetOffset: -1, sourceLeaderEpoch: -1,
                sourceTopicID: pair.sourceTopicID.hexadecimal, map: OffsetMap(start: position).edge)
        }
        return checkpoints
    }

    private func state(
        of pair: TopicSync.PartitionPair, position: Int64, checkpoint: Checkpoint?, map: OffsetMap,
        _ found: TopicSync.Discovery, _ producer: ProducerIdentity
    ) -> PartitionReplicator {
        let loopGuard =
            settings.naming == .identical
            ? LoopGuard(
                sourceCluster: clusterIDs.source, targetCluster: clusterIDs.target, topicID: pair.sourceTopicID,
                partition: pair.source.partition, stamps: stampsRecords,
                stopsAtForeignHeaders: settings.onForeignLoopHeader == .stop) : nil
        var partition = PartitionReplicator(
            source: pair.source, target: pair.target, sourceTopicID: pair.sourceTopicID,
            metrics: metrics(of: pair.source.topic),
            rewriter: RecordRewriter(compression: settings.compression, loopGuard: loopGuard, limit: .default),
            rules: PartitionReplicator.Rules(
                policies: settings.policies, delivery: settings.delivery, targetCluster: settings.target.name),
            position: position, map: map, producer: producer)
        let sourceLeader = found.sourceMetadata.partition(pair.source.topic, pair.source.partition)
        partition.sourceDescribed(
            topicID: pair.sourceTopicID,
            leader: sourceLeader?.leader.map { PartitionLeader(broker: $0, epoch: sourceLeader?.leaderEpoch ?? -1) })
        let targetLeader = found.targetMetadata.partition(pair.target.topic, pair.target.partition)
        partition.targetLog.leader = targetLeader?.leader
        partition.targetLog.metadataEpoch = targetLeader?.leaderEpoch ?? -1
        partition.targetLog.topicID = found.targetMetadata.topics[pair.target.topic]?.id ?? .zero
        partition.setPaused(pauses.covers(pair.source))
        if let checkpoint { partition.restore(checkpoint) }
        return partition
    }

    private func metrics(of topic: String) -> TopicMetrics {
        topicMetrics.metrics(of: topic)
    }

    /// Those who work by the settings get the new ones, and soon look at the clusters again.
    func settingsChanged() {
        topicSync = topicSync.adapted(to: settings)
        isLookDue = true
    }

    /// - Returns: false when there is to be no other look.
    private func awaitNextLook() async -> Bool {
        guard await restsOneInterval(unless: { isLookDue }) else { return false }
        isLookDue = false
        return phase == .running
    }

    /// - Returns: false when the task was cancelled.
    private func restsOneInterval(unless isDue: () -> Bool) async -> Bool {
        let end = ContinuousClock.now + settings.sync.interval
        while !isDue(), ContinuousClock.now < end {
            let rest = min(end - ContinuousClock.now, .milliseconds(500))
            guard (try? await Task.sleep(for: rest)) != nil else { return false }
        }
        return true
    }

    /// Settings of topics, access rules and quotas; records do not wait for them.
    private func keepMetadata() async {
        while !Task.isCancelled {
            await topicSync.metadata.look()
            guard (try? await Task.sleep(for: settings.sync.interval)) != nil else { return }
        }
    }

    private func keepDiscovering(producer: ProducerIdentity) async {
        while !Task.isCancelled, phase == .running {
            guard await awaitNextLook() else { return }
            do throws(FlowError) {
                try await discover(producer: producer)
            } catch {
                // A flow that stops cuts it short: that is no failure.
                guard !Task.isCancelled else { return }
                logger.warning("discovery failed, trying again", metadata: ["error": "\(error)"])
            }
        }
    }
}

// Consumer groups.
extension Flow {
    private func keepGroups() async {
        while !Task.isCancelled, phase == .running {
            areGroupsDue = false
            groupRounds.begun += 1
            if settings.sync.groupOffsets {
                await groupSync.synchronize(settings) { await self.forwardMaps() }
            } else {
                await groupSync.rest()
            }
            groupRounds.ended += 1
            guard await restsOneInterval(unless: { areGroupsDue }) else { return }
        }
    }

    /// Has the groups looked at now, not when it is their turn: what has passed by now has its place in what is found.
    ///
    /// - Returns: whether both clusters could be asked.
    /// - Throws: `CancellationError`.
    package func lookAtGroups() async throws -> Bool {
        let round = groupRounds.begun + 1
        areGroupsDue = true
        while groupRounds.ended < round, phase == .running { try await Task.sleep(for: .milliseconds(100)) }
        return await groupSync.isReachable
    }

    /// After a planned stop groups stand on the target where they last committed at the source: what they committed while
    /// the flow drained is carried over too, now that everything that was read has its place on the target.
    ///
    /// Bounded, and not tried when the target has been given up, or a cluster could not be asked the last time either.
    private func finishGroups() async {
        guard settings.sync.groupOffsets, !isAbandoned, await groupSync.isReachable else { return }
        let isDone = await withTaskGroup(of: Bool.self) { group in
            group.addTask { [settings, groupSync] in
                await groupSync.synchronize(settings) { await self.forwardMaps() }
                return true
            }
            group.addTask { [lastGroupSyncTimeout] in (try? await Task.sleep(for: lastGroupSyncTimeout)) == nil }
            let isDone = await group.next() ?? true
            group.cancelAll()
            return isDone
        }
        if !isDone {
            logger.warning(
                "the last positions of consumer groups did not reach the target in time",
                metadata: ["seconds": "\(lastGroupSyncTimeout.components.seconds)"])
        }
    }

    private func forwardMaps() async -> [ForwardPartition] {
        var maps: [ForwardPartition] = []
        for shard in shards {
            maps += await shard.snapshot.map {
                // Before a takeover is done the target may hold copies of an earlier run that the map does not know.
                ForwardPartition(
                    source: $0.source, target: $0.target, map: $0.map, isSettled: $0.isIdle)
            }
        }
        return maps
    }
}

// Progress and shutdown.
extension Flow {
    private func keepCheckpoints() async {
        while !Task.isCancelled {
            guard (try? await Task.sleep(for: .seconds(1))) != nil else { return }
            await storeCheckpoints()
        }
    }

    /// Records how far every partition has come that has moved since the last time.
    private func storeCheckpoints() async {
        var changed: [TopicPartition: Checkpoint] = [:]
        var awaited: [[TopicPartition]] = []
        var maps: [TopicPartition: OffsetMap] = [:]
        var lag: [String: Int64] = [:]
        let recorded = await progress.known
        for shard in shards {
            let snapshot = await shard.snapshot
            awaited.append(snapshot.filter(\.isAwaitingCheckpoint).map(\.source))
            for partition in snapshot {
                lag[partition.source.topic, default: 0] += partition.isSelected ? partition.lag : 0
                guard let checkpoint = partition.checkpoint, recorded[partition.source] != checkpoint else { continue }
                changed[partition.source] = checkpoint
                maps[partition.source] = partition.map
            }
        }
        topicMetrics.report(lag: lag)
        guard !changed.isEmpty else { return }
        do throws(FlowError) {
            try await progress.store(changed, maps: maps)
            for (shard, sources) in zip(shards, awaited) where !sources.isEmpty { await shard.checkpointed(sources) }
        } catch {
            logger.warning("cannot record progress, trying again", metadata: ["error": "\(error)"])
        }
    }

    /// Stops fetching; ``run()`` returns once the target has what is under way.
    public func stop() async {
        guard phase == .starting || phase == .running else { return }
        phase = .draining
        logger.info("stopping: what is under way goes on to the target first")
        for shard in shards { await shard.drain() }
    }

    private func drainOnShutdown() async {
        guard (try? await gracefulShutdown()) != nil else { return }
        await stop()
        guard (try? await Task.sleep(for: shutdownTimeout)) != nil else { return }
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
