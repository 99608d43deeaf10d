internal import KafkaClient
internal import KafkaWire
public import Logging
public import NIOCore
public import Replication
internal import Synchronization

/// Lets a flow continue where a copy ends that another program has made: one that has never run in all of its topics, one
/// that has in those that are new to it.
///
/// ```
///   may the flow start? ─▶ claim ─▶ align every partition ─▶ nothing has come meanwhile? ─▶ prepare positions
///   ─▶ append what is missing, if asked for ─▶ complete
/// ```
///
/// Recorded is everything or nothing: what is prepared counts only once it is completed, see ``FirstProgress``, and may
/// be done again until then. Records that an earlier attempt has appended are told by their producer id, which is
/// recorded before its first use and has no other.
public struct Adoption: Sendable {
    public struct Options: Sendable {
        /// Source topics; empty for all that the flow selects.
        public var topics: [String] = []
        /// Target topics, by which source topics are chosen too.
        public var targetTopics: [String] = []
        /// Offsets of each side that are looked at first.
        public var depth: Int64 = 20_000
        /// Look at everything.
        public var all = false
        /// Record nothing.
        public var isRehearsal = false
        /// Partitions looked at at the same time.
        public var lanes = 4
        /// Append records that the copies lack behind them, out of place.
        public var fills = false
        /// Stay while the other replicator runs, and record once it has been silent for this long; nil to do it at once.
        public var quietTime: Duration?

        public init() {}
    }

    private let settings: FlowSettings
    private let options: Options
    private let owner: String
    private let eventLoops: [any EventLoop]
    private let logger: Logger
    private let wallClock: @Sendable () -> Int64

    /// Looks after which a target that still gets copies is no passing thing.
    private static let looks = 3
    private static let lookInterval: Duration = .seconds(1)

    /// - Parameters:
    ///   - owner: this process, as others are told of it.
    ///   - wallClock: milliseconds since 1970.
    public init(
        _ settings: FlowSettings, options: Options = Options(), owner: String, eventLoops: [any EventLoop],
        logger: Logger, wallClock: @escaping @Sendable () -> Int64
    ) {
        precondition(!eventLoops.isEmpty, "an adoption needs an event loop")
        self.settings = settings
        self.options = options
        self.owner = owner
        self.eventLoops = eventLoops
        self.logger = logger
        self.wallClock = wallClock
    }

    /// - Parameters:
    ///   - progress: called often, from any thread.
    ///   - isOver: asked when the other replicator has been silent for the quiet time; whether it has been stopped.
    /// - Throws: ``AdoptionError``, ``FlowError``, ``FlowIsClaimed``, ``FlowIsShared``. A partition whose position is not
    ///   certain is reported, and then nothing is recorded.
    public func run(
        progress: @escaping @Sendable (AdoptionProgress) -> Void = { _ in },
        isOver: @escaping @Sendable (AdoptionReport) async throws -> Bool = { _ in true }
    ) async throws -> AdoptionReport {
        let source = ClusterClient(settings.source, eventLoop: eventLoops[0], logger: logger)
        let target = ClusterClient(settings.target, eventLoop: eventLoops[0], logger: logger)
        let outcome: Result<AdoptionReport, any Error>
        do {
            outcome = .success(try await run(source, target, progress, isOver))
        } catch {
            outcome = .failure(error)
        }
        await source.close()
        await target.close()
        return try outcome.get()
    }

    private func run(
        _ source: ClusterClient, _ target: ClusterClient, _ progress: @escaping @Sendable (AdoptionProgress) -> Void,
        _ isOver: @escaping @Sendable (AdoptionReport) async throws -> Bool
    ) async throws -> AdoptionReport {
        try await checkFlow(source, target)
        guard !options.isRehearsal else { return try await adopt(source, target, progress, isOver) }
        let claim = FlowClaim(
            flow: settings.name, target: target, owner: owner,
            waits: { owner in
                var waiting = AdoptionProgress()
                waiting.waitsFor = owner
                progress(waiting)
            }, wallClock: wallClock)
        try await claim.acquire()
        let outcome: Result<AdoptionReport, any Error>
        do {
            outcome = .success(
                try await withThrowingTaskGroup(of: AdoptionReport?.self) { group in
                    group.addTask { try await adopt(source, target, progress, isOver) }
                    // It ends only when the claim has gone to another.
                    group.addTask {
                        try await claim.keep()
                        return nil
                    }
                    defer { group.cancelAll() }
                    while let ended = try await group.next() {
                        if let report = ended { return report }
                    }
                    throw CancellationError()
                })
        } catch {
            outcome = .failure(error)
        }
        // The next attempt need not wait until the claim has run out.
        try? await claim.release()
        return try outcome.get()
    }

