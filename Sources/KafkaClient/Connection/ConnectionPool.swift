import NIOCore

/// The connections of a client by broker and purpose. Pure bookkeeping: who opens and closes is ``ClusterClient``.
struct ConnectionPool {
    struct Key: Hashable {
        /// Nil is whichever bootstrap server answered.
        var broker: Int32?
        var purpose: ConnectionPurpose
    }

    private var connections: [Key: BrokerConnection] = [:]
    private var openings: [Key: [Promise<BrokerConnection, KafkaError>]] = [:]
    var gates: [HostAndPort: ReconnectGate] = [:]

    /// A connection that can be used now. Broken ones are forgotten on the way. On the event loop only.
    mutating func usable(_ key: Key) -> BrokerConnection? {
        guard let connection = connections[key] else { return nil }
        if connection.handler.value.isOpen { return connection }
        connections[key] = nil
        return nil
    }

    /// The usable connection for the purpose with the fewest requests on their way: a broker that has fallen silent is
    /// asked last.
    mutating func usable(for purpose: ConnectionPurpose) -> BrokerConnection? {
        var least: (connection: BrokerConnection, requests: Int)?
        for key in connections.keys where key.purpose == purpose {
            guard let connection = usable(key) else { continue }
            let requests = connection.handler.value.requestsInFlight
            if requests < least?.requests ?? .max { least = (connection, requests) }
        }
        return least?.connection
    }

    /// Either joins those who wait for a connection that another task is opening, or makes the caller the one to open.
    mutating func joinOpening(_ key: Key) -> Promise<BrokerConnection, KafkaError>? {
        guard openings[key] != nil else {
            openings[key] = []
            return nil
        }
        let slot = Promise<BrokerConnection, KafkaError>()
        openings[key]?.append(slot)
        return slot
    }

    /// Ends an opening, and tells those who waited.
    mutating func opened(_ key: Key, _ result: Result<BrokerConnection, KafkaError>) {
        if case .success(let connection) = result { connections[key] = connection }
        for slot in openings.removeValue(forKey: key) ?? [] { slot.set(result) }
    }

    mutating func removeAll() -> [BrokerConnection] {
        defer { connections = [:] }
        return Array(connections.values)
    }

    /// Connections to brokers that the cluster no longer has, or whose address has changed.
    mutating func removeObsolete(_ brokers: [Int32: BrokerEndpoint]) -> [BrokerConnection] {
        var removed: [BrokerConnection] = []
        for (key, connection) in connections {
            guard let broker = key.broker, brokers[broker]?.address != connection.address else { continue }
            connections[key] = nil
            removed.append(connection)
        }
        return removed
    }
}
