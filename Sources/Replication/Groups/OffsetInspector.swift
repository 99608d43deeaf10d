internal import KafkaClient
internal import KafkaWire
public import Logging
public import NIOCore

/// Looks at a consumer group from outside of a running flow: what the flow has recorded on the target tells where
/// each record has its copy, at most about a second late.
public actor OffsetInspector {
    private let settings: FlowSettings
    private let source: ClusterClient
    private let target: ClusterClient
    private let sync: GroupSync
    private let identity: FlowIdentityCheck

    public init(_ settings: FlowSettings, eventLoop: any EventLoop, logger: Logger) {
        self.settings = settings
        source = ClusterClient(settings.source, eventLoop: eventLoop, logger: logger)
        target = ClusterClient(settings.target, eventLoop: eventLoop, logger: logger)
        sync = GroupSync(settings: settings, source: source, target: target, logger: logger)
        // Nothing is written to it.
        let progress = ProgressStore(flow: settings.name, target: target, wallClock: { 0 })
        identity = FlowIdentityCheck(settings, source: source, target: target, progress: progress)
    }

    public func close() async {
        await source.close()
        await target.close()
    }

    /// Treatment of positions on the target that differ from the source's.
    public enum Action: Hashable, Sendable {
        case look
        /// Commit on the target what the rules allow.
        case apply
        /// The same, and also where the target's position is further.
        case applyAndRewind
    }

    /// Positions of a group, after the action.
    ///
    /// - Parameter topics: source topics to look at; nil for all.
    /// - Returns: nil when the flow's settings leave the group alone, or it has no offsets in replicated topics.
    /// - Throws: ``FlowError``.
    public func inspect(
        group: String, topics: Set<String>? = nil, action: Action = .look
    ) async throws(FlowError) -> OffsetReport? {
        _ = try await identity.check(comparesStart: false)
        do throws(KafkaError) {
            guard var finding = try await examine(group) else { return nil }
            if let topics { finding.partitions.removeAll { !topics.contains($0.source.topic) } }
            if action != .look, finding.failure == nil {
                await sync.apply(&finding, allowing: action == .applyAndRewind ? .all : .none)
            }
            return await report(on: finding)
        } catch {
            throw .kafka(error)
        }
    }

    /// A flow that runs records what it has copied every second: a group that has only just read it is waited for.
    private func examine(_ group: String) async throws(KafkaError) -> GroupFinding? {
        for _ in 0..<5 {
            let found = try await inspect(group)
            let isAhead = found?.partitions.contains { partition in
                if case .beyond(let beyond) = partition.verdict, beyond.kind == .copies { return true }
                return switch partition.position {
                case .success(let position): position.aheadBy > 0
                case .failure(let refusal): refusal == .nothingCopied
                }
            }
            guard isAhead == true, (try? await Task.sleep(for: .milliseconds(600))) != nil else { return found }
        }
        return try await inspect(group)
    }

    private func inspect(_ group: String) async throws(KafkaError) -> GroupFinding? {
        try await sync.examine([group]) { [settings, target] () throws(KafkaError) in
            try await RecordedMaps.read(flow: settings.name, from: target).partitions
        }.first
    }
}

// Both ends.
extension OffsetInspector {
    private func report(on finding: GroupFinding) async -> OffsetReport {
        var report = OffsetReport(
            finding, flow: settings.name, sourceEnds: await source.logEnds(of: Set(finding.partitions.map(\.source))),
            targetEnds: await target.logEnds(of: Set(finding.partitions.map(\.target))))
        for (index, partition) in finding.partitions.enumerated() {
            let comparison = await compare(partition)
            report.partitions[index].isSameRecord = comparison.isSame
            if report.partitions[index].reason == nil { report.partitions[index].reason = comparison.difference }
        }
        return report
    }

    /// Reads the next record on both sides.
    private func compare(_ partition: PartitionFinding) async -> (isSame: Bool?, difference: String?) {
        guard case .success(let position) = partition.position, let next = position.next else { return (nil, nil) }
        do throws(KafkaError) {
            // Compaction may have removed either since it was copied; then there is nothing to compare.
            guard let original = try await source.record(of: partition.source, at: next.source),
                let copy = try await target.record(of: partition.target, at: next.target)
            else { return (nil, "the record is gone from one side") }
            let difference =
                if original.key != copy.key { "key" } else if original.value != copy.value {
                    "value"
                } else if original.timestamp != copy.timestamp { "timestamp" } else { "" }
            guard !difference.isEmpty else { return (true, nil) }
            return (
                false,
                "source record \(next.source) and target record \(next.target) differ in their \(difference)"
            )
        } catch {
            return (nil, "the records cannot be compared: \(error)")
        }
    }
}
