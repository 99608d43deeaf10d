package import KafkaClient
internal import PlainText

/// Decides whether a flow may start: its clusters and settings are those of its first start, see
/// ``FlowIdentityCheck``, and a flow that has no memory finds no copies of what it would bring, and no flow that would
/// bring the same, see ``FlowNeighbours``.
///
/// `run` and `migrate` begin with it; `plan` and `doctor` ask the same, so that they refuse what `run` would.
package struct FlowStart: Sendable {
    /// Facts found on the way.
    package struct Finding: Sendable {
        package var sourceClusterID: String
        package var targetClusterID: String
        /// Copies from the same source that the flow begins behind: what their bringers had not copied by then stays out.
        package var copies: EarlierCopies.Finding?
        /// Target topics that hold records of the source which no flow is known to have brought, and that this one is yet to
        /// copy.
        package var foreignCopies: [String] = []
        /// True if it has copied others before.
        package var hasRun = false
    }

    private let settings: FlowSettings
    private let source: ClusterClient
    private let target: ClusterClient
    private let progress: ProgressStore
    private let identity: FlowIdentityCheck

    package init(_ settings: FlowSettings, source: ClusterClient, target: ClusterClient, progress: ProgressStore) {
        self.settings = settings
        self.source = source
        self.target = target
        self.progress = progress
        identity = FlowIdentityCheck(settings, source: source, target: target, progress: progress)
    }

    /// - Parameters:
    ///   - createsMemory: create the progress topic where it is missing, and mend its settings; nothing else is
    ///     changed, and that only for a flow that may start.
    ///   - expectsCopies: copies that are there are to be taken over: they are not looked for.
    /// - Throws: why the flow may not start.
    package func check(createsMemory: Bool, expectsCopies: Bool = false) async throws(FlowError) -> Finding {
        let known = try await identity.check(reading: expectsCopies ? .none : .all)
        var finding = Finding(sourceClusterID: known.sourceClusterID, targetClusterID: known.targetClusterID)
        if settings.offsets == .preserve, await progress.isHandedOver {
            throw .handedOver(flow: settings.name, source: settings.source.name, target: settings.target.name)
        }
        if await progress.isNewFlow {
            let seen: Sight
            let filled: [String]
            let other: String?
            do throws(KafkaError) {
                seen = try await look()
                filled = settings.offsets == .preserve && !expectsCopies ? try await filledTopics(seen) : []
                other = settings.offsets == .preserve ? try await oppositeAtWork(known, seen) : nil
                if !expectsCopies { finding.copies = try await copies(from: known.sourceClusterID, seen) }
            } catch {
                throw .kafka(error)
            }
            if let other = other ?? (expectsCopies ? nil : settings.beginsBehind) {
                throw .beginsBehind(flow: settings.name, other: other, cluster: settings.source.name)
            }
            guard filled.isEmpty else {
                throw .topicsFilled(flow: settings.name, target: settings.target.name, topics: filled)
            }
            if let copies = finding.copies, settings.startFrom != .latest {
                throw .copiesPresent(
                    flow: settings.name, source: settings.source.name, target: settings.target.name,
                    topics: copies.topics, flows: copies.flows)
            }
            try await checkNeighbours(known, seen)
            if !expectsCopies, finding.copies == nil {
                finding.foreignCopies = await foreignCopies(known, seen.target, seen.selected)
            }
        } else if !expectsCopies {
            finding.hasRun = true
            let begun = Set(await progress.known.keys.map(\.topic))
            // Partitions that it has begun with continue, whatever cannot be looked at.
            if let seen = try? await look(allowingAge: Self.remarkAge) {
                finding.foreignCopies = await foreignCopies(
                    known, seen.target, seen.selected.filter { !begun.contains($0.source.name) })
            }
        }
        guard createsMemory else { return finding }
        guard !known.hasProgressTopic else {
            try await progress.ensure()
            return finding
        }
        // Another instance may have been quicker.
        try await progress.open()
        try await progress.check(known.identity)
        return finding
    }

    /// Both clusters' topics, and those that the settings select.
    private struct Sight {
        let source: ClusterMetadata
        let target: ClusterMetadata
        let selected: [SelectedTopic]
    }

    /// Age of what is known of topics that a remark may go by: each question of its own would delay every start.
    private static let remarkAge: Duration = .seconds(30)

    private func look(allowingAge age: Duration = .zero) async throws(KafkaError) -> Sight {
        let observer = MetadataObserver(settings: settings, source: source, target: target)
        let atSource = try await source.metadata(.all, allowingAge: age)
        await observer.learnNames(atSource)
        return Sight(
            source: atSource, target: try await target.metadata(.all, allowingAge: age),
            selected: observer.select(atSource))
    }

    /// Asks what ``FlowNeighbours`` will decide at the first start; it decides once more when the flow has recorded what
    /// it selects.
    private func checkNeighbours(_ known: FlowIdentityCheck.Finding, _ seen: Sight) async throws(FlowError) {
        let neighbours = FlowNeighbours(
            flow: settings.name, sourceID: known.sourceClusterID, targetID: known.targetClusterID, source: source,
            target: target, own: nil, progress: progress)
        _ = try await neighbours.judge(seen.selected, settings, source: seen.source, target: seen.target)
    }

    /// A flow that keeps offsets the other way, in topics of ours, and has not been failed over.
    private func oppositeAtWork(
        _ known: FlowIdentityCheck.Finding, _ seen: Sight
    ) async throws(KafkaError) -> String? {
        let names = Set(seen.selected.map { SourceAndTarget(source: $0.source.name, target: $0.targetName) })
        for flow in seen.source.topics.keys.compactMap(ProgressTopic.flow).sorted() where flow != settings.name {
            var reader = RecordedFlowReader(flow: flow, target: source)
            // One that says nothing that can be understood is no such flow to us.
            guard (try? await reader.refresh()) != nil else { continue }
            let recorded = reader.recorded
            guard let identity = recorded.identity, identity.offsets == settings.offsets.rawValue,
                !recorded.isHandedOver,
                identity.sourceClusterID == known.targetClusterID, identity.targetClusterID == known.sourceClusterID
            else { continue }
            let copied = Set(recorded.checkpoints.keys.map(\.topic))
            let isOurs = copied.contains { topic in
                recorded.targetName(of: topic).map { names.contains(SourceAndTarget(source: $0, target: topic)) }
                    ?? false
            }
            if isOurs { return flow }
        }
        return nil
    }

    private struct SourceAndTarget: Hashable {
        let source: String
        let target: String
    }

    /// Target topics of the flow that hold anything, or have.
    private func filledTopics(_ seen: Sight) async throws(KafkaError) -> [String] {
        let partitions = seen.selected.flatMap { topic in
            (seen.target.topics[topic.targetName]?.partitions ?? [:]).filter { $0.value.leader != nil }.keys.map {
                TopicPartition(topic.targetName, $0)
            }
        }
        guard !partitions.isEmpty else { return [] }
        let ends = await target.offsets(Dictionary(partitions.map { ($0, .latest) }) { first, _ in first })
        var filled: Set<String> = []
        for (partition, end) in ends where try end.get().offset ?? 0 > 0 { filled.insert(partition.topic) }
        return filled.sorted()
    }

    private func foreignCopies(
        _ known: FlowIdentityCheck.Finding, _ present: ClusterMetadata, _ selected: [SelectedTopic]
    ) async -> [String] {
        // Nothing that others wrote has its source's offsets.
        guard settings.offsets == .translate else { return [] }
        let topics = selected.compactMap { topic in
            present.topics[topic.targetName].map { (source: topic.source.name, target: $0) }
        }
        return await ForeignCopies(source: source, target: target, targetClusterID: known.targetClusterID)
            .find(in: topics)
    }

    private func copies(
        from sourceClusterID: String, _ seen: Sight
    ) async throws(KafkaError) -> EarlierCopies.Finding? {
        guard !sourceClusterID.isEmpty else { return nil }
        let topics = seen.selected.compactMap { seen.target.topics[$0.targetName] }.filter { !$0.partitions.isEmpty }
        return try await EarlierCopies(from: sourceClusterID, on: target).find(in: topics)
    }
}

