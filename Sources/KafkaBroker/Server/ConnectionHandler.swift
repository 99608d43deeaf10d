import DequeModule
import ForeignErrors
import KafkaWire
import Logging
import NIOCore
import NIOSSL

/// One client connection: cuts frames, handles one request after the other, and writes the answers in order.
///
/// As in Kafka a connection's requests are handled strictly in turn: while one is being answered (which for a
/// long poll takes a while) or while the client does not take up what was written, nothing more is read. What a
/// connection can hold in memory is therefore one request, what one read brought, and one answer; what all of them hold
/// is bounded by ``RequestMemory`` and ``AnswerMemory``.
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
    private let cluster: Cluster
    private let authentication: ConnectionAuthentication
    private var timeouts: ConnectionTimeouts?
    /// TLS is up, and who the client is by its certificate has been looked at.
    private var isTransportReady = false
    private var assembler: FrameAssembler
    private var frames: Deque<ByteBuffer> = []
    private var activity = Activity.idle
    /// An answer produced while the node is frozen.
    private var held: [ByteBuffer] = []
    private var isHandling = false
    /// The length of the frame being handled.
    private var frameSize = 0
    /// The time for which the connection rests after the present answer, since its client is over a quota.
    private var rest: Int64 = 0
    private var wantsRead = false
    private var isClosed = false
    private var context: ChannelHandlerContext?
    private var clientHost = ""
    /// Bytes of requests that are counted as in memory.
    private var countedBytes = 0
    /// Bytes of answers that are not yet written.
    private var unwrittenBytes = 0
    private var lastWrite: Int64 = 0
    private var localHost: String?

    init(
        node: Node, router: RequestRouter, interceptions: Interceptions, cluster: Cluster,
        authentication: ConnectionAuthentication
    ) {
        self.node = node
        self.router = router
        self.interceptions = interceptions
        self.cluster = cluster
        self.authentication = authentication
        assembler = FrameAssembler(limit: Self.frameLimit(authentication, cluster))
    }

    /// The largest frame of a connection: little before it has proved who it is.
    private static func frameLimit(_ authentication: ConnectionAuthentication, _ cluster: Cluster) -> Int {
        cluster.configs.number(
            authentication.isAuthenticated || authentication.listener.sasl == nil
                ? "socket.request.max.bytes" : "sasl.server.max.receive.size")
    }

    func handlerAdded(context: ChannelHandlerContext) {
        self.context = context
        clientHost = context.remoteAddress?.ipAddress ?? ""
        localHost = context.localAddress?.ipAddress
        node.connections[ObjectIdentifier(self)] = self
        timeouts = ConnectionTimeouts(authentication, context.eventLoop) { [weak self] reason in
            guard let self, !isClosed else { return true }
            if case .answering = activity, authentication.isAuthenticated { return false }
            node.logger.info("connection closed", metadata: ["peer": "\(clientHost)", "reason": "\(reason)"])
            close()
            return true
        }
    }

    func channelInactive(context: ChannelHandlerContext) {
        isClosed = true
        self.context = nil
        timeouts?.cancel()
        frames.removeAll()
        held.removeAll()
        leave()
        switch activity {
        case .answering(let call): call.abandon()
        case .waiting(let timer): timer.cancel()
        case .idle, .starting: break
        }
        activity = .idle
        context.fireChannelInactive()
    }

    /// Also of a connection that ended before it was open.
    func handlerRemoved(context: ChannelHandlerContext) {
        timeouts?.cancel()
        leave()
    }

    func channelRead(context: ChannelHandlerContext, data: NIOAny) {
        guard !isClosed else { return }
        if !isTransportReady { transportIsReady(context) }
        var bytes = unwrapInboundIn(data)
        do throws(WireError) {
            while let frame = try assembler.nextFrame(from: &bytes) {
                // A whole request, or a client that sends a byte now and then would stay for ever.
                timeouts?.sawActivity()
                frames.append(frame)
            }
        } catch {
            close(because: .malformed(nil, error))
            return
        }
        countMemory()
        handleFrames()
    }

    func errorCaught(context: ChannelHandlerContext, error: any Error) {
        let reason = ForeignError.words(error)
        node.logger.debug("connection failed", metadata: ["peer": "\(clientHost)", "reason": "\(reason)"])
        context.close(promise: nil)
    }

    func channelWritabilityChanged(context: ChannelHandlerContext) {
        handleFrames()
        context.fireChannelWritabilityChanged()
    }

    /// Reading continues only while there is nothing to handle.
    func read(context: ChannelHandlerContext) {
        if mayRead { context.read() } else { postponeRead() }
    }

    private func postponeRead() {
        wantsRead = true
        if !isClosed, !cluster.requestMemory.mayRead(self) { cluster.requestMemory.wait(self) }
    }

    private var mayRead: Bool {
        // A TLS connection ends with a word from either side.
        if isClosed { return true }
        guard frames.isEmpty, !node.isFrozen, case .idle = activity, cluster.requestMemory.mayRead(self) else {
            return false
        }
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
        isClosed = true
        context?.close(promise: nil)
        // Reading continues, for the sake of TLS.
        context?.read()
    }

    private func transportIsReady(_ context: ChannelHandlerContext) {
        isTransportReady = true
        guard let tls = authentication.listener.tls else { return }
        let certificate = try? context.pipeline.syncOperations.nioSSL_peerCertificate()
        authentication.transportIsReady(tls.principal(of: certificate))
        if authentication.isAuthenticated { timeouts?.isAuthenticated() }
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
            frameSize = 0
            do throws(RequestRefusal) {
                try begin(frame)
            } catch {
                close(because: error)
                return
            }
        }
        countMemory()
        readIfWanted()
    }

    private func readIfWanted() {
        guard wantsRead, mayRead else { return }
        wantsRead = false
        context?.read()
    }

    private func begin(_ frame: ByteBuffer) throws(RequestRefusal) {
        frameSize = frame.readableBytes
        guard !authentication.expectsBareToken else { return take(bareToken: frame) }
        var body = frame
        let header: RequestHeader
        do throws(WireError) {
            header = try RequestHeader.decode(from: &body)
        } catch {
            throw .malformed(nil, error)
        }
        let kind = ConnectionAuthentication.RequestKind(header.apiKey)
        if case .close(let reason) = authentication.admission(of: kind, now: cluster.clock.steadyTime()) {
            throw .unauthenticated(header.apiKey, reason)
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
        RequestContext(
            header: header, node: node, cluster: cluster, clientHost: clientHost, localHost: localHost,
            authentication: authentication, requestSize: frameSize,
            mute: { [weak self] in self?.rest = max($0, self?.rest ?? 0) },
            disconnect: { [weak self] in self?.close() })
    }

    /// A SASL token as the handshake's version 0 has them: a frame of its own, answered by one.
    private func take(bareToken frame: ByteBuffer) {
        let header = RequestHeader(apiKey: .saslAuthenticate, apiVersion: 0, correlationID: 0, clientID: nil)
        do throws(SASLFailure) {
            switch try cluster.take(Array(frame.readableBytesView), requestContext(header)) {
            case .challenge(let bytes), .success(let bytes, _):
                var answer = ByteBuffer(integer: Int32(bytes.count))
                answer.writeBytes(bytes)
                finish([answer])
            case nil: close()
            }
        } catch {
            guard let loop = context?.eventLoop else { return }
            let timer = loop.assumeIsolated().scheduleTask(in: cluster.failedAuthenticationDelay) { [weak self] in
                guard let self else { return }
                close()
            }
            activity = .waiting(timer)
        }
    }

    /// Takes a request's answer (nil for none) and continues with the next request.
    private func finish(_ pieces: [ByteBuffer]?) {
        guard !isClosed else { return }
        activity = .idle
        if timeouts?.isLoginDue == true, authentication.isAuthenticated { login() }
        if let pieces {
            guard !pieces.isEmpty else { return close() }
            if node.isFrozen { held.append(contentsOf: pieces) } else { write(pieces) }
        }
        if rest > 0, let loop = context?.eventLoop {
            let timer = loop.assumeIsolated().scheduleTask(in: .milliseconds(rest)) { [weak self] in
                guard let self, !isClosed else { return }
                activity = .idle
                handleFrames()
            }
            rest = 0
            activity = .waiting(timer)
        }
        handleFrames()
    }

    /// The client has proved who it is.
    private func login() {
        timeouts?.isAuthenticated()
        assembler.limit = Self.frameLimit(authentication, cluster)
    }

    private func write(_ pieces: [ByteBuffer]) {
        guard let context else { return }
        var unmarked = 0
        for (index, piece) in pieces.enumerated() {
            var rest = piece
            repeat {
                // In parts, so that it shows whether the client takes them up.
                guard let part = rest.readSlice(length: min(rest.readableBytes, Self.writeStep)) else { break }
                unmarked += part.readableBytes
                let isLast = index == pieces.count - 1 && rest.readableBytes == 0
                let promise = isLast || unmarked >= Self.writeStep ? marker(of: unmarked, context.eventLoop) : nil
                if promise != nil { unmarked = 0 }
                context.write(wrapOutboundOut(part), promise: promise)
            } while rest.readableBytes > 0
        }
        context.flush()
    }

    private static let writeStep = 1 << 20

    /// Counts bytes of an answer until the promise is kept: they are written then, or the connection is gone.
    private func marker(of bytes: Int, _ loop: any EventLoop) -> EventLoopPromise<Void> {
        if unwrittenBytes == 0 { lastWrite = cluster.clock.steadyTime() }
        unwrittenBytes += bytes
        cluster.answerMemory.add(bytes, of: self)
        let promise = loop.makePromise(of: Void.self)
        promise.futureResult.assumeIsolated().whenComplete { [self] _ in
            unwrittenBytes -= bytes
            lastWrite = cluster.clock.steadyTime()
            cluster.answerMemory.remove(bytes, of: self, isDone: unwrittenBytes == 0)
        }
        return promise
    }

    private func close(because refusal: RequestRefusal) {
        node.logger.warning("connection closed", metadata: ["peer": "\(clientHost)", "reason": "\(refusal)"])
        close()
    }
}

