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
    private let reporter: SyncReporter
    private let logger: Logger
    private let wallClock: @Sendable () -> Int64
    /// The part that follows once topics are there.
    let metadata: MetadataSync

    /// - Parameter wallClock: milliseconds since 1970.
    package init(
        settings: FlowSettings, source: ClusterClient, target: ClusterClient, logger: Logger,
        wallClock: @escaping @Sendable () -> Int64
    ) {
        self.init(
            settings: settings, source: source, target: target,
            ledger: SyncLedger(flow: settings.name, target: target, wallClock: wallClock), logger: logger,
            wallClock: wallClock)
    }

    private init(
        settings: FlowSettings, source: ClusterClient, target: ClusterClient, ledger: SyncLedger, logger: Logger,
        wallClock: @escaping @Sendable () -> Int64
    ) {
        self.settings = settings
        self.source = source
        self.target = target
        self.ledger = ledger
        self.logger = logger
        self.wallClock = wallClock
        observer = MetadataObserver(settings: settings, source: source, target: target)
        planner = SyncPlanner(settings)
        applier = SyncApplier(target: target, ledger: ledger, logger: logger)
        reporter = SyncReporter(settings: settings, logger: logger)
        metadata = MetadataSync(
            settings: settings, observer: observer, applier: applier, ledger: ledger, reporter: reporter,
            wallClock: wallClock)
    }

    /// The same by other settings of the same flow; what was remembered stays remembered.
    func adapted(to settings: FlowSettings) -> TopicSync {
        TopicSync(
            settings: settings, source: source, target: target, ledger: ledger, logger: logger, wallClock: wallClock)
    }

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
        /// Topics that the flow should copy and cannot.
        var refused: [Refusal] = []
    }

    struct Refusal: Sendable {
        let topic: String
        let error: FlowError
    }

    /// - Parameter onlyKnown: topics that are already copied, when new ones are not wanted.
    /// - Throws: when a cluster cannot be asked at all.
    func discover(onlyKnown: Set<String>?) async throws(FlowError) -> Discovery {
        try await ledger.open()
        let selected: [SelectedTopic]
        let undecided: [SyncNote]
        var discovery: Discovery
        do throws(KafkaError) {
            let sourceMetadata = try await source.metadata(.all)
            let targetMetadata = try await target.metadata(.all)
            discovery = Discovery(sourceMetadata: sourceMetadata, targetMetadata: targetMetadata)
            selected = observer.select(sourceMetadata).filter { onlyKnown?.contains($0.source.name) ?? true }
            undecided = observer.undecided(sourceMetadata)
        } catch {
            throw .kafka(error)
        }
        await reporter.report(undecided)
        let changed = try await change(&discovery, selected)
        if !changed.isEmpty {
            do throws(KafkaError) {
                try await awaitLeaders(of: changed)
                discovery.targetMetadata = try await target.metadata(.all)
            } catch {
                throw .kafka(error)
            }
        }
        for topic in selected { pair(topic, &discovery) }
        return discovery
    }

    /// Only partitions that the target has already take part: the rest follow once it has grown.
    private func pair(_ topic: SelectedTopic, _ discovery: inout Discovery) {
        for number in topic.source.partitions.keys.sorted()
        where discovery.targetMetadata.partition(topic.targetName, number)?.leader != nil {
            discovery.partitions.append(
                PartitionPair(
                    source: TopicPartition(topic.source.name, number),
                    target: TopicPartition(topic.targetName, number), sourceTopicID: topic.source.id))
        }
    }
}

// Changes on the target.
extension TopicSync {
    /// - Returns: the topics that were created or have grown.
    private func change(
        _ discovery: inout Discovery, _ selected: [SelectedTopic]
    ) async throws(FlowError) -> [SelectedTopic] {
        var seen = SyncObservation()
        seen.selected = selected
        seen.target = discovery.targetMetadata
        let missing = TopicPlanner(settings).missing(selected, on: discovery.targetMetadata)
        if settings.sync.topicConfigs, !missing.isEmpty {
            seen.defaults = await observer.defaults(discovery.targetMetadata)
            for (name, error) in await observer.readSourceConfigs(of: missing, into: &seen) {
                // Its final settings are not known yet, and it must not be there without them.
                discovery.refused.append(Refusal(topic: name, error: .kafka(error)))
            }
        }
        let plan = planner.topicPlan(seen)
        await reporter.report(seen.notes + plan.notes)
        var changed: Set<String> = []
        for outcome in try await applier.apply(plan) {
            switch outcome.action {
            case .createTopic(let topic, let source):
                // Another instance may have been quicker.
                if outcome.error == nil || outcome.error?.code == .topicAlreadyExists {
                    changed.insert(topic.name)
                } else if let error = outcome.error {
                    discovery.refused.append(refusal(source, topic.name, topic.partitions, outcome.action, error))
                }
            case .addPartitions(let topic, _, let count):
                if let error = outcome.error {
                    let source = selected.first { $0.targetName == topic }?.source.name ?? topic
                    discovery.refused.append(refusal(source, topic, count, outcome.action, error))
                } else {
                    changed.insert(topic)
                }
            case .deleteTopic, .changeConfig, .createAcl, .deleteAcl, .changeQuota: break
            }
        }
        return selected.filter { changed.contains($0.targetName) }
    }

    private func refusal(
        _ source: String, _ topic: String, _ partitions: Int32, _ action: SyncAction, _ error: KafkaError
    ) -> Refusal {
        Refusal(
            topic: source,
            error: .cannotCreateTopic(
                topic: topic, cluster: settings.target.name,
                reason: "\(SyncFailure.text(action, error, settings.target)); "
                    + "create it there with \(partitions) partitions, or let us"))
    }

    /// New partitions have no leader at first; producing to them would only fail.
    private func awaitLeaders(of topics: [SelectedTopic]) async throws(KafkaError) {
        for attempt in 0..<50 {
            let metadata = try await target.metadata(.named(topics.map(\.targetName)))
            let isReady = topics.allSatisfy { topic in
                topic.source.partitions.keys.allSatisfy { metadata.partition(topic.targetName, $0)?.leader != nil }
            }
            if isReady { return }
            guard (try? await Task.sleep(for: .milliseconds(20 * (attempt + 1)))) != nil else { return }
        }
    }
}

// Offsets at the source.
extension TopicSync {
    /// The offset at which a position begins, for each partition.
    package func offsets(
        of partitions: [TopicPartition], at position: StartPosition
    ) async throws(FlowError) -> [TopicPartition: Int64] {
        guard !partitions.isEmpty else { return [:] }
        let query: OffsetQuery =
            switch position {
            case .earliest: .earliest
            case .latest: .latest
            case .timestamp(let milliseconds): .timestamp(milliseconds)
            }
        var offsets = try await lookUp(partitions, query)
        // No record is that young: begin with the next one to be written.
        let open = partitions.filter { offsets[$0] == nil }
        if !open.isEmpty { offsets.merge(try await lookUp(open, .latest)) { first, _ in first } }
        return offsets
    }

    private func lookUp(
        _ partitions: [TopicPartition], _ query: OffsetQuery
    ) async throws(FlowError) -> [TopicPartition: Int64] {
        let queries = Dictionary(partitions.map { ($0, query) }) { first, _ in first }
        var offsets: [TopicPartition: Int64] = [:]
        for (partition, outcome) in await source.offsets(queries) {
            switch outcome {
            case .success(let found): offsets[partition] = found.offset
            case .failure(let error): throw .kafka(error)
            }
        }
        return offsets
    }
}
