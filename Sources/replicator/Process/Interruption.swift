internal import Synchronization
internal import UnixSignals

/// INT, TERM and HUP (a terminal that was closed) as what they mean to a command that has something to finish.
final class Interruption: Sendable {
    private let hasCome = Mutex(false)

    private static let signals: [UnixSignal] = [.sigint, .sigterm, .sighup]

    /// Cancels the work at the first signal; it returns what it has.
    static func cancelling<Value: Sendable>(
        _ work: @escaping @Sendable () async throws -> Value
    ) async throws -> Value {
        try await onSignals(work) { _ in false }
    }

    /// Lets the work know of the first signal, so that it comes to its end, and cancels it at the second.
    static func ending<Value: Sendable>(
        _ work: @escaping @Sendable (Interruption) async throws -> Value
    ) async throws -> Value {
        let interruption = Interruption()
        return try await onSignals({ try await work(interruption) }) { count in
            interruption.hasCome.withLock { $0 = true }
            return count == 1
        }
    }

    /// Calls `interrupt` at the first signal, lets the work come to its end, and cancels it at the second.
    static func letting<Value: Sendable>(
        _ interrupt: @escaping @Sendable () async -> Void, finish work: @escaping @Sendable () async throws -> Value
    ) async throws -> Value {
        try await onSignals(work) { count in
            await interrupt()
            return count == 1
        }
    }

    /// Waits until a signal has come, or time is up.
    func wait(atMost length: Duration?) async {
        let clock = ContinuousClock()
        let end = length.map { clock.now + $0 }
        while !hasCome.withLock({ $0 }), end.map({ clock.now < $0 }) ?? true {
            guard (try? await clock.sleep(for: .milliseconds(100))) != nil else { return }
        }
    }

    /// - Parameter goesOn: given how many signals have come; whether the work is to be left alone.
    private static func onSignals<Value: Sendable>(
        _ work: @escaping @Sendable () async throws -> Value, goesOn: @escaping @Sendable (Int) async -> Bool
    ) async throws -> Value {
        let arrivals = await UnixSignalsSequence(trapping: signals)
        return try await withThrowingTaskGroup(of: Value?.self) { tasks in
            tasks.addTask { try await work() }
            tasks.addTask {
                var count = 0
                for await _ in arrivals {
                    count += 1
                    if await !goesOn(count) { return nil }
                }
                return nil
            }
            while let ended = try await tasks.next() {
                tasks.cancelAll()
                if let ended { return ended }
            }
            throw Failure("interrupted")
        }
    }
}
