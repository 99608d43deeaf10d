internal import BoundedExpressions
package import KafkaClient
internal import KafkaWire
package import Logging
internal import Metrics

/// Keeps the positions of consumer groups on the target in step with those at the source, translated exactly.
package actor GroupSync {
    private(set) var settings: FlowSettings
    let source: ClusterClient
    let target: ClusterClient
    let logger: Logger
    private let troubles: TroubleLog
    /// Record of the running flow; nil for those who look from outside.
    let progress: ProgressStore?
    private let opposite: OppositeFlows
    let gaps: LogGaps
    let targetGaps: LogGaps
    var generations = GroupGenerations()
    /// The last look at all groups.
    private(set) var look = GroupGenerations.Look()
    /// Ids of the target's topics, as they were when positions were last compared with maps.
    private(set) var targetTopicIDs: [String: KafkaUUID] = [:]
    private(set) var successions: [String: (topicID: String, succession: TopicSuccession)] = [:]
    private let unread: UnreadRecords
    private var siblings: SiblingFlows
    /// The time for which this instance may commit; nil for those who look from outside.
    let lease: InstanceLease?
    private let groupCount: Gauge
    private let failures: Counter
    /// Ends of target partitions in which nothing had been copied when they were looked up.
    private var emptyEnds: [TopicPartition: Int64] = [:]
    /// The source partitions that belong to them.
    private var emptySources: Set<TopicPartition> = []
    /// Refusals and failures that have been reported, by group and partition.
    private var reported: [ExactName: String] = [:]
    /// The target's groups that have had a position there: their further ones are told in detail only.
    private(set) var positionedGroups: Set<ExactName> = []
    private(set) var findings: [GroupFinding] = []
    /// Reason why a cluster could not be asked the last time; nil when both could.
    private var trouble: String?
    /// The end of the last look that came to one, and how long that took.
    private var lastLook: (end: ContinuousClock.Instant, took: Duration)?
    /// The last look was broken off, since it was not known what other instances had copied.
    private var lacksMaps = false
    /// True if both clusters could be asked the last time.
    var isReachable: Bool { trouble == nil }
    /// True if the last look came to its end.
    var isInformed: Bool { trouble == nil && !lacksMaps }

    /// Requests to a cluster at a time.
    static let width = 16

    package init(
        settings: FlowSettings, source: ClusterClient, target: ClusterClient, progress: ProgressStore? = nil,
        lease: InstanceLease? = nil, logger: Logger
    ) {
        self.lease = lease
        siblings = SiblingFlows(of: settings.name, target: target)
        self.progress = progress
        gaps = LogGaps(of: source, isolation: .readCommitted)
        targetGaps = LogGaps(of: target, isolation: .readUncommitted)
        self.settings = settings
        self.source = source
        self.target = target
        self.logger = logger
        troubles = TroubleLog(logger: logger)
        opposite = OppositeFlows(source: source, flow: settings.name)
        unread = UnreadRecords(flow: settings.name, source: source, target: target)
        groupCount = Gauge(label: "replicator_consumer_groups", dimensions: [("flow", settings.name)])
        failures = Counter(label: "replicator_offset_sync_failures_total", dimensions: [("flow", settings.name)])
    }

    /// Time beyond the interval for which findings count as those of now.
    private static let patience: Duration = .seconds(15)

    /// Reason why the findings are not those of now; nil when they are. A look at a cluster that is silent takes its
    /// time before it fails.
    func staleness(at now: ContinuousClock.Instant) -> String? {
        if let trouble { return trouble }
        if lacksMaps { return "it is not known at the moment what other instances have copied" }
        guard let lastLook else { return nil }
        let age = now - lastLook.end
        guard age > settings.sync.interval + max(Self.patience, lastLook.took * 2) else { return nil }
        return "a look at them takes long; the last one ended \(age.components.seconds) s ago"
    }

    /// Leaves groups alone from now on.
    func suspend() {
        findings = []
        trouble = nil
        lacksMaps = false
        lastLook = nil
        groupCount.record(0)
    }

    /// One round: every selected group of the source is looked at, and committed for where the rules allow.
    ///
    /// - Parameters:
    ///   - settings: as they are now; which groups are selected may have changed.
    ///   - maps: the offset maps as they are when it is called.
    ///   - isHeld: true while it is this instance that keeps the groups in step; else they are looked at only.
    func synchronize(
        _ settings: FlowSettings, _ maps: @Sendable () async throws(KafkaError) -> [ForwardPartition],
        while isHeld: @escaping @Sendable () async -> Bool
    ) async {
        self.settings = settings
        let begin = ContinuousClock.now
        do throws(KafkaError) {
            var found = try await examine(nil, maps)
            await apply(&found, while: isHeld)
            // A round that was broken off tells nothing.
            guard !Task.isCancelled else { return }
            findings = found
            trouble = nil
            lacksMaps = false
            lastLook = (.now, .now - begin)
            groupCount.record(found.count { $0.notCovered == nil })
            report()
            if await isHeld() { await keepGenerations() }
        } catch  where error.reason == .cancelled {
            // The flow is stopping, or this instance has lost its place in its group.
            lacksMaps = !Task.isCancelled
        } catch {
            trouble = "\(error)"
            failures.increment()
            troubles.began(.groups, "\(error)")
        }
    }

    /// Looks at groups on both sides; changes nothing.
    ///
    /// - Parameters:
    ///   - names: nil for all that the flow's settings select.
    ///   - maps: called once, after everything that has to be older than the maps.
    /// - Throws: when a cluster cannot be asked at all.
    package func examine(
        _ names: [String]?, _ maps: @Sendable () async throws(KafkaError) -> [ForwardPartition]
    ) async throws(KafkaError) -> [GroupFinding] {
        let (selected, others) = try await select(names)
        let committed = await offsets(of: selected.map { ($0.group, $0.kind) }, at: source)
        look.committed = committed.compactMapValues { (try? $0.get())?.mapValues(\.offset) }
        var routes = try await routes(for: committed, maps)
        var found: [GroupFinding] = []
        for var finding in selected {
            switch committed[ExactName(finding.group)] {
            case .success(let offsets):
                finding.partitions = offsets.compactMap { partition, committed in
                    routes[partition].map { Self.finding(finding.group, partition, committed, $0, end(of: $0)) }
                }.sorted { ($0.source.topic, $0.source.partition) < ($1.source.topic, $1.source.partition) }
            case .failure(let error) where error.isUnsupported:
                finding.notCovered = Self.noShareOffsets(at: settings.source, error)
            case .failure(let error): finding.fail(error, group: finding.group, need: .describe, at: settings.source)
            case nil: continue
            }
            if !finding.partitions.isEmpty || finding.obstacle != nil { found.append(finding) }
        }
        await checkEnds(&found)
        await crossGaps(&found, routes)
        await crossMarkers(&found, &routes)
        try await readTarget(&found, routes)
        try await hold(&found, routes)
        return found + others
    }

    /// An end stands for a position only if nothing of ours can lie before it unknown.
    func end(of route: GroupRoutes.Route) -> Int64? {
        route.isSettled || route.offsets.knowsAllCopies ? emptyEnds[route.target] : nil
    }

    /// Groups that are kept in step, and with the reason those of which no expression says whether they are.
    private func select(
        _ names: [String]?
    ) async throws(KafkaError) -> (selected: [GroupFinding], others: [GroupFinding]) {
        let selector = GroupSelector(settings)
        var selected: [GroupFinding] = []
        var others: [GroupFinding] = []
        func select(_ group: String, _ kind: GroupKind, _ target: () throws(UndecidedMatch) -> String?) {
            do throws(UndecidedMatch) {
                guard let name = try target() else { return }
                selected.append(GroupFinding(group: group, targetGroup: name, kind: kind))
            } catch {
                var finding = GroupFinding(group: group, targetGroup: settings.groupPrefix + group, kind: kind)
                finding.failure = "it is not kept in step: \(error)"
                others.append(finding)
            }
        }
        let listed = try await source.listGroups()
        if let names {
            let kinds = Dictionary(listed.map { (ExactName($0.id), $0.kind) }) { first, _ in first }
            for name in names {
                select(name, kinds[ExactName(name)] ?? .unknown) { () throws(UndecidedMatch) in
                    try selector.target(of: name)
                }
            }
        } else {
            look.listed = listed.map(\.id)
            for group in listed {
                select(group.id, group.kind) { () throws(UndecidedMatch) in try selector.target(of: group) }
            }
        }
        return (selected, others)
    }

    /// The opposite flow's maps are taken first, then the ends of the logs, then our own maps: so ours can be shown to
    /// hold every copy that the opposite flow has come across.
    private func routes(
        for committed: [ExactName: Result<[TopicPartition: CommittedOffset], KafkaError>],
        _ maps: @Sendable () async throws(KafkaError) -> [ForwardPartition]
    ) async throws(KafkaError) -> GroupRoutes {
        var wanted: Set<TopicPartition> = []
        for case .success(let offsets) in committed.values { wanted.formUnion(offsets.keys) }
        guard !wanted.isEmpty else {
            _ = await withSuccessions(try await maps())
            return GroupRoutes(forward: [], backward: [], sourceEnds: [:])
        }
        let sourceID = try await source.clusterID()
        let targetID = try await target.clusterID()
        let backward = try await opposite.partitions(sourceID: sourceID, targetID: targetID).filter {
            wanted.contains($0.copy)
        }
        let copies = Set(backward.map(\.copy))
        var queries: [TopicPartition: OffsetQuery] = [:]
        for partition in wanted where copies.contains(partition) || emptySources.contains(partition) {
            queries[partition] = .latest
        }
        var ends: [TopicPartition: Int64] = [:]
        for (partition, outcome) in await source.offsets(queries, isolation: .readCommitted) {
            if case .success(let found) = outcome { ends[partition] = found.offset }
        }
        var routes = GroupRoutes(
            forward: await withSuccessions(try await maps()).filter { wanted.contains($0.source) }, backward: backward,
            sourceEnds: ends)
        try await complete(&routes, sourceID: sourceID, targetID: targetID)
        routes.check(try await topicIDs(of: committed, routes))
        return routes
    }

    /// Finds out of partitions that an opposite flow reads, and this flow does not copy, who may have made the copies there.
    private func complete(
        _ routes: inout GroupRoutes, sourceID: String, targetID: String
    ) async throws(KafkaError) {
        let open = routes.uncopied
        guard !open.isEmpty else { return }
        var siblings = siblings
        try await siblings.refresh(sourceID: sourceID, targetID: targetID)
        self.siblings = siblings
        let selector = TopicSelector(
            selection: settings.topics, naming: settings.naming, targetAlias: settings.targetAlias)
        for (source, target) in open {
            if siblings.mayCopy(source, to: target) {
                routes.leave(source)
            } else if selector.targetName(of: source.topic, isInternal: false) == target.topic {
                routes.copiesNothingYet(of: source)
            }
        }
    }

    /// A running flow knows from its progress which positions may be of earlier topics.
    private func withSuccessions(_ partitions: [ForwardPartition]) async -> [ForwardPartition] {
        successions = [:]
        guard let progress else { return partitions }
        for partition in partitions where partition.succession != .first {
            let topic = partition.source.topic
            guard successions[topic] == nil else { continue }
            let id = partition.sourceTopicID.hexadecimal
            successions[topic] = (id, await progress.succession(of: topic, topicID: id))
        }
        guard !successions.isEmpty else { return partitions }
        return partitions.map { partition in
            var partition = partition
            if let known = successions[partition.source.topic] { partition.succession = known.succession }
            return partition
        }
    }

    /// Ids of the topics concerned, asked for after everything that they are compared with.
    private func topicIDs(
        of committed: [ExactName: Result<[TopicPartition: CommittedOffset], KafkaError>], _ routes: GroupRoutes
    ) async throws(KafkaError) -> GroupRoutes.TopicIDs {
        var names: (source: Set<String>, target: Set<String>) = ([], [])
        for case .success(let offsets) in committed.values {
            for partition in offsets.keys {
                guard let route = routes[partition] else { continue }
                names.source.insert(partition.topic)
                names.target.insert(route.target.topic)
            }
        }
        guard !names.source.isEmpty else { return GroupRoutes.TopicIDs() }
        let atSource = try await source.metadata(.named(names.source.sorted()))
        let atTarget = try await target.metadata(.named(names.target.sorted()))
        targetTopicIDs = atTarget.topics.filter { names.target.contains($0.key) }.mapValues(\.id)
        return GroupRoutes.TopicIDs(
            source: atSource.topics.filter { names.source.contains($0.key) }.mapValues(\.id), target: targetTopicIDs)
    }

    private static func finding(
        _ group: String, _ partition: TopicPartition, _ committed: CommittedOffset, _ route: GroupRoutes.Route,
        _ end: Int64?
    ) -> PartitionFinding {
        let position: Result<GroupPosition, TranslationRefusal>
        do throws(TranslationRefusal) {
            if let refusal = route.refusal { throw refusal }
            guard
                !route.succession.mayHoldFormer(committed.offset, of: group, partition: partition.partition)
            else { throw .formerTopic }
            position = .success(try route.offsets.position(of: committed.offset, targetEnd: end))
        } catch {
            position = .failure(error)
        }
        return PartitionFinding(
            source: partition, target: route.target, committed: committed, position: position,
            copiesEnd: route.offsets.copiesEnd, verdict: .synced)
    }

    private func offsets(
        of groups: [(name: String, kind: GroupKind)], at cluster: ClusterClient
    ) async -> [ExactName: Result<[TopicPartition: CommittedOffset], KafkaError>] {
        let kinds = Dictionary(groups.map { (ExactName($0.name), $0.kind) }) { first, _ in first }
        return await concurrently(kinds.keys.map { $0 }, width: Self.width) {
            await Self.offsets(of: $0.text, kinds[$0] ?? .unknown, at: cluster)
        }
    }

    private static func offsets(
        of group: String, _ kind: GroupKind, at cluster: ClusterClient
    ) async -> Result<[TopicPartition: CommittedOffset], KafkaError> {
        do throws(KafkaError) {
            return .success(try await cluster.positions(of: group, kind).compactMapValues { try? $0.get() })
        } catch {
            return .failure(error)
        }
    }
}

