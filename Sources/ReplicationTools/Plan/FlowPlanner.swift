internal import KafkaClient
internal import KafkaWire
public import Logging
public import NIOCore
public import Replication

/// Compares the clusters of a flow once, and makes the changes if asked to: what the flow itself does for as long as it
/// runs, through the same code.
public struct FlowPlanner: Sendable {
    private let settings: FlowSettings
    private let source: ClusterClient
    private let target: ClusterClient
    private let observer: MetadataObserver
    private let ledger: SyncLedger
    private let applier: SyncApplier
    private let progress: ProgressStore
    private let start: FlowStart
    private let groups: GroupPlanner
    private let wallClock: @Sendable () -> Int64

    /// - Parameter wallClock: milliseconds since 1970.
    public init(
        _ settings: FlowSettings, eventLoop: any EventLoop, logger: Logger,
        wallClock: @escaping @Sendable () -> Int64
    ) {
        self.settings = settings
        self.wallClock = wallClock
        var logger = logger
        logger[metadataKey: "flow"] = "\(settings.name)"
        source = ClusterClient(settings.source, eventLoop: eventLoop, logger: logger)
        target = ClusterClient(settings.target, eventLoop: eventLoop, logger: logger)
        observer = MetadataObserver(settings: settings, source: source, target: target)
        ledger = SyncLedger(flow: settings.name, target: target, wallClock: wallClock)
        applier = SyncApplier(target: target, ledger: ledger, logger: logger)
        progress = ProgressStore(flow: settings.name, target: target, wallClock: wallClock)
        start = FlowStart(settings, source: source, target: target, progress: progress)
        groups = GroupPlanner(settings: settings, source: source, target: target, logger: logger)
    }

    public func close() async {
        await source.close()
        await target.close()
    }

    /// Changes nothing, unless `applies` says so.
    ///
    /// - Parameter overwrites: replace also what others changed on the target.
    /// - Throws: ``FlowError`` when a cluster cannot be asked at all, or the flow would refuse to start.
    public func plan(applies: Bool, overwrites: Bool) async throws(FlowError) -> FlowPlan {
        // Changes have to be remembered, which needs the flow's topic.
        let found = try await start.check(createsMemory: applies)
        let (sourceMetadata, targetMetadata) = try await clusters()
        try await ledger.open()
        let state = await ledger.state
        let seen = try await observe(sourceMetadata, targetMetadata, state)
        let plan = SyncPlanner(settings, overwrites: overwrites).plan(seen, ledger: state)
        var changes = plan.actions.map { FlowPlan.Change($0) }
        if applies {
            changes = try await applier.apply(plan).map { outcome in
                FlowPlan.Change(
                    outcome.action,
                    error: outcome.error.map { SyncFailure.text(outcome.action, $0, settings.target) })
            }
        }
        let groups = await groups.plan(for: seen.selected, applies: applies)
        changes += groups.changes
        let listed = sourceMetadata.topics.values.filter { !$0.isInternal }.count
        let notes =
            await copiesNotes(found) + plan.notes + EffectiveSettings(seen, after: plan).notes(settings)
            + beginning(seen.selected) + preservedCosts(seen) + tiered(seen.selected) + groups.notes
            + selectionNotes(seen.topicNames.count, of: listed)
        return FlowPlan(
            flow: settings.name, source: settings.source.name, target: settings.target.name,
            selectedTopics: seen.topicNames.count, sourceTopics: listed, applied: applies, changes: changes,
            notes: notes.map { FlowPlan.Note($0) }, groups: groups.groups, users: await users())
    }

    private func clusters() async throws(FlowError) -> (ClusterMetadata, ClusterMetadata) {
        let sourceMetadata: ClusterMetadata
        let targetMetadata: ClusterMetadata
        do throws(KafkaError) {
            sourceMetadata = try await source.metadata(.all)
            targetMetadata = try await target.metadata(.all)
        } catch {
            throw .kafka(error)
        }
        return (sourceMetadata, targetMetadata)
    }

