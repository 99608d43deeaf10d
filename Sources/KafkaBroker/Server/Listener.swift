import ForeignErrors
import KafkaWire
import Logging
import NIOCore
import NIOPosix
import NIOSSL

/// Opens a node's ports, one for each of the cluster's listeners.
struct Listener: Sendable {
    let nodeID: Int32
    let listener: SecuredListener
    let loop: any EventLoop
    let state: NIOLoopBound<Cluster>
    let router: NIOLoopBound<RequestRouter>
    let interceptions: Interceptions

    /// Listens, and tells the node where.
    ///
    /// - Returns: the port, which the system chose if `port` is 0.
    func open(port: Int) async throws(BrokerError) -> Int {
        let host = listener.definition.host
        let bootstrap = ServerBootstrap(group: loop)
            .serverChannelOption(.backlog, value: 1024)
            .serverChannelOption(.socketOption(.so_reuseaddr), value: 1)
            // One at a time, so that a limit on connections holds to the last.
            .serverChannelOption(.maxMessagesPerRead, value: 1)
            .serverChannelInitializer { [nodeID, state] channel in
                channel.eventLoop.makeCompletedFuture {
                    guard let node = state.value.node(nodeID) else { return }
                    let gate = AcceptGate(node: node, cluster: state.value)
                    try channel.pipeline.syncOperations.addHandler(gate)
                }
            }
            .childChannelOption(.tcpOption(.tcp_nodelay), value: 1)
            .childChannelOption(
                .recvAllocator, value: AdaptiveRecvByteBufferAllocator(minimum: 1024, initial: 16_384, maximum: 1 << 16)
            )
            .childChannelOption(.writeBufferWaterMark, value: .init(low: 256 << 10, high: 1 << 20))
            .childChannelInitializer { [self] channel in
                channel.eventLoop.makeCompletedFuture { try accept(channel) }
            }
        do {
            let channel = try await bootstrap.bind(host: host, port: port).get()
            let bound = channel.localAddress?.port ?? port
            try await loop.submit { [nodeID, listener, state] in
                state.value.node(nodeID)?.channels.append(channel)
                state.value.node(nodeID)?.ports[listener.index] = bound
            }.get()
            return bound
        } catch {
            throw .cannotListen(host: host, port: port, reason: Self.reason(error))
        }
    }

    private func accept(_ channel: any Channel) throws {
        let cluster = state.value
        guard let node = cluster.node(nodeID) else { return }
        let host = channel.remoteAddress?.ipAddress ?? ""
        if let refusal = node.connectionLimits.add(host, cluster.configs, node: nodeID) {
            node.logger.info("connection closed", metadata: ["peer": "\(host)", "reason": "\(refusal)"])
            channel.close(promise: nil)
            return
        }
        if let tls = listener.tls {
            try channel.pipeline.syncOperations.addHandler(NIOSSLServerHandler(context: tls.context))
        }
        let handler = ConnectionHandler(
            node: node, router: router.value, interceptions: interceptions, cluster: cluster,
            authentication: ConnectionAuthentication(listener))
        try channel.pipeline.syncOperations.addHandler(handler)
    }

    private static func reason(_ error: any Error) -> String {
        guard let error = error as? IOError else { return ForeignError.words(error) }
        switch error.errnoCode {
        case EADDRINUSE: return "the port is in use"
        case EACCES: return "not permitted"
        case EADDRNOTAVAIL: return "this machine does not have that address"
        default: return ForeignError.words(error)
        }
    }
}
