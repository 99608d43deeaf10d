package import KafkaClient
internal import KafkaWire
package import Logging

/// Looks at both clusters and makes the target's topics what the flow needs: there, with the source's settings, and
/// with at least as many partitions.
package struct TopicSync: Sendable {
    private let settings: FlowSettings
    private let source: ClusterClient
    private let target: ClusterClient
    private let observer: MetadataObserver
    private let planner: SyncPlanner
    private let applier: SyncApplier
    private let ledger: SyncLedger
    private let progress: ProgressStore?
    private let troubles: TroubleLog
    private let reporter: SyncReporter
    private let logger: Logger
    private let wallClock: @Sendable () -> Int64
    /// The part that follows once topics are there.
    let metadata: MetadataSync

    /// - Parameters:
    ///   - progress: what the flow has recorded; nil for those who only look.
    ///   - wallClock: milliseconds since 1970.
    package init(
        settings: FlowSettings, source: ClusterClient, target: ClusterClient, progress: ProgressStore? = nil,
        logger: Logger, wallClock: @escaping @Sendable () -> Int64
    ) {
        self.init(
            settings: settings, source: source, target: target, progress: progress,
            troubles: TroubleLog(logger: logger),
            logger: logger, wallClock: wallClock)
    }

    /// - Parameter troubles: the flow's.
    init(
        settings: FlowSettings, source: ClusterClient, target: ClusterClient, progress: ProgressStore?,
        troubles: TroubleLog, logger: Logger, wallClock: @escaping @Sendable () -> Int64
    ) {
        self.init(
            settings: settings, source: source, target: target, progress: progress,
            ledger: SyncLedger(flow: settings.name, target: target, wallClock: wallClock), troubles: troubles,
            logger: logger, wallClock: wallClock)
    }

    private init(
        settings: FlowSettings, source: ClusterClient, target: ClusterClient, progress: ProgressStore?,
        ledger: SyncLedger, troubles: TroubleLog, logger: Logger, wallClock: @escaping @Sendable () -> Int64
    ) {
        self.settings = settings
        self.source = source
        self.target = target
        self.ledger = ledger
        self.progress = progress
        self.troubles = troubles
        self.logger = logger
        self.wallClock = wallClock
        observer = MetadataObserver(settings: settings, source: source, target: target)
        planner = SyncPlanner(settings)
        applier = SyncApplier(target: target, ledger: ledger, logger: logger)
        reporter = SyncReporter(settings: settings, logger: logger)
        metadata = MetadataSync(
            settings: settings, observer: observer, applier: applier, ledger: ledger, progress: progress,
            reporter: reporter, troubles: troubles, wallClock: wallClock)
    }

    /// The same by other settings of the same flow; what was remembered stays remembered.
    func adapted(to settings: FlowSettings) -> TopicSync {
        TopicSync(
            settings: settings, source: source, target: target, progress: progress, ledger: ledger, troubles: troubles,
            logger: logger, wallClock: wallClock)
    }

    /// Records what was put on the target again: the topic that held it has lost it.
    func restoreLedger() async throws(FlowError) { try await ledger.restore() }

    /// Other instances of the flow may change the target, too, from now on, or not any more.
    func setShared(_ isShared: Bool) async { await ledger.setShared(isShared) }

    /// A source partition and where its records go.
    struct PartitionPair: Sendable {
        let source: TopicPartition
        let target: TopicPartition
        let sourceTopicID: KafkaUUID
    }

    struct Discovery: Sendable {
        /// Partitions that exist on both sides and have a leader there.
        var partitions: [PartitionPair] = []
        var sourceMetadata: ClusterMetadata
        var targetMetadata: ClusterMetadata
        /// Topics that the flow should copy, and of which it cannot copy all.
        var refused: [TopicRefusal] = []
        /// Selected topics that are left to other flows.
        var leftToOthers: Set<String> = []
        /// Topics that are asked for and never copied.
        var excluded: [FlowStatus.ExcludedTopic] = []
    }

    /// Asks again for those topics that checkpoints know under another id: another instance may have met one that was created
    /// again since the discovery, whose metadata would pass for that of a third.
    func renewed(
        _ found: Discovery, for recorded: [(pair: PartitionPair, checkpoint: Checkpoint)]
    ) async throws(KafkaError) -> Discovery {
        func differs(_ recorded: String?, _ topic: TopicMetadata?) -> Bool {
            guard let recorded, let topic else { return false }
            return recorded != topic.id.hexadecimal
        }
        var (sources, targets): (Set<String>, Set<String>) = ([], [])
        for (pair, checkpoint) in recorded {
            let (source, target) = (pair.source.topic, pair.target.topic)
            if differs(checkpoint.sourceTopicID, found.sourceMetadata.topics[source]) { sources.insert(source) }
            if differs(checkpoint.targetTopicID, found.targetMetadata.topics[target]) { targets.insert(target) }
        }
        var found = found
        found.sourceMetadata.topics.merge(try await topics(sources, of: source)) { $1 }
        found.targetMetadata.topics.merge(try await topics(targets, of: target)) { $1 }
        return found
    }

    private func topics(
        _ names: Set<String>, of client: ClusterClient
    ) async throws(KafkaError) -> [String: TopicMetadata] {
        guard !names.isEmpty else { return [:] }
        return try await client.metadata(.named(names.sorted())).topics.filter { names.contains($0.key) }
    }

    /// - Parameters:
    ///   - onlyKnown: topics that are already copied, when new ones are not wanted.
    ///   - held: topics that nothing is to be changed for yet, since the last attempt was refused.
    ///   - neighbours: says which topics are left to other flows.
    ///   - changes: false for an instance that only looks: another one creates topics and tells what is in the way.
    /// - Throws: when a cluster cannot be asked at all.
    func discover(
        onlyKnown: Set<String>?, held: Set<String>, _ neighbours: FlowNeighbours, changes: Bool
    ) async throws(FlowError) -> Discovery {
        try await ledger.open()
        var selected: [SelectedTopic]
        let undecided: [SyncNote]
        var discovery: Discovery
        do throws(KafkaError) {
            let sourceMetadata = try await source.metadata(.all)
            let targetMetadata = try await target.metadata(.all)
            discovery = Discovery(sourceMetadata: sourceMetadata, targetMetadata: targetMetadata)
            await observer.learnNames(sourceMetadata)
            if Task.isCancelled {
                throw KafkaError(.cancelled, during: .request(.metadata), cluster: settings.source.name)
            }
            selected = observer.select(sourceMetadata).filter { onlyKnown?.contains($0.source.name) ?? true }
            discovery.excluded = observer.excluded(sourceMetadata)
            undecided = observer.undecided(sourceMetadata) + observer.notes(on: discovery.excluded)
        } catch {
            throw .kafka(error)
        }
        if changes { await reporter.report(undecided) }
        let checkpoints = await progress?.known ?? [:]
        let replaced = ReplacedTopics(among: selected, checkpoints: checkpoints, policies: settings.policies)
        discovery.refused += await observer.withheld(discovery.sourceMetadata)
            .filter { onlyKnown?.contains($0.topic) ?? true }
        let judgement = try await neighbours.judge(
            selected, settings, source: discovery.sourceMetadata, target: discovery.targetMetadata, records: changes)
        for topic in selected {
            guard let reason = judgement.refused[topic.source.name] else { continue }
            discovery.refused.append(
                TopicRefusal(
                    topic: topic.source.name, targetTopic: topic.targetName,
                    partitions: topic.source.partitions.count, reason: reason))
        }
        if changes { await reporter.report(observer.returning(judgement.returning)) }
        discovery.leftToOthers = judgement.returning.union(judgement.refused.keys)
        selected = selected.filter { judgement.admits($0.source.name) }
        var changed: [SelectedTopic] = []
        var reasons: [String: String] = [:]
        if changes {
            (changed, reasons) = try await change(
                &discovery, selected.filter { !held.contains($0.source.name) }, replaced)
        }
        if !changed.isEmpty {
            do throws(KafkaError) {
                reasons.merge(try await awaitLeaders(of: changed)) { first, _ in first }
                discovery.targetMetadata = try await target.metadata(.all)
            } catch {
                throw .kafka(error)
            }
        }
        for topic in selected {
            if let replacement = replaced[topic.source.name] {
                pair(topic, replacement, &discovery)
            } else {
                pair(topic, &discovery, reason: reasons[topic.source.name], isHeld: held.contains(topic.source.name))
            }
        }
        return discovery
    }

    /// Only partitions that were copied of the earlier topic take part: they say why they have stopped. Of the others
    /// nothing is to be copied.
    private func pair(
        _ topic: SelectedTopic, _ replacement: ReplacedTopics.Replacement, _ discovery: inout Discovery
    ) {
        let there = discovery.targetMetadata.topics[topic.targetName]
        for number in replacement.partitions.sorted() where there?.partitions[number]?.leader != nil {
            discovery.partitions.append(
                PartitionPair(
                    source: TopicPartition(topic.source.name, number),
                    target: TopicPartition(topic.targetName, number), sourceTopicID: topic.source.id))
        }
        let others = topic.source.partitions.count - replacement.partitions.count
        guard others > 0 else { return }
        discovery.refused.append(
            TopicRefusal(
                topic: topic.source.name, targetTopic: topic.targetName, partitions: others,
                reason: replacement.explanation(source: topic.source.name, cluster: settings.source.name)))
    }

    /// Only partitions that the target has already take part: the rest follow once it has grown.
    private func pair(_ topic: SelectedTopic, _ discovery: inout Discovery, reason: String?, isHeld: Bool) {
        let there = discovery.targetMetadata.topics[topic.targetName]
        var missing = 0
        var leaderless: [Int32] = []
        for number in topic.source.partitions.keys.sorted() {
            guard let copy = there?.partitions[number] else {
                missing += 1
                continue
            }
            guard copy.leader != nil else {
                leaderless.append(number)
                continue
            }
            discovery.partitions.append(
                PartitionPair(
                    source: TopicPartition(topic.source.name, number),
                    target: TopicPartition(topic.targetName, number), sourceTopicID: topic.source.id))
        }
        // A copy that is smaller by wish is noted where it is planned.
        if missing > 0, !settings.sync.partitions, there?.partitions.isEmpty == false { missing = 0 }
        guard missing + leaderless.count > 0 else { return }
        let cluster = settings.target.name
        let found =
            leaderless.isEmpty
            ? isHeld ? nil : "\(topic.targetName) is not on \(cluster) yet"
            : "\(topic.targetName)-\(leaderless[0]) has no leader on \(cluster)"
                + (leaderless.count > 1 ? ", nor have \(leaderless.count - 1) other partitions" : "")
                + ": bring the brokers back that hold its replicas"
        discovery.refused.append(
            TopicRefusal(
                topic: topic.source.name, targetTopic: topic.targetName, partitions: missing + leaderless.count,
                reason: reason ?? found, isPassing: reason == nil))
    }
}

