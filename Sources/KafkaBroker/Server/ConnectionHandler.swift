import DequeModule
import KafkaWire
import Logging
import NIOCore

/// One client connection: cuts frames, handles one request after the other, and writes the answers in order.
///
/// As in Kafka a connection's requests are handled strictly in turn: while one is being answered (which for a
/// long poll takes a while) or while the client does not take up what was written, nothing more is read. What a
/// connection can hold in memory is therefore one request, what one read brought, and one answer.
final class ConnectionHandler: ChannelDuplexHandler {
    typealias InboundIn = ByteBuffer
    typealias OutboundIn = ByteBuffer
    typealias OutboundOut = ByteBuffer

    private enum Activity {
        case idle
        /// Set before a handler runs and until its call is known, since it may answer at once.
        case starting
        case answering(any PendingCall)
        case waiting(Scheduled<Void>)
    }

    private let node: Node
    private let router: RequestRouter
    private let interceptions: Interceptions
    private var assembler: FrameAssembler
    private var frames: Deque<ByteBuffer> = []
    private var activity = Activity.idle
    /// An answer produced while the node is frozen.
    private var held: [ByteBuffer] = []
    private var isHandling = false
    private var wantsRead = false
    private var isClosed = false
    private var context: ChannelHandlerContext?
    private var clientHost = ""
    private var localHost: String?

    init(node: Node, router: RequestRouter, interceptions: Interceptions, frameLimit: Int) {
        self.node = node
        self.router = router
        self.interceptions = interceptions
        assembler = FrameAssembler(limit: frameLimit)
    }

    func handlerAdded(context: ChannelHandlerContext) {
        self.context = context
        clientHost = context.remoteAddress?.ipAddress ?? ""
        localHost = context.localAddress?.ipAddress
        node.connections[ObjectIdentifier(self)] = self
    }

    func channelInactive(context: ChannelHandlerContext) {
        isClosed = true
        self.context = nil
        node.connections[ObjectIdentifier(self)] = nil
        frames.removeAll()
        held.removeAll()
        switch activity {
        case .answering(let call): call.abandon()
        case .waiting(let timer): timer.cancel()
        case .idle, .starting: break
        }
        activity = .idle
        context.fireChannelInactive()
    }

    func channelRead(context: ChannelHandlerContext, data: NIOAny) {
        var bytes = unwrapInboundIn(data)
        do throws(WireError) {
            while let frame = try assembler.nextFrame(from: &bytes) { frames.append(frame) }
        } catch {
            close(because: .malformed(nil, error))
            return
        }
        handleFrames()
    }

    func errorCaught(context: ChannelHandlerContext, error: any Error) {
        node.logger.debug("connection failed", metadata: ["peer": "\(clientHost)", "reason": "\(error)"])
        context.close(promise: nil)
    }

    func channelWritabilityChanged(context: ChannelHandlerContext) {
        handleFrames()
        context.fireChannelWritabilityChanged()
    }

    /// Reading goes on only while there is nothing to handle.
    func read(context: ChannelHandlerContext) {
        if mayRead { context.read() } else { wantsRead = true }
    }

    private var mayRead: Bool {
        guard frames.isEmpty, !node.isFrozen, case .idle = activity else { return false }
        return context?.channel.isWritable ?? false
    }

    /// The node came out of its freeze.
    func resume() {
        if !held.isEmpty {
            let pieces = held
            held.removeAll()
            write(pieces)
        }
        handleFrames()
    }

    func close() {
        context?.close(promise: nil)
    }
}

extension ConnectionHandler {
    /// Handles what has arrived, one request at a time, as long as answers come at once and are taken up.
    private func handleFrames() {
        guard !isHandling else { return }
        isHandling = true
        defer { isHandling = false }
        while case .idle = activity, !isClosed, !node.isFrozen, context?.channel.isWritable ?? false,
            let frame = frames.popFirst()
        {
            do throws(RequestRefusal) {
                try begin(frame)
            } catch {
                close(because: error)
                return
            }
        }
        if wantsRead, mayRead {
            wantsRead = false
            context?.read()
        }
    }

