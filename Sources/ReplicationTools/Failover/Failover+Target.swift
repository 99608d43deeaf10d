internal import KafkaClient
internal import Replication

// Checks on the target before it takes over.
extension Failover {
    /// Partitions compared at the same time.
    private static let lanes = 4

    func verify() async throws -> Ending {
        try await recall()
        var wrong = memory.flow.checkpoints.compactMap { partition, checkpoint in
            let imbalance = checkpoint.accounting?.imbalance(passed: checkpoint.sourceOffset) ?? 0
            return imbalance == 0 ? nil : "\(partition): \(imbalance) source offsets are not accounted for"
        }.sorted()
        let ends = self.ends
        let partitions = memory.partitions(isSettled: true).filter { (ends[$0.source] ?? 0) > 0 }
        let traits = try await TopicTraits.read(partitions, source: source, target: target)
        let source = source
        let target = target
        let count = options.comparedRecords
        var compared: Int64 = 0
        try await withThrowingTaskGroup(of: TailCheck.Result.self) { group in
            var waiting = partitions.enumerated().makeIterator()
            func begin() {
                guard let (number, partition) = waiting.next() else { return }
                let trait = traits[partition.source.topic] ?? TopicTraits()
                group.addTask {
                    try await TailCheck(
                        source: source, target: target, ignoresTimestamp: trait.targetStampsRecords,
                        isCompacted: trait.isCompacted
                    ).run(partition, until: ends[partition.source] ?? 0, count: count, lane: number % Self.lanes)
                }
            }
            for _ in 0..<Self.lanes { begin() }
            for try await result in group {
                compared += result.compared
                if let difference = result.difference { wrong.append(difference) }
                try checkInterrupted()
                begin()
            }
        }
        wrong += try await unequalEnds(partitions)
        report.verified = compared
        guard wrong.isEmpty else { throw FailoverError.recordsDiffer(wrong) }
        return (
            .done,
            compared == 0
                ? "there is nothing to compare"
                : "\(Self.count(compared, "record")) of \(Self.count(partitions.count, "partition")) are equal on both sides"
        )
    }

    private func oppositeStart(_ opposite: FlowSettings) -> OppositeStart {
        OppositeStart(
            forward: memory, opposite: opposite, source: source, target: target, logger: logger, wallClock: wallClock)
    }

    func beginOpposite() async throws -> Ending {
        try await handOver()
        guard let opposite else { return (.skipped, "nothing brings records back") }
        guard opposite.naming == .identical else {
            return (.skipped, "flow \(opposite.name) copies under other names, and begins where its startFrom says")
        }
        guard sourceFailure == nil else {
            return (
                .skipped,
                "\(settings.source.name) does not answer: once it does, run this again before flow \(opposite.name) is "
                    + "started for the first time"
            )
        }
        if opposite.offsets == .preserve { return try await takeOver(by: opposite) }
        try await recall()
        guard let positions = try await oppositeStart(opposite).record() else {
            return (.done, "flow \(opposite.name) has run before, and continues where it stopped")
        }
        return (.done, "flow \(opposite.name) begins " + (try await distance(positions)))
    }

    /// Describes where the opposite flow begins.
    private func distance(_ positions: [TopicPartition: Int64]) async throws(KafkaError) -> String {
        let ends = try await target.bounds(.latest, of: positions.keys)
        let starts = try await target.bounds(.earliest, of: positions.keys)
        let left = positions.reduce(0) { $0 + max(0, (ends[$1.key] ?? 0) - $1.value) }
        let all = positions.keys.reduce(0) { $0 + (ends[$1] ?? 0) - (starts[$1] ?? 0) }
        return "behind \(all - left) offsets that came from \(settings.source.name), with \(left) to look at"
    }

    func previewOpposite() async throws -> String {
        guard let opposite, opposite.naming == .identical, sourceFailure == nil else {
            return try await beginOpposite().text
        }
        if opposite.offsets == .preserve { return try await previewTakeover(by: opposite) }
        guard let positions = try await oppositeStart(opposite).positions() else {
            return "flow \(opposite.name) has run before, and would continue where it stopped"
        }
        return "flow \(opposite.name) would begin " + (try await distance(positions))
    }

    /// The record of the failover that brought everybody here: of the opposite flow, whose target is our source.
    private func arrival() async throws -> (memory: FlowMemory, record: FailoverRecord)? {
        guard let opposite, sourceFailure == nil else { return nil }
        var there = FlowMemory(flow: opposite.name, on: source)
        try await there.refresh()
        guard let record = there.failover, record.closed == nil else { return nil }
        return (there, record)
    }

    func liftOppositeFence() async throws -> Ending {
        guard var (there, record) = try await arrival() else {
            return (.skipped, "no producer was kept out of \(settings.target.name)")
        }
        let count = record.fence.count
        try await removeFence(record.fence, on: target)
        record.fence = []
        record.closed = wallClock()
        try await there.store(record, timestamp: wallClock())
        return (
            .done,
            count == 0
                ? "the failover that brought everybody to \(settings.source.name) is undone"
                : "\(Self.count(count, "rule")) taken away from \(settings.target.name)"
        )
    }

    func previewLift() async throws -> String {
        guard let (_, record) = try await arrival() else { return "no producer is kept out of \(settings.target.name)" }
        return "would take \(Self.count(record.fence.count, "rule")) away from \(settings.target.name)"
    }
}

/// The topic settings that decide how records are compared.
struct TopicTraits: Sendable {
    var isCompacted = false
    var targetStampsRecords = false

    /// By source topic; topics whose settings we may not see are compared strictly.
    static func read(
        _ partitions: [ForwardPartition], source: ClusterClient, target: ClusterClient
    ) async throws(KafkaError) -> [String: TopicTraits] {
        var traits: [String: TopicTraits] = [:]
        let names = Dictionary(partitions.map { ($0.target.topic, $0.source.topic) }) { first, _ in first }
        for (resource, outcome) in await source.describeConfigs(names.values.map { .topic($0) }, keys: keys) {
            guard case .topic(let name) = resource, case .success(let entries) = outcome else { continue }
            traits[name, default: TopicTraits()].isCompacted = isCompacted(entries.mapValues(\.value))
        }
        for (resource, outcome) in await target.describeConfigs(names.keys.map { .topic($0) }, keys: keys) {
            guard case .topic(let copy) = resource, case .success(let entries) = outcome, let name = names[copy] else {
                continue
            }
            let values = entries.mapValues(\.value)
            if isCompacted(values) { traits[name, default: TopicTraits()].isCompacted = true }
            traits[name, default: TopicTraits()].targetStampsRecords =
                values["message.timestamp.type"] == "LogAppendTime"
        }
        return traits
    }

    private static let keys = ["cleanup.policy", "message.timestamp.type"]

    private static func isCompacted(_ values: [String: String?]) -> Bool {
        (values["cleanup.policy"] ?? nil)?.contains("compact") ?? false
    }
}