// Changes on the target.
extension TopicSync {
    /// - Returns: the topics that were created or have grown, and why others could not be, by source topic.
    private func change(
        _ discovery: inout Discovery, _ selected: [SelectedTopic], _ replaced: ReplacedTopics
    ) async throws(FlowError) -> ([SelectedTopic], [String: String]) {
        var seen = SyncObservation()
        seen.selected = selected
        seen.target = discovery.targetMetadata
        seen.replaced = replaced
        var reasons: [String: String] = [:]
        let missing = TopicPlanner(settings).missing(selected, on: discovery.targetMetadata)
        if settings.sync.topicConfigs, !missing.isEmpty {
            seen.defaults = await observer.defaults(discovery.targetMetadata)
            for (name, error) in await observer.readSourceConfigs(of: missing, into: &seen) {
                // Its final settings are not known yet, and it must not be there without them.
                reasons[name] = "\(error)"
            }
        }
        let plan = planner.topicPlan(seen)
        await reporter.report(seen.notes + plan.notes)
        var changed: Set<String> = []
        let outcomes = try await applier.apply(plan)
        await reporter.report(outcomes.filter { $0.action.kind == .config })
        for outcome in outcomes {
            switch outcome.action {
            case .createTopic(let topic, let source):
                // Another instance may have been quicker.
                if outcome.error == nil || outcome.error?.code == .topicAlreadyExists {
                    changed.insert(topic.name)
                } else if let error = outcome.error {
                    reasons[source] = refusal(topic.name, topic.partitions, outcome.action, error)
                }
            case .addPartitions(let topic, _, let count):
                if let error = outcome.error {
                    let source = selected.first { $0.targetName == topic }?.source.name ?? topic
                    reasons[source] = refusal(topic, count, outcome.action, error)
                } else {
                    changed.insert(topic)
                }
            case .deleteTopic, .changeConfig, .createAcl, .deleteAcl, .changeQuota: break
            }
        }
        return (selected.filter { changed.contains($0.targetName) }, reasons)
    }

