internal import KafkaClient
internal import KafkaWire
public import Logging
public import NIOCore
public import Replication

/// Moves what a flow selects, once, and proves it: copies from the earliest record on, follows until it is told to cut
/// over, drains to fixed ends, brings the consumer groups over, and compares.
///
/// ```
///   copying ──▶ following ──▶ draining ──▶ verifying ──▶ done
///      └───────────┴────────────┴───────────┴──▶ interrupted: another run goes on from there
/// ```
public actor Migration {
    private let settings: FlowSettings
    private let patience: Duration
    private let eventLoops: [any EventLoop]
    private let logger: Logger
    private let wallClock: @Sendable () -> Int64
    private let owner: String
    private let source: ClusterClient
    private let target: ClusterClient
    private let flow: Flow
    private var report: MigrationReport
    private var isInterrupted = false
    private var rate = TransferRate()
    /// Volume that earlier runs have copied.
    private var before = FlowVolume()

    /// Time for batches in flight to reach the target once the flow has been told to stop.
    private static let shutdownTimeout: Duration = .seconds(30)
    /// Questions beside the copy are given up after this time, and asked again.
    private static let impatience: Duration = .seconds(10)

    /// - Parameters:
    ///   - patience: how long the target may stand still while it is verified, how long groups may take, and how long a
    ///     cluster may not answer.
    ///   - owner: who migrates, as a second run would be told.
    public init(
        _ settings: FlowSettings, patience: Duration, owner: String, eventLoops: [any EventLoop], logger: Logger,
        wallClock: @escaping @Sendable () -> Int64
    ) {
        precondition(!eventLoops.isEmpty, "a migration needs an event loop")
        let settings = Self.settings(of: settings)
        self.settings = settings
        self.patience = patience
        self.owner = owner
        self.eventLoops = eventLoops
        self.logger = logger
        self.wallClock = wallClock
        source = ClusterClient(Self.impatient(settings.source), eventLoop: eventLoops[0], logger: logger)
        target = ClusterClient(Self.impatient(settings.target), eventLoop: eventLoops[0], logger: logger)
        flow = Flow(settings, eventLoops: eventLoops, logger: logger, wallClock: wallClock)
        report = MigrationReport(settings)
    }

    /// Settings that a migration of a flow goes by: it moves everything that there is.
    public static func settings(of flow: FlowSettings) -> FlowSettings {
        var settings = flow
        settings.startFrom = .earliest
        return settings
    }

    private static func impatient(_ settings: ClusterSettings) -> ClusterSettings {
        var settings = settings
        settings.operationTimeout = min(settings.operationTimeout, impatience)
        settings.requestTimeout = min(settings.requestTimeout, impatience)
        return settings
    }

    /// Lets what is under way reach the target and ends; another run goes on from there. To be left without waiting
    /// for that, cancel the task that runs it.
    public func interrupt() async {
        isInterrupted = true
        await flow.stop()
    }

    /// - Parameters:
    ///   - cutOver: returns when the source has been told to stop; called once everything is copied and followed.
    ///   - progress: called a few times a second while records move.
    ///   - verified: called while the copy is compared.
    /// - Throws: ``MigrationError``, `FlowIsClaimed`, `FlowError` or `KafkaError`.
    public func run(
        cutOver: @escaping @Sendable () async -> Void, progress: @escaping @Sendable (MigrationProgress) -> Void,
        verified: @escaping @Sendable (VerificationProgress) -> Void
    ) async throws -> MigrationReport {
        let outcome: Result<MigrationReport, any Error>
        do {
            outcome = .success(try await migrate(cutOver, progress, verified))
        } catch {
            outcome = .failure(error)
        }
        await source.close()
        await target.close()
        return try outcome.get()
    }

    private func migrate(
        _ cutOver: @escaping @Sendable () async -> Void, _ progress: @escaping @Sendable (MigrationProgress) -> Void,
        _ verified: @escaping @Sendable (VerificationProgress) -> Void
    ) async throws -> MigrationReport {
        let begin = ContinuousClock.now
        let preflight = MigrationPreflight(
            settings: settings, source: source, target: target, wallClock: wallClock)
        try await preflight.check()
        try await flow.prepare()
        let claim = FlowClaim(flow: settings.name, target: target, owner: owner, wallClock: wallClock)
        try await claim.acquire()
        let outcome: Result<Void, any Error>
        do {
            try await recall()
            try await withThrowingTaskGroup(of: Void.self) { group in
                group.addTask {
                    try await self.copy(cutOver, progress)
                    try await self.verify(progress, verified)
                }
                // These end only when something stands against going on.
                group.addTask { try await claim.keep() }
                group.addTask { try await self.watch(self.source) }
                group.addTask { try await self.watch(self.target) }
                group.addTask { try await self.keepMeasuring() }
                defer { group.cancelAll() }
                try await group.next()
            }
            outcome = .success(())
        } catch {
            outcome = .failure(error)
        }
        // The next attempt need not wait until the claim has run out.
        try? await claim.release()
        try outcome.get()
        report.seconds = (ContinuousClock.now - begin) / .seconds(1)
        return report
    }

    private func verify(
        _ progress: @Sendable (MigrationProgress) -> Void,
        _ verified: @escaping @Sendable (VerificationProgress) -> Void
    ) async throws {
        guard !isInterrupted else {
            report.phase = .interrupted
            return
        }
        await measure()
        report.phase = .verifying
        progress(MigrationProgress(phase: .verifying, partitions: report.partitions))
        var options = Verification.Options()
        options.patience = patience
        let ends = FlowProgress(await flow.status()).offsets
        options.sourceEnds = ends
        let verification = Verification(settings, options: options, eventLoops: eventLoops, logger: logger)
        report.verification = try await withThrowingTaskGroup(of: VerificationReport?.self) { group in
            group.addTask { try await verification.run(progress: verified) }
            group.addTask {
                try await self.untilInterrupted()
                return nil
            }
            // Interrupted, it reports what has not been compared.
            while let ended = try await group.next() {
                group.cancelAll()
                if let ended { return ended }
            }
            return nil
        }
        guard !isInterrupted else {
            report.phase = .interrupted
            return
        }
        let now = try await endsAtSource()
        report.writtenAfterCutOver = now.reduce(0) { $0 + max(0, $1.value - (ends[$1.key] ?? $1.value)) }
        report.phase = .done
    }

    /// Nobody else copies by now: what is recorded is what this run begins with.
    private func recall() async throws {
        var reader = RecordedFlowReader(flow: settings.name, target: target)
        try await reader.refresh()
        for checkpoint in reader.recorded.checkpoints.values {
            if let accounting = checkpoint.accounting { before.add(accounting.written, accounting.skipped) }
        }
    }

    private func untilInterrupted() async throws {
        while !isInterrupted { try await Task.sleep(for: .milliseconds(100)) }
    }

    private enum CopyEnd {
        /// With what has ended it, if it did not end in order.
        case flowEnded((any Error)?)
        case followed
    }

    private func copy(
        _ cutOver: @escaping @Sendable () async -> Void, _ progress: @escaping @Sendable (MigrationProgress) -> Void
    ) async throws {
        try await withThrowingTaskGroup(of: CopyEnd.self) { group in
            let flow = flow
            group.addTask {
                do {
                    try await flow.run()
                    return .flowEnded(nil)
                } catch {
                    return .flowEnded(error)
                }
            }
            group.addTask {
                try await self.follow(cutOver, progress)
                return .followed
            }
            defer { group.cancelAll() }
            let outcome = await group.nextResult()
            if case .success(.flowEnded(let error)) = outcome {
                if let error { throw error }
                guard isInterrupted else { throw MigrationError.flowEnded("it stopped by itself; see the log") }
                return
            }
            await flow.stop()
            // Whatever comes first: what is under way has reached the target, or it takes too long. What is not
            // acknowledged then is looked for at the target by the next run.
            group.addTask {
                try await Task.sleep(for: Self.shutdownTimeout)
                return .followed
            }
            _ = await group.nextResult()
            _ = try outcome?.get()
        }
        observe(await flow.status())
    }

    private func follow(
        _ cutOver: @escaping @Sendable () async -> Void, _ progress: @escaping @Sendable (MigrationProgress) -> Void
    ) async throws {
        report.phase = .copying
        try await moves(until: { $0.isCaughtUp }, progress)
        guard !isInterrupted else { return }
        report.phase = .following
        try await withThrowingTaskGroup(of: Void.self) { group in
            group.addTask { await cutOver() }
            group.addTask { [self] in
                try await moves(until: { _ in Task.isCancelled }, progress)
            }
            // Whichever comes first: the word to cut over, or trouble.
            try await group.next()
            group.cancelAll()
        }
        guard !isInterrupted else { return }
        report.phase = .draining
        let ends = try await endsAtSource()
        try await moves(until: { $0.hasPassed(ends) }, progress)
        guard !isInterrupted, settings.sync.groupOffsets else { return }
        try await bringGroupsOver()
    }

    /// Watches the flow until a condition holds or the migration is interrupted.
    private func moves(
        until isDone: (FlowProgress) -> Bool, _ progress: @Sendable (MigrationProgress) -> Void
    ) async throws {
        while !isInterrupted {
            let now = observe(await flow.status())
            guard now.failures.isEmpty else { throw MigrationError.partitionsFailed(now.failures) }
            if now.state == .stopped { throw MigrationError.flowEnded("it stopped by itself; see the log") }
            progress(
                MigrationProgress(
                    phase: report.phase, partitions: now.partitions, passed: now.mark.offsets, total: now.end,
                    records: report.copiedRecords, bytes: report.copiedBytes, sourceBytes: report.sourceBytes,
                    recordsPerSecond: rate.perSecond?.records, bytesPerSecond: rate.perSecond?.bytes,
                    secondsLeft: rate.secondsLeft(for: now.end - now.mark.offsets)))
            if now.state == .running, isDone(now) { return }
            guard (try? await Task.sleep(for: .milliseconds(100))) != nil else { return }
        }
    }

    /// Takes in how far the flow is.
    @discardableResult
    private func observe(_ status: FlowStatus) -> FlowProgress {
        let now = FlowProgress(status)
        report.partitions = now.partitions
        report.topics = now.topics
        report.skippedOffsets = now.skipped
        // Before that its partitions are not all known, nor where they stand.
        guard now.state != .starting else { return now }
        rate.observe(now.mark, at: .now)
        report.copiedOffsets = now.volume.offsets - before.offsets
        report.copiedRecords = now.volume.records - before.records
        report.copiedBytes = now.mark.bytes
        return now
    }

    private func endsAtSource() async throws -> [TopicPartition: Int64] {
        let partitions = await flow.status().partitions.map { TopicPartition($0.topic, $0.partition) }
        let queries = Dictionary(partitions.map { ($0, OffsetQuery.latest) }) { first, _ in first }
        var ends: [TopicPartition: Int64] = [:]
        for (partition, outcome) in await source.offsets(queries, isolation: .readCommitted) {
            ends[partition] = try outcome.get().offset ?? 0
        }
        return ends
    }

    /// Waits until every group stands on the target where it stands at the source.
    private func bringGroupsOver() async throws {
        let deadline = ContinuousClock.now + patience
        while true {
            let isKnown = try await flow.synchronizeGroups()
            report.groupsNotInStep =
                isKnown
                ? await flow.status().groups.compactMap(\.obstacle) : ["groups could not be looked at, see the log"]
            if report.groupsNotInStep.isEmpty || ContinuousClock.now > deadline || isInterrupted { return }
            try await Task.sleep(for: min(settings.sync.interval, .seconds(1)))
        }
    }
}

