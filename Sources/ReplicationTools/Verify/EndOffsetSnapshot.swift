internal import KafkaClient
internal import KafkaWire
internal import Replication

/// Pairs of partitions to compare, with the offsets at which each begins and ends.
struct EndOffsetSnapshot: Sendable {
    struct Pair: Sendable {
        var source: TopicPartition
        var target: TopicPartition
        var sourceRange: Range<Int64>
        var targetRange: Range<Int64>
        /// Offsets behind the ranges, from the beginning of an open transaction to the log's end.
        var beyondStable: (source: Int64, target: Int64)
        /// Zero when the cluster has no topic ids; the same for the target's.
        var sourceTopicID: KafkaUUID
        var targetTopicID: KafkaUUID
        /// Either side removes records by key.
        var isCompacted: Bool
        /// The target topic has LogAppendTime: its timestamps are its own.
        var targetStampsRecords: Bool

        /// Allowance for records at the beginning of one side only: those that the other side's retention has removed,
        /// and, if the flow may have begun later than with the earliest record, those before its first.
        func allowance(beginsLater: Bool) -> SequenceComparison.LeadingAllowance {
            SequenceComparison.LeadingAllowance(
                source: beginsLater || targetRange.lowerBound > 0, target: sourceRange.lowerBound > 0)
        }
    }

    var pairs: [Pair] = []
    /// Partitions that cannot be compared: without a leader, or without a counterpart although they hold records.
    var unpaired: [PartitionVerification] = []
    /// Topics of which nothing can be compared, and those that rules exclude.
    var notCompared: [Account] = []
    var sourceID = ""
    var targetID = ""
    /// Topics that are asked for and never copied.
    var excluded: [FlowStatus.ExcludedTopic] = []
    /// True if the flow copies any topic of the source.
    var selectsAnything = false

    /// Source offsets to be passed.
    var sourceOffsets: Int64 { pairs.reduce(0) { $0 + Int64($1.sourceRange.count) } }

    /// - Parameter sourceEnds: where to end instead of where the source ends now.
    static func make(
        _ settings: FlowSettings, source: ClusterClient, target: ClusterClient,
        sourceEnds: [TopicPartition: Int64] = [:]
    ) async throws(KafkaError) -> EndOffsetSnapshot {
        let sourceMetadata = try await source.metadata(.all)
        let targetMetadata = try await target.metadata(.all)
        let selector = TopicSelector(
            selection: settings.topics, naming: settings.naming, targetAlias: settings.targetAlias)
        var names: [(source: String, target: String)] = []
        for topic in sourceMetadata.topics.values.sorted(by: { $0.name < $1.name }) where topic.error == .none {
            guard let name = selector.targetName(of: topic.name, isInternal: topic.isInternal) else { continue }
            names.append((topic.name, name))
        }
        var snapshot = EndOffsetSnapshot()
        snapshot.notCompared = await AccountObserver(settings: settings, source: source, target: target)
            .unselected(sourceMetadata)
        snapshot.selectsAnything = !names.isEmpty
        snapshot.excluded = selector.excluded(sourceMetadata.topics.mapValues(\.isInternal))
        snapshot.sourceID = sourceMetadata.clusterID ?? ""
        snapshot.targetID = targetMetadata.clusterID ?? ""
        var couples: [(source: TopicPartition, target: TopicPartition)] = []
        var alone: [TopicPartition] = []
        for name in names {
            let numbers = sourceMetadata.topics[name.source]?.partitions.keys.sorted() ?? []
            for number in numbers {
                let found = TopicPartition(name.source, number)
                let copy = TopicPartition(name.target, number)
                if sourceMetadata.partition(found.topic, number)?.leader == nil {
                    snapshot.addLeaderless(found, name.target, "\(found) has no leader on \(settings.source.name)")
                } else if let there = targetMetadata.partition(copy.topic, number), there.leader == nil {
                    snapshot.addLeaderless(found, name.target, "\(copy) has no leader on \(settings.target.name)")
                } else if targetMetadata.partition(name.target, number) != nil {
                    couples.append((TopicPartition(name.source, number), TopicPartition(name.target, number)))
                } else {
                    alone.append(TopicPartition(name.source, number))
                }
            }
        }
        // The target first: whatever it has by now, the source must have by then.
        let targetRanges = try await ranges(of: couples.map(\.target), at: target)
        let sourceRanges = try await ranges(of: couples.map(\.source) + alone, at: source)
        let targetEnds = await target.offsets(queries(couples.map(\.target), .latest))
        let sourceTails = await source.offsets(queries(couples.map(\.source) + alone, .latest))
        let sourceConfigs = await configs(of: names.map(\.source), at: source)
        let targetConfigs = await configs(of: names.map(\.target), at: target)
        for couple in couples {
            guard var sourceRange = sourceRanges[couple.source], let targetRange = targetRanges[couple.target] else {
                continue
            }
            let beyond = (
                source: tail(behind: sourceRange, sourceTails[couple.source]),
                target: tail(behind: targetRange, targetEnds[couple.target])
            )
            if let end = sourceEnds[couple.source] { sourceRange = sourceRange.clamped(to: 0..<max(0, end)) }
            let ours = sourceConfigs[couple.source.topic] ?? [:]
            let theirs = targetConfigs[couple.target.topic] ?? [:]
            snapshot.pairs.append(
                Pair(
                    source: couple.source, target: couple.target, sourceRange: sourceRange, targetRange: targetRange,
                    beyondStable: beyond, sourceTopicID: sourceMetadata.topics[couple.source.topic]?.id ?? .zero,
                    targetTopicID: targetMetadata.topics[couple.target.topic]?.id ?? .zero,
                    isCompacted: [ours, theirs].contains { $0["cleanup.policy"]?.contains("compact") ?? false },
                    targetStampsRecords: theirs["message.timestamp.type"] == "LogAppendTime"))
        }
        for partition in alone {
            guard let range = sourceRanges[partition] else { continue }
            let beyond = tail(behind: range, sourceTails[partition])
            guard !range.isEmpty || beyond > 0 else { continue }
            var found = PartitionVerification(
                topic: partition.topic, targetTopic: settings.naming.targetName(of: partition.topic),
                partition: partition.partition)
            found.sourceStart = range.lowerBound
            found.sourceEnd = range.upperBound
            found.beyondStable = beyond
            found.failure =
                "the target has no such partition: \(Int64(range.count) + beyond) offsets of the source are not there"
            snapshot.unpaired.append(found)
        }
        return snapshot
    }

