import KafkaWire
import NIOCore
import NIOPosix
import Synchronization

/// A relay in front of a broker, which may exchange the broker's answers for others before its client sees them.
final class AnswerProxy: Sendable {
    /// An answer on its way to a client.
    struct Answer: Sendable {
        var api: ApiKey
        var version: Int16
        var clientID: String
        /// From the correlation id on.
        var frame: ByteBuffer
    }

    /// The bytes to send in an answer's place, lengths included; nil closes the connection.
    typealias Exchange = @Sendable (Answer) -> ByteBuffer?

    let port: Int
    private let channel: any Channel
    private let broker = BrokerPort()

    private final class BrokerPort: Sendable {
        let number = Atomic<Int>(0)
    }

    init(_ exchange: @escaping Exchange) async throws {
        let broker = broker
        channel = try await ServerBootstrap(group: MultiThreadedEventLoopGroup.singleton)
            .serverChannelOption(.socketOption(.so_reuseaddr), value: 1)
            .childChannelOption(.autoRead, value: true)
            .childChannelInitializer { channel in
                channel.eventLoop.makeCompletedFuture {
                    try channel.pipeline.syncOperations.addHandler(
                        FromClient(broker: broker.number.load(ordering: .relaxed), exchange: exchange))
                }
            }
            .bind(host: "127.0.0.1", port: 0).get()
        port = channel.localAddress?.port ?? 0
    }

    func lead(to port: Int) {
        broker.number.store(port, ordering: .relaxed)
    }

    func close() async {
        try? await channel.close()
    }
}

/// The side of a relayed connection that a client talks to.
private final class FromClient: ChannelInboundHandler {
    typealias InboundIn = ByteBuffer

    private let broker: Int
    private let exchange: AnswerProxy.Exchange
    private var requests = FrameAssembler(limit: 1 << 30)
    private var answers = FrameAssembler(limit: 1 << 30)
    private var asked: CircularBuffer<RequestHeader> = []
    private var waiting: [ByteBuffer] = []
    private var upstream: (any Channel)?
    private var context: ChannelHandlerContext?

    init(broker: Int, exchange: @escaping AnswerProxy.Exchange) {
        self.broker = broker
        self.exchange = exchange
    }

    func channelActive(context: ChannelHandlerContext) {
        self.context = context
        let this = NIOLoopBound(self, eventLoop: context.eventLoop)
        ClientBootstrap(group: context.eventLoop)
            .channelInitializer { channel in
                channel.eventLoop.makeCompletedFuture {
                    try channel.pipeline.syncOperations.addHandler(FromBroker(client: this.value))
                }
            }
            .connect(host: "127.0.0.1", port: broker)
            .whenComplete { result in
                switch result {
                case .success(let channel): this.value.connected(channel)
                case .failure: this.value.close()
                }
            }
    }

    private func connected(_ channel: any Channel) {
        upstream = channel
        for bytes in waiting { channel.writeAndFlush(bytes, promise: nil) }
        waiting = []
    }

    func channelRead(context: ChannelHandlerContext, data: NIOAny) {
        let bytes = unwrapInboundIn(data)
        var copy = bytes
        while var frame = try? requests.nextFrame(from: &copy) {
            if let header = try? RequestHeader.decode(from: &frame) { asked.append(header) }
        }
        if let upstream { upstream.writeAndFlush(bytes, promise: nil) } else { waiting.append(bytes) }
    }

    func answered(_ bytes: ByteBuffer) {
        var bytes = bytes
        while let frame = try? answers.nextFrame(from: &bytes) {
            guard let header = asked.popFirst() else { return close() }
            let answer = AnswerProxy.Answer(
                api: header.apiKey, version: header.apiVersion, clientID: header.clientID ?? "", frame: frame)
            guard let exchanged = exchange(answer) else { return close() }
            context?.channel.writeAndFlush(exchanged, promise: nil)
        }
    }

    func close() {
        context?.close(promise: nil)
        upstream?.close(promise: nil)
    }

    func channelInactive(context: ChannelHandlerContext) {
        close()
        self.context = nil
    }

    func errorCaught(context: ChannelHandlerContext, error: any Error) {
        close()
    }
}

/// The side that talks to the broker.
private final class FromBroker: ChannelInboundHandler {
    typealias InboundIn = ByteBuffer

    private let client: FromClient

    init(client: FromClient) {
        self.client = client
    }

    func channelRead(context: ChannelHandlerContext, data: NIOAny) {
        client.answered(unwrapInboundIn(data))
    }

    func channelInactive(context: ChannelHandlerContext) {
        client.close()
    }

    func errorCaught(context: ChannelHandlerContext, error: any Error) {
        client.close()
    }
}

extension AnswerProxy.Answer {
    /// The answer as it came.
    var framed: ByteBuffer {
        var bytes = ByteBuffer()
        bytes.writeInteger(Int32(frame.readableBytes))
        bytes.writeImmutableBuffer(frame)
        return bytes
    }

    /// The answer with other contents; as it came where it cannot be understood.
    func edited<Response: KafkaResponse>(_: Response.Type, _ edit: (inout Response) -> Void) -> ByteBuffer {
        var body = frame
        guard let id = body.readInteger(as: Int32.self),
            var response = try? Response.decodeFrame(body, version: version)
        else { return framed }
        edit(&response)
        guard let pieces = try? response.encodeFrame(version: version, correlationID: id) else { return framed }
        var bytes = ByteBuffer()
        for piece in pieces { bytes.writeImmutableBuffer(piece) }
        return bytes
    }
}
