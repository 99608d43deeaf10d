internal import KafkaClient
internal import KafkaWire
public import Logging
public import NIOCore
internal import PlainText
public import Replication

/// Looks at both clusters of a flow before it is started, or when something is wrong. Changes nothing, except on a
/// topic of its own when told to probe.
public struct Doctor: Sendable {
    private let settings: FlowSettings
    private let source: ClusterClient
    private let target: ClusterClient
    private let observer: MetadataObserver
    private let wallClock: @Sendable () -> Int64

    /// Partitions whose records are looked at; more would be a replication of its own.
    private static let sampledPartitions = 2_000
    private static let sampledForKeys = 50
    private static let shown = 10

    /// - Parameter wallClock: milliseconds since 1970.
    public init(
        _ settings: FlowSettings, eventLoop: any EventLoop, logger: Logger,
        wallClock: @escaping @Sendable () -> Int64
    ) {
        var hasty = settings
        // A broker that does not answer soon is a finding.
        for cluster in [\FlowSettings.source, \FlowSettings.target] {
            hasty[keyPath: cluster].operationTimeout = .seconds(10)
            hasty[keyPath: cluster].requestTimeout = .seconds(10)
        }
        self.settings = hasty
        self.wallClock = wallClock
        source = ClusterClient(hasty.source, eventLoop: eventLoop, logger: logger)
        target = ClusterClient(hasty.target, eventLoop: eventLoop, logger: logger)
        observer = MetadataObserver(settings: hasty, source: source, target: target)
    }

    public func close() async {
        await source.close()
        await target.close()
    }

    /// - Parameter probes: also write to a temporary topic on the target.
    public func examine(probes: Bool) async -> Diagnosis {
        async let atSource = ClusterExamination(side: .source, client: source).examine()
        async let atTarget = ClusterExamination(side: .target, client: target).examine()
        let (sourceFindings, sourceMetadata) = await atSource
        let (targetFindings, targetMetadata) = await atTarget
        var findings = sourceFindings + targetFindings
        for cluster in [settings.source, settings.target] {
            findings += cluster.security.warnings.map { Finding(.warning, "security", cluster.name, $0) }
        }
        if let sourceMetadata, let targetMetadata {
            findings += await examine(sourceMetadata, targetMetadata)
        }
        if probes, let targetMetadata {
            let probe = FidelityProbe(settings: settings, target: target, wallClock: wallClock)
            findings += await probe.examine(brokers: targetMetadata.brokers.count)
        }
        return Diagnosis(
            flow: settings.name, source: settings.source.name, target: settings.target.name, findings: findings)
    }

    private func examine(_ sourceMetadata: ClusterMetadata, _ targetMetadata: ClusterMetadata) async -> [Finding] {
        let (start, mayGoOn) = await examineStart()
        guard mayGoOn else { return start }
        var seen = SyncObservation()
        seen.target = targetMetadata
        seen.selected = observer.select(sourceMetadata)
        var findings = start + selection(seen.selected, of: sourceMetadata)
        findings += observer.undecided(sourceMetadata).map { note in
            Finding(
                .error, "selection", note.subject, note.message, why: "it is not known whether the topic is wanted",
                remedy: "write the expression in a simpler way, or name the topic itself in allow or deny")
        }.bounded(Self.shown, check: "selection")
        findings += observer.excluded(sourceMetadata).map { topic in
            Finding(
                .warning, "selection", topic.topic, topic.sentence(source: settings.source.name),
                why: "topics.allow names it, so it looks as if it were copied",
                remedy: "take it out of topics.allow; to copy what is in it, give it another name on "
                    + settings.source.name)
        }.bounded(Self.shown, check: "selection")
        findings += await beginning(seen.selected)
        let planner = TopicPlanner(settings)
        let missing = Set(planner.missing(seen.selected, on: targetMetadata).map(\.source.name))
        let copies = seen.selected.filter { !missing.contains($0.source.name) }

        seen.defaults = await observer.defaults(targetMetadata)
        _ = await observer.readSourceConfigs(of: seen.selected, into: &seen)
        await observer.readTargetConfigs(of: copies, into: &seen)

        let permissions = PermissionExamination(settings: settings, source: source, target: target)
        findings += await permissions.examineHidden(visible: sourceMetadata.topics.keys)
        findings += await permissions.examineSource(seen.selected.map(\.source.name))
        let progress = ProgressTopic.name(flow: settings.name)
        let stateTopics = [progress, OriginRecord.topic]
        let state = stateTopics.filter { targetMetadata.topics[$0]?.partitions.isEmpty == false }
        findings += await permissions.examineTarget(copies: copies.map(\.targetName), state: state)
        findings += await WriterExamination(settings: settings, target: target).examine(seen.selected.map(\.targetName))
        let opposite = sourceMetadata.topics.keys.filter { $0 != progress && ProgressTopic.flow(of: $0) != nil }
        findings += await permissions.examineOpposite(opposite.sorted())
        findings += await examineStateTopics(progress, opposite)
        findings += await GroupExamination(settings: settings, source: source, target: target).examine()
        findings += await InstanceExamination(settings: settings, target: target)
            .examine(targetMetadata)
        findings += await permissions.examineCreation(
            creations(seen, planner, state: stateTopics.filter { !state.contains($0) }))
        findings += await examineTopics(seen, missing)
        return findings + partitions(seen.selected, missing, targetMetadata)
            + planner.partitions(seen.selected, on: targetMetadata).notes
            .map { Finding(.warning, "partitions", $0.subject, $0.message) }
    }

