internal import KafkaClient
internal import KafkaWire
internal import Replication

/// Accounts for every topic and partition that a flow's expressions name, from what both clusters say now.
struct AccountObserver: Sendable {
    let settings: FlowSettings
    let source: ClusterClient
    let target: ClusterClient

    /// - Parameters:
    ///   - recorded: how far each partition has come.
    ///   - obstacles: reasons that a flow that runs here gives.
    ///   - ends: source offsets to end at instead of where the source ends now.
    /// - Throws: when a cluster cannot be asked at all.
    func accounts(
        _ recorded: [TopicPartition: PartitionFacts.Recorded], obstacles: FlowObstacles = FlowObstacles(),
        upTo ends: [TopicPartition: Int64] = [:]
    ) async throws(KafkaError) -> [Account] {
        let atSource = try await source.metadata(.all)
        let atTarget = try await target.metadata(.all)
        let observer = MetadataObserver(settings: settings, source: source, target: target)
        let selected = observer.select(atSource)
        let unlisted = Set(recorded.keys.map(\.topic)).filter { atSource.topics[$0] == nil }
        let withheld = try await source.metadata(.named(unlisted.sorted())).topics.values
            .filter { $0.error == .topicAuthorizationFailed }.map(\.name)
        var facts = facts(of: selected, recorded, obstacles, atSource, atTarget, withheld: Set(withheld))
        await look(into: &facts, ends)
        await findUncreatable(&facts, selected, atTarget)
        let (flow, from, to) = (settings.name, settings.source.name, settings.target.name)
        var accounts = facts.values.map { $0.account(flow: flow, from: from, to: to) }
        accounts += await unselected(atSource, known: Set(facts.keys.map(\.topic)))
        return accounts.inOrder()
    }

    /// Selected partitions, and recorded ones that the source has no more.
    private func facts(
        of selected: [SelectedTopic], _ recorded: [TopicPartition: PartitionFacts.Recorded],
        _ obstacles: FlowObstacles, _ atSource: ClusterMetadata, _ atTarget: ClusterMetadata, withheld: Set<String>
    ) -> [TopicPartition: PartitionFacts] {
        var found: [TopicPartition: PartitionFacts] = [:]
        func add(
            _ partition: TopicPartition, _ targetName: String, _ id: KafkaUUID, _ presence: PartitionFacts.Presence
        ) {
            var facts = PartitionFacts(source: partition, targetTopic: targetName, sourceTopicID: id.hexadecimal)
            facts.recorded = recorded[partition]
            facts.targetTopicID = atTarget.topics[targetName]?.id.hexadecimal ?? ""
            facts.atSource = presence
            facts.atTarget = Self.presence(of: TopicPartition(targetName, partition.partition), in: atTarget)
            facts.stopped = obstacles.stopped[partition]
            facts.waiting = obstacles.waiting[partition.topic]
            found[partition] = facts
        }
        for topic in selected {
            for number in topic.source.partitions.keys {
                let partition = TopicPartition(topic.source.name, number)
                add(partition, topic.targetName, topic.source.id, Self.presence(of: partition, in: atSource))
            }
        }
        let there = Set(selected.map(\.source.name))
        for partition in recorded.keys where found[partition] == nil {
            let isSelected =
                there.contains(partition.topic)
                || atSource.topics[partition.topic] == nil
                    && TopicSelector(
                        selection: settings.topics, naming: settings.naming, targetAlias: settings.targetAlias
                    ).targetName(of: partition.topic, isInternal: false) != nil
            guard isSelected else { continue }
            add(
                partition, settings.naming.targetName(of: partition.topic), .zero,
                withheld.contains(partition.topic) ? .withheld : .missing)
        }
        return found
    }

    private static func presence(of partition: TopicPartition, in metadata: ClusterMetadata) -> PartitionFacts.Presence
    {
        guard let found = metadata.partition(partition.topic, partition.partition) else { return .missing }
        return found.leader == nil ? .leaderless : .there
    }

