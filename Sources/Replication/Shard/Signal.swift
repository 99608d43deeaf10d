internal import KafkaClient
internal import Synchronization

/// Tells one waiting task that there may be something to do. Signals while nobody waits are remembered, as one.
///
/// Whoever waits stays on its executor, so that a signal given on an event loop is acted on there without another thread.
final class Signal: Sendable {
    private struct State {
        var isRaised = false
        var waiter: Promise<Void, CancellationError>?
    }

    private let state = Mutex(State())

    func notify() {
        let waiter = state.withLock { state -> Promise<Void, CancellationError>? in
            if state.waiter == nil { state.isRaised = true }
            return state.waiter.take()
        }
        // Whoever was cancelled meanwhile has not taken it.
        guard let waiter, !waiter.set(.success(())) else { return }
        state.withLock { $0.isRaised = true }
    }

    /// For the one task that waits.
    func makeWaiter() -> Waiter { Waiter(signal: self) }

    struct Waiter: Sendable {
        fileprivate let signal: Signal

        /// - Returns: nil when the task was cancelled.
        nonisolated(nonsending) mutating func next() async -> Void? {
            guard !Task.isCancelled else { return nil }
            return try? await signal.raised()
        }
    }

    private nonisolated(nonsending) func raised() async throws(CancellationError) {
        let turn = state.withLock { state -> Promise<Void, CancellationError>? in
            guard !state.isRaised else {
                state.isRaised = false
                return nil
            }
            let turn = Promise<Void, CancellationError>()
            state.waiter = turn
            return turn
        }
        try await turn?.value(cancelled: CancellationError())
    }

    /// Waits for a signal, or until the time is over.
    ///
    /// - Returns: false when the task was cancelled.
    func wait(_ waiter: inout Waiter, atMost time: Duration) async -> Bool {
        await withTaskGroup(of: Void.self) { group in
            group.addTask { [self] in
                guard (try? await Task.sleep(for: time)) != nil else { return }
                notify()
            }
            _ = await waiter.next()
            group.cancelAll()
        }
        return !Task.isCancelled
    }
}
