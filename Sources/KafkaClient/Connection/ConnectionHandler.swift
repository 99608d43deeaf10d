import DequeModule
import KafkaWire
import NIOCore
import NIOSSL

/// The end of a connection's pipeline: cuts frames out of what arrives, hands each to whom it belongs, and sees to
/// deadlines. It decides nothing; ``ConnectionState`` does. Everything here happens on the channel's event loop.
final class ConnectionHandler: ChannelInboundHandler {
    typealias InboundIn = ByteBuffer
    typealias OutboundOut = ByteBuffer

    /// Takes the frame that answers a request, from behind the correlation id, or the reason why none will come.
    ///
    /// - Returns: an error when the frame could not be understood.
    typealias Reply = (Result<ByteBuffer, KafkaError.Reason>) -> WireError?

    private var state = ConnectionState<Reply>()
    private var frames: FrameAssembler
    private var context: ChannelHandlerContext?
    /// Requests that wait until the connection has authenticated itself again, in the order of their calls.
    private var held: Deque<(request: ConnectionState<Reply>.Request?, pieces: [ByteBuffer])> = []
    private var isHolding = false
    private var scheduled: Scheduled<Void>?
    private var timer: Scheduled<Void>?
    private var timerDeadline: NIODeadline?
    private var bufferTimer: Scheduled<Void>?
    /// Bytes that were read did not arrive here.
    private var hasLostBytes = false

    /// Memory of frames that no frame came into for so long is given back.
    private static let bufferLifetime: TimeAmount = .seconds(1)

    init(maximumFrameBytes: Int) {
        frames = FrameAssembler(limit: maximumFrameBytes, reusesBuffers: true)
    }

    var isOpen: Bool { state.isOpen && context != nil }
    var closedBecause: KafkaError.Reason? { state.closedBecause }
    var requestsInFlight: Int { state.requestsInFlight + held.count }
    /// The time that the quickest of all answers took; nil before the first.
    private(set) var quickestAnswer: TimeAmount?

    /// Writes a request at once, or as soon as an authentication in progress has ended.
    ///
    /// - Parameter reply: called exactly once, later; nil when the broker will not answer.
    func send(
        _ api: ApiKey, timeout: Duration, isAuthentication: Bool = false, reply: Reply?,
        encode: (_ correlationID: Int32) throws(WireError) -> [ByteBuffer]
    ) throws(KafkaError.Reason) {
        if let cause = state.closedBecause { throw cause }
        guard context != nil else { throw .connection(.closedByBroker) }
        let correlationID = state.takeCorrelationID()
        let pieces: [ByteBuffer]
        do { pieces = try encode(correlationID) } catch { throw .wire(error) }
        let request = reply.map { reply in
            ConnectionState<Reply>.Request(
                correlationID: correlationID, api: api, deadline: .now() + TimeAmount(timeout), timeout: timeout,
                reply: reply)
        }
        if isHolding, !isAuthentication {
            held.append((request, pieces))
        } else {
            write(request, pieces)
        }
    }

    private func write(_ request: ConnectionState<Reply>.Request?, _ pieces: [ByteBuffer]) {
        guard let context else { return }
        if let request {
            state.sent(request)
            arm(for: request.deadline)
        }
        for piece in pieces { context.write(wrapOutboundOut(piece), promise: nil) }
        context.flush()
    }

    /// Closes the connection; requests that are still unanswered fail with `cause`.
    func close(because cause: KafkaError.Reason) {
        fail(state.close(because: cause)) { _ in cause }
    }

    private func fail(
        _ unanswered: Deque<ConnectionState<Reply>.Request>,
        because cause: (ConnectionState<Reply>.Request) -> KafkaError.Reason
    ) {
        timer?.cancel()
        timer = nil
        scheduled?.cancel()
        scheduled = nil
        bufferTimer?.cancel()
        bufferTimer = nil
        let all = unanswered + held.compactMap(\.request)
        held = []
        context?.close(promise: nil)
        for request in all { _ = request.reply(.failure(cause(request))) }
    }

    // Authentication again

    /// Runs `body` when `delay` has passed, unless the connection is closed by then.
    func schedule(in delay: Duration, _ body: @escaping () -> Void) {
        guard let context, state.isOpen else { return }
        scheduled = context.eventLoop.assumeIsolated().scheduleTask(in: TimeAmount(delay)) {
            guard self.state.isOpen else { return }
            body()
        }
    }

