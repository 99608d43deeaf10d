internal import KafkaClient
internal import KafkaWire
internal import Replication

/// Checks before a migration writes anything, for conditions under which it would fail later.
struct MigrationPreflight {
    let settings: FlowSettings
    let source: ClusterClient
    let target: ClusterClient
    let wallClock: @Sendable () -> Int64
    let claim: FlowClaim
    /// Time for other instances of the flow to go.
    let patience: Duration

    /// Partitions named in an error.
    private static let examples = 5

    /// - Throws: ``MigrationError``, `FlowIsClaimed` or `KafkaError`.
    func check() async throws {
        let snapshot = try await EndOffsetSnapshot.make(settings, source: source, target: target)
        try await checkDirection(snapshot)
        try await checkAlone()
        guard snapshot.selectsAnything else {
            throw MigrationError.nothingSelected(
                flow: settings.name, source: settings.source.name,
                excluded: snapshot.excluded.map { $0.sentence(source: settings.source.name) })
        }
        try await checkTarget(snapshot)
        try await checkRetention()
    }

    /// The progress of a flow lies on its target.
    private func checkDirection(_ snapshot: EndOffsetSnapshot) async throws {
        var onSource = RecordedFlowReader(flow: settings.name, target: source)
        try await onSource.refresh()
        guard let identity = onSource.recorded.identity, identity.targetClusterID == snapshot.sourceID,
            identity.sourceClusterID == snapshot.targetID
        else { return }
        throw MigrationError.swapped(
            flow: settings.name, source: settings.source.name, target: settings.target.name)
    }

    /// Longer than the session of an instance that was killed, unless the configuration sets a longer one.
    private static let session: Duration = .seconds(10)

    /// Checks that no other instance runs the flow: a migration answers for all partitions, and copies them by itself.
    /// Another migration is told of as such.
    private func checkAlone() async throws {
        let group = InstanceGroup(flow: settings.name)
        let deadline = ContinuousClock.now + min(patience, Self.session)
        while true {
            do {
                return try await group.checkIsEmpty(on: target, wallClock: wallClock)
            } catch is FlowIsShared {}
            if let owner = try? await claim.holder() { throw FlowIsClaimed(flow: settings.name, owner: owner) }
            guard ContinuousClock.now < deadline else {
                throw MigrationError.isShared(flow: settings.name, group: group.name, target: settings.target.name)
            }
            try await Task.sleep(for: .milliseconds(200))
        }
    }

    /// Checks that the target is empty where the flow has not begun.
    private func checkTarget(_ snapshot: EndOffsetSnapshot) async throws {
        var onTarget = RecordedFlowReader(flow: settings.name, target: target)
        try await onTarget.refresh()
        let begun = onTarget.recorded.checkpoints
        let full = snapshot.pairs.filter { begun[$0.source] == nil && !$0.targetRange.isEmpty }
        guard !full.isEmpty else { return }
        var partitions = full.prefix(Self.examples).map {
            "\($0.target.topic)-\($0.target.partition) (\($0.targetRange.count) offsets)"
        }
        if full.count > Self.examples { partitions.append("and \(full.count - Self.examples) more") }
        throw MigrationError.targetNotEmpty(flow: settings.name, target: settings.target.name, partitions)
    }

    /// Checks that the target would not delete what is copied while the source still has it. Settings that the flow
    /// itself copies or pins count as done.
    private func checkRetention() async throws {
        let observer = MetadataObserver(settings: settings, source: source, target: target)
        var seen = SyncObservation()
        let sourceMetadata = try await source.metadata(.all)
        seen.target = try await target.metadata(.all)
        seen.selected = observer.select(sourceMetadata)
        seen.defaults = await observer.defaults(seen.target)
        _ = await observer.readSourceConfigs(of: seen.selected, into: &seen)
        let there = seen.selected.filter { seen.target.topics[$0.targetName]?.partitions.isEmpty == false }
        await observer.readTargetConfigs(of: there, into: &seen)
        let ledger = SyncLedger(flow: settings.name, target: target, wallClock: wallClock)
        try await ledger.open()
        let effective = EffectiveSettings(seen, after: SyncPlanner(settings).plan(seen, ledger: await ledger.state))
        var expiring: [(topic: SelectedTopic, difference: SettingDifference, kept: Int64)] = []
        for topic in seen.selected {
            let copy = effective.target(of: topic.source.name)
            guard copy["message.timestamp.type"]?.value != "LogAppendTime",
                copy["cleanup.policy"]?.value?.contains("delete") == true,
                let kept = copy["retention.ms"]?.value.flatMap({ Int64($0) }), kept >= 0,
                let difference = effective.differences(of: topic.source.name).first(where: \.endsByAge)
            else { continue }
            expiring.append((topic, difference, kept))
        }
        let ages = await ages(of: expiring.map(\.topic))
        let lost = expiring.compactMap { topic, difference, kept -> (copy: String, why: String)? in
            guard let age = ages[topic.source.name], age > kept else { return nil }
            return (
                topic.targetName,
                "\(topic.targetName) (\(difference.key) is \(difference.target), on \(settings.source.name) "
                    + "\(difference.source); its oldest record is \(age / 1_000) s old): "
                    + difference.remedy(on: topic.targetName, settings)
            )
        }.sorted { $0.copy < $1.copy }
        guard !lost.isEmpty else { return }
        var topics = lost.prefix(Self.examples).map(\.why)
        if lost.count > Self.examples { topics.append("and \(lost.count - Self.examples) more") }
        throw MigrationError.targetKeepsLess(target: settings.target.name, topics)
    }

    /// Age in milliseconds of the oldest record of topics, where their leaders tell.
    private func ages(of topics: [SelectedTopic]) async -> [String: Int64] {
        let partitions = topics.flatMap { topic in
            topic.source.partitions.keys.map { TopicPartition(topic.source.name, $0) }
        }
        guard !partitions.isEmpty else { return [:] }
        // The first record at or after the beginning of time is the first one, and the answer tells its time.
        let first = await source.offsets(Dictionary(partitions.map { ($0, .timestamp(0)) }) { first, _ in first })
        var ages: [String: Int64] = [:]
        let now = wallClock()
        for (partition, outcome) in first {
            guard case .success(let found) = outcome, found.offset != nil, found.timestamp >= 0 else { continue }
            ages[partition.topic] = max(ages[partition.topic] ?? .min, now.saturatingSubtracting(found.timestamp))
        }
        return ages
    }
}

extension SettingDifference {
    /// True if records go from the copy for their age while the source keeps them.
    fileprivate var endsByAge: Bool { key == "retention.ms" || key == "cleanup.policy" }
}
