internal import KafkaClient
internal import KafkaWire
internal import Replication

/// The rounds of a rolling verification: looks at where all partitions end, and takes turns with them.
actor RollingRounds {
    private let settings: FlowSettings
    private let options: Verification.Options
    private let source: ClusterClient
    private let target: ClusterClient
    private let tell: @Sendable (RollingVerification.Event) -> Void
    private let examples: Examples
    private var partitions: [TopicPartition: RollingPartition] = [:]
    /// Partitions that hold records and have no counterpart yet.
    private var unpaired: [PartitionVerification] = []
    private var notCompared: [Account] = []
    private var excluded: [FlowStatus.ExcludedTopic] = []
    private var lastDiscovery = ContinuousClock.now
    private var trouble: String?

    private static let discoveryInterval: Duration = .seconds(5)
    /// Records whose keys are looked up in one round.
    private static let keysPerRound = 50

    init(
        _ settings: FlowSettings, options: Verification.Options, source: ClusterClient, target: ClusterClient,
        tell: @escaping @Sendable (RollingVerification.Event) -> Void
    ) {
        self.settings = settings
        self.options = options
        self.source = source
        self.target = target
        self.tell = tell
        examples = Examples(source: source, target: target)
    }

    func close() async {
        await source.close()
        await target.close()
    }

    /// Finds what there is to follow, and where to begin.
    func begin() async throws(KafkaError) {
        let snapshot = try await EndOffsetSnapshot.make(settings, source: source, target: target)
        let recorded = try await RecordedFlowReader.current(settings, snapshot, target)
        unpaired = snapshot.unpaired
        notCompared = snapshot.notCompared
        excluded = snapshot.excluded
        for pair in snapshot.pairs {
            let compared = compared(pair, snapshot)
            add(compared, from: try await start(of: compared, recorded?.map(of: pair)))
        }
        tell(.began(partitions: partitions.count))
    }

    private func compared(_ pair: EndOffsetSnapshot.Pair, _ snapshot: EndOffsetSnapshot) -> ComparedPair {
        var compared = ComparedPair(
            pair: pair, source: source, target: target, lane: partitions.count % options.lanes,
            scope: OriginScope(settings, snapshot, allowsForeign: options.allowsForeign),
            fingerprints: FingerprintReader(ignoresTimestamp: pair.targetStampsRecords))
        compared.keepsOffsets = settings.offsets == .preserve
        return compared
    }

    private func add(_ compared: ComparedPair, from start: RollingPartition.Start) {
        partitions[compared.pair.source] = RollingPartition(compared, from: start, keysAtOnce: options.keysAtOnce)
    }

    private func start(
        of compared: ComparedPair, _ map: OffsetMap?
    ) async throws(KafkaError) -> RollingPartition.Start {
        let pair = compared.pair
        if compared.keepsOffsets {
            let place = map?.passed ?? max(pair.sourceRange.lowerBound, pair.targetRange.upperBound)
            return RollingPartition.Start(place: RangeAlignment.Place(source: place, target: place))
        }
        if let map, map.passed >= pair.sourceRange.lowerBound {
            // Everything behind the last copy comes from behind what had passed then.
            let place = RangeAlignment.Place(
                source: map.passed, target: max(map.targetEnd, pair.targetRange.lowerBound))
            return RollingPartition.Start(place: place)
        }
        if let place = try await ContentSearch(compared: compared).lastCommonPlace() {
            return RollingPartition.Start(place: place)
        }
        let place =
            pair.targetRange.isEmpty
            ? RangeAlignment.Place(source: pair.sourceRange.lowerBound, target: pair.targetRange.lowerBound)
            : RangeAlignment.Place(source: pair.sourceRange.upperBound, target: pair.targetRange.upperBound)
        return RollingPartition.Start(place: place, allowance: .init(source: true, target: true))
    }

    /// One look at both clusters, and a turn for each partition that has something to compare.
    func round() async -> RollingVerification.Progress {
        do throws(KafkaError) {
            if ContinuousClock.now - lastDiscovery > Self.discoveryInterval { try await discover() }
            try await takeTurns()
            trouble = nil
        } catch {
            say(trouble: "\(error)")
        }
        return progress
    }

    private var progress: RollingVerification.Progress {
        var sum = RollingVerification.Progress(
            partitions: partitions.count, equal: 0, differences: 0, behind: 0, bytes: 0)
        for partition in partitions.values {
            let found = partition.verified
            sum.equal += found.equal
            sum.differences += found.differences.total
            sum.bytes += found.bytes
            sum.behind += partition.behind
        }
        return sum
    }

    private func say(trouble now: String) {
        if trouble != now { tell(.trouble(now)) }
        trouble = now
    }

    /// Partitions that have appeared are followed from their beginning.
    private func discover() async throws(KafkaError) {
        let snapshot = try await EndOffsetSnapshot.make(settings, source: source, target: target)
        lastDiscovery = .now
        unpaired = snapshot.unpaired
        notCompared = snapshot.notCompared
        excluded = snapshot.excluded
        for pair in snapshot.pairs where partitions[pair.source] == nil {
            let place = RangeAlignment.Place(source: pair.sourceRange.lowerBound, target: pair.targetRange.lowerBound)
            add(compared(pair, snapshot), from: .init(place: place, allowance: pair.allowance(beginsLater: false)))
        }
    }

    private func takeTurns() async throws(KafkaError) {
        let open = partitions.values.filter { $0.failure == nil }
        let ends = await EndOffsetSnapshot.ends(
            of: open.map(\.compared.pair), source: source, target: target)
        let now = ContinuousClock.now
        var keysLeft = Self.keysPerRound
        var firstTrouble: KafkaError?
        await withTaskGroup(of: (RollingPartition, RollingPartition.Turn).self) { group in
            var waiting = open.makeIterator()
            var running = 0
            func start() {
                guard let partition = waiting.next() else { return }
                running += 1
                let end = ends[partition.compared.pair.source]
                group.addTask {
                    var partition = partition
                    switch end {
                    case .success(let end):
                        let turn = await partition.follow(source: end.source, target: end.target, now: now)
                        return (partition, turn)
                    case .failure(let error): return (partition, .init(findings: [], trouble: error))
                    case nil: return (partition, .init(findings: [], trouble: nil))
                    }
                }
            }
            for _ in 0..<options.lanes { start() }
            for await (partition, turn) in group {
                start()
                partitions[partition.compared.pair.source] = partition
                await tell(turn.findings, of: partition, &keysLeft)
                if let failure = partition.failure {
                    let source = partition.compared.pair.source
                    tell(.ended(topic: source.topic, partition: source.partition, reason: failure))
                } else {
                    firstTrouble = firstTrouble ?? turn.trouble
                }
            }
        }
        if let firstTrouble { throw firstTrouble }
    }

    private func tell(_ findings: [Difference], of partition: RollingPartition, _ keysLeft: inout Int) async {
        let pair = partition.compared.pair
        for var difference in findings {
            if keysLeft > 0 {
                keysLeft -= 1
                difference.key = await examples.key(of: difference, source: pair.source, target: pair.target)
            }
            tell(.found(topic: pair.source.topic, partition: pair.source.partition, difference: difference))
        }
    }

    /// Compares to where the source ends now, and sums everything up.
    func finish() async -> VerificationReport {
        // A last look, for what has come since.
        _ = await round()
        var report = VerificationReport(
            flow: settings.name, source: settings.source.name, target: settings.target.name, mode: "rolling",
            partitions: unpaired)
        report.excluded = excluded.isEmpty ? nil : excluded
        var keysLeft = Self.keysPerRound
        let patience = options.patience
        await withTaskGroup(of: (RollingPartition, PartitionVerification, [Difference]).self) { group in
            // All wait at the same time: together they are as patient as one.
            for partition in partitions.values {
                group.addTask {
                    var partition = partition
                    let (verified, findings) = await partition.finish(patience: patience)
                    return (partition, verified, findings)
                }
            }
            for await (partition, verified, findings) in group {
                await tell(findings, of: partition, &keysLeft)
                report.partitions.append(verified)
            }
        }
        report.notCompared = notCompared
        report.sumUp()
        await examples.fill(&report)
        return report
    }
}
