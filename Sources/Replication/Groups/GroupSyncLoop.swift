internal import KafkaClient
internal import Logging

/// Rounds of consumer group synchronization: one each interval, or at once when a caller waits for one.
actor GroupSyncLoop {
    private let sync: GroupSync
    private let maps: @Sendable () async -> [ForwardPartition]
    private let logger: Logger
    private let due = Signal()
    private var begun = 0
    private var isRunning = false
    private var waiting: [(round: Int, continuation: AsyncStream<Void>.Continuation)] = []

    /// - Parameter maps: the offset maps of the moment.
    init(_ sync: GroupSync, logger: Logger, maps: @escaping @Sendable () async -> [ForwardPartition]) {
        self.sync = sync
        self.logger = logger
        self.maps = maps
    }

    /// Begins the next round at once.
    func hasten() { due.notify() }

    /// - Parameters:
    ///   - settings: as they are now.
    ///   - isHeld: whether it is this instance that keeps the groups in step. One that does not only looks when it is
    ///     asked.
    func run(_ settings: @Sendable () async -> FlowSettings, isHeld: @Sendable () async -> Bool) async {
        isRunning = true
        defer {
            isRunning = false
            complete(upTo: .max)
        }
        var signals = due.makeWaiter()
        while !Task.isCancelled {
            begun += 1
            let round = begun
            let current = await settings()
            let isOurs = await isHeld() || waiting.contains { $0.round <= round }
            if current.sync.groupOffsets, isOurs {
                await sync.synchronize(current, maps)
            } else {
                await sync.suspend()
            }
            complete(upTo: round)
            guard await due.wait(&signals, atMost: current.sync.interval) else { return }
        }
    }

    /// Has the groups looked at now: progress up to this call has its place in the findings.
    ///
    /// - Returns: whether both clusters could be asked.
    /// - Throws: `CancellationError`.
    func runRound() async throws -> Bool {
        guard isRunning else { return await sync.isReachable }
        let (stream, continuation) = AsyncStream<Void>.makeStream()
        waiting.append((begun + 1, continuation))
        due.notify()
        for await _ in stream {}
        try Task.checkCancellation()
        return await sync.isReachable
    }

    private func complete(upTo round: Int) {
        for waiter in waiting where waiter.round <= round { waiter.continuation.finish() }
        waiting.removeAll { $0.round <= round }
    }

    /// After a planned stop groups are on the target where they last committed at the source: commits made while the
    /// flow drained are carried over too, now that everything that was read has its place on the target.
    ///
    /// Bounded by `lastGroupRoundTimeout`, and not tried when a cluster could not be asked the last time either.
    func finish(_ settings: FlowSettings) async {
        guard settings.sync.groupOffsets, await sync.isReachable else { return }
        let isDone = await withTaskGroup(of: Bool.self) { group in
            group.addTask { [sync, maps] in
                await sync.synchronize(settings, maps)
                return true
            }
            group.addTask { (try? await Task.sleep(for: settings.lastGroupRoundTimeout)) == nil }
            let isDone = await group.next() ?? true
            group.cancelAll()
            return isDone
        }
        if !isDone {
            logger.warning(
                "the last positions of consumer groups did not reach the target in time",
                metadata: ["seconds": "\(settings.lastGroupRoundTimeout.components.seconds)"])
        }
    }
}
