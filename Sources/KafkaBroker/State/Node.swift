import KafkaWire
import Logging
import NIOCore

/// One broker of the cluster: an id, a port per listener, and the connections to it. What it serves belongs to the cluster.
final class Node {
    let id: Int32
    /// Its place among the cluster's nodes, which have one port each from the first one's on.
    let index: Int
    let host: String
    let rack: String?
    /// The port of each of the cluster's listeners, in their order. Fixed by the first start; a stopped node comes back
    /// on the same ports.
    var ports: [Int]
    /// A node that is not live has no listener, leads nothing and is in no ISR.
    var isLive = false
    /// A frozen node accepts connections and says nothing, like a process that was stopped by a signal.
    private(set) var isFrozen = false
    /// The open listeners.
    var channels: [any Channel] = []
    var connections: [ObjectIdentifier: ConnectionHandler] = [:]
    var connectionLimits = ConnectionLimits()
    /// One for each open listener.
    var gates: [ObjectIdentifier: AcceptGate] = [:]
    var fetchSessions = FetchSessionCache()
    let logger: Logger

    /// - Parameter listeners: how many listeners each node of the cluster has.
    init(id: Int32, index: Int, host: String, listeners: Int, rack: String?, logger: Logger) {
        self.id = id
        self.index = index
        self.host = host
        ports = Array(repeating: 0, count: listeners)
        self.rack = rack
        var logger = logger
        logger[metadataKey: "node"] = "\(id)"
        self.logger = logger
    }

    /// Connections came or went: listeners may have to wait, or need not any more.
    func reconsiderConnections() {
        for gate in Array(gates.values) { gate.reconsider() }
    }

    func freeze() {
        isFrozen = true
    }

    func thaw() {
        isFrozen = false
        for connection in Array(connections.values) { connection.resume() }
    }

    func closeConnections() {
        for connection in Array(connections.values) { connection.close() }
    }
}
