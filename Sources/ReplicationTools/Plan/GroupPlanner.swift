internal import KafkaClient
internal import KafkaWire
internal import Logging
internal import Replication
internal import Synchronization

/// Positions of consumer groups that a flow would commit on its target now, found out and committed by the code that
/// keeps them in step while the flow runs.
struct GroupPlanner: Sendable {
    private let settings: FlowSettings
    private let source: ClusterClient
    private let target: ClusterClient
    private let sync: GroupSync

    init(settings: FlowSettings, source: ClusterClient, target: ClusterClient, logger: Logger) {
        self.settings = settings
        self.source = source
        self.target = target
        sync = GroupSync(settings: settings, source: source, target: target, logger: logger)
    }

    struct Plan: Sendable {
        var changes: [FlowPlan.Change] = []
        var notes: [SyncNote] = []
        /// Nil when groups are not kept in step, or cannot be looked at.
        var groups: [OffsetReport]?
    }

    /// - Parameters:
    ///   - topics: those that the flow copies.
    ///   - applies: commit what is planned.
    func plan(for topics: [SelectedTopic], applies: Bool) async -> Plan {
        guard settings.sync.groupOffsets else { return Plan() }
        let hasRun = Mutex(false)
        var found: [GroupFinding]
        do throws(KafkaError) {
            let maps: @Sendable () async throws(KafkaError) -> [ForwardPartition] = {
                [settings, target] () throws(KafkaError) in
                let recorded = try await RecordedMaps.read(flow: settings.name, from: target)
                hasRun.withLock { $0 = recorded.hasRun }
                return recorded.partitions + Self.untouched(topics, recorded)
            }
            found = try await sync.examine(nil, maps)
            // The place of a position in an emptied partition is known from the ends of the first look.
            if found.contains(where: { $0.partitions.contains { $0.position == .failure(.nothingCopied) } }) {
                found = try await sync.examine(nil, maps)
            }
        } catch {
            let note = SyncNote(
                kind: .failed, subject: "consumer groups", message: "cannot look at consumer groups: \(error)")
            return Plan(notes: [note])
        }
        let sourceEnds = await source.logEnds(of: Set(found.flatMap { $0.partitions.map(\.source) }))
        let targetEnds = await target.logEnds(of: Set(found.flatMap { $0.partitions.map(\.target) }))
        var plan = Plan(groups: [])
        for var finding in found {
            let moves = self.moves(in: finding, sourceEnds)
            if applies, finding.failure == nil { await sync.apply(&finding) }
            plan.changes += moves.map { $0.change(after: applies ? finding : nil) }
            plan.notes += notes(on: finding, hasRun: hasRun.withLock { $0 })
            plan.groups?.append(
                OffsetReport(finding, flow: settings.name, sourceEnds: sourceEnds, targetEnds: targetEnds))
        }
        return plan
    }

    /// Partitions that the flow will copy and has recorded nothing of: a group's position in them is not known yet,
    /// which is not the same as not being copied.
    private static func untouched(_ topics: [SelectedTopic], _ recorded: RecordedMaps) -> [ForwardPartition] {
        let known = Set(recorded.partitions.map(\.source))
        return topics.flatMap { topic in
            topic.source.partitions.keys.compactMap { number in
                let source = TopicPartition(topic.source.name, number)
                guard !known.contains(source) else { return nil }
                return ForwardPartition(
                    source: source, target: TopicPartition(topic.targetName, number), map: OffsetMap(start: 0),
                    isSettled: false)
            }
        }
    }
}

// Positions that would be committed.
extension GroupPlanner {
    /// The positions of a group in one topic that are to be committed.
    private struct Move {
        struct Place {
            let partition: Int32
            let from: Int64?
            let to: Int64
            /// Source offsets between the group's position and the end; nil when that is not known.
            let lag: Int64?
            /// Source offsets before the group's position that are not copied yet.
            let aheadBy: Int64
        }

        let group: String
        let topic: String
        let places: [Place]

        /// - Parameter outcome: the group after the commit; nil when nothing was committed.
        func change(after outcome: GroupFinding?) -> FlowPlan.Change {
            let isNew = places.allSatisfy { $0.from == nil }
            return FlowPlan.Change(
                kind: "group", change: isNew ? "create" : "change", subject: "\(group) \(topic)",
                from: isNew ? nil : list { $0.from }, to: summary, error: outcome.flatMap(error))
        }

