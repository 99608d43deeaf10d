package import KafkaClient
internal import Replication
internal import ServiceLifecycle

/// All flows of a process, each by itself: one that cannot start is tried again, and disturbs no other. The service
/// fails only when nothing at all can be done: no flow has started, and each has failed at least once.
package struct FlowsService: Service {
    private let flows: RunningFlows
    private let retries: Backoff

    /// - Parameter retries: pauses between attempts to start a flow.
    package init(flows: RunningFlows, retries: Backoff = Backoff(initial: .seconds(2), maximum: .seconds(30))) {
        self.flows = flows
        self.retries = retries
    }

    package func run() async throws {
        let starts = FlowStarts(count: flows.firstCount)
        try await withGracefulShutdownHandler {
            try await withThrowingDiscardingTaskGroup { group in
                for await arrival in flows.arrivals {
                    group.addTask {
                        do {
                            try await keep(arrival.name, arrival.isFirst ? starts : nil)
                        } catch {
                            // Nothing runs that would have to be drained.
                            flows.close()
                            throw error
                        }
                    }
                }
            }
        } onGracefulShutdown: {
            flows.close()
        }
    }

    /// Keeps a flow running, over its restarts, until it is removed or the process ends.
    private func keep(_ name: String, _ starts: FlowStarts?) async throws {
        var starts = starts
        while let run = await flows.run(of: name) {
            try await self.run(run, starts)
            starts = nil
            guard !Task.isCancelled, !Task.isShuttingDownGracefully, await flows.ended(name) else { return }
        }
    }

    private func run(_ run: RunningFlows.Run, _ starts: FlowStarts?) async throws {
        // Told to stop while a cluster is still being asked: nothing has begun, so nothing is to be finished.
        guard try await start(run, starts) else { return await run.flow.close() }
        await withTaskGroup(of: Void.self) { group in
            group.addTask {
                guard await run.stop.wait() else { return }
                await run.flow.end()
            }
            await run.flow.replicate()
            group.cancelAll()
        }
    }

    /// Tries until the flow has started, or is to stop.
    ///
    /// - Returns: whether it has started.
    private func start(_ run: RunningFlows.Run, _ starts: FlowStarts?) async throws -> Bool {
        try await withThrowingTaskGroup(of: Bool.self) { group in
            group.addTask { try await cancelWhenGracefulShutdown { try await start(run.flow, starts) } }
            group.addTask {
                _ = await run.stop.wait()
                return false
            }
            var hasStarted = false
            while let outcome = try await group.next() {
                hasStarted = hasStarted || outcome
                group.cancelAll()
            }
            return hasStarted
        }
    }

    /// Tries until the flow has started.
    ///
    /// - Returns: whether it has; not when the task was cancelled.
    private func start(_ flow: Flow, _ starts: FlowStarts?) async throws -> Bool {
        var failures = 0
        var random = SystemRandomNumberGenerator()
        while !Task.isCancelled {
            do throws(FlowError) {
                try await flow.start()
                await starts?.started()
                return true
            } catch {
                guard !Task.isCancelled else { return false }
                failures += 1
                if error.isRest { await starts?.started() }
                if failures == 1, let final = await starts?.failed(flow.name, error) { throw final }
                await flow.startFailed(error)
                try? await Task.sleep(for: retries.delay(after: failures, using: &random))
            }
        }
        return false
    }
}

/// The first attempts to start the flows that a process begins with.
actor FlowStarts {
    private let count: Int
    private var hasStarted = false
    private var errors: [(flow: String, error: FlowError)] = []

    init(count: Int) {
        self.count = count
    }

    func started() {
        hasStarted = true
    }

    /// The first attempt of a flow has failed.
    ///
    /// - Returns: the error to end with, when no flow has started and none is left that might.
    func failed(_ flow: String, _ error: FlowError) -> FlowError? {
        errors.append((flow, error))
        guard !hasStarted, errors.count == count else { return nil }
        return count == 1 ? error : .nothingCanStart(errors.map { "flow \($0.flow): \($0.error)" })
    }
}