// The target's side.
extension GroupSync {
    private func readTarget(_ found: inout [GroupFinding], _ routes: GroupRoutes) async throws(KafkaError) {
        guard !found.isEmpty else { return }
        let listed = Dictionary(try await target.listGroups().map { (ExactName($0.id), $0) }) { first, _ in first }
        for index in found.indices { found[index].meet(listed[ExactName(found[index].targetGroup)], at: settings) }
        let committed = await offsets(
            of: found.filter { $0.obstacle == nil }.map { ($0.targetGroup, $0.kind) }, at: target)
        let bounds = await bounds(of: found, committed)
        await passLostCopies(&found, routes, bounds.starts)
        for index in found.indices where found[index].obstacle == nil {
            let name = found[index].targetGroup
            switch committed[ExactName(name)] {
            case .success(let offsets):
                let hasMembers = Self.hasMembers(listed[ExactName(name)]?.state)
                found[index].hasMembersOnTarget = hasMembers
                for place in found[index].partitions.indices {
                    let partition = found[index].partitions[place]
                    let side = PartitionFinding.TargetSide(
                        committed: offsets[partition.target]?.offset, hasMembers: hasMembers ?? false,
                        start: bounds.starts[partition.target], end: bounds.ends[partition.target],
                        copiesEnd: partition.copiesEnd)
                    var verdict = PartitionFinding.verdict(on: partition.position, side)
                    if case .beyond(var beyond) = verdict {
                        beyond.addRemedy(flow: settings.name, group: found[index].group)
                        verdict = .beyond(beyond)
                    }
                    found[index].partitions[place].atTarget = side.committed
                    found[index].partitions[place].verdict = verdict
                }
            case .failure(let error) where error.isUnsupported:
                found[index].notCovered = Self.noShareOffsets(at: settings.target, error)
                found[index].partitions = []
            case .failure(let error): found[index].fail(error, group: name, need: .read, at: settings.target)
            case nil: break
            }
        }
    }

