internal import KafkaClient
internal import KafkaWire
internal import Logging

/// Looks at both clusters and makes the target's topics what the flow needs: there, with the source's settings, and
/// with at least as many partitions.
struct TopicSync: Sendable {
    private let settings: FlowSettings
    private let source: ClusterClient
    private let target: ClusterClient
    private let logger: Logger

    init(settings: FlowSettings, source: ClusterClient, target: ClusterClient, logger: Logger) {
        self.settings = settings
        self.source = source
        self.target = target
        self.logger = logger
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

    /// A selected topic of the source.
    private struct Selected: Sendable {
        let source: TopicMetadata
        let targetName: String
        var partitionCount: Int32 { Int32(source.partitions.count) }
    }

    /// - Parameter onlyKnown: topics that are already copied, when new ones are not wanted.
    /// - Throws: when a cluster cannot be asked at all.
    func discover(onlyKnown: Set<String>?) async throws(FlowError) -> Discovery {
        let selected: [Selected]
        var discovery: Discovery
        do throws(KafkaError) {
            let sourceMetadata = try await source.metadata(.all)
            let targetMetadata = try await target.metadata(.all)
            discovery = Discovery(sourceMetadata: sourceMetadata, targetMetadata: targetMetadata)
            selected = select(sourceMetadata, onlyKnown)
            if try await change(&discovery, selected) { discovery.targetMetadata = try await target.metadata(.all) }
        } catch {
            throw .kafka(error)
        }
        for topic in selected { pair(topic, &discovery) }
        return discovery
    }

    private func select(_ metadata: ClusterMetadata, _ onlyKnown: Set<String>?) -> [Selected] {
        let selector = TopicSelector(
            selection: settings.topics, naming: settings.naming, targetAlias: settings.targetAlias)
        return metadata.topics.values.sorted { $0.name < $1.name }.compactMap { topic in
            guard topic.error == .none, onlyKnown?.contains(topic.name) ?? true,
                let targetName = selector.targetName(of: topic.name, isInternal: topic.isInternal)
            else { return nil }
            return Selected(source: topic, targetName: targetName)
        }
    }

    /// Only partitions that the target has already take part: the rest follow once it has grown.
    private func pair(_ topic: Selected, _ discovery: inout Discovery) {
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
    /// - Returns: whether anything was changed.
    private func change(_ discovery: inout Discovery, _ selected: [Selected]) async throws(KafkaError) -> Bool {
        let known = discovery.targetMetadata.topics
        let missing = selected.filter { (known[$0.targetName]?.partitions.isEmpty ?? true) }
        let small = selected.filter { topic in
            guard let count = known[topic.targetName]?.partitions.count, count > 0 else { return false }
            return count < topic.source.partitions.count
        }
        let created = await create(missing, &discovery)
        let grown = settings.sync.partitions ? await grow(small, &discovery) : []
        guard !(created + grown).isEmpty else { return false }
        try await awaitLeaders(of: created + grown)
        return true
    }

    private func create(_ topics: [Selected], _ discovery: inout Discovery) async -> [Selected] {
        guard !topics.isEmpty else { return [] }
        let configs = await sourceConfigs(of: topics)
        let brokers = Int16(clamping: discovery.targetMetadata.brokers.count)
        let wanted = topics.map { topic in
            let replicas = Int16(clamping: topic.source.partitions.values.map(\.replicas.count).max() ?? 1)
            return NewTopic(
                topic.targetName, partitions: topic.partitionCount,
                replicationFactor: max(1, min(replicas, max(1, brokers))), configs: configs[topic.source.name] ?? [:])
        }
        let outcomes = await target.createTopics(wanted)
        return topics.filter { topic in
            switch outcomes[topic.targetName] {
            case .success:
                logger.info(
                    "created topic on the target",
                    metadata: ["topic": "\(topic.targetName)", "partitions": "\(topic.partitionCount)"])
                return true
            case .failure(let error) where error.code == .topicAlreadyExists: return true
            case .failure(let error): discovery.refused.append(refusal(topic, error))
            case nil: break
            }
            return false
        }
    }

    private func grow(_ topics: [Selected], _ discovery: inout Discovery) async -> [Selected] {
        guard !topics.isEmpty else { return [] }
        let outcomes = await target.createPartitions(
            Dictionary(topics.map { ($0.targetName, $0.partitionCount) }) { first, _ in first })
        return topics.filter { topic in
            switch outcomes[topic.targetName] {
            case .success:
                logger.info(
                    "added partitions on the target",
                    metadata: ["topic": "\(topic.targetName)", "partitions": "\(topic.partitionCount)"])
                return true
            case .failure(let error): discovery.refused.append(refusal(topic, error))
            case nil: break
            }
            return false
        }
    }

    private func refusal(_ topic: Selected, _ error: KafkaError) -> Refusal {
        Refusal(
            topic: topic.source.name,
            error: .cannotCreateTopic(
                topic: topic.targetName, cluster: settings.target.name,
                reason: "\(error); create it there with \(topic.partitionCount) partitions, or let us"))
    }

    /// Settings that somebody gave the source's topics; empty for a source that does not tell.
    private func sourceConfigs(of topics: [Selected]) async -> [String: [String: String]] {
        guard settings.sync.topicConfigs else { return [:] }
        var configs: [String: [String: String]] = [:]
        for (resource, outcome) in await source.describeConfigs(topics.map { .topic($0.source.name) }) {
            guard case .topic(let name) = resource, case .success(let entries) = outcome else { continue }
            configs[name] = entries.filter { $0.value.source == .topic && TopicConfigFilter.copies($0.key) }
                .compactMapValues(\.value)
        }
        return configs
    }

    /// New partitions have no leader at first; producing to them would only fail.
    private func awaitLeaders(of topics: [Selected]) async throws(KafkaError) {
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
    func offsets(
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