    /// Offsets from a range's end to the log's.
    private static func tail(behind range: Range<Int64>, _ end: Result<FoundOffset, KafkaError>?) -> Int64 {
        max(0, ((try? end?.get())?.offset ?? range.upperBound) - range.upperBound)
    }

    private mutating func addLeaderless(_ partition: TopicPartition, _ targetTopic: String, _ why: String) {
        var found = PartitionVerification(
            topic: partition.topic, targetTopic: targetTopic, partition: partition.partition)
        found.failure = "\(why): bring the brokers back that hold its replicas, and run verify again"
        unpaired.append(found)
    }

    /// Present ends of pairs, the target's read first; errors for those that cannot be asked.
    static func ends(
        of pairs: [Pair], source: ClusterClient, target: ClusterClient
    ) async -> Outcomes<TopicPartition, (source: Int64, target: Int64)> {
        let theirs = await target.offsets(queries(pairs.map(\.target), .latest), isolation: .readCommitted)
        let ours = await source.offsets(queries(pairs.map(\.source), .latest), isolation: .readCommitted)
        var ends: Outcomes<TopicPartition, (source: Int64, target: Int64)> = [:]
        for pair in pairs {
            guard let sourceEnd = ours[pair.source], let targetEnd = theirs[pair.target] else { continue }
            ends[pair.source] = sourceEnd.flatMap { end in
                targetEnd.map { (end.offset ?? 0, $0.offset ?? 0) }
            }
        }
        return ends
    }

    private static func ranges(
        of partitions: [TopicPartition], at client: ClusterClient
    ) async throws(KafkaError) -> [TopicPartition: Range<Int64>] {
        let ends = await client.offsets(queries(partitions, .latest), isolation: .readCommitted)
        let starts = await client.offsets(queries(partitions, .earliest))
        var ranges: [TopicPartition: Range<Int64>] = [:]
        for partition in partitions {
            guard let start = try starts[partition]?.get().offset, let end = try ends[partition]?.get().offset else {
                continue
            }
            ranges[partition] = start..<max(start, end)
        }
        return ranges
    }

    private static func queries(
        _ partitions: [TopicPartition], _ query: OffsetQuery
    ) -> [TopicPartition: OffsetQuery] {
        Dictionary(partitions.map { ($0, query) }) { first, _ in first }
    }

    /// Settings in effect; empty for a topic whose settings we may not see.
    private static func configs(of topics: [String], at client: ClusterClient) async -> [String: [String: String]] {
        var configs: [String: [String: String]] = [:]
        let keys = ["cleanup.policy", "message.timestamp.type"]
        for (resource, outcome) in await client.describeConfigs(topics.map { .topic($0) }, keys: keys) {
            guard case .topic(let name) = resource, case .success(let entries) = outcome else { continue }
            configs[name] = entries.compactMapValues(\.value)
        }
        return configs
    }
}
