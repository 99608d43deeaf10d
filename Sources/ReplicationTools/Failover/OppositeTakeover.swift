internal import KafkaClient
internal import KafkaWire
internal import NIOCore
internal import Replication

/// Lets the opposite flow of one that keeps offsets continue where its target's logs end, since below that both sides hold
/// the same in the same places.
///
/// ```
///   target of the failover   a0 a1 a2 ▒ a3 b0 b1        the opposite flow reads here,
///   source of the failover   a0 a1 a2 ▒ a3              and writes here: it continues at offset 5
///                                         └ nothing of its own behind
/// ```
///
/// Records of its earlier life are replaced: others have written to its target since.
struct OppositeTakeover {
    /// The flow whose copies they are.
    let forward: FlowMemory
    /// The flow that is to continue; it reads `target` and writes to `source`.
    let opposite: FlowSettings
    let source: ClusterClient
    let target: ClusterClient
    /// Offsets of each partition that are compared.
    let depth: Int64
    let wallClock: @Sendable () -> Int64

    /// Partitions compared at the same time.
    private static let lanes = 4
    /// Looks at whether topics are gone, in pauses of a quarter of a second.
    private static let mostLooks = 120

    struct Finding: Sendable {
        var sourceID: String
        var targetID: String
        /// Partitions with equal logs, and those that hold nothing on the side that is to be filled.
        var aligned: [AlignedPartition] = []
        /// Partitions where the old source holds something else, or more.
        var refused: [AlignedPartition] = []
        /// Beginnings of partitions that the old source does not have.
        var starts: [TopicPartition: Int64] = [:]
        /// Ends of the sources of those that are filled from the beginning.
        var refillsBelow: [TopicPartition: Int64] = [:]
        var topicIDs: [String: KafkaUUID] = [:]

        /// Topics of the old source that cannot be continued.
        var refusedTopics: [String] { Set(refused.map(\.pair.target.topic)).sorted() }
    }

    func find() async throws -> Finding {
        let snapshot = try await EndOffsetSnapshot.make(opposite, source: target, target: source)
        var finding = Finding(sourceID: snapshot.sourceID, targetID: snapshot.targetID)
        finding.topicIDs = try await target.metadata(.all).topics.mapValues(\.id)
        // One without a leader begins when it has one.
        for alone in snapshot.unpaired where alone.sourceEnd > 0 || alone.beyondStable > 0 {
            let partition = TopicPartition(alone.topic, alone.partition)
            finding.starts[partition] = alone.sourceStart
            finding.refillsBelow[partition] = alone.sourceEnd
        }
        let recorded = Dictionary(
            forward.partitions(isSettled: false).map { ($0.target, forward.passed[$0.source]) }
        ) { first, _ in first }
        let found = try await withThrowingTaskGroup(of: (Int, AlignedPartition).self) { group in
            var waiting = snapshot.pairs.enumerated().makeIterator()
            func begin() {
                guard let (number, pair) = waiting.next() else { return }
                let known = recorded[pair.source] ?? nil
                group.addTask {
                    (number, try await align(pair, snapshot, recordedEnd: known, lane: number % Self.lanes))
                }
            }
            for _ in 0..<Self.lanes { begin() }
            var found: [(Int, AlignedPartition)] = []
            for try await one in group {
                found.append(one)
                begin()
            }
            return found.sorted { $0.0 < $1.0 }.map(\.1)
        }
        finding.aligned = found.filter { $0.adoption.state != .refused }
        finding.refused = found.filter { $0.adoption.state == .refused }
        return finding
    }

    private func align(
        _ pair: EndOffsetSnapshot.Pair, _ snapshot: EndOffsetSnapshot, recordedEnd: Int64?, lane: Int
    ) async throws(KafkaError) -> AlignedPartition {
        try await OffsetAgreement(
            compared: ComparedPair(
                pair: pair, source: target, target: source, lane: lane,
                scope: OriginScope(opposite, snapshot, allowsForeign: false),
                fingerprints: FingerprintReader(ignoresTimestamp: pair.targetStampsRecords)),
            depth: depth, names: (target.settings.name, source.settings.name), recordedEnd: recordedEnd
        ).align()
    }

    /// Records the positions as the opposite flow's own.
    ///
    /// - Throws: ``FlowIsShared`` while it runs.
    func record(_ finding: Finding) async throws {
        try await InstanceGroup(flow: opposite.name).checkIsEmpty(on: source, wallClock: wallClock)
        var checkpoints: [TopicPartition: Checkpoint] = [:]
        var maps: [TopicPartition: OffsetMap] = [:]
        for partition in finding.aligned {
            checkpoints[partition.pair.source] = partition.checkpoint
            maps[partition.pair.source] = partition.map
        }
        for (partition, offset) in finding.starts {
            var checkpoint = Checkpoint(
                sourceOffset: offset, targetOffset: -1, sourceLeaderEpoch: -1,
                sourceTopicID: (finding.topicIDs[partition.topic] ?? .zero).hexadecimal,
                map: OffsetMap(start: offset).edge)
            checkpoint.refillsBelow = finding.refillsBelow[partition]
            checkpoints[partition] = checkpoint
        }
        let first = try await FirstProgress(
            settings: opposite, target: source, clusters: (finding.sourceID, finding.targetID), wallClock: wallClock)
        try await first.prepare(checkpoints, maps: maps)
        try await first.complete()
    }

    /// A topic that is still there would be taken for one that is filled already.
    private func awaitGone(_ topics: [String]) async throws {
        for _ in 0..<Self.mostLooks {
            let left = try await source.metadata(.named(topics)).topics
            if topics.allSatisfy({ left[$0]?.partitions.isEmpty ?? true }) { return }
            try await Task.sleep(for: .milliseconds(250))
        }
        throw FailoverError.cannotComeBack([
            "\(topics.joined(separator: ", ")) on \(source.settings.name) had been deleted, and was still there after 30 s"
        ])
    }

    /// Deletes the topics of the old source that hold something else, so that the opposite flow fills them from their
    /// beginning.
    ///
    /// - Returns: what to record then.
    func empty(_ finding: Finding) async throws -> Finding {
        try await InstanceGroup(flow: opposite.name).checkIsEmpty(on: source, wallClock: wallClock)
        let topics = finding.refusedTopics
        let undecided = finding.refused.filter { !$0.differs }
        guard undecided.isEmpty else {
            throw FailoverError.cannotComeBack(undecided.map { $0.adoption.reason ?? "\($0.pair.target) is not known" })
        }
        for (_, outcome) in await source.deleteTopics(topics) {
            if case .failure(let error) = outcome, error.code != .unknownTopicOrPartition { throw error }
        }
        try await awaitGone(topics)
        var emptied = finding
        let gone = (finding.refused + finding.aligned).filter { topics.contains($0.pair.target.topic) }
        for partition in gone {
            emptied.starts[partition.pair.source] = partition.pair.sourceRange.lowerBound
            emptied.refillsBelow[partition.pair.source] = partition.pair.sourceRange.upperBound
        }
        emptied.aligned.removeAll { topics.contains($0.pair.target.topic) }
        emptied.refused = []
        return emptied
    }
}
