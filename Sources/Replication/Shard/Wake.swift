/// Tells one waiting task that there may be something to do. Rings while nobody waits are remembered, as one.
struct Wake: Sendable {
    private let stream: AsyncStream<Void>
    private let continuation: AsyncStream<Void>.Continuation

    init() {
        (stream, continuation) = AsyncStream.makeStream(bufferingPolicy: .bufferingNewest(1))
    }

    func ring() {
        continuation.yield()
    }

    /// For the one task that waits.
    func makeWaiter() -> AsyncStream<Void>.Iterator {
        stream.makeAsyncIterator()
    }
}
