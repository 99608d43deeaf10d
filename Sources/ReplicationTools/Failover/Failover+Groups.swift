internal import KafkaClient
internal import Replication

// Consumer groups.
extension Failover {
    /// The longest wait for an opposite flow to record what it has seen; one that does not run never does.
    private static let longestUnseen: Duration = .seconds(3)
    /// Groups that are looked at at a time.
    private static let clampWidth = 16

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
            moved += found[index].movable
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
        let moves = found.reduce(0) { $0 + $1.movable }
        let reading = try await stillReading(found)
        return "\(Self.count(found.count, "group")), \(Self.count(moves, "position")) to be committed"
            + (reading.isEmpty ? "" : "; \(reading.joined(separator: "; "))")
    }

    /// Without a source nothing can be moved forward. A position beyond the target's end, since its log went
    /// backwards, is set back to the end: else the group would wait for offsets that others will fill.
    private func clampGroups() async throws -> Ending {
        let partitions = Set(memory.partitions(isSettled: true).map(\.target))
        let selector = GroupSelector(settings)
        let groups = try await target.listGroups().filter { isOurs($0, selector) }
        let clamps = await concurrently(Array(groups.indices), width: Self.clampWidth) { [target] index in
            await GroupClamp.clamp(groups[index], in: partitions, on: target)
        }
        var moved = 0
        var stuck: [String] = []
        var notCarried: [String] = []
        var standing = 0
        for (index, group) in groups.enumerated() {
            guard let clamp = try clamps[index]?.get(), clamp.isKnown else { continue }
            standing += 1
            moved += clamp.moved
            stuck += clamp.stuck
            if group.kind == .share { notCarried.append("\(group.id) (share group): \(GroupFinding.notCarried)") }
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

    /// An instance of the flow that still ran may have committed what it had found before this failover did: positions that
    /// lie behind by now are moved again.
    ///
    /// - Returns: words about it; empty where there is nothing to say.
    func moveGroupsAgain() async throws(FlowError) -> String {
        guard settings.sync.groupOffsets, options.kind == .planned else { return "" }
        try await recall()
        let sync = groupSync()
        do throws(KafkaError) {
            var moved = 0
            for var finding in try await groups(using: sync, isSettled: true) {
                let count = finding.movable
                await sync.apply(&finding)
                moved += count - finding.movable
            }
            return moved == 0 ? "" : "; \(Self.count(moved, "position")) of groups moved forward again"
        } catch {
            return "; groups could not be looked at a second time: \(error)"
        }
    }

    /// Tells whether a group of the target is one that the flow keeps in step, by its name there.
    private func isOurs(_ group: GroupListing, _ selector: GroupSelector) -> Bool {
        guard group.id.hasPrefix(settings.groupPrefix) else { return false }
        return selector.targetName(of: String(group.id.dropFirst(settings.groupPrefix.count))) == group.id
    }
}

extension GroupFinding {
    /// The number of positions that are to be moved.
    fileprivate var movable: Int { partitions.count { if case .move = $0.verdict { true } else { false } } }
}
