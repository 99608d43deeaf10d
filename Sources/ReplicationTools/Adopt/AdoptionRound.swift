internal import KafkaClient
internal import KafkaWire
internal import Logging
internal import Replication

/// The partitions that a flow adopts, and how they are looked at, once and again.
struct AdoptionRound: Sendable {
    let snapshot: EndOffsetSnapshot
    /// Partitions to align.
    let chosen: [EndOffsetSnapshot.Pair]
    /// Partitions that cannot be looked at.
    let refused: [PartitionAdoption]
    /// The flow's beginning in partitions of which the target has never held anything.
    let untouched: [TopicPartition: Int64]
    let sourceTopicIDs: [String: KafkaUUID]

    /// See ``CopyWindowReader/fillers``.
    private var fillers: Set<Int64>
    private let settings: FlowSettings
    private let options: Adoption.Options
    private let source: ClusterClient
    private let target: ClusterClient
    private let meter: AdoptionMeter

    /// Records of all partitions that are kept between two looks, at most: some 300 MB.
    private static let mostKept = 8_000_000

    /// - Parameter progress: of the flow, as it is recorded.
    init(
        settings: FlowSettings, options: Adoption.Options, source: ClusterClient, target: ClusterClient,
        progress: ProgressStore, logger: Logger, meter: AdoptionMeter
    ) async throws {
        fillers = await progress.fillers
        self.settings = settings
        self.options = options
        self.source = source
        self.target = target
        self.meter = meter
        let metadata: ClusterMetadata
        do throws(KafkaError) {
            snapshot = try await EndOffsetSnapshot.make(settings, source: source, target: target)
            metadata = try await source.metadata(.all)
        } catch {
            throw FlowError.kafka(error)
        }
        sourceTopicIDs = metadata.topics.mapValues(\.id)
        let named = try Self.named(options, settings, snapshot)
        let filled = Set(snapshot.pairs.filter { $0.targetRange.upperBound > 0 }.map(\.source.topic))
        let begun = Set(await progress.known.keys.map(\.topic))
        let hasRun = await !progress.isNewFlow
        let again = hasRun ? named.intersection(begun) : []
        guard again.isEmpty else {
            throw AdoptionError.topicsHaveRun(
                topics: again.sorted(), flow: settings.name, target: settings.target.name)
        }
        // A flow that has run continues with its other topics unchanged.
        let leftOut = named.isEmpty || hasRun ? [] : filled.subtracting(named)
        guard leftOut.isEmpty else {
            throw AdoptionError.leftOut(
                topics: leftOut.sorted(), flow: settings.name, target: settings.target.name)
        }
        guard !filled.isEmpty else {
            throw AdoptionError.nothingThere(
                flow: settings.name, target: settings.target.name,
                example: (snapshot.pairs.map(\.source.topic) + snapshot.unpaired.map(\.topic)).min()
                    .map { settings.naming.targetName(of: $0) })
        }
        let wanted = hasRun ? filled.intersection(named) : filled
        guard !wanted.isEmpty else {
            throw AdoptionError.noCopies(
                topics: named.map { settings.naming.targetName(of: $0) }.sorted(), flow: settings.name,
                target: settings.target.name)
        }
        chosen = snapshot.pairs.filter { wanted.contains($0.source.topic) }
        refused = Self.leaderless(snapshot).filter { !hasRun || wanted.contains($0.topic) }
        untouched = try await Self.starts(
            of: snapshot, wanted, settings, source: source, target: target, logger: logger
        ).filter { !hasRun || wanted.contains($0.key.topic) }
    }

    /// Source topics that are named, by either of their names; empty for all.
    private static func named(
        _ options: Adoption.Options, _ settings: FlowSettings, _ snapshot: EndOffsetSnapshot
    ) throws(AdoptionError) -> Set<String> {
        let known = Set(snapshot.pairs.map(\.source.topic) + snapshot.unpaired.map(\.topic))
        let unknown = options.topics.filter { !known.contains($0) }
        guard unknown.isEmpty else {
            throw .unknown(
                topics: unknown, flow: settings.name,
                hint:
                    "topics that it selects (topics.allow, topics.deny) and that \(settings.source.name) has can be named"
            )
        }
        let originals = Dictionary(known.map { (settings.naming.targetName(of: $0), $0) }) { first, _ in first }
        let strange = options.targetTopics.filter { originals[$0] == nil }
        guard strange.isEmpty else {
            throw .unknown(
                topics: strange, flow: settings.name,
                hint: "a flow continues only under names of its own naming, which is \(settings.naming.recorded); with "
                    + "naming.alias and naming.separator as the copy has them, or naming.mode identical, it can")
        }
        return Set(options.topics).union(options.targetTopics.compactMap { originals[$0] })
    }

    /// Nobody leads them on one side.
    private static func leaderless(_ snapshot: EndOffsetSnapshot) -> [PartitionAdoption] {
        snapshot.unpaired.filter(\.hasNoLeader).map { found in
            PartitionAdoption(topic: found.topic, targetTopic: found.targetTopic, partition: found.partition).refused(
                ReasonAgainst(
                    reason: found.failure ?? "it has no leader",
                    advice: "bring the brokers back that hold its replicas, and run adopt again"))
        }
    }

