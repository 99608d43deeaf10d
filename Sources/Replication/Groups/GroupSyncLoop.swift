internal import KafkaClient
internal import Logging

/// Rounds of consumer group synchronization: one each interval, or at once when a caller waits for one.
actor GroupSyncLoop {
    private let sync: GroupSync
    private let maps: @Sendable () async throws(KafkaError) -> [ForwardPartition]
    private let isHeld: @Sendable () async -> Bool
    private let logger: Logger
    private let due = Signal()
    private var begun = 0
    private var isRunning = false
    private var waiting: [(round: Int, continuation: AsyncStream<Void>.Continuation)] = []

    /// - Parameters:
    ///   - maps: the offset maps of the moment.
    ///   - isHeld: whether it is this instance that keeps the groups in step. One that does not only looks when it is
    ///     asked.
    init(
        _ sync: GroupSync, logger: Logger,
        maps: @escaping @Sendable () async throws(KafkaError) -> [ForwardPartition],
        isHeld: @escaping @Sendable () async -> Bool
    ) {
        self.sync = sync
        self.isHeld = isHeld
        self.logger = logger
        self.maps = maps
    }

    /// Begins the next round at once.
    func hasten() { due.notify() }

    /// - Parameter settings: as they are now.
    func run(_ settings: @Sendable () async -> FlowSettings) async {
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
                await sync.synchronize(current, maps, while: isHeld)
            } else {
                await sync.suspend()
            }
            complete(upTo: round)
            guard await due.wait(&signals, atMost: current.sync.interval) else { return }
        }
    }

    /// Has the groups looked at now: progress up to this call has its place in the findings.
    ///
    /// - Returns: whether both clusters could be asked, and everything that was copied was known.
    /// - Throws: `CancellationError`.
    func runRound() async throws -> Bool {
        guard isRunning else { return await sync.isInformed }
        let (stream, continuation) = AsyncStream<Void>.makeStream()
        waiting.append((begun + 1, continuation))
        due.notify()
        for await _ in stream {}
        try Task.checkCancellation()
        return await sync.isInformed
    }

    private func complete(upTo round: Int) {
        for waiter in waiting where waiter.round <= round { waiter.continuation.finish() }
        waiting.removeAll { $0.round <= round }
    }

    /// After a planned stop groups are on the target where they last committed at the source: commits made while the
    /// flow drained are carried over too, now that everything that was read has its place on the target.
    ///
    /// Bounded by `lastGroupRoundTimeout`, and not tried when a cluster could not be asked the last time either, nor by one
    /// that does not keep the groups in step: others may have copied what it does not know.
    func finish(_ settings: FlowSettings) async {
        guard settings.sync.groupOffsets, await isHeld(), await sync.isReachable else { return }
        let isDone = await withTaskGroup(of: Bool.self) { group in
            group.addTask { [sync, maps, isHeld] in
                await sync.synchronize(settings, maps, while: isHeld)
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