    /// Asks first what is committed: else a record between the two looks would seem to be of an open transaction.
    private func look(
        into facts: inout [TopicPartition: PartitionFacts], _ ends: [TopicPartition: Int64]
    ) async {
        let asked = facts.values.filter { $0.atSource == .there }.map(\.source)
        func queries(_ query: OffsetQuery) -> [TopicPartition: OffsetQuery] {
            Dictionary(asked.map { ($0, query) }) { first, _ in first }
        }
        let starts = await source.offsets(queries(.earliest))
        let committed = await source.offsets(queries(.latest), isolation: .readCommitted)
        let all = await source.offsets(queries(.latest))
        let epochs = Dictionary(
            facts.values.compactMap { facts in
                facts.recorded.flatMap { $0.sourceLeaderEpoch >= 0 ? (facts.source, $0.sourceLeaderEpoch) : nil }
            }.filter { Set(asked).contains($0.0) }
        ) { first, _ in first }
        let epochEnds = await source.epochEnds(epochs)
        let copies = facts.values.filter { $0.recorded != nil && $0.atTarget == .there }.map(\.target)
        let targetEnds = await target.logEnds(of: Set(copies))
        for (partition, found) in facts { facts[partition]?.targetEnd = targetEnds[found.target] }
        for partition in asked {
            do throws(KafkaError) {
                let start = try starts[partition]?.get().offset ?? 0
                let end = try all[partition]?.get().offset ?? 0
                var bounds = PartitionFacts.Bounds(
                    start: start, committedEnd: try committed[partition]?.get().offset ?? end, end: end)
                if let fixed = ends[partition] {
                    bounds.committedEnd = min(bounds.committedEnd, fixed)
                    bounds.end = min(bounds.end, fixed)
                }
                facts[partition]?.bounds = .success(bounds)
            } catch {
                facts[partition]?.bounds = .failure(error)
            }
            facts[partition]?.epochEnd = (try? epochEnds[partition]?.get())?.endOffset
        }
    }

    /// Asks the target, for topics that it does not have, whether it would take them.
    private func findUncreatable(
        _ facts: inout [TopicPartition: PartitionFacts], _ selected: [SelectedTopic], _ atTarget: ClusterMetadata
    ) async {
        let begun = Set(facts.values.filter { $0.recorded != nil }.map(\.source.topic))
        let missing = selected.filter { !begun.contains($0.source.name) && atTarget.topics[$0.targetName] == nil }
        guard !missing.isEmpty else { return }
        let probes = missing.map { NewTopic($0.targetName, partitions: Int32($0.source.partitions.count)) }
        guard let answers = await probe(probes) else { return }
        for topic in missing {
            guard case .failure(let error) = answers[topic.targetName], error.code != .topicAlreadyExists,
                !error.isRetriable
            else { continue }
            for partition in facts.keys where partition.topic == topic.source.name {
                facts[partition]?.uncreatable =
                    "\(settings.target.name) refuses to create \(topic.targetName): \(error)"
            }
        }
    }

    /// Nil when the target has not answered soon: that it may refuse a topic is worth no longer wait.
    private func probe(_ topics: [NewTopic]) async -> Outcomes<String, CreatedTopic>? {
        await withTaskGroup(of: Outcomes<String, CreatedTopic>?.self) { group in
            group.addTask { await target.createTopics(topics, validateOnly: true) }
            group.addTask {
                try? await Task.sleep(for: .seconds(5))
                return nil
            }
            defer { group.cancelAll() }
            return await group.next() ?? nil
        }
    }

    /// Topics of which nothing is copied because of what the source, an expression or a rule says.
    ///
    /// - Parameter known: topics that have accounts already.
    func unselected(_ metadata: ClusterMetadata, known: Set<String> = []) async -> [Account] {
        let observer = MetadataObserver(settings: settings, source: source, target: target)
        _ = observer.select(metadata)
        var accounts: [Account] = []
        var named = known
        func add(_ topic: String, _ targetTopic: String?, _ state: Account.State, _ reason: String) {
            guard named.insert(topic).inserted else { return }
            accounts.append(
                Account(topic: topic, partition: nil, targetTopic: targetTopic, state: state, reason: reason))
        }
        for refusal in await observer.withheld(metadata) {
            add(
                refusal.topic, refusal.targetTopic, .withheld,
                refusal.reason ?? "\(settings.source.name) does not tell what it holds")
        }
        for note in observer.undecided(metadata) { add(note.subject, nil, .undecided, note.message) }
        let selector = TopicSelector(
            selection: settings.topics, naming: settings.naming, targetAlias: settings.targetAlias)
        for topic in metadata.topics.values {
            guard let rule = selector.ruleAgainst(topic.name, isInternal: topic.isInternal) else { continue }
            add(topic.name, nil, .excluded, rule)
        }
        return accounts.inOrder()
    }
}

extension PartitionFacts {
    fileprivate var target: TopicPartition { TopicPartition(targetTopic, source.partition) }
}

extension [TopicPartition: Checkpoint] {
    /// In the form in which accounts want it.
    var recorded: [TopicPartition: PartitionFacts.Recorded] {
        mapValues {
            PartitionFacts.Recorded(
                sourceOffset: $0.sourceOffset, sourceTopicID: $0.sourceTopicID,
                sourceLeaderEpoch: $0.sourceLeaderEpoch, targetTopicID: $0.targetTopicID,
                targetOffset: $0.targetOffset)
        }
    }
}