        private var summary: String {
            let lags = places.compactMap(\.lag)
            var words = ["\(places.count) \(places.count == 1 ? "partition" : "partitions")"]
            if lags.count == places.count { words.append("lag \(lags.reduce(0, +))") }
            let ahead = places.reduce(0) { $0 + $1.aheadBy }
            if ahead > 0 { words.append("\(ahead) of it read but not copied yet") }
            return words.joined(separator: ", ") + ": " + list { $0.to }
        }

        /// Partition and offset of the first few.
        private func list(_ offset: (Place) -> Int64?) -> String {
            let shown = places.prefix(4).map { place in
                "\(place.partition)@" + (offset(place).map { "\($0)" } ?? "-")
            }
            return (shown + (places.count > shown.count ? ["…"] : [])).joined(separator: " ")
        }

        private func error(_ finding: GroupFinding) -> String? {
            let left = finding.partitions.filter { partition in
                partition.target.topic == topic && ![.synced, .held, .further].contains(partition.verdict)
                    && places.contains { $0.partition == partition.target.partition }
            }
            guard let first = left.first else { return nil }
            if let failure = finding.failure { return failure }
            return first.verdict == .activeMembers
                ? "a consumer has begun to read with the group on the target" : "the target did not take it"
        }
    }

    private func moves(in finding: GroupFinding, _ sourceEnds: [TopicPartition: Int64]) -> [Move] {
        var places: [String: [Move.Place]] = [:]
        for partition in finding.partitions {
            guard case .move(let offset) = partition.verdict, case .success(let position) = partition.position else {
                continue
            }
            places[partition.target.topic, default: []].append(
                Move.Place(
                    partition: partition.target.partition, from: partition.atTarget, to: offset,
                    lag: sourceEnds[partition.source].map { max(0, $0 - partition.committed.offset) },
                    aheadBy: position.aheadBy))
        }
        return places.sorted { $0.key < $1.key }.map {
            Move(group: finding.targetGroup, topic: $0.key, places: $0.value)
        }
    }
}

// Positions that would be left alone, and the reasons.
extension GroupPlanner {
    private func notes(on finding: GroupFinding, hasRun: Bool) -> [SyncNote] {
        func note(_ kind: SyncNote.Kind, _ message: String) -> SyncNote {
            SyncNote(kind: kind, subject: finding.group, message: "group \(finding.group): \(message)")
        }
        if let failure = finding.failure { return [note(.failed, failure)] }
        if let notCovered = finding.notCovered { return [note(.groupNotCovered, notCovered)] }
        var notes: [SyncNote] = []
        if finding.kind == .share { notes.append(note(.groupNotCarried, GroupFinding.notCarried)) }
        let waiting = finding.partitions.filter { isWaiting($0, hasRun: hasRun) }
        if let first = waiting.first {
            let topics = Set(waiting.map(\.source.topic)).count
            let place = topics == 1 ? first.source.topic : "\(first.source.topic) and \(topics - 1) other topics"
            let why = hasRun ? "nothing has been copied yet" : "the flow has never run"
            notes.append(
                note(
                    .groupNotCopied,
                    "\(why), so its \(waiting.count) positions in \(place) are known once records are copied"))
        }
        let refused = finding.partitions.compactMap { partition -> (TopicPartition, String)? in
            if partition.position == .failure(.nothingCopied) { return nil }
            guard case .refused(let reason) = partition.verdict else { return nil }
            return (partition.source, reason)
        }
        if let (partition, reason) = refused.first {
            notes.append(
                note(
                    .groupNotTranslated,
                    "\(refused.count) of \(finding.partitions.count) positions have no place on "
                        + "\(settings.target.name): \(partition): \(reason)"))
        }
        let beyond = finding.partitions.compactMap { partition -> (TopicPartition, String)? in
            if case .beyond(let beyond) = partition.verdict { (partition.target, beyond.reason) } else { nil }
        }
        if let (partition, reason) = beyond.first {
            let others = beyond.count == 1 ? "" : ", and so in \(beyond.count - 1) more partitions"
            notes.append(
                note(.groupBeyond, "on \(settings.target.name), in \(partition)\(others): \(reason)"))
        }
        if finding.partitions.contains(where: { $0.verdict == .activeMembers }) {
            notes.append(
                note(
                    .groupActive,
                    "it has active members on \(settings.target.name): its positions there are left alone until it "
                        + "has none"))
        }
        return notes
    }

    /// A running flow takes the position in an empty topic from its end; then there is nothing to wait for.
    private func isWaiting(_ partition: PartitionFinding, hasRun: Bool) -> Bool {
        partition.position == .failure(.nothingCopied) && !(hasRun && partition.atTarget != nil)
    }
}