extension FlowStart.Finding {
    /// Remark for a person on the copies that a flow begins behind; nil where there are none.
    package func remark(_ settings: FlowSettings) -> String? {
        guard let copies else { return foreignRemark(settings) }
        return "topics of \(settings.target.name) hold copies from \(settings.source.name) already, "
            + "\(FlowError.bringers(settings.name, copies.flows)): \(FlowError.listed(copies.topics)). This flow begins "
            + "at the source's end (startFrom: latest): records that were not copied before it starts are not copied, and what that "
            + "flow still copies would be there twice"
    }

    private func foreignRemark(_ settings: FlowSettings) -> String? {
        guard !foreignCopies.isEmpty else { return nil }
        let beginning =
            settings.startFrom == .latest && !hasRun
            ? "This flow begins at the source's end (startFrom: latest): records that were not copied before it starts are not copied"
            : "This flow would copy those records a second time"
        // Of a flow that has run only those can be adopted that are new to it, by their names.
        let names = hasRun ? foreignCopies.map { " --target-topic \($0.shellQuoted)" }.joined() : ""
        return
            "topics of \(settings.target.name) hold records of \(settings.source.name) already, which another program "
            + "has copied: \(FlowError.listed(foreignCopies)). \(beginning). `replicator adopt --flow "
            + "\(settings.name.shellQuoted)\(names)` lets it continue behind them"
    }
}
