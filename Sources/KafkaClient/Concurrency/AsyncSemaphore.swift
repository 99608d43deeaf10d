import DequeModule
import Synchronization

/// A counting semaphore for tasks: so many at a time pass, the others wait in the order in which they came.
///
/// Usable from any executor. A wait can be cancelled, and then takes nothing away from those behind it.
package final class AsyncSemaphore: Sendable {
    private struct State {
        /// Not 0 only while nobody waits.
        var free: Int
        var queue: Deque<Promise<Void, CancellationError>> = []
    }

    private let state: Mutex<State>

    /// - Parameter count: how many may pass at a time.
    package init(_ count: Int) {
        precondition(count > 0, "a semaphore that nobody can pass")
        state = Mutex(State(free: count))
    }

    /// Waits until it may pass; ``signal()`` has to follow, whatever happens.
    ///
    /// - Throws: when the task is cancelled while it waits. It has not passed then.
    package nonisolated(nonsending) func wait() async throws(CancellationError) {
        let turn = state.withLock { state -> Promise<Void, CancellationError>? in
            guard state.free == 0 else {
                state.free -= 1
                return nil
            }
            let turn = Promise<Void, CancellationError>()
            state.queue.append(turn)
            return turn
        }
        try await turn?.value(cancelled: CancellationError())
    }

    /// Lets the next one pass.
    package func signal() {
        while true {
            let next = state.withLock { state in
                let next = state.queue.popFirst()
                if next == nil { state.free += 1 }
                return next
            }
            // A task that was cancelled meanwhile has no use for it.
            guard let next, !next.set(.success(())) else { return }
        }
    }

    /// Does something that only so many may do at a time.
    package nonisolated(nonsending) func withPermit<Value>(
        _ body: nonisolated(nonsending) () async throws -> Value
    ) async throws -> Value {
        try await wait()
        defer { signal() }
        return try await body()
    }
}