    /// Keeps requests other than those of authentication back from now on (KIP-368).
    func holdRequests() {
        isHolding = true
    }

    /// Ends the holding back. The time for an answer begins now: none was possible before.
    func releaseRequests() {
        isHolding = false
        while state.isOpen, let (waiting, pieces) = held.popFirst() {
            var request = waiting
            if let timeout = request?.timeout { request?.deadline = .now() + TimeAmount(timeout) }
            write(request, pieces)
        }
    }

    /// The time that the requests on their way may still take.
    var longestWait: Duration {
        state.latestDeadline.map { max(.zero, Duration($0 - .now())) } ?? .zero
    }

    // Inbound

    func handlerAdded(context: ChannelHandlerContext) {
        self.context = context
    }

    func handlerRemoved(context: ChannelHandlerContext) {
        self.context = nil
        close(because: .connection(.closedByBroker))
    }

    func channelRead(context: ChannelHandlerContext, data: NIOAny) {
        guard !hasLostBytes else {
            return close(because: .connection(.lost("the system announced bytes and then had none")))
        }
        var bytes = unwrapInboundIn(data)
        do {
            while state.isOpen, var frame = try frames.nextFrame(from: &bytes) {
                deliver(try ResponseHeader.decodeCorrelationID(from: &frame), frame)
            }
        } catch {
            close(because: .wire(error))
        }
        frames.giveBack(head: bytes)
        forgetBuffersLater()
    }

    /// The buffer that the socket is read into next: that of the frame which has begun.
    func room() -> ByteBuffer {
        if let room = frames.room() { return room }
        hasLostBytes = true
        return ByteBufferAllocator().buffer(capacity: FrameAssembler.headBytes)
    }

    private func forgetBuffersLater() {
        guard bufferTimer == nil, frames.remembersBuffers, state.isOpen, let context else { return }
        bufferTimer = context.eventLoop.assumeIsolated().scheduleTask(in: Self.bufferLifetime) {
            self.bufferTimer = nil
            self.frames.forgetUnusedBuffers()
            self.forgetBuffersLater()
        }
    }

    func channelInactive(context: ChannelHandlerContext) {
        close(because: .connection(.closedByBroker))
        context.fireChannelInactive()
    }

    func errorCaught(context: ChannelHandlerContext, error: any Error) {
        // A peer that goes away without saying goodbye is, to us, a peer that went away.
        if let tls = error as? NIOSSLError, case .uncleanShutdown = tls { return }
        let certificate = context.presentedCertificate
        close(because: .connection(ConnectionFailure(describing: error, certificate: certificate)))
    }

    private func deliver(_ correlationID: Int32, _ frame: ByteBuffer) {
        if let sentAt = state.oldestSentAt {
            let time = NIODeadline.now() - sentAt
            quickestAnswer = min(quickestAnswer ?? time, time)
        }
        switch state.received(correlationID: correlationID) {
        case .deliver(let reply):
            if let error = reply(.success(frame)) { close(because: .wire(error)) }
        case .poison(let cause):
            close(because: cause)
        }
    }

    // Deadlines

    /// One timer for all requests: it is only moved when a deadline comes before the one that it is set for.
    private func arm(for deadline: NIODeadline) {
        if timer != nil, let timerDeadline, timerDeadline <= deadline { return }
        guard let context else { return }
        timer?.cancel()
        timerDeadline = deadline
        timer = context.eventLoop.assumeIsolated().scheduleTask(deadline: deadline) { self.checkDeadlines() }
    }

    private func checkDeadlines() {
        timer = nil
        guard state.isOpen else { return }
        if let late = state.overdue(at: .now()) {
            expire(late.timeout, late.api)
        } else if let next = state.earliestDeadline {
            arm(for: next)
        }
    }

    /// Answers come in order, so behind one that does not come no other will: the connection has to go.
    private func expire(_ timeout: Duration, _ api: ApiKey) {
        let cause = KafkaError.Reason.connection(.abandoned(because: "\(api) was not answered within \(timeout)"))
        let unanswered = state.close(because: cause)
        let now = NIODeadline.now()
        fail(unanswered) { $0.deadline <= now ? .timedOut(after: $0.timeout) : cause }
    }
}
