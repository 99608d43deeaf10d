internal import KafkaClient

/// Keeps settings of topics, access rules and quotas of the target in step for as long as a flow runs. Topics and
/// partitions are ``TopicSync``'s, since records wait for them.
actor MetadataSync {
    private let settings: FlowSettings
    private let observer: MetadataObserver
    private let planner: SyncPlanner
    private let applier: SyncApplier
    private let ledger: SyncLedger
    private let progress: ProgressStore?
    private let reporter: SyncReporter
    private let troubles: TroubleLog
    private let wallClock: @Sendable () -> Int64
    private var turns = SettingTurns()
    /// Place in the list of groups at which the next poll of their settings begins.
    private var groupTurn = 0

    /// Groups whose settings are looked at each time; with more, they take turns.
    private static let groupsPerLook = 1_000

    init(
        settings: FlowSettings, observer: MetadataObserver, applier: SyncApplier, ledger: SyncLedger,
        progress: ProgressStore?, reporter: SyncReporter, troubles: TroubleLog,
        wallClock: @escaping @Sendable () -> Int64
    ) {
        self.settings = settings
        self.observer = observer
        self.applier = applier
        self.ledger = ledger
        self.progress = progress
        self.reporter = reporter
        self.troubles = troubles
        self.wallClock = wallClock
        planner = SyncPlanner(settings)
    }

    /// One look, and what follows from it. A failure is reported, and the action is tried again at the next look.
    func synchronize() async {
        do throws(FlowError) {
            try await ledger.open()
            var seen = try await observe()
            let topics = Array(seen.selected[turns.take(of: seen.selected.count)])
            var outage: String?
            // One round is for everything beside the settings, too.
            for (round, some) in (topics.isEmpty ? [[]] : topics.chunked(by: SettingTurns.atOnce)).enumerated() {
                if round > 0 { seen = seen.settingsAlone }
                seen.selected = some
                if settings.sync.topicConfigs { await readSettings(&seen) }
                var plan = planner.metadataPlan(seen, ledger: await ledger.state)
                if !plan.actions.isEmpty, try await isOutdated(&seen) {
                    plan = planner.metadataPlan(seen, ledger: await ledger.state)
                }
                // Metadata that a stopping flow could not read any more is no news.
                guard !Task.isCancelled else { return }
                await reporter.report(plan.notes.filter { !$0.isOutage })
                let outcomes = try await applier.apply(plan)
                guard !Task.isCancelled else { return }
                await reporter.report(outcomes.filter { $0.error?.isOutage != true })
                let unanswered = outcomes.first { $0.error?.isOutage == true }?.error.map { "\($0)" }
                outage = outage ?? unanswered ?? plan.notes.first(where: \.isOutage)?.message
            }
            // One outage, however many topics and rules it concerns.
            if let outage {
                troubles.began(.metadata, outage)
            } else {
                troubles.ended(.metadata)
            }
        } catch {
            guard !Task.isCancelled else { return }
            troubles.began(.metadata, "\(error)")
        }
    }

    /// Settings and rules are read by name: a topic that was created again since its id was looked at is another one.
    ///
    /// - Returns: whether there is such a topic; it is left out then.
    private func isOutdated(_ seen: inout SyncObservation) async throws(FlowError) -> Bool {
        let metadata: ClusterMetadata
        do throws(KafkaError) {
            metadata = try await observer.source.metadata(.all)
        } catch {
            throw .kafka(error)
        }
        let count = seen.selected.count
        seen.selected.removeAll { topic in metadata.topics[topic.source.name].map { $0.id != topic.source.id } ?? true }
        let replaced = seen.replaced.all.count
        await findReplaced(among: observer.select(metadata), &seen)
        return seen.selected.count != count || seen.replaced.all.count != replaced
    }

    private func findReplaced(among selected: [SelectedTopic], _ seen: inout SyncObservation) async {
        guard let progress else { return }
        seen.replaced = ReplacedTopics(
            among: selected, checkpoints: await progress.known, policies: settings.policies)
    }

    private func observe() async throws(FlowError) -> SyncObservation {
        var seen = SyncObservation()
        seen.now = wallClock()
        do throws(KafkaError) {
            // The answers that discovery just got are new enough.
            let sourceMetadata = try await observer.source.metadata(.all, allowingAge: settings.sync.interval)
            seen.target = try await observer.target.metadata(.all, allowingAge: settings.sync.interval)
            let selected = observer.select(sourceMetadata)
            seen.topicNames = selected.map(\.source.name)
            await findReplaced(among: selected, &seen)
            let present = Set(sourceMetadata.topics.keys)
            try await observer.readGone(await ledger.state, present: present, into: &seen)
            let copied = selected.filter { seen.target.topics[$0.targetName]?.partitions.isEmpty == false }
            seen.selected = copied
        } catch {
            throw .kafka(error)
        }
        if settings.sync.topicConfigs, !seen.selected.isEmpty {
            seen.defaults = await observer.defaults(seen.target)
        }
        if settings.sync.groupConfigs {
            var next = groupTurn
            await observer.readGroupConfigs(into: &seen) { Self.next($0, &next) }
            groupTurn = next
        }
        if settings.sync.acls { await observer.readAcls(into: &seen) }
        if settings.sync.quotas { await observer.readQuotas(into: &seen) }
        return seen
    }

    private func readSettings(_ seen: inout SyncObservation) async {
        guard !seen.selected.isEmpty else { return }
        for error in await observer.readSourceConfigs(of: seen.selected, into: &seen).values {
            seen.notes.append(
                SyncNote(kind: .failed, subject: error.topic ?? "", message: "\(error)", isOutage: error.isOutage))
        }
        await observer.readTargetConfigs(of: seen.selected, into: &seen)
    }

    private static func next<Item>(_ items: [Item], _ turn: inout Int) -> [Item] {
        guard items.count > groupsPerLook else { return items }
        if turn >= items.count { turn = 0 }
        let batch = items[turn..<min(turn + groupsPerLook, items.count)]
        turn += groupsPerLook
        return Array(batch)
    }
}