    /// Asks what `run` asks before it begins.
    ///
    /// - Returns: the findings, and whether there are two clusters to look at.
    private func examineStart() async -> (findings: [Finding], mayGoOn: Bool) {
        let progress = ProgressStore(flow: settings.name, target: target, wallClock: wallClock)
        do throws(FlowError) {
            let found = try await FlowStart(settings, source: source, target: target, progress: progress)
                .check(createsMemory: false)
            let remarks = found.remark(settings).map {
                Finding(
                    .warning, "start", settings.name, $0, why: "records may be missing on the target, or there twice",
                    remedy: found.foreignCopies.isEmpty
                        ? "stop that flow before this one starts; or continue under its name"
                        : "take them over with adopt before the flow starts")
            }
            let well = Finding(.ok, "start", settings.name, "nothing on record keeps it from starting")
            return ([remarks ?? well], true)
        } catch {
            switch error {
            case .sameCluster(let source, let target, let id):
                let finding = Finding(
                    .error, "clusters", settings.name, "source \(source) and target \(target) are one cluster, \(id)",
                    why: "a flow copies between two different clusters",
                    remedy: "correct bootstrapServers of one of them")
                return ([finding], false)
            // Missing rights are found with the permissions.
            case .kafka(let reason) where reason.isAuthorization: return ([], true)
            case .handedOver, .beginsBehind:
                let finding = Finding(
                    .warning, "start", settings.name, "\(error)", why: "the flow rests meanwhile",
                    remedy: "nothing, if that is intended")
                return ([finding], true)
            case .unreadableProgress, .identityDiffers, .copiesPresent, .topicsFilled, .kafka, .cannotCreateTopic,
                .cannotJoin,
                .nothingCanStart,
                .mixedClusters, .sharedRecords:
                let finding = Finding(
                    .error, "start", settings.name, "\(error)", why: "run refuses to start the flow",
                    remedy: "follow the advice in the reason above")
                return ([finding], true)
            }
        }
    }

    /// Finds the records that a flow which has not been started yet would leave out.
    private func beginning(_ selected: [SelectedTopic]) async -> [Finding] {
        var recorded = RecordedFlowReader(flow: settings.name, target: target)
        guard settings.startFrom != .earliest, (try? await recorded.refresh()) != nil,
            recorded.recorded.identity == nil,
            let note = await source.skippedBeginning(of: selected, settings).note(settings)
        else { return [] }
        return [
            Finding(
                .warning, "startFrom", settings.source.name, note.message,
                why: "the copy will lack them for good", remedy: "set startFrom: earliest, unless that is intended")
        ]
    }

    /// Also of those topics that are not there yet: whoever may write to them may be first.
    private func examineStateTopics(_ progress: String, _ opposite: [String]) async -> [Finding] {
        let readsOrigins = settings.naming == .identical
        let atSource = opposite + (readsOrigins ? [OriginRecord.topic] : [])
        var findings: [Finding] = []
        if !atSource.isEmpty { findings += await StateTopicExamination(client: source, topics: atSource).examine() }
        return findings
            + (await StateTopicExamination(client: target, topics: [progress, OriginRecord.topic]).examine())
    }