    private static func noShareOffsets(at cluster: ClusterSettings, _ error: KafkaError) -> String {
        "it is a share group, and \(cluster.name) does not tell where those begin (\(error.reason.words)): on the target "
            + "it begins where its share.auto.offset.reset says"
    }

    /// First offsets of the target partitions in which something is to be committed; ends of those, and of those in
    /// which a group has a position. Ends of those that hold nothing of ours yet are kept for the next round: a position may be
    /// taken from an end only if the end is older than the map that says that nothing has been copied.
    private func bounds(
        of found: [GroupFinding],
        _ committed: [ExactName: Result<[TopicPartition: CommittedOffset], KafkaError>]
    ) async -> (starts: [TopicPartition: Int64], ends: [TopicPartition: Int64]) {
        var wanted: Set<TopicPartition> = []
        var empty: Set<TopicPartition> = []
        var stoodAt: Set<TopicPartition> = []
        emptySources = []
        for finding in found {
            guard case .success(let offsets) = committed[ExactName(finding.targetGroup)] else { continue }
            for partition in finding.partitions {
                if offsets[partition.target] != nil { stoodAt.insert(partition.target) }
                switch partition.position {
                case .success(let position):
                    if position.target > offsets[partition.target]?.offset ?? -1 { wanted.insert(partition.target) }
                case .failure(.nothingCopied):
                    empty.insert(partition.target)
                    emptySources.insert(partition.source)
                case .failure: break
                }
            }
        }
        let last = await target.logEnds(of: wanted.union(empty).union(stoodAt))
        let first = await starts(of: wanted.intersection(last.keys))
        emptyEnds.merge(last.filter { empty.contains($0.key) }) { _, new in new }
        return (first, last)
    }

