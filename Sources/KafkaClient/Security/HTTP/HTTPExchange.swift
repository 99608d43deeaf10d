import NIOCore
import NIOHTTP1
import NIOPosix
import NIOSSL

/// A request for credentials.
struct HTTPRequest: Sendable {
    var method: HTTPMethod
    var address: HTTPAddress
    var headers: [(name: String, value: String)] = []
    var body: [UInt8] = []
}

struct HTTPAnswer: Sendable {
    var status: Int
    var body: [UInt8]

    var text: String { String(decoding: body, as: UTF8.self) }
}

/// The reason why there is no answer.
enum HTTPFailure: Error, Hashable {
    case connection(ConnectionFailure)
    case timedOut(Duration)
    /// More than was going to be read.
    case tooLarge(limit: Int)
    case malformed(String)
}

/// One request over one connection: enough for token endpoints and metadata services, which are asked a few times an
/// hour. Redirections are not followed, since a secret must not go to an address that is not configured.
struct HTTPExchange: Sendable {
    let eventLoop: any EventLoop
    /// From the resolution of the name to the last byte of the answer.
    var timeout: Duration
    /// The largest body of an answer, in bytes. A token has a few thousand.
    var maximumBodyBytes = 256 << 10

    /// - Parameter tls: needed for an `https` address.
    /// - Returns: fails with ``HTTPFailure``.
    func send(_ request: HTTPRequest, tls: NIOSSLContext?) -> EventLoopFuture<HTTPAnswer> {
        let promise = eventLoop.makePromise(of: HTTPAnswer.self)
        let timeout = timeout
        let deadline = eventLoop.scheduleTask(in: TimeAmount(timeout)) { promise.fail(HTTPFailure.timedOut(timeout)) }
        promise.futureResult.whenComplete { _ in deadline.cancel() }

        let serverName = request.address.serverName
        let limit = maximumBodyBytes
        ClientBootstrap(group: eventLoop)
            .connectTimeout(TimeAmount(timeout))
            .channelInitializer { channel in
                channel.eventLoop.makeCompletedFuture {
                    let pipeline = channel.pipeline.syncOperations
                    if request.address.usesTLS {
                        guard let tls else { throw HTTPFailure.malformed("https without TLS settings") }
                        try pipeline.addHandler(NIOSSLClientHandler(context: tls, serverHostname: serverName))
                    }
                    try pipeline.addHTTPClientHandlers()
                    try pipeline.addHandler(HTTPAnswerHandler(request, limit: limit, promise))
                }
            }
            .connect(host: request.address.host, port: request.address.port)
            .whenComplete { result in
                switch result {
                case .failure(let error): promise.fail(HTTPFailure(describing: error))
                case .success(let channel):
                    // The end of the exchange, by time-out too, is the end of the connection.
                    promise.futureResult.whenComplete { _ in channel.close(promise: nil) }
                }
            }
        return promise.futureResult
    }
}

/// Sends one request as soon as there is a connection, and collects the answer.
private final class HTTPAnswerHandler: ChannelInboundHandler {
    typealias InboundIn = HTTPClientResponsePart
    typealias OutboundOut = HTTPClientRequestPart

    private let request: HTTPRequest
    private let limit: Int
    private let promise: EventLoopPromise<HTTPAnswer>
    private var status = 0
    private var body: [UInt8] = []

    init(_ request: HTTPRequest, limit: Int, _ promise: EventLoopPromise<HTTPAnswer>) {
        self.request = request
        self.limit = limit
        self.promise = promise
    }

    func channelActive(context: ChannelHandlerContext) {
        var headers = HTTPHeaders(request.headers.map { ($0.name, $0.value) })
        headers.add(name: "Host", value: request.address.authority)
        headers.add(name: "Connection", value: "close")
        if !request.body.isEmpty || request.method == .POST || request.method == .PUT {
            headers.add(name: "Content-Length", value: "\(request.body.count)")
        }
        let head = HTTPRequestHead(
            version: .http1_1, method: request.method, uri: request.address.target, headers: headers)
        context.write(wrapOutboundOut(.head(head)), promise: nil)
        if !request.body.isEmpty {
            context.write(wrapOutboundOut(.body(.byteBuffer(ByteBuffer(bytes: request.body)))), promise: nil)
        }
        context.writeAndFlush(wrapOutboundOut(.end(nil)), promise: nil)
        context.fireChannelActive()
    }

    func channelRead(context: ChannelHandlerContext, data: NIOAny) {
        switch unwrapInboundIn(data) {
        case .head(let head):
            status = Int(head.status.code)
        case .body(let bytes):
            guard body.count + bytes.readableBytes <= limit else {
                return promise.fail(HTTPFailure.tooLarge(limit: limit))
            }
            body += bytes.readableBytesView
        case .end:
            promise.succeed(HTTPAnswer(status: status, body: body))
        }
    }

    func errorCaught(context: ChannelHandlerContext, error: any Error) {
        if let tls = error as? NIOSSLError, case .uncleanShutdown = tls { return }
        let certificate = context.presentedCertificate
        promise.fail(HTTPFailure(describing: error, certificate: certificate))
        context.close(promise: nil)
    }

    func channelInactive(context: ChannelHandlerContext) {
        promise.fail(HTTPFailure.connection(.closedByBroker))
        context.fireChannelInactive()
    }
}

extension HTTPAddress {
    /// Addresses that are numbers are not sent as a name, and their certificate is checked against the number.
    fileprivate var serverName: String? {
        (try? SocketAddress(ipAddress: host, port: port)) == nil ? host : nil
    }
}

extension HTTPFailure {
    init(describing error: any Error, certificate: NIOSSLCertificate? = nil) {
        switch error {
        case let failure as HTTPFailure: self = failure
        case let parsing as HTTPParserError: self = .malformed("it does not speak HTTP (\(parsing))")
        default: self = .connection(ConnectionFailure(describing: error, certificate: certificate))
        }
    }

    /// True if the same request may succeed later.
    var isTransient: Bool {
        switch self {
        case .connection(.tls), .tooLarge, .malformed: false
        case .connection, .timedOut: true
        }
    }

    /// The failure, as the end of a sentence that begins with the server's address.
    var text: String {
        switch self {
        case .connection(.refused): "connection refused"
        case .connection(.closedByBroker): "it closed the connection without an answer"
        case .connection(.connectTimedOut(let duration)), .timedOut(let duration): "no answer within \(duration)"
        case .connection(let failure): "\(failure)"
        case .tooLarge(let limit): "its answer is larger than \(limit) bytes"
        case .malformed(let what): what
        }
    }
}
