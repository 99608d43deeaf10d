internal import Synchronization

/// Tells one waiting task that there may be something to do. Signals while nobody waits are remembered, as one.
///
/// The task that waits stays on its executor, so that a signal given on an event loop is acted on there without another
/// thread.
package final class Signal: Sendable {
    private enum State {
        case quiet
        case raised
        case awaited(UnsafeContinuation<Void?, Never>)
    }

    private let state = Mutex(State.quiet)

    package init() {}

    package func notify() {
        let waiter = state.withLock { state -> UnsafeContinuation<Void?, Never>? in
            guard case .awaited(let waiter) = state else {
                state = .raised
                return nil
            }
            state = .quiet
            return waiter
        }
        waiter?.resume(returning: ())
    }

    /// For the one task that waits.
    package func makeWaiter() -> Waiter { Waiter(signal: self) }

    package struct Waiter: Sendable {
        fileprivate let signal: Signal

        /// - Parameter isolation: the caller's, which the closure that waits has to capture; see ``Promise``.
        /// - Returns: nil when the task was cancelled.
        package mutating func next(isolation: isolated (any Actor)? = #isolation) async -> Void? {
            guard !Task.isCancelled else { return nil }
            let signal = signal
            return await withTaskCancellationHandler {
                _ = isolation
                return await withUnsafeContinuation { signal.wait($0) }
            } onCancel: {
                signal.abandon()
            }
        }
    }

    private func wait(_ continuation: UnsafeContinuation<Void?, Never>) {
        let isRaised = state.withLock { state in
            switch state {
            case .quiet:
                state = .awaited(continuation)
                return false
            case .raised:
                state = .quiet
                return true
            case .awaited: preconditionFailure("a signal is awaited by one task only")
            }
        }
        if isRaised { continuation.resume(returning: ()) }
        // A cancellation before this found nobody who waited.
        if !isRaised, Task.isCancelled { abandon() }
    }

    private func abandon() {
        let waiter = state.withLock { state -> UnsafeContinuation<Void?, Never>? in
            guard case .awaited(let waiter) = state else { return nil }
            state = .quiet
            return waiter
        }
        waiter?.resume(returning: nil)
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
