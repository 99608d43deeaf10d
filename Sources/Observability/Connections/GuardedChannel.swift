internal import Hummingbird
internal import HummingbirdCore
internal import Logging
internal import NIOCore
internal import NIOHTTP1
internal import NIOSSL

/// A connection of the HTTP server: counted, with TLS where that is configured, and with bounds on what it may take.
struct GuardedChannel: ServerChildChannel {
    let base: HTTP1Channel
    let gate: ConnectionGate
    let limits: ConnectionLimits
    let access: HTTPAccess

    init(
        responder: @escaping HTTPChannelHandler.Responder, gate: ConnectionGate, limits: ConnectionLimits,
        access: HTTPAccess
    ) {
        base = HTTP1Channel(
            responder: responder,
            configuration: HTTP1Channel.Configuration(
                httpDecoderConfiguration: .init(
                    maxHeaderFieldSize: limits.fieldBytes, maxHeaderListSize: limits.headBytes,
                    maxHeaderFieldCount: limits.fields)))
        self.gate = gate
        self.limits = limits
        self.access = access
    }

    func setup(channel: any Channel, logger: Logger) -> EventLoopFuture<HTTP1Channel.Value> {
        let address = ClientAddress(channel.remoteAddress)
        do throws(ConnectionGate.Refusal) { try gate.admit(address) } catch {
            channel.close(promise: nil)
            return channel.eventLoop.makeFailedFuture(error)
        }
        let gate = gate
        channel.closeFuture.whenComplete { _ in gate.left(address) }

        let limits = limits
        let base = base
        let tls = access.tls
        return channel.eventLoop.makeCompletedFuture {
            if let tls { try channel.pipeline.syncOperations.addHandler(NIOSSLServerHandler(context: tls)) }
            try channel.pipeline.syncOperations.addHandler(ByteWatch())
        }.flatMap {
            base.setup(channel: channel, logger: logger)
        }.flatMapThrowing { value in
            let pipeline = channel.pipeline.syncOperations
            let decoder = try pipeline.handler(type: ByteToMessageHandler<HTTPRequestDecoder>.self)
            try pipeline.addHandler(RequestWatch(limits, gate: gate), position: .after(decoder))
            return value
        }.flatMapErrorThrowing { error in
            // Nobody else would.
            channel.close(promise: nil)
            throw error
        }
    }

    func handle(value: HTTP1Channel.Value, logger: Logger) async {
        await base.handle(value: value, logger: logger)
    }
}