    /// Holds groups back in front of records that they cannot have read; see ``UnreadRecords``.
    private func hold(_ found: inout [GroupFinding], _ routes: GroupRoutes) async throws(KafkaError) {
        var places: [(group: Int, partition: Int, wanted: Int64)] = []
        for group in found.indices where found[group].obstacle == nil {
            for partition in found[group].partitions.indices {
                guard case .move(let wanted) = found[group].partitions[partition].verdict else { continue }
                places.append((group, partition, wanted))
            }
        }
        guard !places.isEmpty else { return }
        try await unread.refresh(sourceID: try await source.clusterID(), targetID: try await target.clusterID())
        let targets = places.map { found[$0.group].partitions[$0.partition].target }
        let isConcerned = await !unread.concernsNothing
        let logs = isConcerned ? await target.logStates(of: Set(targets)) : [:]
        let starts = isConcerned ? await starts(of: Set(targets)) : [:]
        for place in places {
            let partition = found[place.group].partitions[place.partition]
            guard let route = routes[partition.source] else { continue }
            let position = max(partition.atTarget ?? 0, starts[partition.target] ?? 0)
            var held = partition
            do throws(KafkaError) {
                switch try await unread.first(
                    from: position, to: place.wanted, route, of: partition.source, in: logs[partition.target])
                {
                case .none: continue
                case .unknown(let offset):
                    held.verdict = .refused("what the target holds from offset \(offset) on is still being looked at")
                case .record(let offset, let whose):
                    held.heldBy =
                        "held at target offset \(offset), in front of copies that it has read: the record there "
                        + "\(whose), and the group cannot have read it at the source"
                    held.verdict = offset == partition.atTarget ? .held : .move(to: offset)
                }
            } catch {
                held.verdict = .refused("it is not known which records of the target the group has read: \(error)")
            }
            found[place.group].partitions[place.partition] = held
        }
    }