    /// A flow that may be started, that has never run, and that nobody starts at this moment.
    private func checkFlow(_ source: ClusterClient, _ target: ClusterClient) async throws {
        let store = ProgressStore(flow: settings.name, target: target, wallClock: wallClock)
        let start = FlowStart(settings, source: source, target: target, progress: store)
        _ = try await start.check(createsMemory: false, expectsCopies: true)
        guard await store.isNewFlow || namesTopics else {
            throw AdoptionError.hasRun(flow: settings.name, target: settings.target.name)
        }
        if options.fills, settings.naming == .identical, settings.loopPrevention == .producerIds {
            throw AdoptionError.cannotFill(
                flow: settings.name,
                reason: "with loopPrevention: producerIds the way that a record has come is that of its batch. Adopt "
                    + "without --fill, or with loopPrevention: headers")
        }
        try await InstanceGroup(flow: settings.name).checkIsEmpty(on: target, wallClock: wallClock)
        if !options.isRehearsal { try await store.ensure() }
    }

    private var namesTopics: Bool { !(options.topics.isEmpty && options.targetTopics.isEmpty) }

    private func adopt(
        _ source: ClusterClient, _ target: ClusterClient, _ progress: @escaping @Sendable (AdoptionProgress) -> Void,
        _ isOver: @Sendable (AdoptionReport) async throws -> Bool
    ) async throws -> AdoptionReport {
        let begin = ContinuousClock.now
        let clients = (source: source, target: target)
        let meter = AdoptionMeter(progress)
        let progress = ProgressStore(flow: settings.name, target: target, wallClock: wallClock)
        _ = try await progress.openIfPresent()
        let round = try await AdoptionRound(
            settings: settings, options: options, source: source, target: target, progress: progress, logger: logger,
            meter: meter)
        var aligned = try await round.align()
        if let quiet = options.quietTime {
            aligned = try await follow(round, aligned, quiet, meter, isOver)
        } else {
            aligned = try await settle(round, aligned)
        }
        var report = report(aligned, round)
        if !options.isRehearsal, report.refused.isEmpty {
            report = self.report(try await record(aligned, round, clients), round)
            report.isRecorded = true
        }
        report.recordsRead = meter.records
        report.seconds = (ContinuousClock.now - begin) / .seconds(1)
        return report
    }

    private func report(_ aligned: [AlignedPartition], _ round: AdoptionRound) -> AdoptionReport {
        var report = AdoptionReport(
            flow: settings.name, source: settings.source.name, target: settings.target.name)
        report.partitions = (aligned.map(\.adoption) + round.refused).sorted {
            ($0.topic, $0.partition) < ($1.topic, $1.partition)
        }
        return report
    }

    // The other replicator

    /// Makes sure that no copies come while nobody was to make any.
    private func settle(
        _ round: AdoptionRound, _ first: [AlignedPartition]
    ) async throws -> [AlignedPartition] {
        var aligned = first
        var writing: Set<String> = []
        for _ in 0..<Self.looks {
            // Replicators write at intervals: that nothing came for a moment tells nothing.
            try await Task.sleep(for: Self.lookInterval)
            guard let next = try await round.alignAgain(aligned) else { return aligned }
            writing.formUnion(Self.moved(from: aligned, to: next))
            aligned = next
        }
        // Others may write there without end; only copies count.
        guard !writing.isEmpty else { return aligned }
        throw AdoptionError.stillCopied(topics: writing.sorted(), target: settings.target.name)
    }