    private func refusal(
        _ topic: String, _ partitions: Int32, _ action: SyncAction, _ error: KafkaError
    ) -> String {
        FlowError.cannotCreateTopic(
            topic: topic, cluster: settings.target.name,
            reason: "\(SyncFailure.text(action, error, settings.target)); "
                + "create it there with \(partitions) partitions, or let us"
        ).description
    }

    /// New partitions have no leader at first; producing to them would only fail. The wait is short: who has none then
    /// is taken up by a later discovery.
    ///
    /// - Returns: why topics cannot be used that are there, by source topic.
    private func awaitLeaders(of topics: [SelectedTopic]) async throws(KafkaError) -> [String: String] {
        var reasons: [String: String] = [:]
        for attempt in 0..<20 {
            reasons = [:]
            let metadata = try await target.metadata(.named(topics.map(\.targetName)))
            var isReady = true
            for topic in topics {
                let found = metadata.topics[topic.targetName]
                if found?.error == .topicAuthorizationFailed {
                    let missing = MissingPermission(.describe, on: .topic, topic.targetName, of: settings.target)
                    reasons[topic.source.name] =
                        "\(topic.targetName) exists on \(settings.target.name), and we may not see it: \(missing); "
                        + "grant it, with READ and WRITE, with: \(missing.command)"
                } else if !topic.source.partitions.keys.allSatisfy({ found?.partitions[$0]?.leader != nil }) {
                    isReady = false
                }
            }
            if isReady { return reasons }
            guard (try? await Task.sleep(for: .milliseconds(20 * (attempt + 1)))) != nil else { return reasons }
        }
        return reasons
    }
}

