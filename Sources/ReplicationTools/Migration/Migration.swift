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
///      └───────────┴────────────┴───────────┴──▶ interrupted: another run continues from there
/// ```
public actor Migration {
    private let settings: FlowSettings
    private let patience: Duration
    private let leavesGroups: Bool
    private let eventLoops: [any EventLoop]
    private let logger: Logger
    private let wallClock: @Sendable () -> Int64
    private let owner: String
    private let source: ClusterClient
    private let target: ClusterClient
    private let flow: Flow
    /// Report so far; also after an error.
    public private(set) var report: MigrationReport
    private var isInterrupted = false
    private var rate = TransferRate()
    /// Reasons that the flow has given last.
    private var obstacles = FlowObstacles()
    /// Volume that earlier runs have copied.
    private var before = FlowVolume()
    /// Clusters that do not answer at the moment, by name.
    private var silent: [String: ClusterSilence] = [:]

    private struct ClusterSilence {
        var cluster: String
        var seconds: Int
        var reason: String

        var error: MigrationError { .clusterLost(cluster: cluster, seconds: seconds, reason: reason) }
    }

    /// Questions beside the copy are given up after this time, or when patience is over, and asked again.
    private static let impatience: Duration = .seconds(10)

    /// - Parameters:
    ///   - patience: the time that each wait may last without anything having moved: for a cluster that does not answer,
    ///     partitions that do not get on, groups, the target while it is verified, and batches in flight at the end.
    ///   - leavesGroups: whether groups that are not in step are no reason to fail.
    ///   - owner: who migrates, as a second run would be told.
    public init(
        _ settings: FlowSettings, patience: Duration, leavesGroups: Bool = false, owner: String,
        eventLoops: [any EventLoop], logger: Logger, wallClock: @escaping @Sendable () -> Int64
    ) {
        precondition(!eventLoops.isEmpty, "a migration needs an event loop")
        var settings = Self.settings(of: settings)
        settings.giveUp(after: patience)
        self.settings = settings
        self.patience = patience
        self.leavesGroups = leavesGroups
        self.owner = owner
        self.eventLoops = eventLoops
        self.logger = logger
        self.wallClock = wallClock
        let impatience = min(Self.impatience, patience)
        source = ClusterClient(
            Self.impatient(settings.source, impatience), eventLoop: eventLoops[0], logger: logger)
        target = ClusterClient(
            Self.impatient(settings.target, impatience), eventLoop: eventLoops[0], logger: logger)
        flow = Flow(settings, eventLoops: eventLoops, logger: logger, wallClock: wallClock)
        report = MigrationReport(settings)
        report.leavesGroups = leavesGroups
    }

    /// Settings that a migration of a flow goes by: it moves everything that there is.
    public static func settings(of flow: FlowSettings) -> FlowSettings {
        var settings = flow
        settings.startFrom = .earliest
        return settings
    }

    private static func impatient(_ settings: ClusterSettings, _ longest: Duration) -> ClusterSettings {
        var settings = settings
        settings.operationTimeout = min(settings.operationTimeout, longest)
        settings.requestTimeout = min(settings.requestTimeout, longest)
        settings.connectTimeout = min(settings.connectTimeout, longest)
        return settings
    }

    /// Lets batches that were read reach the target and ends; another run continues from there. To be left without waiting
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
            // All of it is shown, since all of it has to be mended.
            if report.accounts.isEmpty, report.partitions > 0 { report.accounts = (try? await accounts()) ?? [] }
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
        let claim = FlowClaim(
            flow: settings.name, target: target, owner: owner,
            waits: { [logger, name = settings.name] owner in
                logger.warning(
                    "another process has claimed the flow, and may be gone: waiting until it renews its claim, or has not for 20 s",
                    metadata: ["flow": "\(name)", "owner": "\(owner)"])
            }, wallClock: wallClock)
        let preflight = MigrationPreflight(
            settings: settings, source: source, target: target, wallClock: wallClock, claim: claim, patience: patience)
        try await preflight.check()
        try await flow.prepare()
        try await claim.acquire()
        let outcome: Result<Void, any Error>
        do {
            try await recall()
            try await withThrowingTaskGroup(of: Void.self) { group in
                group.addTask {
                    try await self.copy(cutOver, progress)
                    try await self.verify(progress, verified)
                }
                // These end only when an obstacle keeps the migration from continuing.
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
        do {
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
        } catch {
            // Before it knows what there is to compare it has nothing to report.
            guard isInterrupted else { throw error }
        }
        guard !isInterrupted else {
            report.phase = .interrupted
            return
        }
        let now = try await endsAtSource()
        report.writtenAfterCutOver = now.reduce(0) { $0 + max(0, $1.value - (ends[$1.key] ?? $1.value)) }
        report.accounts = try await accounts()
        report.goneOnTarget = goneOnTarget()
        report.phase = .done
    }

    /// Accounts by what the flow has recorded, and by the reasons that it gave last.
    private func accounts() async throws(KafkaError) -> [Account] {
        var reader = RecordedFlowReader(flow: settings.name, target: target)
        try await reader.refresh()
        return try await AccountObserver(settings: settings, source: source, target: target)
            .accounts(reader.recorded.checkpoints.recorded, obstacles: obstacles)
    }

    /// Everything was copied from the earliest record on: what the target has no more was there, and has been removed
    /// since.
    private func goneOnTarget() -> [String] {
        let partitions = (report.verification?.partitions ?? []).filter { $0.beforeTarget > 0 }
        return Dictionary(grouping: partitions, by: \.topic).sorted { $0.key < $1.key }.map { topic, partitions in
            let name = partitions.first?.targetTopic ?? topic
            let count = partitions.reduce(0) { $0 + $1.beforeTarget }
            return "\(topic): \(count) records in \(Failover.count(partitions.count, "partition")) that "
                + "\(settings.source.name) still has are gone from \(settings.target.name). Compare retention.ms and "
                + "retention.bytes in effect on both, and see who may delete records; to copy them again, delete \(name) and have the flow forgotten (replicator forget --flow "
                + "\(settings.name)), then run migrate again"
        }
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
            group.addTask { [patience] in
                try await Task.sleep(for: patience)
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
        try await bringGroupsOver(progress)
    }

    /// Watches the flow until a condition holds or the migration is interrupted.
    private func moves(
        until isDone: (FlowProgress) -> Bool, _ progress: @Sendable (MigrationProgress) -> Void
    ) async throws {
        var standstill = Standstill(patience: patience)
        while !isInterrupted {
            let status = await flow.status()
            let now = observe(status)
            guard now.failures.isEmpty else { throw MigrationError.partitionsFailed(now.failures) }
            if standstill.isOver(now, status, at: .now) {
                // The cluster that is away is the reason of all others.
                throw silent.values.max { $0.seconds < $1.seconds }?.error
                    ?? .doesNotMove(seconds: Int(patience.components.seconds), standstill.reasons(status))
            }
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
        obstacles = FlowObstacles(status)
        report.partitions = now.partitions
        report.topics = now.topics
        report.skippedOffsets = now.skipped
        // Before that its partitions are not all known, nor their positions.
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

    /// Waits until every group is at the same record on the target as at the source.
    private func bringGroupsOver(_ progress: @Sendable (MigrationProgress) -> Void) async throws {
        let deadline = ContinuousClock.now + patience
        while true {
            let isKnown = try await isKnownAboutGroups(until: deadline)
            if isKnown {
                let groups = await flow.status().groups
                report.groupsNotInStep = groups.compactMap(\.obstacle)
                report.groupsNotCarried = groups.compactMap(\.staysBehind)
            } else if report.groupsNotInStep.isEmpty {
                // The findings of an earlier look say more than that the last one took too long.
                report.groupsNotInStep = ["groups could not be looked at, see the log"]
            }
            if report.groupsNotInStep.isEmpty || ContinuousClock.now > deadline || isInterrupted { return }
            let waiting = "waiting for \(Failover.count(report.groupsNotInStep.count, "group"))"
            progress(MigrationProgress(phase: report.phase, partitions: report.partitions, waitsFor: waiting))
            try await Task.sleep(for: min(settings.sync.interval, .seconds(1)))
        }
    }

    /// Looks at the groups on both clusters, for as long as there is time.
    private func isKnownAboutGroups(until deadline: ContinuousClock.Instant) async throws -> Bool {
        let flow = flow
        return try await withThrowingTaskGroup(of: Bool.self) { group in
            group.addTask { try await flow.synchronizeGroups() }
            group.addTask {
                try await Task.sleep(until: deadline, clock: .continuous)
                return false
            }
            defer { group.cancelAll() }
            return try await group.next() ?? false
        }
    }
}

// Obstacles to continuing.
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
                silent[cluster.settings.name] = nil
            } catch {
                let silence = clock.now - lastAnswer
                let lost = ClusterSilence(
                    cluster: cluster.settings.name, seconds: Int(silence.components.seconds), reason: "\(error)")
                silent[cluster.settings.name] = lost
                guard silence >= patience else { continue }
                throw lost.error
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
        report.tieredOffsets = await source.tieredOffsets(of: partitions).values.saturatingSum()
        // A part of them would say too little, and what lies in tiered storage is not on the brokers' disks.
        let isWhole = !partitions.isEmpty && known.count == partitions.count && report.tieredOffsets == 0
        report.sourceBytes = isWhole ? known.reduce(0, +) : nil
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

/// Tells when a flow has made no progress for longer than patience lasts although something is left to do.
private struct Standstill {
    let patience: Duration
    private var last: (state: FlowStatus.State, partitions: Int, mark: TransferRate.Mark)?
    private var since = ContinuousClock.now

    init(patience: Duration) {
        self.patience = patience
    }

    /// Patience is longer by this factor while the flow names no obstacle: it may be reading the end of the target.
    private static let trust = 10

    mutating func isOver(_ now: FlowProgress, _ status: FlowStatus, at time: ContinuousClock.Instant) -> Bool {
        let seen = (state: now.state, partitions: now.partitions, mark: now.mark)
        let hasMoved = last.map { $0.state != seen.state || $0.partitions != seen.partitions || $0.mark != seen.mark }
        // A start says nothing of how far it is, and each of its questions is given up after patience.
        if hasMoved ?? true || now.state != .running || now.isCaughtUp { since = time }
        last = seen
        guard time - since >= patience else { return false }
        let isHindered = status.partitions.contains { $0.lag != 0 && ($0.obstacle ?? $0.lagUnknown) != nil }
        return isHindered || time - since >= patience * Self.trust
    }

    /// Obstacles of the partitions that are behind.
    func reasons(_ status: FlowStatus) -> [String] {
        status.partitions.filter { $0.sourceEnd < 0 || $0.lag != 0 }.map { partition in
            let behind = partition.lag.map { "\($0) offsets behind" } ?? "how far it is behind is not known"
            let why = partition.obstacle ?? partition.lagUnknown
            return "\(partition.topic)-\(partition.partition) (\(behind)\(why.map { ": \($0)" } ?? ""))"
        }
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
        failures = FlowObstacles(status).all
        var skipped: [String: Int64] = [:]
        for partition in status.partitions { skipped.merge(partition.skipped, uniquingKeysWith: +) }
        self.skipped = skipped
        offsets = Dictionary(
            status.partitions.map { (TopicPartition($0.topic, $0.partition), $0.sourceOffset) }
        ) { first, _ in first }
        // Before it is a member of its group, and while it is none, it has no partition that could be behind.
        isCaughtUp =
            status.reason == nil && !status.partitions.isEmpty
            && status.partitions.allSatisfy { $0.sourceEnd >= 0 && $0.lag == 0 }
    }

    /// Every partition has been read once, and nothing was left then.
    let isCaughtUp: Bool

    func hasPassed(_ ends: [TopicPartition: Int64]) -> Bool {
        ends.allSatisfy { (offsets[$0.key] ?? -1) >= $0.value }
    }
}
