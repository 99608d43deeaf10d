internal import KafkaClient
internal import KafkaWire
public import Logging
public import NIOCore
public import Replication

/// Has a flow's target take its source's place: in order while both answer, or at once when the source is lost.
///
/// ```
///   planned     preflight ▶ fence ▶ quiesce ▶ drain ▶ groups ▶ verify ▶ prepareFailback ▶ unfence ▶ complete
///   unplanned   preflight ▶ snapshot ▶ groups ▶ prepareFailback ▶ unfence ▶ complete
/// ```
///
/// Each step finds out again what is left for it to do, so that a failover that was interrupted or killed is run again
/// and comes to the same end. State that must not be lost is kept in a ``FailoverRecord``. To come back, the opposite
/// flow is failed over in the same way.
public actor Failover {
    let settings: FlowSettings
    let opposite: FlowSettings?
    let options: FailoverOptions
    let eventLoops: [any EventLoop]
    let logger: Logger
    let wallClock: @Sendable () -> Int64
    let say: @Sendable (FailoverEvent) -> Void
    let source: ClusterClient
    let target: ClusterClient
    private let owner: String

    var memory: FlowMemory
    var record: FailoverRecord?
    /// Report of the steps so far; also after an error.
    public internal(set) var report: FailoverReport
    /// End offsets of the source's partitions, once they are fixed.
    var ends: [TopicPartition: Int64] = [:]
    /// Error of a source that does not answer; nil when it does.
    var sourceFailure: KafkaError?
    /// Reasons that the flow has given when it was run here last.
    var obstacles = FlowObstacles()
    private var isInterrupted = false

    /// Time that an unplanned failover waits for a source that may be gone.
    private static let hurry: Duration = .seconds(5)

    /// - Parameters:
    ///   - opposite: the flow that brings records back, if there is one.
    ///   - owner: who does it, as others would be told that want the same.
    ///   - say: told what is about to happen, and what has.
    public init(
        _ settings: FlowSettings, opposite: FlowSettings?, options: FailoverOptions, owner: String,
        eventLoops: [any EventLoop], logger: Logger, wallClock: @escaping @Sendable () -> Int64,
        say: @escaping @Sendable (FailoverEvent) -> Void
    ) {
        precondition(!eventLoops.isEmpty, "a failover needs an event loop")
        self.settings = settings
        self.opposite = opposite
        self.options = options
        self.owner = owner
        self.eventLoops = eventLoops
        self.logger = logger
        self.wallClock = wallClock
        self.say = say
        var atSource = settings.source
        if options.kind == .unplanned {
            atSource.connectTimeout = Self.hurry
            atSource.requestTimeout = Self.hurry
            atSource.operationTimeout = Self.hurry
        }
        source = ClusterClient(atSource, eventLoop: eventLoops[0], logger: logger)
        target = ClusterClient(settings.target, eventLoop: eventLoops[0], logger: logger)
        memory = FlowMemory(flow: settings.name, on: target)
        report = FailoverReport(settings, kind: options.kind, opposite: opposite)
    }

    /// Ends at the next moment at which nothing is half done.
    public func interrupt() { isInterrupted = true }

    /// Fails over.
    ///
    /// - Throws: ``FailoverError``, ``FlowError`` or `KafkaError`. ``report`` tells how far it came; run again it goes
    ///   on.
    public func run() async throws {
        try await closing {
            try await take(.preflight) { try await examine() }
            try await recall()
            let opening = try FailoverRecord.open(
                memory.failover, flow: settings.name, kind: options.kind, owner: owner, now: wallClock())
            switch opening {
            case .isFinished(let record): try await complete(record)
            case .begins(let record): try await claimed { try await self.perform(record) }
            case .goesOn(let record):
                let reached = record.completed.map { " after the step \($0.rawValue)" } ?? ""
                say(.note("A failover that was begun before ended\(reached); continuing with it."))
                try await claimed { try await self.perform(record) }
            }
            report.isDone = true
            report.judge(options)
        }
    }

    /// Finds out what every step would find and do. Changes nothing.
    public func rehearse() async throws {
        report.isDryRun = true
        try await closing {
            try await take(.preflight) { try await examine() }
            _ = try FailoverRecord.open(
                memory.failover, flow: settings.name, kind: options.kind, owner: owner, now: wallClock())
            for step in FailoverStep.steps(of: options.kind).dropFirst() {
                try await take(step) { (.planned, try await preview(of: step)) }
            }
        }
    }

    /// Gives producers of the source back what was taken from them, and forgets the failover.
    public func undo() async throws {
        try await closing {
            try await recall()
            guard let record = memory.failover, record.closed == nil else {
                throw FailoverError.nothingToUndo(flow: settings.name)
            }
            self.record = record
            try await claimed { try await self.takeBack() }
        }
    }

    private func takeBack() async throws {
        try await checkMayUndo()
        try await take(.unfence) { try await liftOwnFence() }
        record?.closed = wallClock()
        try await remember()
    }

    /// Hands out every record that an unplanned failover left behind, in order, partition by partition.
    ///
    /// - Throws: ``FailoverError/noTail(flow:)`` when there was none.
    public func exportTail(_ lost: @escaping @Sendable (LostRecord) throws -> Void) async throws {
        try await closing {
            try await recall()
            guard let record = memory.failover, record.hasSnapshot else {
                throw FailoverError.noTail(flow: settings.name)
            }
            self.record = record
            report.kind = record.kind
            try await listTail(lost)
            if let sourceFailure { throw sourceFailure }
            report.isDone = true
        }
    }

    private func closing(_ body: () async throws -> Void) async throws {
        let begin = ContinuousClock.now
        let outcome: Result<Void, any Error>
        do {
            outcome = .success(try await body())
        } catch {
            outcome = .failure(error)
        }
        await source.close()
        await target.close()
        report.seconds = (ContinuousClock.now - begin) / .seconds(1)
        try outcome.get()
    }

    private func perform(_ record: FailoverRecord) async throws {
        self.record = record
        try await remember()
        for step in FailoverStep.steps(of: options.kind).dropFirst() {
            try checkInterrupted()
            try await take(step) { try await perform(step) }
            self.record?.completed = step
            if step == .complete { self.record?.finished = wallClock() }
            try await remember()
        }
        if options.kind == .unplanned { try await listTail { _ in } }
    }

    /// The target has taken over before. Steps that had to wait for the source are done now, if the source is back.
    private func complete(_ record: FailoverRecord) async throws {
        self.record = record
        say(.note("\(settings.target.name) has taken over already."))
        guard options.kind == .unplanned else {
            // A producer that has not moved, or has come back by another way, must not be passed over as if all were well.
            try await listTail { _ in }
            let stray = report.tail.filter { ($0.records ?? 0) > 0 }
            guard stray.isEmpty else {
                throw FailoverError.writtenSince(
                    cluster: settings.source.name,
                    partitions: stray.map { "\($0.topic)-\($0.partition) (\($0.records ?? 0) records)" })
            }
            report.tail = []
            return
        }
        try await claimed { try await self.perform([.prepareFailback, .unfence]) }
        try await listTail { _ in }
    }

    private func perform(_ steps: [FailoverStep]) async throws {
        for step in steps { try await take(step) { try await perform(step) } }
    }

    private func perform(_ step: FailoverStep) async throws -> Ending {
        switch step {
        case .preflight: return try await examine()
        case .fence: return try await fence()
        case .quiesce: return try await awaitStillness()
        case .drain: return try await drain()
        case .snapshot: return try await snapshot()
        case .groups: return try await moveGroups()
        case .verify: return try await verify()
        case .prepareFailback: return try await beginOpposite()
        case .unfence: return try await liftOppositeFence()
        case .complete:
            let again = try await moveGroupsAgain()
            return (.done, "\(settings.target.name) has taken over from \(settings.source.name)\(again)")
        }
    }
}

