internal import KafkaClient
internal import KafkaWire
public import Logging
public import NIOCore

/// Moves what a flow selects, once, and proves it: copies from the earliest record on, follows until it is told to cut
/// over, drains to fixed ends, brings the consumer groups over, and compares.
///
/// ```
///   copying ──▶ following ──▶ draining ──▶ verifying ──▶ done
///      └───────────┴────────────┴──▶ interrupted: another run goes on from there
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

    /// - Parameters:
    ///   - patience: how long the target may stand still while it is verified, and how long groups may take.
    ///   - owner: who migrates, as a second run would be told.
    public init(
        _ settings: FlowSettings, patience: Duration, owner: String, eventLoops: [any EventLoop], logger: Logger,
        wallClock: @escaping @Sendable () -> Int64
    ) {
        precondition(!eventLoops.isEmpty, "a migration needs an event loop")
        var settings = settings
        settings.startFrom = .earliest
        self.settings = settings
        self.patience = patience
        self.owner = owner
        self.eventLoops = eventLoops
        self.logger = logger
        self.wallClock = wallClock
        source = ClusterClient(settings.source, eventLoop: eventLoops[0], logger: logger)
        target = ClusterClient(settings.target, eventLoop: eventLoops[0], logger: logger)
        flow = Flow(settings, eventLoops: eventLoops, logger: logger, wallClock: wallClock)
        report = MigrationReport(settings)
    }

    /// Lets what is under way reach the target and ends; another run goes on from there.
    public func interrupt() async {
        isInterrupted = true
        await flow.stop()
    }

    /// - Parameters:
    ///   - cutOver: returns when the source has been told to stop; called once everything is copied and followed.
    ///   - progress: called a few times a second while records move.
    ///   - verified: called while the copy is compared.
    /// - Throws: ``MigrationError``, ``FlowError`` or `KafkaError`.
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
        try await flow.prepare()
        let lock = MigrationLock(flow: settings.name, target: target, owner: owner, wallClock: wallClock)
        try await lock.acquire()
        do {
            try await withThrowingTaskGroup(of: Void.self) { group in
                group.addTask {
                    while (try? await Task.sleep(for: MigrationLock.renewal)) != nil { try await lock.renew() }
                }
                try await copy(cutOver, progress)
                group.cancelAll()
            }
            try await verify(progress, verified)
        } catch {
            // The next attempt need not wait until the claim has run out.
            try? await lock.release()
            throw error
        }
        try await lock.release()
        report.seconds = (ContinuousClock.now - begin) / .seconds(1)
        return report
    }

    private func verify(
        _ progress: @Sendable (MigrationProgress) -> Void,
        _ verified: @escaping @Sendable (VerificationProgress) -> Void
    ) async throws {
        if isInterrupted {
            report.phase = .interrupted
        } else {
            report.phase = .verifying
            progress(MigrationProgress(phase: .verifying, passed: 0, total: 0, partitions: report.partitions))
            var options = Verification.Options()
            options.patience = patience
            let verification = Verification(settings, options: options, eventLoops: eventLoops, logger: logger)
            report.verification = try await verification.run(progress: verified)
            report.phase = .done
        }
    }

    private func copy(
        _ cutOver: @escaping @Sendable () async -> Void, _ progress: @escaping @Sendable (MigrationProgress) -> Void
    ) async throws {
        try await withThrowingTaskGroup(of: Void.self) { group in
            let flow = flow
            group.addTask { try await flow.run() }
            do {
                try await follow(cutOver, progress)
            } catch {
                await flow.stop()
                try? await group.waitForAll()
                throw error
            }
            await flow.stop()
            try await group.waitForAll()
        }
    }

    private func follow(
        _ cutOver: @escaping @Sendable () async -> Void, _ progress: @escaping @Sendable (MigrationProgress) -> Void
    ) async throws {
        report.phase = .copying
        var start: Int64?
        try await moves(until: { $0.isCaughtUp }, progress) { passed in
            if start == nil { start = passed }
        }
        guard !isInterrupted else { return }
        report.phase = .following
        try await withThrowingTaskGroup(of: Void.self) { group in
            group.addTask { await cutOver() }
            group.addTask { [self] in
                try await moves(until: { _ in Task.isCancelled }, progress) { _ in }
            }
            // Whichever comes first: the word to cut over, or trouble.
            try await group.next()
            group.cancelAll()
        }
        guard !isInterrupted else { return }
        report.phase = .draining
        let ends = try await endsAtSource()
        try await moves(until: { $0.hasPassed(ends) }, progress) { passed in
            report.copiedOffsets = passed - (start ?? passed)
        }
        guard !isInterrupted, settings.sync.groupOffsets else { return }
        try await bringGroupsOver()
    }

    /// Watches the flow until a condition holds or the migration is interrupted.
    private func moves(
        until isDone: (FlowProgress) -> Bool, _ progress: @Sendable (MigrationProgress) -> Void,
        _ note: (Int64) -> Void
    ) async throws {
        while !isInterrupted {
            let now = FlowProgress(await flow.status())
            report.partitions = now.partitions
            report.topics = now.topics
            guard now.failures.isEmpty else { throw MigrationError.partitionsFailed(now.failures) }
            if now.state == "stopped" { throw MigrationError.flowEnded("it stopped by itself; see the log") }
            // Before that its partitions are not all known, nor where they stand.
            if now.state == "running" { note(now.passed) }
            progress(
                MigrationProgress(phase: report.phase, passed: now.passed, total: now.end, partitions: now.partitions))
            if now.state == "running", isDone(now) { return }
            guard (try? await Task.sleep(for: .milliseconds(100))) != nil else { return }
        }
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
        var rounds = 0
        repeat {
            // The first look may be older than what was copied last.
            try await Task.sleep(for: settings.sync.interval)
            report.groupsNotInStep = await flow.status().groups.compactMap(\.obstacle)
            rounds += 1
        } while (rounds < 2 || !report.groupsNotInStep.isEmpty) && ContinuousClock.now < deadline && !isInterrupted
    }
}

/// A flow's status, summed up.
private struct FlowProgress {
    let state: String
    let partitions: Int
    let topics: Int
    let passed: Int64
    let end: Int64
    let failures: [String]
    private let offsets: [TopicPartition: Int64]

    init(_ status: FlowStatus) {
        state = status.state
        partitions = status.partitions.count
        topics = Set(status.partitions.map(\.topic)).count
        passed = status.partitions.reduce(0) { $0 + $1.sourceOffset }
        end = status.partitions.reduce(0) { $0 + max($1.sourceEnd, $1.sourceOffset) }
        failures = status.partitions.filter { $0.state == "failed" }.map {
            "\($0.topic)-\($0.partition): \($0.reason ?? "")"
        }
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
