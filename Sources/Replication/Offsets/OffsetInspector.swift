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

    public init(_ settings: FlowSettings, eventLoop: any EventLoop, logger: Logger) {
        self.settings = settings
        source = ClusterClient(settings.source, eventLoop: eventLoop, logger: logger)
        target = ClusterClient(settings.target, eventLoop: eventLoop, logger: logger)
        sync = GroupSync(settings: settings, source: source, target: target, logger: logger)
    }

    public func close() async {
        await source.close()
        await target.close()
    }

    /// What to do about positions on the target that differ from the source's.
    public enum Action: Hashable, Sendable {
        case look
        /// Commit on the target what the rules allow.
        case apply
        /// The same, and also where the target's position is further.
        case applyAndRewind
    }

    /// Where a group stands, after the action.
    ///
    /// - Parameter topics: source topics to look at; nil for all.
    /// - Returns: nil when the flow's settings leave the group alone, or it has no offsets in replicated topics.
    /// - Throws: ``FlowError``.
    public func inspect(
        group: String, topics: Set<String>? = nil, action: Action = .look
    ) async throws(FlowError) -> OffsetReport? {
        do throws(KafkaError) {
            guard var finding = try await examine(group) else { return nil }
            if let topics { finding.partitions.removeAll { !topics.contains($0.source.topic) } }
            if action != .look, finding.failure == nil {
                await sync.apply(&finding, allowingRewind: action == .applyAndRewind)
            }
            return await report(on: finding)
        } catch {
            throw .kafka(error)
        }
    }

    /// A flow that runs records what it has copied every second: a group that has only just read it is waited for.
    private func examine(_ group: String) async throws(KafkaError) -> GroupFinding? {
        for _ in 0..<5 {
            let found = try await sync.examine([group]) { () throws(KafkaError) in try await self.recordedMaps() }.first
            let isAhead = found?.partitions.contains { partition in
                switch partition.position {
                case .success(let position): position.aheadBy > 0
                case .failure(let refusal): refusal == .nothingCopied
                }
            }
            guard isAhead == true, (try? await Task.sleep(for: .milliseconds(600))) != nil else { return found }
        }
        return try await sync.examine([group]) { () throws(KafkaError) in try await self.recordedMaps() }.first
    }

    private func recordedMaps() async throws(KafkaError) -> [ForwardPartition] {
        let topic = ProgressStore.topicName(flow: settings.name)
        var flow = RecordedFlow()
        let metadata = try await target.metadata(.named([topic]))
        guard metadata.topics[topic]?.partitions.isEmpty == false else { return [] }
        for record in try await StateTopic(topic, client: target).readAll() {
            do {
                try flow.take(record)
            } catch {
                throw KafkaError(
                    .unexpectedAnswer("the record at offset \(record.offset) is not one of ours: \(error)"),
                    during: .request(.fetch), cluster: target.settings.name, topic: topic, partition: 0)
            }
        }
        return flow.checkpoints.keys.compactMap { partition in
            guard let name = flow.targetName(of: partition.topic), let map = flow.map(of: partition) else { return nil }
            return ForwardPartition(
                source: partition, target: TopicPartition(name, partition.partition), map: map,
                isSettled: false)
        }
    }
}

// Both ends.
extension OffsetInspector {
    private func report(on finding: GroupFinding) async -> OffsetReport {
        let sourceEnds = await ends(of: finding.partitions.map(\.source), at: source)
        let targetEnds = await ends(of: finding.partitions.map(\.target), at: target)
        var partitions: [OffsetReport.Partition] = []
        for partition in finding.partitions {
            let status = FlowStatus.GroupPartition(partition)
            let comparison = await compare(partition)
            partitions.append(
                OffsetReport.Partition(
                    topic: status.topic, partition: status.partition, targetTopic: status.targetTopic,
                    sourceOffset: status.sourceOffset, translatedOffset: status.translatedOffset,
                    targetOffset: status.targetOffset,
                    sourceLag: sourceEnds[partition.source].map { max(0, $0 - status.sourceOffset) },
                    targetLag: targetEnds[partition.target].flatMap { end in
                        status.translatedOffset.map { max(0, end - $0) }
                    }, aheadBy: status.aheadBy, isSameRecord: comparison.isSame, state: status.state,
                    reason: status.reason ?? comparison.difference))
        }
        return OffsetReport(
            flow: settings.name, group: finding.group, targetGroup: finding.targetGroup, failure: finding.failure,
            partitions: partitions)
    }

    private func ends(of partitions: [TopicPartition], at cluster: ClusterClient) async -> [TopicPartition: Int64] {
        let queries = Dictionary(partitions.map { ($0, OffsetQuery.latest) }) { first, _ in first }
        return await cluster.offsets(queries).compactMapValues { try? $0.get().offset }
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
