package import KafkaWire
package import NIOCore
import NIOPosix

/// A bare connection for tests: frames out, frames in, in order. It knows nothing of retries, metadata or sessions.
package struct RawConnection: Sendable {
    private let channel: any Channel
    private let handler: NIOLoopBound<FrameHandler>

    /// Why no answer came.
    package enum Failure: Error, Equatable {
        case closed
        case wrongCorrelationID(expected: Int32, got: Int32)
    }

    /// Opens a connection, runs `body` and closes it.
    package static func open<Value: Sendable>(
        port: Int, _ body: (RawConnection) async throws -> Value
    ) async throws -> Value {
        let connection = try await connect(port: port)
        do {
            let value = try await body(connection)
            await connection.close()
            return value
        } catch {
            await connection.close()
            throw error
        }
    }

    package static func connect(port: Int) async throws -> RawConnection {
        // A broker that closes at once takes the pipeline apart: the handler is kept from before there is a connection.
        let (channel, handler) = try await ClientBootstrap(group: MultiThreadedEventLoopGroup.singleton)
            .connect(host: "127.0.0.1", port: port) { channel in
                channel.eventLoop.makeCompletedFuture {
                    let handler = FrameHandler()
                    try channel.pipeline.syncOperations.addHandler(handler)
                    return (channel, NIOLoopBound(handler, eventLoop: channel.eventLoop))
                }
            }
        return RawConnection(channel: channel, handler: handler)
    }

    /// Sends a request and waits for its answer.
    package func send<Request: KafkaRequest>(
        _ request: Request, version: Int16? = nil, clientID: String? = "test"
    ) async throws -> Request.Response {
        try await begin(request, version: version, clientID: clientID).get()
    }

    /// Sends a request; its answer comes later. Requests begun one after the other are pipelined.
    package func begin<Request: KafkaRequest>(
        _ request: Request, version: Int16? = nil, clientID: String? = "test"
    ) async throws -> EventLoopFuture<Request.Response> {
        let version = version ?? Request.versions.range.upperBound
        let correlationID = Int32.random(in: 0 ... .max)
        let frame = try request.encodeFrame(version: version, correlationID: correlationID, clientID: clientID)
        let answer = channel.eventLoop.makePromise(of: ByteBuffer.self)
        channel.eventLoop.execute { [handler, channel] in
            handler.value.expect(answer)
            for piece in frame { channel.write(piece, promise: nil) }
            channel.flush()
        }
        return answer.futureResult.flatMapThrowing { frame in
            var body = frame
            let got = try ResponseHeader.decodeCorrelationID(from: &body)
            guard got == correlationID else { throw Failure.wrongCorrelationID(expected: correlationID, got: got) }
            return try Request.Response.decodeFrame(body, version: version)
        }
    }

    /// Sends bytes as they are, without expecting an answer.
    package func write(_ bytes: ByteBuffer) async throws {
        try await channel.writeAndFlush(bytes)
    }

    /// Sends bytes as they are and waits for a frame.
    package func exchange(_ bytes: ByteBuffer) async throws -> ByteBuffer {
        let answer = channel.eventLoop.makePromise(of: ByteBuffer.self)
        channel.eventLoop.execute { [handler, channel] in
            handler.value.expect(answer)
            channel.writeAndFlush(bytes, promise: nil)
        }
        return try await answer.futureResult.get()
    }

    /// Returns when the other side has closed the connection.
    package func waitUntilClosed() async throws {
        try await channel.closeFuture.get()
    }

    package func close() async {
        try? await channel.close()
    }
}

/// Hands each frame to the oldest one who waits.
private final class FrameHandler: ChannelInboundHandler {
    typealias InboundIn = ByteBuffer

    private var assembler = FrameAssembler(limit: 1 << 30)
    private var waiting: [EventLoopPromise<ByteBuffer>] = []
    private var isClosed = false

    func expect(_ answer: EventLoopPromise<ByteBuffer>) {
        if isClosed { answer.fail(RawConnection.Failure.closed) } else { waiting.append(answer) }
    }

    func channelRead(context: ChannelHandlerContext, data: NIOAny) {
        var bytes = unwrapInboundIn(data)
        do {
            while let frame = try assembler.nextFrame(from: &bytes) {
                guard !waiting.isEmpty else { return context.close(promise: nil) }
                waiting.removeFirst().succeed(frame)
            }
        } catch {
            context.close(promise: nil)
        }
    }

    func channelInactive(context: ChannelHandlerContext) {
        isClosed = true
        for answer in waiting { answer.fail(RawConnection.Failure.closed) }
        waiting.removeAll()
    }

    func errorCaught(context: ChannelHandlerContext, error: any Error) {
        context.close(promise: nil)
    }
}
