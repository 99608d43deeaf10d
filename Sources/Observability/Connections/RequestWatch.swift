internal import NIOCore
internal import NIOHTTP1

/// Something has been read from a connection. The decoder of requests tells only of whole headers.
private struct BytesCame {}

/// Tells the handlers behind it that bytes have come. Its place is in front of the decoder, and behind TLS.
final class ByteWatch: ChannelInboundHandler {
    typealias InboundIn = ByteBuffer

    func channelRead(context: ChannelHandlerContext, data: NIOAny) {
        context.fireUserInboundEventTriggered(BytesCame())
        context.fireChannelRead(data)
    }
}

/// Closes a connection whose client takes longer, or sends a longer body, than it may. Its place is behind the decoder.
final class RequestWatch: ChannelDuplexHandler {
    typealias InboundIn = HTTPServerRequestPart
    typealias OutboundIn = HTTPServerResponsePart

    private let limits: ConnectionLimits
    private let gate: ConnectionGate
    private var phase: RequestPhase
    private var bodyBytes = 0
    private var alarm: Scheduled<Void>?
    /// Set when the server ends.
    private var leave: Scheduled<Void>?

    init(_ limits: ConnectionLimits, gate: ConnectionGate) {
        self.limits = limits
        self.gate = gate
        phase = RequestPhase(limits, at: .now())
    }

    func handlerAdded(context: ChannelHandlerContext) { awaitDeadline(context) }

    func handlerRemoved(context: ChannelHandlerContext) {
        alarm?.cancel()
        alarm = nil
        leave?.cancel()
    }

    /// One alarm at a time, set again when it rings early: most deadlines move before they are reached.
    private func awaitDeadline(_ context: ChannelHandlerContext) {
        let bound = NIOLoopBound((handler: self, context: context), eventLoop: context.eventLoop)
        alarm = context.eventLoop.scheduleTask(deadline: phase.deadline) {
            let (handler, context) = bound.value
            guard handler.alarm != nil else { return }
            if handler.phase.deadline <= .now() {
                handler.alarm = nil
                context.close(promise: nil)
            } else {
                handler.awaitDeadline(context)
            }
        }
    }

    /// Shorter deadlines than the one that is waited for ring first.
    private func update(_ context: ChannelHandlerContext, _ change: (inout RequestPhase) -> Void) {
        let before = phase.deadline
        change(&phase)
        guard phase.deadline < before, alarm != nil else { return }
        alarm?.cancel()
        awaitDeadline(context)
    }

    func userInboundEventTriggered(context: ChannelHandlerContext, event: Any) {
        if event is BytesCame { return update(context) { $0.bytesCame(at: .now()) } }
        if event is ChannelShouldQuiesceEvent {
            // The process ends: it does not wait for clients that do not read.
            let bound = NIOLoopBound(context, eventLoop: context.eventLoop)
            leave?.cancel()
            leave = context.eventLoop.scheduleTask(in: limits.body) { bound.value.close(promise: nil) }
        }
        context.fireUserInboundEventTriggered(event)
    }

    func channelRead(context: ChannelHandlerContext, data: NIOAny) {
        switch unwrapInboundIn(data) {
        case .head:
            bodyBytes = 0
            update(context) { $0.headCame(at: .now()) }
        case .body(let bytes):
            bodyBytes += bytes.readableBytes
            guard bodyBytes <= limits.bodyBytes else { return context.close(promise: nil) }
        case .end: update(context) { $0.endCame(at: .now()) }
        }
        context.fireChannelRead(data)
    }

    func write(context: ChannelHandlerContext, data: NIOAny, promise: EventLoopPromise<Void>?) {
        switch unwrapOutboundIn(data) {
        case .head: context.write(data, promise: promise)
        case .body(let part):
            let gate = gate
            let bytes = part.readableBytes
            gate.answering(bytes: bytes)
            let written = promise ?? context.eventLoop.makePromise()
            written.futureResult.whenComplete { _ in gate.answering(bytes: -bytes) }
            context.write(data, promise: written)
        case .end:
            let bound = NIOLoopBound((handler: self, context: context), eventLoop: context.eventLoop)
            let written = promise ?? context.eventLoop.makePromise()
            written.futureResult.whenSuccess {
                let (handler, context) = bound.value
                handler.update(context) { $0.answered(at: .now()) }
            }
            context.write(data, promise: written)
        }
    }
}