// Offsets at the source.
extension TopicSync {
    /// The offset at which a position begins, for each partition.
    package func offsets(
        of partitions: [TopicPartition], at position: StartPosition
    ) async throws(FlowError) -> [TopicPartition: Int64] {
        let found = await lookUp(partitions, at: position, patience: nil)
        if let error = found.errors.values.first { throw .kafka(error) }
        return found.offsets
    }

    /// An error that says that a source partition cannot be asked, since nobody leads it.
    func leaderless(_ partition: TopicPartition) -> KafkaError {
        KafkaError(
            .broker(.leaderNotAvailable, message: nil), during: .request(.listOffsets), cluster: settings.source.name,
            topic: partition.topic, partition: partition.partition)
    }

    /// The same, with an error for each partition that has none.
    ///
    /// - Parameter patience: the time during which it retries, where that is to be shorter than usual.
    func lookUp(
        _ partitions: [TopicPartition], at position: StartPosition, patience: Duration?
    ) async -> (offsets: [TopicPartition: Int64], errors: [TopicPartition: KafkaError]) {
        guard !partitions.isEmpty else { return ([:], [:]) }
        let query: OffsetQuery =
            switch position {
            case .earliest: .earliest
            case .latest: .latest
            case .timestamp(let milliseconds): .timestamp(milliseconds)
            }
        var found = await lookUp(partitions, query, patience)
        // No record is that young: begin with the next one to be written.
        let open = partitions.filter { found.offsets[$0] == nil && found.errors[$0] == nil }
        if !open.isEmpty {
            let ends = await lookUp(open, .latest, patience)
            found.offsets.merge(ends.offsets) { first, _ in first }
            found.errors.merge(ends.errors) { first, _ in first }
        }
        return found
    }

    private func lookUp(
        _ partitions: [TopicPartition], _ query: OffsetQuery, _ patience: Duration?
    ) async -> (offsets: [TopicPartition: Int64], errors: [TopicPartition: KafkaError]) {
        let queries = Dictionary(partitions.map { ($0, query) }) { first, _ in first }
        var offsets: [TopicPartition: Int64] = [:]
        var errors: [TopicPartition: KafkaError] = [:]
        for (partition, outcome) in await source.offsets(queries, patience: patience) {
            switch outcome {
            case .success(let found): offsets[partition] = found.offset
            case .failure(let error): errors[partition] = error
            }
        }
        return (offsets, errors)
    }
}