// Taking steps.
extension Failover {
    typealias Ending = (outcome: FailoverReport.Outcome, text: String)

    /// Says what is about to be done, does it, and says what came of it.
    func take(_ step: FailoverStep, _ body: () async throws -> Ending) async throws {
        say(.begins(step))
        let begin = ContinuousClock.now
        let ended: FailoverReport.Step
        do {
            let (outcome, text) = try await body()
            ended = FailoverReport.Step(step, outcome, text, seconds: (ContinuousClock.now - begin) / .seconds(1))
        } catch {
            let failed = FailoverReport.Step(
                step, .failed, "\(error)", seconds: (ContinuousClock.now - begin) / .seconds(1))
            report.steps.append(failed)
            say(.ended(failed))
            throw error
        }
        report.steps.append(ended)
        say(.ended(ended))
    }

    /// Takes in what the flow, or a failover, has remembered since the last time.
    func recall() async throws(FlowError) {
        var now = memory
        try await now.refresh()
        memory = now
    }

    func remember() async throws {
        guard let record else { return }
        var now = memory
        try await now.store(record, timestamp: wallClock())
        memory = now
    }

    func checkInterrupted() throws(FailoverError) {
        if isInterrupted { throw .interrupted }
    }

    /// Waits a little, for what is asked again and again.
    func pause() async throws {
        try checkInterrupted()
        try await Task.sleep(for: .milliseconds(250))
    }

    /// Keeps other failovers and migrations of the flow away meanwhile; ends when that fails.
    private func claimed(_ body: @escaping @Sendable () async throws -> Void) async throws {
        let claim = FlowClaim(
            flow: settings.name, target: target, owner: owner, waits: { [say] in say(.note(Self.waiting(for: $0))) },
            wallClock: wallClock)
        try await acquire(claim)
        do {
            try await withThrowingTaskGroup(of: Void.self) { group in
                group.addTask { try await claim.keep() }
                group.addTask { try await body() }
                defer { group.cancelAll() }
                try await group.next()
            }
        } catch {
            // The next attempt need not wait until the claim has run out.
            try? await claim.release()
            throw error
        }
        try await claim.release()
    }

    private static func waiting(for owner: String) -> String {
        "\(owner) holds the flow, or did when it ended; waiting up to 22 s."
    }

    /// Waits as long as a claim outlives a process that was killed: only who is alive keeps us away.
    private func acquire(_ claim: FlowClaim) async throws {
        let deadline = ContinuousClock.now + .milliseconds(FlowClaim.lifetime) + .seconds(2)
        var isTold = false
        while true {
            do {
                return try await claim.acquire()
            } catch let other as FlowIsClaimed {
                guard ContinuousClock.now < deadline else {
                    throw FailoverError.busy(flow: settings.name, owner: other.owner)
                }
                if !isTold { say(.note(Self.waiting(for: other.owner))) }
                isTold = true
                try await pause()
            }
        }
    }
}
