import KafkaWire
import Logging
import NIOCore

extension ClusterClient {
    /// The connection to a broker for a purpose: the open one, or a new one.
    ///
    /// After a failure the broker is not tried again before its back-off has passed; the call waits for that long.
    /// - Throws: when the broker is not in the metadata, even after asking again, or cannot be reached.
    public func connection(
        to broker: Int32, purpose: ConnectionPurpose
    ) async throws(KafkaError) -> BrokerConnection {
        let key = ConnectionPool.Key(broker: broker, purpose: purpose)
        if let connection = pool.usable(key) { return connection }
        if cache.snapshot.brokers[broker] == nil { _ = try await metadata(.none) }
        guard let endpoint = cache.snapshot.brokers[broker] else {
            throw error(.connection(.unknownBroker(broker)), during: .connect)
        }
        return try await open(key, at: endpoint.address)
    }

    func connection(
        for target: BrokerTarget, purpose: ConnectionPurpose
    ) async throws(KafkaError) -> BrokerConnection {
        switch target {
        case .any:
            return try await anyConnection(purpose)
        case .broker(let id):
            return try await connection(to: id, purpose: purpose)
        case .controller:
            let metadata = try await metadata(.none, allowingAge: .seconds(300))
            guard let controller = metadata.controllerID else {
                throw error(.connection(.nobodyInCharge("controller")), during: .connect)
            }
            // librdkafka's mock cluster names a controller that is none of its brokers: then any will have to do.
            guard metadata.brokers[controller] != nil else { return try await anyConnection(purpose) }
            return try await connection(to: controller, purpose: purpose)
        case .coordinator(let group):
            return try await connection(to: try await findCoordinator(.group(group)), purpose: purpose)
        case .transactionCoordinator(let id):
            return try await connection(to: try await findCoordinator(.transaction(id)), purpose: purpose)
        }
    }

    /// A connection to any broker that can be reached: an open one, a known broker, a bootstrap server, in this order.
    private func anyConnection(_ purpose: ConnectionPurpose) async throws(KafkaError) -> BrokerConnection {
        if let connection = pool.usable(for: purpose) { return connection }
        var errors: [KafkaError] = []
        for candidate in candidates(purpose) {
            do {
                return try await open(candidate.key, at: candidate.address)
            } catch {
                guard error.reason != .closed, error.reason != .cancelled else { throw error }
                errors.append(error)
            }
        }
        // A failure that is the same everywhere, such as a wrong password, is reported alone.
        if let first = errors.first, errors.allSatisfy({ $0.reason == first.reason }) { throw first }
        let reasons = errors.map { "\($0.broker.map { "\($0)" } ?? "?"): \($0.reasonText)" }
        throw error(.connection(.noBrokerReachable(reasons)), during: .connect)
    }

    /// Known brokers, then bootstrap servers, each in random order, those that may be tried at once first.
    private func candidates(_ purpose: ConnectionPurpose) -> [(key: ConnectionPool.Key, address: HostAndPort)] {
        let now = NIODeadline.now()
        let known = cache.snapshot.brokers.values.sorted { $0.id < $1.id }
        let brokers = shuffled(known).map { (ConnectionPool.Key(broker: $0.id, purpose: purpose), $0.address) }
        let bootstrap = shuffled(settings.bootstrapServers)
            .filter { server in !known.contains { $0.address == server } }
            .map { (ConnectionPool.Key(broker: nil, purpose: purpose), $0) }
        let all = brokers + bootstrap
        let isReady = { (address: HostAndPort) in (self.pool.gates[address]?.wait(at: now) ?? .zero) == .zero }
        return all.filter { isReady($0.1) } + all.filter { !isReady($0.1) }
    }

    /// Opens a connection, or waits for the task that is opening the same.
    private func open(
        _ key: ConnectionPool.Key, at address: HostAndPort
    ) async throws(KafkaError) -> BrokerConnection {
        while true {
            guard !isClosed else { throw error(.closed, during: .connect) }
            if let connection = pool.usable(key) { return connection }
            guard let opening = pool.joinOpening(key) else { break }
            do throws(KafkaError) {
                return try await opening.value(cancelled: error(.cancelled, during: .connect))
            } catch  where error.reason == .cancelled && !Task.isCancelled {
                // The task that was opening gave up for a reason of its own.
                continue
            }
        }
        let result: Result<BrokerConnection, KafkaError>
        do throws(KafkaError) {
            result = .success(try await openUncoordinated(key, at: address))
        } catch {
            result = .failure(error)
        }
        pool.opened(key, result)
        return try result.get()
    }

    private func openUncoordinated(
        _ key: ConnectionPool.Key, at address: HostAndPort
    ) async throws(KafkaError) -> BrokerConnection {
        try await pause(pool.gates[address]?.wait(at: .now()) ?? .zero, during: .connect)
        do throws(KafkaError) {
            let connection = try await connector.connect(to: address, broker: key.broker)
            guard !isClosed else {
                connection.handler.value.close(because: .closed)
                throw error(.closed, during: .connect)
            }
            try await checkIdentity(of: connection, key.broker, address)
            pool.gates[address] = nil
            return connection
        } catch {
            if error.reason != .cancelled, error.reason != .closed {
                var gate = pool.gates[address] ?? ReconnectGate()
                gate.failed(at: .now(), backoff: settings.reconnectBackoff, using: &random)
                pool.gates[address] = gate
                logger.debug(
                    "cannot connect",
                    metadata: [
                        "broker": "\(BrokerName(id: key.broker, address: address))", "reason": "\(error)",
                        "failures": "\(gate.failures)",
                    ])
            }
            throw error
        }
    }

    private func shuffled<Element>(_ elements: [Element]) -> [Element] {
        var order = elements
        for index in order.indices.dropFirst().reversed() {
            order.swapAt(index, Int(random.next(upperBound: UInt(index + 1))))
        }
        return order
    }
}
