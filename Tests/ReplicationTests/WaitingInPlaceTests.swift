import Dispatch
import KafkaClient
import NIOCore
import NIOPosix
import Replication
import Testing

/// Waits on event loops: whoever waits for a signal or an answer leaves its executor neither to wait nor to continue.
@Suite(.timeLimit(.minutes(1))) struct WaitingInPlaceTests {
    private actor Waiting {
        private let executor: ManualExecutor
        nonisolated var unownedExecutor: UnownedSerialExecutor { executor.asUnownedSerialExecutor() }
        private(set) var steps = 0

        init(on executor: ManualExecutor) { self.executor = executor }

        func wait(for signal: Signal, times: Int) async {
            var signals = signal.makeWaiter()
            while steps < times, await signals.next() != nil { steps += 1 }
        }

        func wait(for promises: [Promise<Int, CancellationError>]) async throws {
            for promise in promises { steps += try await promise.value(cancelled: CancellationError()) }
        }

        func wait(for turns: Int, at semaphore: AsyncSemaphore) async throws {
            for _ in 0..<turns {
                try await semaphore.wait()
                steps += 1
            }
        }
    }

    /// Starts a task, and returns once its first job waits to be run.
    private func started(
        _ executor: ManualExecutor, _ body: @escaping @Sendable () async throws -> Void
    ) async -> Task<Void, any Error> {
        let task = Task(executorPreference: executor) { try await body() }
        while executor.count == 0 { await Task.yield() }
        return task
    }

    @Test func `who waits for a signal waits where it is`() async throws {
        let executor = ManualExecutor()
        let waiting = Waiting(on: executor)
        let signal = Signal()
        let task = await started(executor) { await waiting.wait(for: signal, times: 10) }
        executor.run()
        for step in 1...10 {
            signal.notify()
            #expect(executor.count == 1, "signal \(step)")
            executor.run()
        }
        try await finish(task, executor)
    }

    @Test func `who waits for a value waits where it is`() async throws {
        let executor = ManualExecutor()
        let waiting = Waiting(on: executor)
        let promises = (0..<10).map { _ in Promise<Int, CancellationError>() }
        let task = await started(executor) { try await waiting.wait(for: promises) }
        executor.run()
        for (step, promise) in promises.enumerated() {
            promise.set(.success(1))
            #expect(executor.count == 1, "value \(step)")
            executor.run()
        }
        try await finish(task, executor)
    }

    @Test func `who waits for its turn waits where it is`() async throws {
        let executor = ManualExecutor()
        let waiting = Waiting(on: executor)
        let semaphore = AsyncSemaphore(1)
        try await semaphore.wait()
        let task = await started(executor) { try await waiting.wait(for: 10, at: semaphore) }
        executor.run()
        for turn in 1...10 {
            semaphore.signal()
            #expect(executor.count == 1, "turn \(turn)")
            executor.run()
        }
        try await finish(task, executor)
    }

    @Test func `who is cancelled while it waits for a signal gets nothing, and leaves the next signal`() async throws {
        let executor = ManualExecutor()
        let waiting = Waiting(on: executor)
        let signal = Signal()
        let task = await started(executor) { await waiting.wait(for: signal, times: 10) }
        executor.run()
        task.cancel()
        #expect(executor.count == 1)
        try await finish(task, executor)
        signal.notify()
        let next = await started(executor) { await waiting.wait(for: signal, times: 1) }
        try await finish(next, executor)
        let steps = Task(executorPreference: executor) { await waiting.steps }
        while executor.count == 0 { await Task.yield() }
        executor.run()
        #expect(await steps.value == 1)
    }

    @Test func `who is cancelled before it waits gets nothing`() async throws {
        let executor = ManualExecutor()
        let waiting = Waiting(on: executor)
        let task = await started(executor) { await waiting.wait(for: Signal(), times: 1) }
        task.cancel()
        try await finish(task, executor)
    }

    @Test func `a task that prefers an event loop is on it before and after it waits`() async throws {
        let eventLoop = MultiThreadedEventLoopGroup.singleton.next()
        let promise = Promise<Int, CancellationError>()
        let task = Task(executorPreference: EventLoopTaskExecutor(eventLoop)) {
            let before = eventLoop.inEventLoop
            DispatchQueue.global().async { promise.set(.success(1)) }
            _ = try await promise.value(cancelled: CancellationError())
            return (before, eventLoop.inEventLoop)
        }
        let (before, after) = try await task.value
        #expect(before)
        #expect(after)
    }

    /// Runs the executor until the task has ended.
    private func finish(_ task: Task<Void, any Error>, _ executor: ManualExecutor) async throws {
        executor.run()
        try await task.value
    }
}