// What stands against going on.
extension Migration {
    /// Asks a cluster now and then whether it is there.
    private func watch(_ cluster: ClusterClient) async throws {
        let clock = ContinuousClock()
        var lastAnswer = clock.now
        while true {
            try await Task.sleep(for: .seconds(1))
            do {
                _ = try await cluster.metadata(.none)
                lastAnswer = clock.now
            } catch {
                let silence = clock.now - lastAnswer
                guard silence >= patience else { continue }
                throw MigrationError.clusterLost(
                    cluster: cluster.settings.name, seconds: Int(silence.components.seconds), reason: "\(error)")
            }
        }
    }

    private func keepMeasuring() async throws {
        while true {
            await measure()
            try await Task.sleep(for: report.partitions == 0 ? .milliseconds(100) : .seconds(10))
        }
    }

    /// Asks how many bytes there are at the source, which it need not tell.
    private func measure() async {
        let partitions = await flow.status().partitions.map { TopicPartition($0.topic, $0.partition) }
        let known = await source.logSizes(of: partitions).values.compactMap { try? $0.get() }
        // A part of them would say too little.
        report.sourceBytes = partitions.isEmpty || known.count < partitions.count ? nil : known.reduce(0, +)
    }
}

/// Volume that a flow has copied since it exists.
private struct FlowVolume {
    private(set) var records: Int64 = 0
    /// Source offsets, those that were skipped among them.
    private(set) var offsets: Int64 = 0