// Memory

extension ConnectionHandler: RequestReader, AnswerWriter {
    var unfinished: UnfinishedRequest? {
        assembler.progress.map { UnfinishedRequest(arrived: $0.arrived, missing: $0.missing) }
    }

    var waitingSince: Int64? { unwrittenBytes > 0 ? lastWrite : nil }

    func mayReadAgain() { readIfWanted() }

    func giveUp(because reason: String) {
        guard !isClosed else { return }
        node.logger.warning("connection closed", metadata: ["peer": "\(clientHost)", "reason": "\(reason)"])
        close()
    }

    /// Counts the request that arrives, those that wait and the one being handled.
    private func countMemory() {
        var bytes = assembler.progress?.arrived ?? 0
        for frame in frames { bytes += frame.readableBytes }
        if case .idle = activity { frameSize = 0 }
        bytes += frameSize
        if isClosed { bytes = 0 }
        let difference = bytes - countedBytes
        countedBytes = bytes
        cluster.requestMemory.change(by: difference, of: self)
        if assembler.progress == nil { cluster.requestMemory.remove(self) }
    }

    /// The connection is gone: nothing of it is counted any more.
    private func leave() {
        guard node.connections.removeValue(forKey: ObjectIdentifier(self)) != nil else { return }
        assembler = FrameAssembler(limit: 0)
        cluster.requestMemory.change(by: -countedBytes, of: self)
        countedBytes = 0
        cluster.requestMemory.remove(self)
        node.connectionLimits.remove(clientHost)
        node.reconsiderConnections()
    }
}
