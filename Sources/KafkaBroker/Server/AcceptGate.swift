import Logging
import NIOCore

#if canImport(Glibc)
import Glibc
#elseif canImport(Musl)
import Musl
#elseif canImport(Darwin)
import Darwin
#endif

/// Stops taking connections from a listener's queue while there may be no more of them, and while the process cannot
/// open another file; both end by themselves.
///
/// As in Kafka those who come meanwhile wait in the system's queue.
final class AcceptGate: ChannelInboundHandler {
    typealias InboundIn = any Channel

    private let node: Node
    private let cluster: Cluster
    private var context: ChannelHandlerContext?
    private var isPaused = false
    private var retry: Scheduled<Void>?
    /// Said once, until a connection could be taken again.
    private var hasSaidWhy = false

    private static let retryDelay = TimeAmount.milliseconds(500)

    init(node: Node, cluster: Cluster) {
        self.node = node
        self.cluster = cluster
    }

    func handlerAdded(context: ChannelHandlerContext) {
        self.context = context
        node.gates[ObjectIdentifier(self)] = self
    }

    func handlerRemoved(context: ChannelHandlerContext) {
        self.context = nil
        retry?.cancel()
        node.gates[ObjectIdentifier(self)] = nil
    }

    func channelRead(context: ChannelHandlerContext, data: NIOAny) {
        hasSaidWhy = false
        context.fireChannelRead(data)
    }

    func channelReadComplete(context: ChannelHandlerContext) {
        reconsider()
        context.fireChannelReadComplete()
    }

    func errorCaught(context: ChannelHandlerContext, error: any Error) {
        guard let error = error as? IOError, [EMFILE, ENFILE, ENOBUFS, ENOMEM].contains(error.errnoCode) else {
            return context.fireErrorCaught(error)
        }
        // The listener stays readable: asking again at once would only keep the thread busy.
        say("the system has no room for another: \(String(cString: strerror(error.errnoCode)))")
        setPaused(true)
        retry?.cancel()
        retry = context.eventLoop.assumeIsolated().scheduleTask(in: Self.retryDelay) { [weak self] in
            self?.retry = nil
            self?.reconsider()
        }
    }

    /// A connection came or went, or a limit was changed.
    func reconsider() {
        guard retry == nil else { return }
        let reason = cluster.reasonToRefuseConnections(at: node)
        if let reason { say(reason) }
        setPaused(reason != nil)
    }

    private func say(_ reason: String) {
        guard !hasSaidWhy else { return }
        hasSaidWhy = true
        node.logger.warning("no more connections are accepted for now", metadata: ["reason": "\(reason)"])
    }

    private func setPaused(_ paused: Bool) {
        guard paused != isPaused, let channel = context?.channel else { return }
        isPaused = paused
        try? channel.syncOptions?.setOption(.autoRead, value: !paused)
    }
}

extension Cluster {
    /// Nil while a node may take another connection.
    func reasonToRefuseConnections(at node: Node) -> String? {
        let limit = configs.number("max.connections", node: node.id)
        if node.connections.count >= limit { return "there are \(limit), as many as max.connections allows" }
        let all = nodes.reduce(0) { $0 + $1.connections.count }
        guard all >= Self.mostConnections else { return nil }
        return "there are \(all), and the logs need what is left of the files that this process may open"
    }

    /// Three quarters of what the process may open: logs that cannot open their files would go offline.
    private static var mostConnections: Int {
        var limit = rlimit()
        #if canImport(Darwin)
        let isKnown = getrlimit(RLIMIT_NOFILE, &limit) == 0
        #else
        let isKnown = getrlimit(__rlimit_resource_t(RLIMIT_NOFILE.rawValue), &limit) == 0
        #endif
        guard isKnown else { return .max }
        return Int(clamping: limit.rlim_cur / 4 * 3)
    }
}
