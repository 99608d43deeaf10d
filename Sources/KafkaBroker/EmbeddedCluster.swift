import Logging
import NIOCore
import NIOPosix

/// A Kafka-compatible cluster inside this process: N nodes on N ports that other people's clients connect to.
///
/// ```swift
/// let cluster = try await EmbeddedCluster.start(BrokerSettings(nodeCount: 3))
/// // … point any Kafka client at cluster.bootstrapServers …
/// await cluster.shutdown()
/// ```
///
/// The nodes share one event loop, on which all of their state lives, and one storage, so that replicas never lag.
/// Nodes can be stopped, frozen and relieved of leadership, and requests intercepted, while clients are connected.
public final class EmbeddedCluster: Sendable {
    /// The addresses for clients: every node's, separated by commas.
    public let bootstrapServers: String
    /// The cluster's id, as clients see it.
    public let clusterID: String
    /// The ids of the nodes, ascending.
    public let nodeIDs: [Int32]
    /// The port of each node on the first listener, the first node's first.
    public var ports: [Int] { allPorts.first ?? [] }
    /// The ports of the nodes, for each listener.
    private let allPorts: [[Int]]
    private let listeners: [SecuredListener]

    private let loop: any EventLoop
    private let ownedGroup: MultiThreadedEventLoopGroup?
    private let state: NIOLoopBound<Cluster>
    private let router: NIOLoopBound<RequestRouter>
    let interceptions: Interceptions
    /// Nil where everything is kept in memory.
    let disk: DiskFaults?

    private init(
        loop: any EventLoop, ownedGroup: MultiThreadedEventLoopGroup?, state: NIOLoopBound<Cluster>,
        router: NIOLoopBound<RequestRouter>, interceptions: Interceptions, disk: DiskFaults?, clusterID: String,
        nodeIDs: [Int32], listeners: [SecuredListener], allPorts: [[Int]]
    ) {
        self.loop = loop
        self.ownedGroup = ownedGroup
        self.state = state
        self.router = router
        self.interceptions = interceptions
        self.disk = disk
        self.clusterID = clusterID
        self.nodeIDs = nodeIDs
        self.listeners = listeners
        self.allPorts = allPorts
        bootstrapServers = Self.addresses(listeners.first, allPorts.first ?? [])
    }

    /// The addresses for clients of one listener, by its name in `listeners`; nil without such a listener.
    public func bootstrapServers(listener name: String) -> String? {
        guard let listener = listeners.first(where: { $0.name == name.uppercased() }) else { return nil }
        return Self.addresses(listener, allPorts[listener.index])
    }

    private static func addresses(_ listener: SecuredListener?, _ ports: [Int]) -> String {
        let host = listener?.definition.host ?? ""
        let reachable = host == "0.0.0.0" ? "127.0.0.1" : host.contains(":") ? "[\(host)]" : host
        return ports.map { "\(reachable):\($0)" }.joined(separator: ",")
    }

    /// Starts a cluster; returns when all of its nodes listen.
    ///
    /// - Throws: `BrokerError` when the settings do not hold, a port is taken or the data cannot be read.
    public static func start(_ settings: BrokerSettings) async throws -> EmbeddedCluster {
        guard (1...100).contains(settings.nodeCount) else {
            throw BrokerError.invalidSettings("a cluster has 1 to 100 nodes, not \(settings.nodeCount)")
        }
        let ownedGroup = settings.eventLoopGroup == nil ? MultiThreadedEventLoopGroup(numberOfThreads: 1) : nil
        guard let loop = ownedGroup?.next() ?? settings.eventLoopGroup?.next() else {
            throw BrokerError.invalidSettings("the event loop group has no loop")
        }
        do {
            return try await start(settings, on: loop, ownedGroup: ownedGroup)
        } catch {
            try? await ownedGroup?.shutdownGracefully()
            throw error
        }
    }

    private static func start(
        _ settings: BrokerSettings, on loop: any EventLoop, ownedGroup: MultiThreadedEventLoopGroup?
    ) async throws -> EmbeddedCluster {
        let interceptions = Interceptions()
        let (state, router, disk, id, nodeIDs, listeners) = try await loop.submit {
            let cluster = try Cluster(settings, loop: loop.assumeIsolated())
            let bound = NIOLoopBound(cluster, eventLoop: loop)
            let router = NIOLoopBound(cluster.routes(newestVersions: settings.newestVersions), eventLoop: loop)
            return (
                bound, router, cluster.storage.faults, cluster.id, cluster.nodes.map(\.id), cluster.listeners
            )
        }.get()
        var ports: [[Int]] = listeners.map { _ in [] }
        do {
            for (index, id) in nodeIDs.enumerated() {
                for secured in listeners {
                    let listener = Listener(
                        nodeID: id, listener: secured, loop: loop, state: state, router: router,
                        interceptions: interceptions)
                    ports[secured.index].append(try await listener.open(port: secured.definition.port(ofNode: index)))
                }
            }
        } catch {
            for channel in try await loop.submit({ state.value.nodes.flatMap(\.channels) }).get() {
                try? await channel.close()
            }
            // Gives the data directory back, for a start with other ports.
            try? await loop.submit { state.value.close() }.get()
            throw error
        }
        try await loop.submit { state.value.startTimers() }.get()
        settings.logger.info(
            "broker is ready", metadata: ["nodes": "\(settings.nodeCount)", "ports": "\(ports)", "cluster": "\(id)"])
        return EmbeddedCluster(
            loop: loop, ownedGroup: ownedGroup, state: state, router: router, interceptions: interceptions,
            disk: disk, clusterID: id, nodeIDs: nodeIDs, listeners: listeners, allPorts: ports)
    }

    /// Closes all connections, then the logs, flushed. The cluster cannot be used afterwards.
    public func shutdown() async {
        for id in nodeIDs { await closeListener(of: id) }
        await onLoop { $0.close() }
        try? await ownedGroup?.shutdownGracefully()
    }
}

// Access to the state

extension EmbeddedCluster {
    /// Opens a node's ports again, those it had.
    func openListener(of id: Int32) async throws {
        guard let index = nodeIDs.firstIndex(of: id) else { return }
        for secured in listeners {
            let listener = Listener(
                nodeID: id, listener: secured, loop: loop, state: state, router: router, interceptions: interceptions)
            _ = try await listener.open(port: allPorts[secured.index][index])
        }
    }

    /// Closes a node's ports and all connections to it.
    func closeListener(of id: Int32) async {
        let channels = await onLoop { cluster in
            let node = cluster.node(id)
            defer { node?.channels.removeAll() }
            node?.closeConnections()
            return node?.channels ?? []
        }
        for channel in channels { try? await channel.close() }
    }

    /// Runs on the cluster's loop, where its state may be touched.
    func onLoop<Value: Sendable>(_ body: @escaping @Sendable (Cluster) throws -> Value) async throws -> Value {
        try await loop.submit { [state] in try body(state.value) }.get()
    }

    func onLoop<Value: Sendable>(_ body: @escaping @Sendable (Cluster) -> Value) async -> Value {
        await withCheckedContinuation { continuation in
            loop.execute { [state] in continuation.resume(returning: body(state.value)) }
        }
    }
}
