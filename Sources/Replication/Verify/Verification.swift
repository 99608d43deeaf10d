internal import DequeModule
internal import KafkaClient
internal import KafkaWire
public import Logging
public import NIOCore
internal import Synchronization

/// Compares everything that a flow copies with what the target holds, up to a cut that is made at the start.
///
/// Nothing is written anywhere. The target's ends are read before the source's, so that every record of the target's
/// part of the cut must be in the source's.
public struct Verification: Sendable {
    public struct Options: Sendable {
        /// How long a target that has stopped moving is waited for before what it lacks counts as missing.
        public var patience: Duration = .seconds(10)
        /// Partitions compared at the same time.
        public var lanes = 4
        /// Whether another flow writes to the same topics of the target under the same names.
        public var allowsForeign = false
        /// Keys of compacted topics held at once in each lane.
        public var keysAtOnce = 1_000_000

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
    ///   as failed, and the others go on.
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
        let cut: VerificationCut
        do throws(KafkaError) {
            cut = try await VerificationCut.make(settings, source: source, target: target)
        } catch {
            throw .kafka(error)
        }
        let meter = ProgressMeter(total: cut.sourceOffsets, report: progress)
        var report = VerificationReport(
            flow: settings.name, source: settings.source.name, target: settings.target.name, mode: "full",
            partitions: cut.unpaired)
        await withTaskGroup(of: PartitionVerification.self) { group in
            var waiting = cut.pairs.makeIterator()
            var lane = 0
            while lane < options.lanes, let pair = waiting.next() {
                let number = lane
                group.addTask { await self.verify(pair, cut, source, target, lane: number, meter) }
                lane += 1
            }
            var freed = 0
            for await verified in group {
                report.partitions.append(verified)
                guard let pair = waiting.next() else { continue }
                let number = options.lanes + freed
                freed += 1
                group.addTask { await self.verify(pair, cut, source, target, lane: number % self.options.lanes, meter) }
            }
        }
        report.partitions.sort { ($0.topic, $0.partition) < ($1.topic, $1.partition) }
        await Examples(source: source, target: target).fill(&report)
        return report
    }

    private func verify(
        _ pair: VerificationCut.Pair, _ cut: VerificationCut, _ source: ClusterClient, _ target: ClusterClient,
        lane: Int, _ meter: ProgressMeter
    ) async -> PartitionVerification {
        let result = PartitionVerification(
            topic: pair.source.topic, targetTopic: pair.target.topic, partition: pair.source.partition)
        let sourceScan = PartitionScan(client: source, partition: pair.source, range: pair.sourceRange, lane: lane)
        let targetScan = PartitionScan(client: target, partition: pair.target, range: pair.targetRange, lane: lane)
        let prints = PrintReader(ignoresTimestamp: pair.targetStampsRecords)
        var scope = OriginScope()
        if settings.naming == .identical {
            scope.returning = OriginScope.Clusters(source: cut.sourceID, target: cut.targetID)
            scope.allowsForeign = options.allowsForeign
        }
        do throws(KafkaError) {
            if pair.isCompacted {
                let keyed = KeyedVerification(
                    source: sourceScan, target: targetScan, scope: scope, prints: prints, patience: options.patience,
                    result: result)
                return try await keyed.run(keysAtOnce: options.keysAtOnce) { meter.add($0, $1, $2) }
            }
            let allowance = SequenceComparison.LeadingAllowance(
                source: settings.startFrom != .earliest || pair.targetRange.lowerBound > 0,
                target: pair.sourceRange.lowerBound > 0)
            var ordered = OrderedVerification(
                source: sourceScan, target: targetScan, allowance: allowance, scope: scope, prints: prints,
                patience: options.patience, result: result)
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