    private func observe(
        _ sourceMetadata: ClusterMetadata, _ targetMetadata: ClusterMetadata, _ state: LedgerState
    ) async throws(FlowError) -> SyncObservation {
        var seen = SyncObservation()
        seen.now = wallClock()
        seen.target = targetMetadata
        seen.selected = observer.select(sourceMetadata)
        seen.notes += observer.undecided(sourceMetadata)
        seen.notes += observer.notes(on: observer.excluded(sourceMetadata))
        seen.topicNames = seen.selected.map(\.source.name)
        do throws(KafkaError) {
            var recorded = RecordedFlowReader(flow: settings.name, target: target)
            try await recorded.refresh()
            seen.replaced = ReplacedTopics(
                among: seen.selected, checkpoints: recorded.recorded.checkpoints, policies: settings.policies)
        } catch {
            seen.notes.append(
                SyncNote(
                    kind: .failed, subject: settings.name, message: "cannot read what the flow has recorded: \(error)"))
        }
        do throws(KafkaError) {
            try await observer.readGone(state, present: Set(sourceMetadata.topics.keys), into: &seen)
        } catch {
            throw .kafka(error)
        }
        // Also where none are copied: then their differences are to be known.
        if !seen.selected.isEmpty {
            seen.defaults = await observer.defaults(targetMetadata)
            for (topic, error) in await observer.readSourceConfigs(of: seen.selected, into: &seen) {
                seen.notes.append(SyncNote(kind: .failed, subject: topic, message: "\(error)"))
            }
            let there = seen.selected.filter { targetMetadata.topics[$0.targetName]?.partitions.isEmpty == false }
            await observer.readTargetConfigs(of: there, into: &seen)
        }
        if settings.sync.groupConfigs { await observer.readGroupConfigs(into: &seen) }
        if settings.sync.acls { await observer.readAcls(into: &seen) }
        if settings.sync.quotas { await observer.readQuotas(into: &seen) }
        return seen
    }

    private func copiesNotes(_ found: FlowStart.Finding) -> [SyncNote] {
        guard let remark = found.remark(settings) else { return [] }
        return [SyncNote(kind: .copiesPresent, subject: settings.target.name, message: remark)]
    }

    /// A note on what a flow that has not been started yet would leave behind.
    private func beginning(_ selected: [SelectedTopic]) async -> [SyncNote] {
        var recorded = RecordedFlowReader(flow: settings.name, target: target)
        guard settings.startFrom != .earliest, (try? await recorded.refresh()) != nil,
            recorded.recorded.identity == nil
        else { return [] }
        return [await source.skippedBeginning(of: selected, settings).note(settings)].compactMap(\.self)
    }

    /// Costs of copies with the source's offsets.
    private func preservedCosts(_ seen: SyncObservation) async -> [SyncNote] {
        var reader = RecordedFlowReader(flow: settings.name, target: target)
        guard settings.offsets == .preserve, !seen.selected.isEmpty, (try? await reader.refresh()) != nil else {
            return []
        }
        return await source.preservedCosts(of: seen.selected, settings, recorded: reader.recorded) {
            CleanupPolicy(seen.sourceConfigs[$0]?["cleanup.policy"]?.value)
        }.notes(settings)
    }

    private func tiered(_ selected: [SelectedTopic]) async -> [SyncNote] {
        let partitions = selected.flatMap { topic in
            topic.source.partitions.keys.map { TopicPartition(topic.source.name, $0) }
        }
        guard !partitions.isEmpty else { return [] }
        return [TieredRecords(await source.tieredOffsets(of: partitions)).note(source: settings.source.name)]
            .compactMap(\.self)
    }

    private func selectionNotes(_ selected: Int, of count: Int) -> [SyncNote] {
        guard selected == 0 else { return [] }
        let patterns = settings.topics.allow.map { "\"\($0)\"" }.joined(separator: ", ")
        return [
            SyncNote(
                kind: .nothingSelected, subject: "topics.allow",
                message: "\(patterns) selects none of the \(count) topics of \(settings.source.name): nothing would be "
                    + "copied; expressions are over whole names, so a prefix needs .* behind it")
        ]
    }

    /// Names only: the protocol never hands out what a password could be checked with.
    private func users() async -> [FlowPlan.User]? {
        guard let atSource = try? await source.scramUsers() else { return nil }
        let atTarget = try? await target.scramUsers()
        return atSource.sorted { $0.key < $1.key }.map { name, credentials in
            let principal = settings.sync.principals.exactly("User:\(name)") ?? "User:\(name)"
            let mechanisms = credentials.map { credential in
                "\(credential.mechanism?.rawValue ?? "unknown") (\(credential.iterations) iterations)"
            }
            return FlowPlan.User(
                name: name, mechanisms: mechanisms,
                isOnTarget: atTarget.map { $0[String(principal.dropFirst("User:".count))] != nil })
        }
    }
}
