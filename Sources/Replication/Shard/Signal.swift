/// Tells one waiting task that there may be something to do. Signals while nobody waits are remembered, as one.
struct Signal: Sendable {
    private let stream: AsyncStream<Void>
    private let continuation: AsyncStream<Void>.Continuation

    init() {
        (stream, continuation) = AsyncStream.makeStream(bufferingPolicy: .bufferingNewest(1))
    }

    func notify() {
        continuation.yield()
    }

    /// For the one task that waits.
    func makeWaiter() -> AsyncStream<Void>.Iterator {
        stream.makeAsyncIterator()
    }

    /// Waits for a signal, or until the time is over.
    ///
    /// - Returns: false when the task was cancelled.
    func wait(_ waiter: inout AsyncStream<Void>.Iterator, atMost time: Duration) async -> Bool {
        await withTaskGroup(of: Void.self) { group in
            group.addTask { [self] in
                guard (try? await Task.sleep(for: time)) != nil else { return }
                notify()
            }
            _ = await waiter.next(isolation: nil)
            group.cancelAll()
        }
        return !Task.isCancelled
    }
}