    private func starts(of partitions: Set<TopicPartition>) async -> [TopicPartition: Int64] {
        guard !partitions.isEmpty else { return [:] }
        let queries = Dictionary(uniqueKeysWithValues: partitions.map { ($0, OffsetQuery.earliest) })
        return await target.offsets(queries).compactMapValues { try? $0.get().offset }
    }

    /// Nil for a state that was not told; a group that is not listed does not exist.
    private static func hasMembers(_ state: String?) -> Bool? {
        switch state {
        case nil, "Empty", "Dead": false
        case "": nil
        default: true
        }
    }
}

// Telling.
extension GroupSync {
    /// Says once what keeps a group from being in step, and again when the reason is another.
    private func report() {
        var present: Set<ExactName> = []
        // One outage, however many groups it concerns.
        if let unanswered = findings.first(where: \.isOutage) {
            troubles.began(.groups, unanswered.failure ?? "")
        } else {
            troubles.ended(.groups)
        }
        for finding in findings {
            if finding.partitions.contains(where: { $0.atTarget != nil }) {
                positionedGroups.insert(ExactName(finding.targetGroup))
            }
            present.insert(ExactName(finding.group))
            if let failure = finding.failure {
                failures.increment()
                if !finding.isOutage { troubles.began(.group(ExactName(finding.group)), failure) }
            } else if let notCovered = finding.notCovered {
                report(finding.group, "group is left alone", notCovered, [:], group: finding.group)
            } else {
                reported[ExactName(finding.group)] = nil
                troubles.ended(.group(ExactName(finding.group)))
            }
            for partition in finding.partitions {
                let key = "\(finding.group)/\(partition.source)"
                present.insert(ExactName(key))
                let message: Logger.Message
                let reason: String
                switch partition.verdict {
                case .refused(let why):
                    if case .failure(.nothingCopied) = partition.position { continue }
                    (message, reason) = ("group offset cannot be translated", why)
                case .beyond(let beyond):
                    message = "group has a position on the target to which reading cannot have led"
                    reason = beyond.reason
                case .held:
                    guard let why = partition.heldBy else { continue }
                    (message, reason) = ("group is held back on the target", why)
                case .synced, .move, .further, .activeMembers:
                    reported[ExactName(key)] = nil
                    continue
                }
                // A group that waits where it has to is no failure.
                if reported[ExactName(key)] == nil, partition.verdict != .held { failures.increment() }
                report(
                    key, message, reason,
                    ["topic": "\(partition.source.topic)", "partition": "\(partition.source.partition)"],
                    group: finding.group)
            }
        }
        reported = reported.filter { present.contains($0.key) }
        troubles.forget(where: { trouble in
            if case .group(let group) = trouble { !present.contains(group) } else { false }
        })
    }

    private func report(
        _ key: String, _ message: Logger.Message, _ reason: String, _ metadata: Logger.Metadata, group: String
    ) {
        guard reported[ExactName(key)] != reason else { return }
        reported[ExactName(key)] = reason
        var metadata = metadata
        metadata["reason"] = "\(reason)"
        metadata["group"] = "\(group)"
        logger.warning(message, metadata: metadata)
    }
}
