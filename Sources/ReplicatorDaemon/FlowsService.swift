package import KafkaClient
package import Replication
internal import ServiceLifecycle

/// All flows of a process, each by itself: one that cannot start is tried again, and disturbs no other. The service
/// fails only when nothing at all can be done: no flow has started, and each has failed at least once.
package struct FlowsService: Service {
    private let flows: [Flow]
    private let retries: Backoff

    /// - Parameter retries: pauses between attempts to start a flow.
    package init(flows: [Flow], retries: Backoff = Backoff(initial: .seconds(2), maximum: .seconds(30))) {
        self.flows = flows
        self.retries = retries
    }

    package func run() async throws {
        let starts = FlowStarts(count: flows.count)
        try await withThrowingTaskGroup(of: Void.self) { group in
            for flow in flows { group.addTask { try await run(flow, starts) } }
            do {
                while try await group.next() != nil {}
            } catch {
                // Nothing runs that would have to be drained.
                group.cancelAll()
                throw error
            }
        }
    }

    private func run(_ flow: Flow, _ starts: FlowStarts) async throws {
        // Told to stop while a cluster is still being asked: nothing has begun, so nothing is to be finished.
        guard try await cancelWhenGracefulShutdown({ try await start(flow, starts) }) else { return await flow.close() }
        await flow.replicate()
    }

    /// Tries until the flow has started.
    ///
    /// - Returns: whether it has; not when it was told to stop.
    private func start(_ flow: Flow, _ starts: FlowStarts) async throws -> Bool {
        var failures = 0
        var random = SystemRandomNumberGenerator()
        while !Task.isCancelled {
            do throws(FlowError) {
                try await flow.start()
                await starts.started()
                return true
            } catch {
                guard !Task.isCancelled else { return false }
                failures += 1
                if failures == 1, let final = await starts.failed(flow.name, error) { throw final }
                await flow.startFailed(error)
                try? await Task.sleep(for: retries.delay(after: failures, using: &random))
            }
        }
        return false
    }
}

/// The first attempts to start the flows of a process.
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
