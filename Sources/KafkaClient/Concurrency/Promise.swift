import Synchronization

/// A value that arrives once, set from anywhere and awaited by one task.
///
/// The lock is held for a few instructions and practically never contended: both ends usually run on the same
/// event loop. It is there because the awaiting task may be cancelled from any thread.
package final class Promise<Value: Sendable, Failure: Error>: Sendable {
    private enum State {
        case empty
        case awaited(CheckedContinuation<Result<Value, Failure>, Never>)
        case set(Result<Value, Failure>)
        /// The task that waited was cancelled; what arrives now is dropped.
        case abandoned
    }

    private let state = Mutex(State.empty)

    package init() {}

    /// Sets the value; only the first call counts.
    ///
    /// - Returns: whether it is seen or still may be: false when the task that waited was cancelled.
    @discardableResult
    package func set(_ result: Result<Value, Failure>) -> Bool {
        let (waiter, isOfUse) = state.withLock {
            state -> (CheckedContinuation<Result<Value, Failure>, Never>?, Bool) in
            switch state {
            case .empty:
                state = .set(result)
                return (nil, true)
            case .awaited(let continuation):
                state = .set(result)
                return (continuation, true)
            case .set, .abandoned:
                return (nil, false)
            }
        }
        waiter?.resume(returning: result)
        return isOfUse
    }

    /// The value, as soon as it is there. Stays on the caller's executor.
    ///
    /// - Parameters:
    ///   - cancelled: thrown when the awaiting task is cancelled.
    ///   - isolation: the caller's. The closure that waits is isolated as it captures this; in a
    ///     `nonisolated(nonsending)` function it would leave the caller's executor to wait (SE-0461).
    package func value(
        cancelled error: Failure, isolation: isolated (any Actor)? = #isolation
    ) async throws(Failure) -> Value {
        if let result = state.withLock({ if case .set(let result) = $0 { result } else { nil } }) {
            return try result.get()
        }
        let result = await withTaskCancellationHandler {
            _ = isolation
            return await withCheckedContinuation { continuation in
                self.wait(continuation, cancelled: error)
            }
        } onCancel: {
            self.abandon(error)
        }
        return try result.get()
    }

    private func wait(_ continuation: CheckedContinuation<Result<Value, Failure>, Never>, cancelled: Failure) {
        let result = state.withLock { state -> Result<Value, Failure>? in
            switch state {
            case .empty:
                state = .awaited(continuation)
                return nil
            case .set(let result): return result
            case .abandoned: return .failure(cancelled)
            case .awaited: preconditionFailure("a reply is awaited by one task only")
            }
        }
        if let result { continuation.resume(returning: result) }
    }

    private func abandon(_ error: Failure) {
        let waiter = state.withLock { state -> CheckedContinuation<Result<Value, Failure>, Never>? in
            switch state {
            case .empty:
                state = .abandoned
                return nil
            case .awaited(let continuation):
                state = .abandoned
                return continuation
            case .set, .abandoned:
                return nil
            }
        }
        waiter?.resume(returning: .failure(error))
    }
}