    mutating func add(_ written: Int64, _ skipped: [String: Int64]) {
        records += written
        offsets += written + skipped.values.reduce(0, +)
    }
}

/// A flow's status, summed up.
private struct FlowProgress {
    let state: FlowStatus.State
    let partitions: Int
    let topics: Int
    let mark: TransferRate.Mark
    let volume: FlowVolume
    let end: Int64
    let failures: [String]
    let skipped: [String: Int64]
    let offsets: [TopicPartition: Int64]

    init(_ status: FlowStatus) {
        state = status.state
        partitions = status.partitions.count
        topics = Set(status.partitions.map(\.topic)).count
        var volume = FlowVolume()
        for partition in status.partitions { volume.add(partition.written, partition.skipped) }
        self.volume = volume
        mark = TransferRate.Mark(
            offsets: status.partitions.reduce(0) { $0 + $1.sourceOffset }, records: volume.records,
            bytes: status.partitions.reduce(0) { $0 + $1.readBytes })
        end = status.partitions.reduce(0) { $0 + max($1.sourceEnd, $1.sourceOffset) }
        failures =
            status.partitions.filter { $0.state == .failed }.map {
                "\($0.topic)-\($0.partition): \($0.reason ?? "")"
            }
            + (status.waiting ?? []).map { "\($0.topic): \($0.reason)" }
        var skipped: [String: Int64] = [:]
        for partition in status.partitions { skipped.merge(partition.skipped, uniquingKeysWith: +) }
        self.skipped = skipped
        offsets = Dictionary(
            status.partitions.map { (TopicPartition($0.topic, $0.partition), $0.sourceOffset) }
        ) { first, _ in first }
        isCaughtUp = status.partitions.allSatisfy { $0.sourceEnd >= 0 && $0.lag == 0 }
    }

    /// Every partition has been read once, and nothing was left then.
    let isCaughtUp: Bool

    func hasPassed(_ ends: [TopicPartition: Int64]) -> Bool {
        ends.allSatisfy { (offsets[$0.key] ?? -1) >= $0.value }
    }
}
