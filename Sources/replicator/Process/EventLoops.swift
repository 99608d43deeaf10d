internal import ForeignErrors
internal import NIOCore
internal import NIOPosix
internal import ReplicationTools

/// The threads of a command that does one thing and ends.
enum EventLoops {
    /// Runs `work` with as many event loops, and ends them whatever comes of it.
    ///
    /// - Parameter command: what errors are said to come from.
    /// - Throws: ``Failure``.
    static func with<Value: Sendable>(
        _ count: Int = System.coreCount, for command: String, _ work: ([any EventLoop]) async throws -> Value
    ) async throws -> Value {
        try DescriptorLimit.ensure()
        let group = MultiThreadedEventLoopGroup(numberOfThreads: count)
        let outcome: Result<Value, any Error>
        do {
            outcome = .success(try await work((0..<count).map { _ in group.next() }))
        } catch {
            outcome = .failure(error)
        }
        try await group.shutdownGracefully()
        switch outcome {
        case .success(let value): return value
        case .failure(let failure as Failure): throw failure
        case .failure(FailoverError.notReady(let flow, let obstacles)):
            // Each obstacle on a line of its own.
            let text = "\(command): \(FailoverError.notReady(flow: flow, obstacles: obstacles))"
            throw Failure(lines: text.split(separator: "\n").map(String.init))
        case .failure(let error): throw Failure("\(command): \(ForeignError.words(error))")
        }
    }
}
