internal import KafkaClient
internal import PlainText
internal import Replication

// Flows that keep offsets: only one of two opposite ones may write, and it continues where both logs are equal.
extension Failover {
    /// From now on the flow itself writes nothing to the target any more: those that run see it with their next look.
    func handOver() async throws {
        guard settings.offsets == .preserve, record?.handedOver == nil else { return }
        let now = wallClock()
        record?.handedOver = now
        try await remember()
    }

    /// Waits until no instance of the flow is left that could write.
    private func awaitRest() async throws {
        let group = InstanceGroup(flow: settings.name)
        let deadline = ContinuousClock.now + options.patience
        var isTold = false
        while true {
            do {
                return try await group.checkIsEmpty(on: target, wallClock: wallClock)
            } catch let error as FlowIsShared {
                guard ContinuousClock.now < deadline else { throw error }
                if !isTold { say(.note("Waiting for flow \(settings.name) to stop: it must not write any more.")) }
                isTold = true
                try await pause()
            }
        }
    }

    private func takeover(by opposite: FlowSettings) -> OppositeTakeover {
        OppositeTakeover(
            forward: memory, opposite: opposite, source: source, target: target,
            depth: max(1, options.comparedRecords), wallClock: wallClock)
    }

    /// Has the opposite flow continue at equal ends; where they are not, says so, or empties what is to be filled.
    func takeOver(by opposite: FlowSettings) async throws -> Ending {
        try await awaitRest()
        try await recall()
        let takeover = takeover(by: opposite)
        var found = try await takeover.find()
        let topics = found.refusedTopics
        if !topics.isEmpty {
            guard options.kind == .unplanned else {
                throw FailoverError.cannotComeBack(Self.reasons(found))
            }
            guard options.refills else { return cannotComeBack(found, opposite) }
            // Remembered first: the tail of what is deleted cannot be told later.
            let refilled = Set(record?.refilled ?? []).union(topics).sorted()
            record?.refilled = refilled
            try await remember()
            found = try await takeover.empty(found)
        }
        try await takeover.record(found)
        report.cannotComeBack = []
        return (
            .done,
            "flow \(opposite.name) continues at the ends of \(Self.count(found.aligned.count, "partition")), which are equal "
                + "on both sides"
                + (topics.isEmpty
                    ? ""
                    : ", and fills \(topics.joined(separator: ", ")) on \(settings.source.name) from the beginning")
        )
    }

    func previewTakeover(by opposite: FlowSettings) async throws -> String {
        let found = try await takeover(by: opposite).find()
        guard !found.refused.isEmpty else {
            return "flow \(opposite.name) would continue at the ends of "
                + "\(Self.count(found.aligned.count, "partition")) of \(settings.source.name)"
        }
        // Those of a planned failover have not been drained yet.
        guard options.kind == .unplanned else {
            return
                "flow \(opposite.name) would continue where the ends of both sides are equal by then; now they are not in "
                + Self.count(found.refused.count, "partition")
        }
        return "flow \(opposite.name) cannot continue: \(Self.reasons(found).joined(separator: "; "))"
    }

    private func cannotComeBack(_ found: OppositeTakeover.Finding, _ opposite: FlowSettings) -> Ending {
        report.cannotComeBack = Self.reasons(found)
        let flow = settings.name.shellQuoted
        return (
            .failed,
            "flow \(opposite.name) cannot continue with what \(settings.source.name) holds: "
                + "\(Self.reasons(found).joined(separator: "; ")). `replicator failover --tail FILE --flow \(flow)` writes what "
                + "only \(settings.source.name) has to a file; then `replicator failover --unplanned --refill --flow \(flow)` "
                + "deletes \(found.refusedTopics.joined(separator: ", ")) on \(settings.source.name), and flow "
                + "\(opposite.name) fills them from the beginning"
        )
    }

    private static func reasons(_ found: OppositeTakeover.Finding) -> [String] {
        found.refused.map { $0.adoption.reason ?? "\($0.pair.target) differs" }
    }

    /// Partitions of the target that end elsewhere than their sources, in words.
    func unequalEnds(_ partitions: [ForwardPartition]) async throws(KafkaError) -> [String] {
        guard settings.offsets == .preserve else { return [] }
        let theirs = try await target.bounds(.latest, of: partitions.map(\.target))
        return partitions.compactMap { partition in
            guard let end = ends[partition.source], let there = theirs[partition.target], there != end else {
                return nil
            }
            return "\(partition.source) ends at offset \(end), and its copy at offset \(there)"
        }
    }

    /// The opposite flow may have begun: then two would write.
    func checkMayUndo() async throws {
        guard let opposite, settings.offsets == .preserve, opposite.offsets == .preserve, record?.handedOver != nil
        else {
            return
        }
        var there = FlowMemory(flow: opposite.name, on: source)
        try await there.refresh()
        guard there.flow.identity != nil, there.failover.map({ $0.handedOver == nil || $0.closed != nil }) ?? true
        else {
            return
        }
        throw FailoverError.oppositeHasBegun(flow: settings.name, opposite: opposite.name)
    }
}