    private func begin(_ frame: ByteBuffer) throws(RequestRefusal) {
        var body = frame
        let header: RequestHeader
        do throws(WireError) {
            header = try RequestHeader.decode(from: &body)
        } catch {
            throw .malformed(nil, error)
        }
        let action = interceptions.next(for: header.apiKey, node: node.id) { topics(of: header, body) }
        switch action {
        case nil: try handle(header, body) { [weak self] in self?.finish($0) }
        case .error(let code): try refuse(header, body, with: code)
        case .delay(let duration): wait(duration, before: header, body)
        case .drop: try handle(header, body) { [weak self] _ in self?.finish(nil) }
        case .disconnect: close()
        case .disconnectAfterHandling: try handle(header, body) { [weak self] _ in self?.close() }
        }
    }

    /// The topics a request names; none if it cannot be read, which its handling then finds out.
    private func topics(of header: RequestHeader, _ body: ByteBuffer) -> Set<String> {
        var body = body
        guard let route = try? router.route(for: header) else { return [] }
        if route.isFlexible(header.apiVersion) { try? RequestHeader.skipTags(in: &body) }
        guard let request = try? route.decode(body, header.apiVersion) else { return [] }
        return router.topicNames(request, node)
    }

    private func handle(
        _ header: RequestHeader, _ body: ByteBuffer, answer: @escaping Route.Answer
    ) throws(RequestRefusal) {
        let (route, body) = try routed(header, body) ?? (nil, body)
        guard let route else { return }
        activity = .starting
        do throws(WireError) {
            let call = try route.start(requestContext(header), body, answer)
            if case .starting = activity { activity = .answering(call) }
        } catch {
            throw .malformed(header.apiKey, error)
        }
    }

    private func refuse(_ header: RequestHeader, _ body: ByteBuffer, with code: ErrorCode) throws(RequestRefusal) {
        guard let (route, body) = try routed(header, body) else { return }
        do throws(WireError) {
            finish(try route.refuse(requestContext(header), body, code))
        } catch {
            throw .malformed(header.apiKey, error)
        }
    }

    /// The route and the request's body behind the rest of its header; nil when the request is already answered.
    private func routed(_ header: RequestHeader, _ body: ByteBuffer) throws(RequestRefusal) -> (Route, ByteBuffer)? {
        var body = body
        do throws(RequestRefusal) {
            let route = try router.route(for: header)
            if route.isFlexible(header.apiVersion) {
                do throws(WireError) {
                    try RequestHeader.skipTags(in: &body)
                } catch {
                    throw RequestRefusal.malformed(header.apiKey, error)
                }
            }
            return (route, body)
        } catch .unsupportedVersion(.apiVersions, _) {
            finish(ApiVersionsResponse.unsupportedVersion(router, correlationID: header.correlationID))
            return nil
        }
    }

    private func wait(_ duration: Duration, before header: RequestHeader, _ body: ByteBuffer) {
        guard let loop = context?.eventLoop else { return }
        let timer = loop.assumeIsolated().scheduleTask(in: TimeAmount(duration)) { [weak self] in
            guard let self, !isClosed else { return }
            activity = .idle
            do throws(RequestRefusal) {
                try handle(header, body) { [weak self] in self?.finish($0) }
            } catch {
                close(because: error)
            }
            handleFrames()
        }
        activity = .waiting(timer)
    }

    private func requestContext(_ header: RequestHeader) -> RequestContext {
        RequestContext(header: header, node: node, clientHost: clientHost, localHost: localHost) { [weak self] in
            self?.close()
        }
    }

    /// Takes a request's answer (nil for none) and goes on with the next request.
    private func finish(_ pieces: [ByteBuffer]?) {
        guard !isClosed else { return }
        activity = .idle
        if let pieces {
            guard !pieces.isEmpty else { return close() }
            if node.isFrozen { held.append(contentsOf: pieces) } else { write(pieces) }
        }
        handleFrames()
    }

    private func write(_ pieces: [ByteBuffer]) {
        guard let context else { return }
        for piece in pieces { context.write(wrapOutboundOut(piece), promise: nil) }
        context.flush()
    }

    private func close(because refusal: RequestRefusal) {
        node.logger.warning("connection closed", metadata: ["peer": "\(clientHost)", "reason": "\(refusal)"])
        isClosed = true
        close()
    }
}
