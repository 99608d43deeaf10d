import Logging
import NIOCore
import NIOPosix
import Observability
import ServiceLifecycle

/// Bytes to and from an HTTP server, with nothing between that would mend them.
struct RawHTTP {
    let port: Int
    private let ended: AsyncStream<Never>

    /// Waits until the server has ended.
    func end() async {
        for await _ in ended {}
    }

    /// Runs a status server with these limits and rules for the length of a block.
    static func withServer(
        _ limits: ConnectionLimits, _ rules: HTTPAccess.Rules, registry: MetricsRegistry = MetricsRegistry(),
        status: String = "{}", hasDescriptors: @escaping @Sendable () -> Bool = { true },
        _ body: (RawHTTP, ServiceGroup) async throws -> Void
    ) async throws {
        let (ports, continuation) = AsyncStream.makeStream(of: Int.self)
        let server = StatusServer(
            host: "127.0.0.1", port: 0, registry: registry,
            sources: StatusServer.Sources(
                status: { _ in status }, readiness: { Readiness(obstacles: ["secret reason"]) },
                control: { ControlAnswer(status: 200, message: "\($0.action) of \($0.flow)") },
                reload: { ControlAnswer(status: 409, message: "{}") }, history: History(), events: EventLog()),
            access: HTTPAccess(rules), limits: limits, hasDescriptors: hasDescriptors,
            logger: Logger(label: "test") { _ in SwiftLogNoOpLogHandler() }
        ) { port in
            continuation.yield(port)
        }
        let (ended, finish) = AsyncStream.makeStream(of: Never.self)
        let services = ServiceGroup(services: [server], logger: Logger(label: "test") { _ in SwiftLogNoOpLogHandler() })
        try await withThrowingTaskGroup { group in
            group.addTask {
                defer { finish.finish() }
                try await services.run()
            }
            var iterator = ports.makeAsyncIterator()
            let port = await iterator.next() ?? 0
            try await body(RawHTTP(port: port, ended: ended), services)
            await services.triggerGracefulShutdown()
            try await group.waitForAll()
        }
    }

    typealias Connection = NIOAsyncChannel<ByteBuffer, ByteBuffer>

    func connect() async throws -> Connection {
        try await ClientBootstrap(group: MultiThreadedEventLoopGroup.singleton).connect(
            host: "127.0.0.1", port: port
        ) { channel in
            channel.eventLoop.makeCompletedFuture { try Connection(wrappingChannelSynchronously: channel) }
        }
    }

    /// Sends a text, and returns what comes until the server closes the connection, which it may do at once.
    func exchange(_ text: String) async throws -> String {
        do {
            return try await connect().executeThenClose { inbound, outbound in
                try? await outbound.write(ByteBuffer(string: text))
                return await Self.rest(of: inbound)
            }
        } catch ChannelError.alreadyClosed, ChannelError.ioOnClosedChannel {
            return ""
        }
    }

    /// Runs a block while so many connections are open that the server has answered on.
    func holding(_ count: Int, _ body: () async throws -> Void) async throws {
        guard count > 0 else { return try await body() }
        try await connect().executeThenClose { inbound, outbound in
            try await outbound.write(ByteBuffer(string: "GET /healthz HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n"))
            var iterator = inbound.makeAsyncIterator()
            _ = try await iterator.next()
            try await holding(count - 1, body)
        }
    }

    /// Everything that comes until the server closes the connection, in order or not.
    static func rest(of inbound: NIOAsyncChannelInboundStream<ByteBuffer>) async -> String {
        var answer = ByteBuffer()
        do {
            for try await var part in inbound { answer.writeBuffer(&part) }
        } catch {}
        return String(buffer: answer)
    }

    /// A request that lets the server close the connection.
    static func request(_ line: String, _ fields: String...) -> String {
        ([line + " HTTP/1.1", "Host: 127.0.0.1", "Connection: close"] + fields).joined(separator: "\r\n") + "\r\n\r\n"
    }
}