    /// Topics that the flow would create, those that keep its state included.
    private func creations(_ seen: SyncObservation, _ planner: TopicPlanner, state: [String]) -> [NewTopic] {
        let topics = SyncPlanner(settings).topicPlan(seen).actions.compactMap { action in
            if case .createTopic(let topic, _) = action { topic } else { nil }
        }
        let replicas = Int16(clamping: max(1, min(3, seen.target.brokers.count)))
        return topics
            + state.map {
                NewTopic($0, partitions: 1, replicationFactor: replicas, configs: ["cleanup.policy": "compact"])
            }
    }

    private func selection(_ selected: [SelectedTopic], of metadata: ClusterMetadata) -> [Finding] {
        let count = metadata.topics.values.filter { !$0.isInternal }.count
        guard selected.isEmpty else {
            return [
                Finding(.ok, "topics", settings.source.name, "\(selected.count) of \(count.counted("topic")) selected")
            ]
        }
        let patterns = settings.topics.allow.map { "\"\($0)\"" }.joined(separator: ", ")
        return [
            Finding(
                .error, "topics", settings.source.name, "\(patterns) selects none of \(count) topics",
                why: "nothing would be copied; a topic that we may not describe looks as if it were not there",
                remedy:
                    "correct topics.allow: expressions are over whole names, so a prefix needs .* behind it; or, where "
                    + "topics are hidden from us: "
                    + MissingPermission(.read, on: .topic, "TOPIC", of: settings.source)
                    .command(giving: [.read, .describeConfigs], on: ["TOPIC"]))
        ]
    }

    /// Kafka's own rule of thumb is 4,000 partitions, replicas counted, for each broker.
    private func partitions(_ selected: [SelectedTopic], _ missing: Set<String>, _ target: ClusterMetadata) -> [Finding]
    {
        let there = target.topics.values.reduce(0) { $0 + $1.partitions.values.reduce(0) { $0 + $1.replicas.count } }
        let added = selected.filter { missing.contains($0.source.name) }.reduce(0) { sum, topic in
            let replicas = topic.source.partitions.values.map { min($0.replicas.count, max(1, target.brokers.count)) }
            return sum + replicas.reduce(0, +)
        }
        let each = (there + added) / max(1, target.brokers.count)
        guard each > 4_000 else { return [] }
        return [
            Finding(
                .warning, "partitions", settings.target.name, "would have \(each) partition replicas per broker",
                why: "brokers are slow to start and to elect leaders with more than about 4,000",
                remedy: "copy fewer topics, or add brokers")
        ]
    }
}

// Topics.
extension Doctor {
    private func examineTopics(_ seen: SyncObservation, _ missing: Set<String>) async -> [Finding] {
        let times = await timestamps(seen.selected)
        // Settings that cannot be read are reported with the permissions; then everything counts as set by others.
        let ledger = SyncLedger(flow: settings.name, target: target, wallClock: wallClock)
        try? await ledger.open()
        let planner = SyncPlanner(settings)
        let planned = EffectiveSettings(seen, after: planner.plan(seen, ledger: await ledger.state))
        // Records may come before a running flow has changed settings of copies that are there.
        let present = EffectiveSettings(seen, after: planner.topicPlan(seen))
        let judgement = TopicJudgement(
            now: wallClock(), targetBrokers: seen.target.brokers.count, startsAtLatest: settings.startFrom == .latest,
            compression: settings.compression)
        var findings = planned.findings(settings) { $0 != .refuses }
        findings += present.findings(settings) { $0 == .refuses }
        var toSample = Self.sampledForKeys
        for topic in seen.selected {
            let source = (seen.sourceConfigs[topic.source.name] ?? [:]).compactMapValues(\.value)
            let there = present.target(of: topic.source.name).compactMapValues(\.value)
            let isMissing = missing.contains(topic.source.name)
            var facts = TopicFacts(
                source: topic.source.name, target: topic.targetName, sourceConfigs: source, targetConfigs: there,
                copyExists: !isMissing)
            facts.oldestTimestamp = times.oldest[topic.source.name]
            facts.newestTimestamp = times.newest[topic.source.name]
            replicas(of: topic, isMissing, seen.target, &facts)
            if there["cleanup.policy"]?.contains("compact") ?? false {
                for partition in topic.source.partitions.keys.sorted()
                where toSample > 0 && facts.recordWithoutKey == nil {
                    toSample -= 1
                    facts.recordWithoutKey = await recordWithoutKey(TopicPartition(topic.source.name, partition))
                }
            }
            findings += judgement.findings(facts)
        }
        if findings.isEmpty, !seen.selected.isEmpty {
            findings.append(
                Finding(
                    .ok, "records", settings.target.name,
                    "limits, timestamps, retention, codecs, keys and replicas fit for \(compared(seen, present))"))
        }
        // By kind, so that one kind in a thousand topics does not hide the others.
        return Dictionary(grouping: findings, by: \.check).sorted { $0.key < $1.key }
            .flatMap { $0.value.bounded(Self.shown, check: $0.key) } + times.findings
    }

