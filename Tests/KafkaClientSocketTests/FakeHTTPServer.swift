import KafkaClient
import NIOCore
import NIOHTTP1
import NIOPosix
import NIOSSL
import Synchronization

/// An HTTP server on a real socket whose every answer a test decides.
final class FakeHTTPServer: Sendable {
    struct Request: Sendable {
        var method: HTTPMethod
        var target: String
        var headers: HTTPHeaders
        var body: String
    }

    enum Answer: Sendable {
        case reply(Int, String)
        /// Bytes in place of an answer.
        case raw(String)
        /// A body of this size, piece by piece.
        case endless
        case close
        case silence
    }

    let address: HostAndPort
    private let channel: any Channel
    private let log: Log

    private final class Log: Sendable {
        let requests = Mutex<[Request]>([])
    }

    var requests: [Request] { log.requests.withLock { $0 } }

    /// `http://127.0.0.1:PORT` without a path.
    var url: String { "http://127.0.0.1:\(address.port)" }

    init(tls: NIOSSLContext? = nil, _ answer: @escaping @Sendable (Request) -> Answer) async throws {
        let log = Log()
        channel = try await ServerBootstrap(group: MultiThreadedEventLoopGroup.singleton)
            .serverChannelOption(.socketOption(.so_reuseaddr), value: 1)
            .childChannelInitializer { channel in
                channel.eventLoop.makeCompletedFuture {
                    let pipeline = channel.pipeline.syncOperations
                    if let tls { try pipeline.addHandler(NIOSSLServerHandler(context: tls)) }
                    try pipeline.configureHTTPServerPipeline()
                    try pipeline.addHandler(
                        Answering { request in
                            log.requests.withLock { $0.append(request) }
                            return answer(request)
                        })
                }
            }
            .bind(host: "127.0.0.1", port: 0).get()
        address = HostAndPort(host: "127.0.0.1", port: channel.localAddress?.port ?? 0)
        self.log = log
    }

    func stop() async throws {
        try await channel.close().get()
    }

    private final class Answering: ChannelInboundHandler {
        typealias InboundIn = HTTPServerRequestPart
        typealias OutboundOut = HTTPServerResponsePart

        private let answer: (Request) -> Answer
        private var request: Request?

        init(_ answer: @escaping (Request) -> Answer) {
            self.answer = answer
        }

        func channelRead(context: ChannelHandlerContext, data: NIOAny) {
            switch unwrapInboundIn(data) {
            case .head(let head):
                request = Request(method: head.method, target: head.uri, headers: head.headers, body: "")
            case .body(let bytes):
                request?.body += String(buffer: bytes)
            case .end:
                guard let request else { return }
                switch answer(request) {
                case .reply(let status, let body):
                    let headers: HTTPHeaders = ["Content-Length": "\(body.utf8.count)"]
                    head(context, status, headers)
                    context.write(wrapOutboundOut(.body(.byteBuffer(ByteBuffer(string: body)))), promise: nil)
                    context.writeAndFlush(wrapOutboundOut(.end(nil)), promise: nil)
                case .raw(let text):
                    context.channel.pipeline.syncOperations.fireWrite(text, context)
                case .endless:
                    head(context, 200, [:])
                    more(context)
                case .close:
                    context.close(promise: nil)
                case .silence:
                    break
                }
            }
        }

        private func head(_ context: ChannelHandlerContext, _ status: Int, _ headers: HTTPHeaders) {
            let head = HTTPResponseHead(version: .http1_1, status: .init(statusCode: status), headers: headers)
            context.write(wrapOutboundOut(.head(head)), promise: nil)
        }

        private func more(_ context: ChannelHandlerContext) {
            guard context.channel.isActive else { return }
            let piece = ByteBuffer(repeating: UInt8(ascii: "x"), count: 64 << 10)
            let promise = context.eventLoop.makePromise(of: Void.self)
            promise.futureResult.assumeIsolated().whenSuccess { self.more(context) }
            context.writeAndFlush(wrapOutboundOut(.body(.byteBuffer(piece))), promise: promise)
        }

        func errorCaught(context: ChannelHandlerContext, error: any Error) {
            context.close(promise: nil)
        }
    }
}

extension ChannelPipeline.SynchronousOperations {
    /// Past the encoder: as the first handler's context would write.
    fileprivate func fireWrite(_ text: String, _ context: ChannelHandlerContext) {
        guard let encoder = try? self.context(handlerType: HTTPResponseEncoder.self) else { return }
        encoder.writeAndFlush(NIOAny(ByteBuffer(string: text)), promise: nil)
        encoder.close(promise: nil)
    }
}