    /// Target topics that have got copies.
    private static func moved(from before: [AlignedPartition], to after: [AlignedPartition]) -> Set<String> {
        Set(
            zip(before, after).filter { ($0.adoption.position ?? 0) < ($1.adoption.position ?? 0) }
                .map(\.1.pair.target.topic))
    }

    /// Waits until the target has got no copies for some time, and the other replicator is said to be stopped.
    private func follow(
        _ round: AdoptionRound, _ first: [AlignedPartition], _ quiet: Duration, _ meter: AdoptionMeter,
        _ isOver: @Sendable (AdoptionReport) async throws -> Bool
    ) async throws -> [AlignedPartition] {
        var aligned = first
        var since = ContinuousClock.now
        while true {
            let open = aligned.count { $0.adoption.state == .refused } + round.refused.count
            meter.follow(
                uncertain: open, behind: aligned.reduce(0) { $0 + $1.adoption.behind }, since: since, quiet: quiet)
            if open == 0, ContinuousClock.now - since >= quiet {
                // Asked may last: what has come meanwhile is looked at before anything is recorded.
                let isStopped = try await isOver(report(aligned, round))
                let next = try await round.alignAgain(aligned)
                if isStopped, next == nil || Self.moved(from: aligned, to: next ?? []).isEmpty {
                    return next ?? aligned
                }
                since = .now
                aligned = next ?? aligned
            }
            try await Task.sleep(for: Self.lookInterval)
            if let next = try await round.alignAgain(aligned) {
                if !Self.moved(from: aligned, to: next).isEmpty { since = .now }
                aligned = next
            }
        }
    }

    // Recording

    /// - Returns: the partitions as they are recorded.
    private func record(
        _ aligned: [AlignedPartition], _ round: AdoptionRound, _ clients: (source: ClusterClient, target: ClusterClient)
    ) async throws -> [AlignedPartition] {
        let first = try await FirstProgress(
            settings: settings, target: clients.target,
            clusters: (round.snapshot.sourceID, round.snapshot.targetID), wallClock: wallClock)
        let filler = try await filler(of: first, aligned)
        try await prepare(first, aligned, round, filler)
        try await checkIsAlone(first, clients.target)
        let recorded: [AlignedPartition]
        if let filler, aligned.contains(where: \.isToBeFilled) {
            recorded = try await fill(aligned, round.filling(under: filler), clients, filler)
            try await prepare(first, recorded, round, filler)
            try await checkIsAlone(first, clients.target)
        } else {
            recorded = aligned
        }
        if let next = try await round.alignAgain(recorded) { try checkNothingCame(recorded, next) }
        try await first.complete()
        return recorded
    }

    private func prepare(
        _ first: FirstProgress, _ aligned: [AlignedPartition], _ round: AdoptionRound, _ filler: Int64?
    ) async throws(FlowError) {
        var checkpoints: [TopicPartition: Checkpoint] = [:]
        var maps: [TopicPartition: OffsetMap] = [:]
        for partition in aligned {
            guard var checkpoint = partition.checkpoint else { continue }
            if let filler { checkpoint.producers = ["\(filler)": MissingRecords.epoch] }
            checkpoints[partition.pair.source] = checkpoint
            maps[partition.pair.source] = partition.beginning(at: checkpoint.sourceOffset)
        }
        for (partition, offset) in round.untouched {
            checkpoints[partition] = Checkpoint(
                sourceOffset: offset, targetOffset: -1, sourceLeaderEpoch: -1,
                sourceTopicID: (round.sourceTopicIDs[partition.topic] ?? .zero).hexadecimal,
                map: OffsetMap(start: offset).edge)
            maps[partition] = OffsetMap(start: offset)
        }
        try await first.prepare(checkpoints, maps: maps)
    }

    /// Nobody has begun with the same meanwhile.
    private func checkIsAlone(_ first: FirstProgress, _ target: ClusterClient) async throws {
        try await first.store.catchUp()
        guard await first.store.isNewFlow || namesTopics else {
            throw AdoptionError.hasRun(flow: settings.name, target: settings.target.name)
        }
        try await InstanceGroup(flow: settings.name).checkIsEmpty(on: target, wallClock: wallClock)
    }

