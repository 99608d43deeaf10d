internal import KafkaClient
internal import Replication

// Consumer groups.
extension Failover {
    /// The longest wait for an opposite flow to record what it has seen; one that does not run never does.
    private static let longestUnseen: Duration = .seconds(3)

    func moveGroups() async throws -> Ending {
        guard settings.sync.groupOffsets else { return (.skipped, "sync.groupOffsets is off: groups are left alone") }
        guard options.kind == .unplanned else { return try await commitGroups(try await settledGroups()) }
        try await recall()
        guard let found = await groupsWhileSourceAnswers() else { return try await clampGroups() }
        return try await commitGroups(found)
    }

    /// Nil when the source does not answer.
    private func groupsWhileSourceAnswers() async -> [GroupFinding]? {
        guard sourceFailure == nil else { return nil }
        do throws(KafkaError) {
            return try await groups(using: groupSync(), isSettled: false)
        } catch {
            sourceFailure = error
            say(.note("\(settings.source.name) does not answer any more: \(error)"))
            return nil
        }
    }

    private func groupSync() -> GroupSync {
        GroupSync(settings: settings, source: source, target: target, logger: logger)
    }

    /// Finds the positions of every selected group on both sides.
    ///
    /// - Parameter isSettled: see ``ForwardPartition/isSettled``.
    private func groups(using sync: GroupSync, isSettled: Bool) async throws(KafkaError) -> [GroupFinding] {
        let maps = memory.partitions(isSettled: isSettled)
        let found = try await sync.examine(nil) { () throws(KafkaError) in maps }
        // For partitions without copies the ends of the first look are needed.
        let isOpen = found.contains { group in
            group.partitions.contains { if case .failure(.nothingCopied) = $0.position { true } else { false } }
        }
        return isOpen ? try await sync.examine(nil) { () throws(KafkaError) in maps } : found
    }

    /// Waits until nobody reads at the source who has something left to read there: positions move no more then.
    private func settledGroups() async throws -> [GroupFinding] {
        let sync = groupSync()
        let begin = ContinuousClock.now
        let deadline = begin + options.patience
        var isTold = false
        while true {
            try await recall()
            let found = try await groups(using: sync, isSettled: true)
            let reading = try await stillReading(found)
            if reading.isEmpty {
                // An opposite flow that runs records every second what it has seen of the target.
                let isExact = !found.contains { $0.partitions.contains(where: \.isCautious) }
                if isExact || ContinuousClock.now > begin + Self.longestUnseen { return found }
                try await pause()
                continue
            }
            guard ContinuousClock.now < deadline else {
                throw FailoverError.groupsStillRead(cluster: settings.source.name, groups: reading)
            }
            if !isTold { say(.note("Waiting for \(reading.joined(separator: "; ")).")) }
            isTold = true
            try await pause()
        }
    }

    private func stillReading(_ found: [GroupFinding]) async throws(KafkaError) -> [String] {
        let states = try await source.listGroups()
        let active = Set(states.filter { !["", "Empty", "Dead"].contains($0.state) }.map(\.id))
        return found.filter { active.contains($0.group) }.compactMap { group in
            let left = group.partitions.filter { partition in
                if case .success(let position) = partition.position { position.next != nil } else { false }
            }
            return left.isEmpty
                ? nil
                : "group \(group.group) has not read \(left.map { "\($0.source)" }.joined(separator: ", ")) to its end"
        }
    }

    private func commitGroups(_ found: [GroupFinding]) async throws -> Ending {
        let sync = groupSync()
        var found = found
        var moved = 0
        for index in found.indices {
            moved += found[index].partitions.count { if case .move = $0.verdict { true } else { false } }
            // Where there is no time to ask, a group that waits for offsets that others will fill is set back.
            await sync.apply(&found[index], allowing: options.kind == .unplanned ? .beyondEnd : .none)
        }
        remember(found)
        guard report.groupsNotInStep.isEmpty || options.leavesGroups || options.kind == .unplanned else {
            throw FailoverError.groupsNotInStep(target: settings.target.name, groups: report.groupsNotInStep)
        }
        let others = report.groupsNotInStep.isEmpty ? "" : "; not so: \(report.groupsNotInStep.joined(separator: "; "))"
        return (
            .done,
            "\(Self.count(report.groupsInStep, "group")) can continue at \(settings.target.name), "
                + "\(Self.count(moved, "position")) committed now\(others)"
        )
    }

    private func remember(_ found: [GroupFinding]) {
        let groups = found.map { FlowStatus.Group($0) }
        report.groupsNotInStep = groups.compactMap(\.obstacle)
        report.groupsBeyond = groups.compactMap(\.beyond)
        report.groupsNotCarried = groups.compactMap(\.staysBehind)
        report.groupsInStep = found.count - report.groupsNotInStep.count
    }

    func previewGroups() async throws -> String {
        guard sourceFailure == nil else { return "would look at the groups of \(settings.target.name)" }
        let found = try await groups(using: groupSync(), isSettled: false)
        report.groupsNotCarried = found.map { FlowStatus.Group($0) }.compactMap(\.staysBehind)
        let moves = found.reduce(0) {
            $0 + $1.partitions.count { if case .move = $0.verdict { true } else { false } }
        }
        let reading = try await stillReading(found)
        return "\(Self.count(found.count, "group")), \(Self.count(moves, "position")) to be committed"
            + (reading.isEmpty ? "" : "; \(reading.joined(separator: "; "))")
    }

    /// Without a source nothing can be moved forward. A position beyond the target's end, since its log went
    /// backwards, is set back to the end: else the group would wait for offsets that others will fill.
    private func clampGroups() async throws -> Ending {
        let partitions = memory.partitions(isSettled: true).map(\.target)
        let ends = await target.logEnds(of: Set(partitions))
        let selector = GroupSelector(settings)
        var moved = 0
        var stuck: [String] = []
        var notCarried: [String] = []
        var standing = 0
        for group in try await target.listGroups() where isOurs(group, selector) {
            var wanted: [TopicPartition: CommittedOffset] = [:]
            var isKnown = false
            for (partition, outcome) in try await target.positions(of: group.id, group.kind) {
                guard let end = ends[partition], case .success(var committed) = outcome else { continue }
                isKnown = true
                guard committed.offset > end else { continue }
                committed.offset = end
                committed.leaderEpoch = -1
                wanted[partition] = committed
            }
            guard isKnown else { continue }
            standing += 1
            if group.kind == .share { notCarried.append("\(group.id) (share group): \(GroupFinding.notCarried)") }
            guard !wanted.isEmpty else { continue }
            for (partition, outcome) in await target.setPositions(of: group.id, group.kind, wanted) {
                switch outcome {
                case .success: moved += 1
                case .failure(let error):
                    stuck.append(
                        "\(group.id): \(partition) is beyond the end of its log, and cannot be set back: \(error)")
                }
            }
        }
        report.groupsInStep = standing - stuck.count
        report.groupsNotInStep = stuck
        report.groupsBeyond = stuck
        report.groupsNotCarried = notCarried
        return (
            .done,
            "\(Self.count(standing, "group")) looked at, "
                + "\(Self.count(moved, "position")) set back to the end of the log"
        )
    }

    /// Tells whether a group of the target is one that the flow keeps in step, by its name there.
    private func isOurs(_ group: GroupListing, _ selector: GroupSelector) -> Bool {
        guard group.id.hasPrefix(settings.groupPrefix) else { return false }
        return selector.targetName(of: String(group.id.dropFirst(settings.groupPrefix.count))) == group.id
    }
}
