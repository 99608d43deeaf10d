internal import DequeModule
package import KafkaClient
internal import KafkaWire
public import Logging
public import NIOCore
public import Replication
internal import Synchronization

/// Compares what a flow copies with what the target holds, up to end offsets that are read at the start: everything, or
/// a sample.
///
/// Nothing is written anywhere. The target's ends are read before the source's, so that every record of the target's
/// part of the snapshot must be in the source's.
public struct Verification: Sendable {
    public struct Options: Sendable {
        /// Time that a target without progress is waited for before the records that it lacks count as missing.
        public var patience: Duration = .seconds(10)
        /// Partitions compared at the same time.
        public var lanes = 4
        /// True if another flow writes to the same topics of the target under the same names.
        public var allowsForeign = false
        /// Keys of compacted topics held at once in each lane.
        public var keysAtOnce = 1_000_000
        /// Part that is looked at; nil for everything.
        public var sampling: Sampling?
        /// Source offsets to end at instead of where the source ends when the verification begins.
        package var sourceEnds: [TopicPartition: Int64] = [:]

        public init() {}
    }

    private let settings: FlowSettings
    private let options: Options
    private let eventLoops: [any EventLoop]
    private let logger: Logger

    public init(_ settings: FlowSettings, options: Options = Options(), eventLoops: [any EventLoop], logger: Logger) {
        precondition(!eventLoops.isEmpty, "a verification needs an event loop")
        self.settings = settings
        self.options = options
        self.eventLoops = eventLoops
        self.logger = logger
    }

    /// - Parameter progress: called often, from any thread.
    /// - Throws: ``FlowError`` when a cluster cannot be asked at all. A partition that cannot be compared is reported
    ///   as failed, and the others continue.
    public func run(
        progress: @escaping @Sendable (VerificationProgress) -> Void = { _ in }
    ) async throws(FlowError) -> VerificationReport {
        let source = ClusterClient(settings.source, eventLoop: eventLoops[0], logger: logger)
        let target = ClusterClient(settings.target, eventLoop: eventLoops[0], logger: logger)
        let outcome: Result<VerificationReport, FlowError>
        do throws(FlowError) {
            outcome = .success(try await run(source, target, progress))
        } catch {
            outcome = .failure(error)
        }
        await source.close()
        await target.close()
        return try outcome.get()
    }

    private func run(
        _ source: ClusterClient, _ target: ClusterClient, _ progress: @escaping @Sendable (VerificationProgress) -> Void
    ) async throws(FlowError) -> VerificationReport {
        let snapshot: EndOffsetSnapshot
        let recorded: RecordedFlowReader?
        do throws(KafkaError) {
            snapshot = try await EndOffsetSnapshot.make(
                settings, source: source, target: target, sourceEnds: options.sourceEnds)
            recorded =
                switch (settings.offsets, options.sampling) {
                case (.preserve, _): try await RecordedFlowReader.current(settings, snapshot, target)
                case (.translate, nil): nil
                case (.translate, _): try await recordings(snapshot, target)
                }
        } catch {
            throw .kafka(error)
        }
        let meter = ProgressMeter(total: work(snapshot), report: progress)
        var report = VerificationReport(
            flow: settings.name, source: settings.source.name, target: settings.target.name,
            mode: options.sampling == nil ? "full" : "sampled", partitions: snapshot.unpaired)
        report.sourceClusterID = snapshot.sourceID.isEmpty ? nil : snapshot.sourceID
        report.targetClusterID = snapshot.targetID.isEmpty ? nil : snapshot.targetID
        report.excluded = snapshot.excluded.isEmpty ? nil : snapshot.excluded
        report.seed = options.sampling?.seed
        report.share = options.sampling?.share
        let limiter = ConcurrencyLimiter(options.lanes)
        await withTaskGroup(of: PartitionVerification.self) { group in
            for (number, pair) in snapshot.pairs.enumerated() {
                group.addTask {
                    await limiter.enter()
                    let compared = self.compared(pair, snapshot, source, target, number % self.options.lanes)
                    let verified = await self.verify(compared, recorded?.map(of: pair), meter, limiter)
                    await limiter.leave()
                    return verified
                }
            }
            for await verified in group { report.partitions.append(verified) }
        }
        report.notCompared = snapshot.notCompared
        report.sumUp()
        await Examples(source: source, target: target).fill(&report)
        return report
    }