    private func checkNothingCame(_ before: [AlignedPartition], _ after: [AlignedPartition]) throws {
        let writing = Self.moved(from: before, to: after)
        guard writing.isEmpty else {
            throw AdoptionError.stillCopied(topics: writing.sorted(), target: settings.target.name)
        }
    }

    // Missing records

    /// The producer id under which records are appended for missing ones, or have been; nil for none.
    private func filler(of first: FirstProgress, _ aligned: [AlignedPartition]) async throws(FlowError) -> Int64? {
        if let used = await first.store.fillers.max() { return used }
        return aligned.contains(where: \.isToBeFilled) ? try await first.unusedProducerID() : nil
    }

    /// Appends what is missing, and sees that it is there once.
    private func fill(
        _ aligned: [AlignedPartition], _ round: AdoptionRound,
        _ clients: (source: ClusterClient, target: ClusterClient), _ filler: Int64
    ) async throws -> [AlignedPartition] {
        let missing = MissingRecords(
            settings: settings, target: clients.target, producerID: filler,
            clusters: (round.snapshot.sourceID, round.snapshot.targetID))
        for partition in aligned where partition.isToBeFilled {
            try await missing.append(of: partition, round.compared(partition.pair))
        }
        guard let after = try await round.alignAgain(aligned) else {
            throw AdoptionError.cannotFill(flow: settings.name, reason: "\(settings.target.name) does not show them")
        }
        try checkNothingCame(aligned, after)
        if let partition = after.first(where: \.isToBeFilled) {
            throw AdoptionError.cannotFill(
                flow: settings.name,
                reason: "\(partition.adoption.missing) records of \(partition.pair.source) are not on "
                    + "\(settings.target.name) although they were appended; run adopt again")
        }
        if let partition = after.first(where: { $0.adoption.state == .refused }) {
            throw AdoptionError.cannotFill(
                flow: settings.name,
                reason: "\(partition.pair.target) on \(settings.target.name) has changed meanwhile: "
                    + "\(partition.adoption.reason ?? "it is not certain any more"); run adopt again")
        }
        return after
    }
}

/// Progress of an adoption.
public struct AdoptionProgress: Hashable, Sendable {
    public var partitions = 0
    public var total = 0
    public var records: Int64 = 0
    /// The process that holds the flow, or did when it ended, until it is known to be gone: for up to 20 s. Nil when none does.
    public var waitsFor: String?
    /// State of what is waited for; nil before the partitions have been aligned once, and where nothing is followed.
    public var following: Following?

    public struct Following: Hashable, Sendable {
        /// Partitions whose position is not certain yet.
        public var uncertain = 0
        /// Source records that the copies are behind.
        public var behind: Int64 = 0
        /// Seconds since the last copy came, and how many it takes.
        public var silentFor = 0.0
        public var quiet = 0.0
    }
}

/// Sums what the lanes report.
final class AdoptionMeter: Sendable {
    private let state = Mutex(AdoptionProgress())
    private let report: @Sendable (AdoptionProgress) -> Void

    init(_ report: @escaping @Sendable (AdoptionProgress) -> Void) {
        self.report = report
    }

    var records: Int64 { state.withLock { $0.records } }

    func begin(_ partitions: Int) {
        change { $0.total += partitions }
    }

    func read(_ records: Int64) {
        change { $0.records += records }
    }

    func aligned() {
        change { $0.partitions += 1 }
    }

    func follow(uncertain: Int, behind: Int64, since: ContinuousClock.Instant, quiet: Duration) {
        let silent = (ContinuousClock.now - since) / .seconds(1)
        change {
            $0.following = AdoptionProgress.Following(
                uncertain: uncertain, behind: behind, silentFor: silent, quiet: quiet / .seconds(1))
        }
    }

    private func change(_ edit: (inout AdoptionProgress) -> Void) {
        let now = state.withLock { progress in
            edit(&progress)
            return progress
        }
        report(now)
    }
}