    /// Partitions of topics with copies begin with what the source has, so that nothing is left out; others where the
    /// settings say.
    private static func starts(
        of snapshot: EndOffsetSnapshot, _ filled: Set<String>, _ settings: FlowSettings, source: ClusterClient,
        target: ClusterClient, logger: Logger
    ) async throws -> [TopicPartition: Int64] {
        let alone = snapshot.unpaired.filter { !$0.hasNoLeader }
        var starts: [TopicPartition: Int64] = [:]
        var others = snapshot.pairs.filter { !filled.contains($0.source.topic) }.map(\.source)
        for partition in alone {
            let found = TopicPartition(partition.topic, partition.partition)
            if filled.contains(partition.topic) { starts[found] = partition.sourceStart } else { others.append(found) }
        }
        guard !others.isEmpty else { return starts }
        let sync = TopicSync(settings: settings, source: source, target: target, logger: logger, wallClock: { 0 })
        return try await starts.merging(sync.offsets(of: others, at: settings.startFrom)) { first, _ in first }
    }

    func align() async throws -> [AlignedPartition] {
        Self.keeping(try await align(chosen, known: chosen.map { _ in nil }))
    }

    /// Keeps of what was read as much as memory is meant to hold.
    private static func keeping(_ aligned: [AlignedPartition]) -> [AlignedPartition] {
        var room = mostKept
        return aligned.map { partition in
            var partition = partition
            let count = partition.windows?.count ?? 0
            if count <= room { room -= count } else { partition.windows = nil }
            return partition
        }
    }

    /// - Parameter known: what was read of each before.
    /// - Returns: in the order of `pairs`.
    private func align(
        _ pairs: [EndOffsetSnapshot.Pair], known: [CopyWindows?]
    ) async throws -> [AlignedPartition] {
        meter.begin(pairs.count)
        let limiter = ConcurrencyLimiter(options.lanes)
        do {
            return try await withThrowingTaskGroup(of: (Int, AlignedPartition).self) { group in
                for (number, pair) in pairs.enumerated() {
                    group.addTask {
                        await limiter.enter()
                        let outcome: Result<AlignedPartition, KafkaError>
                        do throws(KafkaError) {
                            outcome = .success(
                                try await align(pair, known: known[number], lane: number % options.lanes))
                        } catch {
                            outcome = .failure(error)
                        }
                        await limiter.leave()
                        meter.aligned()
                        return (number, try outcome.get())
                    }
                }
                var found = [AlignedPartition?](repeating: nil, count: pairs.count)
                for try await (number, aligned) in group { found[number] = aligned }
                return found.compactMap { $0 }
            }
        } catch let error as KafkaError {
            throw FlowError.kafka(error)
        }
    }

    private func align(
        _ pair: EndOffsetSnapshot.Pair, known: CopyWindows?, lane: Int
    ) async throws(KafkaError) -> AlignedPartition {
        let compared = compared(pair, lane: lane)
        if settings.offsets == .preserve {
            return try await OffsetAgreement(
                compared: compared, depth: options.all ? nil : options.depth,
                names: (settings.source.name, settings.target.name)
            ) { [meter] in meter.read($0) }.align()
        }
        let aligner = PartitionAligner(
            compared: compared, options: options,
            names: (settings.source.name, settings.target.name), fillers: fillers, known: known
        ) { [meter] in meter.read($0) }
        return try await aligner.align()
    }

    func compared(_ pair: EndOffsetSnapshot.Pair, lane: Int = 0) -> ComparedPair {
        ComparedPair(
            pair: pair, source: source, target: target, lane: lane,
            scope: OriginScope(settings, snapshot, allowsForeign: false),
            // Timestamps of the source tell how old a copy can be, also where they are no evidence.
            fingerprints: FingerprintReader(ignoresTimestamp: false))
    }

    /// The same round for which records of a producer id are no copies but what was appended for missing ones.
    func filling(under producerID: Int64) -> AdoptionRound {
        var round = self
        round.fillers.insert(producerID)
        return round
    }

    /// Aligns once more those whose target has grown, or whose position was not certain while either side has.
    ///
    /// - Returns: all of them, in the same order; nil when nothing has to be looked at again.
    func alignAgain(_ before: [AlignedPartition]) async throws -> [AlignedPartition]? {
        let tails = await target.logEnds(of: Set(before.map(\.pair.target)))
        let ends = await EndOffsetSnapshot.ends(of: before.map(\.pair), source: source, target: target)
        var changed: [(number: Int, pair: EndOffsetSnapshot.Pair)] = []
        for (number, partition) in before.enumerated() {
            var pair = partition.pair
            guard let outcome = ends[pair.source] else { continue }
            let end: (source: Int64, target: Int64)
            do throws(KafkaError) {
                end = try outcome.get()
            } catch {
                throw FlowError.kafka(error)
            }
            let beyond = max(0, (tails[pair.target] ?? end.target) - end.target)
            let hasMoved = end.target != pair.targetRange.upperBound || beyond != pair.beyondStable.target
            let isOpen = partition.adoption.state == .refused && end.source != pair.sourceRange.upperBound
            guard hasMoved || isOpen else { continue }
            pair.sourceRange = min(pair.sourceRange.lowerBound, end.source)..<end.source
            pair.targetRange = min(pair.targetRange.lowerBound, end.target)..<end.target
            pair.beyondStable.target = beyond
            changed.append((number, pair))
        }
        guard !changed.isEmpty else { return nil }
        let found = try await align(changed.map(\.pair), known: changed.map { before[$0.number].windows })
        var all = before
        for (place, aligned) in zip(changed, found) { all[place.number] = aligned }
        return Self.keeping(all)
    }
}

extension PartitionVerification {
    /// It is not known what it holds, since one side has no leader for it.
    fileprivate var hasNoLeader: Bool { sourceEnd == 0 && beyondStable == 0 }
}