    /// The flow's records about these clusters, once they cover the end offsets of the comparison.
    private func recordings(
        _ snapshot: EndOffsetSnapshot, _ target: ClusterClient
    ) async throws(KafkaError) -> RecordedFlowReader? {
        guard var recorded = try await RecordedFlowReader.current(settings, snapshot, target) else { return nil }
        let ends = Dictionary(
            snapshot.pairs.filter { !$0.isCompacted }.map { ($0.source, $0.sourceRange.upperBound) }
        ) { first, _ in first }
        try await recorded.follow(to: ends, patience: options.patience)
        return recorded
    }

    /// Source offsets to be passed: keys can only be told by reading everything.
    private func work(_ snapshot: EndOffsetSnapshot) -> Int64 {
        guard let sampling = options.sampling else { return snapshot.sourceOffsets }
        return snapshot.pairs.reduce(0) { sum, pair in
            guard !pair.isCompacted else { return sum + Int64(pair.sourceRange.count) }
            let ranges = sampling.ranges(of: pair.source.topic, partition: pair.source.partition, in: pair.sourceRange)
            return sum + ranges.reduce(0) { $0 + Int64($1.count) }
        }
    }

    private func compared(
        _ pair: EndOffsetSnapshot.Pair, _ snapshot: EndOffsetSnapshot, _ source: ClusterClient, _ target: ClusterClient,
        _ lane: Int
    ) -> ComparedPair {
        var fingerprints = FingerprintReader(ignoresTimestamp: pair.targetStampsRecords)
        if pair.isCompacted { fingerprints.keys = options.sampling }
        var compared = ComparedPair(
            pair: pair, source: source, target: target, lane: lane,
            scope: OriginScope(settings, snapshot, allowsForeign: options.allowsForeign), fingerprints: fingerprints)
        compared.keepsOffsets = settings.offsets == .preserve
        return compared
    }

    private func verify(
        _ compared: ComparedPair, _ map: OffsetMap?, _ meter: ProgressMeter, _ limiter: ConcurrencyLimiter
    ) async -> PartitionVerification {
        let pair = compared.pair
        var result = PartitionVerification(
            topic: pair.source.topic, targetTopic: pair.target.topic, partition: pair.source.partition)
        result.beyondStable = pair.beyondStable.source
        result.beyondStableOnTarget = pair.beyondStable.target
        let beginsLater = settings.startFrom != .earliest
        do throws(KafkaError) {
            if pair.isCompacted {
                let keyed = KeyedVerification(compared, patience: options.patience, result: result)
                var found = try await keyed.run(keysAtOnce: options.keysAtOnce) { meter.add($0, $1, $2) }
                if options.sourceEnds[pair.source] == nil { found.failure = found.failure ?? compared.reasonBeyond }
                return found
            }
            if compared.keepsOffsets {
                return try await OffsetVerification(
                    compared: compared, begin: map?.start ?? 0, sampling: options.sampling, patience: options.patience,
                    limiter: limiter, isSourceEnd: options.sourceEnds[pair.source] == nil
                ).run(result) { meter.add($0, $1, $2) }
            }
            if let sampling = options.sampling {
                var sampled = SampledVerification(
                    compared, sampling: sampling, map: map, beginsLater: beginsLater,
                    patience: options.patience, result: result)
                return try await sampled.run { meter.add($0, $1, $2) }
            }
            let sides = compared.sides(
                source: pair.sourceRange, target: pair.targetRange,
                allowance: pair.allowance(beginsLater: beginsLater))
            var ordered = OrderedVerification(sides, patience: options.patience, limiter: limiter, result: result)
            return try await ordered.run { meter.add($0, $1, $2) }
        } catch {
            var failed = result
            failed.sourceStart = pair.sourceRange.lowerBound
            failed.sourceEnd = pair.sourceRange.upperBound
            failed.failure =
                error.code == .offsetOutOfRange
                ? "\(error): retention removed records while they were compared; run verify again" : "\(error)"
            return failed
        }
    }
}

/// Sums what the lanes report.
private final class ProgressMeter: Sendable {
    private let state: Mutex<VerificationProgress>
    private let report: @Sendable (VerificationProgress) -> Void

    init(total: Int64, report: @escaping @Sendable (VerificationProgress) -> Void) {
        state = Mutex(VerificationProgress(compared: 0, total: total, bytes: 0, differences: 0))
        self.report = report
    }

    func add(_ offsets: Int64, _ bytes: Int64, _ differences: Int64) {
        let now = state.withLock { progress in
            progress.compared += offsets
            progress.bytes += bytes
            progress.differences += differences
            return progress
        }
        report(now)
    }
}
