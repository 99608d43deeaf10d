internal import BoundedExpressions
package import KafkaClient
internal import KafkaWire
package import Logging
internal import Metrics

/// Keeps the positions of consumer groups on the target in step with those at the source, translated exactly.
package actor GroupSync {
    private var settings: FlowSettings
    private let source: ClusterClient
    private let target: ClusterClient
    private let logger: Logger
    private let opposite: OppositeFlows
    private let groupCount: Gauge
    private let failures: Counter
    /// Ends of target partitions in which nothing had been copied when they were looked up.
    private var emptyEnds: [TopicPartition: Int64] = [:]
    /// Refusals and failures that have been reported, by group and partition.
    private var reported: [ExactName: String] = [:]
    private var knownGroups: Set<ExactName> = []
    private(set) var findings: [GroupFinding] = []
    /// Whether both clusters could be asked the last time.
    private(set) var isReachable = true

    /// Requests to a cluster at a time.
    private static let width = 16

    package init(settings: FlowSettings, source: ClusterClient, target: ClusterClient, logger: Logger) {
        self.settings = settings
        self.source = source
        self.target = target
        self.logger = logger
        opposite = OppositeFlows(source: source, flow: settings.name)
        groupCount = Gauge(label: "replicator_consumer_groups", dimensions: [("flow", settings.name)])
        failures = Counter(label: "replicator_offset_sync_failures_total", dimensions: [("flow", settings.name)])
    }

    /// Leaves groups alone from now on.
    func suspend() {
        findings = []
        groupCount.record(0)
    }

    /// One round: every selected group of the source is looked at, and committed for where the rules allow.
    ///
    /// - Parameters:
    ///   - settings: as they are now; which groups are selected may have changed.
    ///   - maps: the offset maps as they are when it is called.
    func synchronize(
        _ settings: FlowSettings, _ maps: @Sendable () async throws(KafkaError) -> [ForwardPartition]
    ) async {
        self.settings = settings
        do throws(KafkaError) {
            var found = try await examine(nil, maps)
            for index in found.indices { await apply(&found[index]) }
            // A round that was broken off tells nothing.
            guard !Task.isCancelled else { return }
            findings = found
            isReachable = true
            groupCount.record(found.count)
            report()
        } catch  where error.reason == .cancelled {
            // The flow is stopping.
        } catch {
            isReachable = false
            failures.increment()
            report("", "groups cannot be looked at, trying again", "\(error)", [:])
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
        let (selected, undecided) = try await select(names)
        let committed = await offsets(of: selected.map(\.group), at: source)
        let routes = try await routes(for: committed, maps)
        var found: [GroupFinding] = []
        for var finding in selected {
            switch committed[ExactName(finding.group)] {
            case .success(let offsets):
                finding.partitions = offsets.compactMap { partition, committed in
                    routes[partition].map {
                        // An end stands for a position only if nothing of ours can lie before it unknown.
                        Self.finding(partition, committed, $0, $0.isSettled ? emptyEnds[$0.target] : nil)
                    }
                }.sorted { ($0.source.topic, $0.source.partition) < ($1.source.topic, $1.source.partition) }
            case .failure(let error):
                finding.failure = GroupFailure.text(
                    error, group: finding.group, need: .describe, at: settings.source)
            case nil: continue
            }
            if !finding.partitions.isEmpty || finding.failure != nil { found.append(finding) }
        }
        try await readTarget(&found)
        return found + undecided
    }

    /// Groups that are kept in step, and with the reason those of which no expression says whether they are.
    private func select(
        _ names: [String]?
    ) async throws(KafkaError) -> (selected: [GroupFinding], undecided: [GroupFinding]) {
        let selector = GroupSelector(settings)
        var selected: [GroupFinding] = []
        var undecided: [GroupFinding] = []
        func select(_ group: String, _ target: () throws(UndecidedMatch) -> String?) {
            do throws(UndecidedMatch) {
                if let name = try target() { selected.append(GroupFinding(group: group, targetGroup: name)) }
            } catch {
                var finding = GroupFinding(group: group, targetGroup: settings.groupPrefix + group)
                finding.failure = "it is not kept in step: \(error)"
                undecided.append(finding)
            }
        }
        if let names {
            for name in names { select(name) { () throws(UndecidedMatch) in try selector.target(of: name) } }
        } else {
            for group in try await source.listGroups() {
                select(group.id) { () throws(UndecidedMatch) in try selector.target(of: group) }
            }
        }
        return (selected, undecided)
    }

    /// The opposite flow's maps are taken first, then the ends of the logs, then our own maps: so ours can be shown to
    /// hold every copy that the opposite flow has come across.
    private func routes(
        for committed: [ExactName: Result<[TopicPartition: CommittedOffset], KafkaError>],
        _ maps: @Sendable () async throws(KafkaError) -> [ForwardPartition]
    ) async throws(KafkaError) -> GroupRoutes {
        let sourceID = try await source.clusterID()
        let targetID = try await target.clusterID()
        let backward = try await opposite.partitions(sourceID: sourceID, targetID: targetID)
        let copies = Set(backward.map(\.copy))
        var queries: [TopicPartition: OffsetQuery] = [:]
        for case .success(let offsets) in committed.values {
            for partition in offsets.keys where copies.contains(partition) { queries[partition] = .latest }
        }
        var ends: [TopicPartition: Int64] = [:]
        for (partition, outcome) in await source.offsets(queries, isolation: .readCommitted) {
            if case .success(let found) = outcome { ends[partition] = found.offset }
        }
        return GroupRoutes(forward: try await maps(), backward: backward, sourceEnds: ends)
    }

    private static func finding(
        _ partition: TopicPartition, _ committed: CommittedOffset, _ route: GroupRoutes.Route, _ end: Int64?
    ) -> PartitionFinding {
        let position: Result<GroupPosition, TranslationRefusal>
        do throws(TranslationRefusal) {
            position = .success(try route.offsets.position(of: committed.offset, targetEnd: end))
        } catch {
            position = .failure(error)
        }
        return PartitionFinding(
            source: partition, target: route.target, committed: committed, position: position,
            copiesEnd: route.offsets.copiesEnd, verdict: .synced)
    }

    private func offsets(
        of groups: [String], at cluster: ClusterClient
    ) async -> [ExactName: Result<[TopicPartition: CommittedOffset], KafkaError>] {
        await concurrently(groups.map(ExactName.init), width: Self.width) {
            await Self.offsets(of: $0.text, at: cluster)
        }
    }

    private static func offsets(
        of group: String, at cluster: ClusterClient
    ) async -> Result<[TopicPartition: CommittedOffset], KafkaError> {
        do throws(KafkaError) {
            return .success(try await cluster.committedOffsets(of: group).compactMapValues { try? $0.get() })
        } catch {
            return .failure(error)
        }
    }
}

// The target's side.
extension GroupSync {
    private func readTarget(_ found: inout [GroupFinding]) async throws(KafkaError) {
        guard !found.isEmpty else { return }
        let states = Dictionary(try await target.listGroups().map { (ExactName($0.id), $0.state) }) { first, _ in first
        }
        let committed = await offsets(of: found.map(\.targetGroup), at: target)
        let bounds = await bounds(of: found, committed)
        for index in found.indices where found[index].failure == nil {
            let name = found[index].targetGroup
            switch committed[ExactName(name)] {
            case .success(let offsets):
                let hasMembers = Self.hasMembers(states[ExactName(name)])
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
            case .failure(let error):
                found[index].failure = GroupFailure.text(error, group: name, need: .read, at: settings.target)
            case nil: break
            }
        }
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
        for finding in found {
            guard case .success(let offsets) = committed[ExactName(finding.targetGroup)] else { continue }
            for partition in finding.partitions {
                if offsets[partition.target] != nil { stoodAt.insert(partition.target) }
                switch partition.position {
                case .success(let position):
                    if position.target > offsets[partition.target]?.offset ?? -1 { wanted.insert(partition.target) }
                case .failure(.nothingCopied): empty.insert(partition.target)
                case .failure: break
                }
            }
        }
        let last = await target.logEnds(of: wanted.union(empty).union(stoodAt))
        let first = await starts(of: wanted.intersection(last.keys))
        emptyEnds.merge(last.filter { empty.contains($0.key) }) { _, new in new }
        return (first, last)
    }

    private func starts(of partitions: Set<TopicPartition>) async -> [TopicPartition: Int64] {
        guard !partitions.isEmpty else { return [:] }
        let queries = Dictionary(uniqueKeysWithValues: partitions.map { ($0, OffsetQuery.earliest) })
        return await target.offsets(queries).compactMapValues { try? $0.get().offset }
    }

    /// Commits what a finding says is to be moved. The coordinator refuses it for a group that has got members in the
    /// meantime.
    ///
    /// - Parameter rewind: positions that are set back as well.
    package func apply(_ finding: inout GroupFinding, allowing rewind: GroupRewind = .none) async {
        var offsets: [TopicPartition: CommittedOffset] = [:]
        for partition in finding.partitions {
            let wanted: Int64
            switch partition.verdict {
            case .move(let offset): wanted = offset
            case .further where rewind == .all:
                guard case .success(let position) = partition.position else { continue }
                wanted = position.target
            case .beyond(let beyond) where rewind == .all || rewind == .beyondEnd && beyond.kind == .end:
                wanted = beyond.backTo
            case .synced, .further, .beyond, .refused, .activeMembers: continue
            }
            // The source's leader epoch means nothing on the target.
            offsets[partition.target] = CommittedOffset(offset: wanted, metadata: partition.committed.metadata)
        }
        guard !offsets.isEmpty else { return }
        let outcomes = await target.commitOffsets(of: finding.targetGroup, offsets)
        for index in finding.partitions.indices {
            guard let wanted = offsets[finding.partitions[index].target],
                let outcome = outcomes[finding.partitions[index].target]
            else { continue }
            switch outcome {
            case .success:
                log(finding, finding.partitions[index], wanted.offset)
                finding.partitions[index].atTarget = wanted.offset
                finding.partitions[index].verdict = .synced
            case .failure(let error) where Self.meansMembers(error):
                finding.partitions[index].verdict = .activeMembers
            case .failure(let error):
                finding.failure = GroupFailure.text(
                    error, group: finding.targetGroup, need: .read, at: settings.target)
            }
        }
    }

    /// Nil for a state that was not told; a group that is not listed does not exist.
    private static func hasMembers(_ state: String?) -> Bool? {
        switch state {
        case nil, "Empty", "Dead": false
        case "": nil
        default: true
        }
    }

    private static func meansMembers(_ error: KafkaError) -> Bool {
        switch error.code {
        case .unknownMemberID?, .illegalGeneration?, .rebalanceInProgress?, .staleMemberEpoch?: true
        default: false
        }
    }
}

// Telling.
extension GroupSync {
    private func log(_ finding: GroupFinding, _ partition: PartitionFinding, _ offset: Int64) {
        let level: Logger.Level = knownGroups.contains(ExactName(finding.targetGroup)) ? .debug : .info
        logger.log(
            level: level, "committed group offset on the target",
            metadata: [
                "group": "\(finding.targetGroup)", "topic": "\(partition.target.topic)",
                "partition": "\(partition.target.partition)", "sourceOffset": "\(partition.committed.offset)",
                "offset": "\(offset)", "before": "\(partition.atTarget.map { "\($0)" } ?? "none")",
            ])
    }

    /// Says once what keeps a group from being in step, and again when the reason is another.
    private func report() {
        let clusters = ExactName("")
        var present: Set<ExactName> = [clusters]
        reported[clusters] = nil
        for finding in findings {
            knownGroups.insert(ExactName(finding.targetGroup))
            present.insert(ExactName(finding.group))
            if let failure = finding.failure {
                failures.increment()
                report(finding.group, "group offsets cannot be synchronised, trying again", failure, [:])
            } else {
                reported[ExactName(finding.group)] = nil
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
                case .synced, .move, .further, .activeMembers:
                    reported[ExactName(key)] = nil
                    continue
                }
                let isNew = reported[ExactName(key)] == nil
                if isNew { failures.increment() }
                report(
                    key, message, reason,
                    ["topic": "\(partition.source.topic)", "partition": "\(partition.source.partition)"],
                    group: finding.group)
            }
        }
        reported = reported.filter { present.contains($0.key) }
    }

    private func report(
        _ key: String, _ message: Logger.Message, _ reason: String, _ metadata: Logger.Metadata, group: String? = nil
    ) {
        guard reported[ExactName(key)] != reason else { return }
        reported[ExactName(key)] = reason
        var metadata = metadata
        metadata["reason"] = "\(reason)"
        if let group = group ?? (key.isEmpty ? nil : key) { metadata["group"] = "\(group)" }
        logger.warning(message, metadata: metadata)
    }
}