    /// Topics whose settings are known on both sides, of all.
    private func compared(_ seen: SyncObservation, _ present: EffectiveSettings) -> String {
        let known = seen.selected.count { topic in
            seen.sourceConfigs[topic.source.name] != nil && !present.target(of: topic.source.name).isEmpty
        }
        guard known < seen.selected.count else { return known.counted("topic") }
        return
            "\(known) of \(seen.selected.count.counted("topic")); settings of the others cannot be read, on one side at least"
    }

    private func replicas(
        of topic: SelectedTopic, _ isMissing: Bool, _ target: ClusterMetadata, _ facts: inout TopicFacts
    ) {
        guard isMissing else {
            let partitions = target.topics[topic.targetName].map { Array($0.partitions.values) } ?? []
            facts.replicationFactor = partitions.map(\.replicas.count).min()
            facts.leastInSync = partitions.map(\.isr.count).min()
            return
        }
        guard case .createTopic(let wanted, _) = TopicPlanner(settings).creation(of: topic, configs: [:], on: target)
        else {
            return
        }
        facts.replicationFactor = wanted.replicationFactor < 0 ? nil : Int(wanted.replicationFactor)
    }

    /// The oldest and the newest record of each topic, as far as the leaders tell.
    private func timestamps(
        _ topics: [SelectedTopic]
    ) async -> (oldest: [String: Int64], newest: [String: Int64], findings: [Finding]) {
        let all = topics.flatMap { topic in
            topic.source.partitions.keys.sorted().map { TopicPartition(topic.source.name, $0) }
        }
        let partitions = all.prefix(Self.sampledPartitions)
        var oldest: [String: Int64] = [:]
        var newest: [String: Int64] = [:]
        var findings: [Finding] = []
        // The first record at or after the beginning of time is the first one, and the answer tells its time.
        let first = await source.offsets(Dictionary(partitions.map { ($0, .timestamp(0)) }) { first, _ in first })
        for (partition, outcome) in first {
            guard case .success(let found) = outcome, found.offset != nil, found.timestamp >= 0 else { continue }
            oldest[partition.topic] = min(oldest[partition.topic] ?? .max, found.timestamp)
        }
        let failed = first.filter { if case .failure = $0.value { true } else { false } }
        if let sample = failed.min(by: { $0.key.description < $1.key.description }),
            case .failure(let error) = sample.value
        {
            findings.append(
                Finding(
                    .error, "records", settings.source.name,
                    "\(failed.count.counted("partition")) cannot be looked at, such as \(sample.key): \(error.reason.words)",
                    why: "they cannot be read either",
                    remedy: "bring their leaders back, or grant us DESCRIBE on the topics"))
        }
        // Only since Kafka 3.0; otherwise it stays unknown.
        let last = await source.offsets(Dictionary(partitions.map { ($0, .maxTimestamp) }) { first, _ in first })
        for (partition, outcome) in last {
            guard case .success(let found) = outcome, found.offset != nil, found.timestamp >= 0 else { continue }
            newest[partition.topic] = max(newest[partition.topic] ?? 0, found.timestamp)
        }
        if all.count > partitions.count {
            findings.append(
                Finding(
                    .ok, "records", settings.source.name,
                    "of \(all.count) partitions \(partitions.count) were looked into for the age of their records"))
        }
        return (oldest, newest, findings)
    }

    private func recordWithoutKey(_ partition: TopicPartition) async -> (partition: Int32, offset: Int64)? {
        guard case .success(let end)? = await source.offsets([partition: .latest])[partition],
            case .success(let start)? = await source.offsets([partition: .earliest])[partition],
            let last = end.offset, let first = start.offset, last > first
        else { return nil }
        // The newest records say what producers do now.
        for offset in Set([max(first, last - 100), first]) {
            guard let records = try? await RecordSample(client: source).records(of: partition, from: offset) else {
                continue
            }
            if let found = records.first(where: { $0.key == nil }) { return (partition.partition, found.offset) }
        }
        return nil
    }
}
