import KafkaWire
import NIOCore

// Addresses, one by one: in ordinary work any one that answers will do.
extension ClusterClient {
    /// Makes a connection to an address and closes it again: name, TCP, TLS, versions and authentication.
    ///
    /// - Returns: the id of the cluster that answers there; nil where it does not tell.
    public func clusterID(at address: HostAndPort) async throws(KafkaError) -> String? {
        let connection = try await connector.connect(to: address, broker: nil)
        defer { connection.handler.value.close(because: .closed) }
        var request = MetadataRequest()
        request.topics = []
        request.allowAutoTopicCreation = false
        let version = try connection.version(of: MetadataRequest.self)
        let response = try await connection.send(request, version: version, timeout: settings.connectTimeout)
        return response.clusterID
    }

    /// Brokers that the cluster advertises and that nobody can reach from here, each with the reason. Only a TCP
    /// connection is made, and closed at once.
    ///
    /// - Parameters:
    ///   - patience: time for each of them, all at once.
    ///   - topics: read by the same question, so that it is one with that of others who need them at this moment.
    public func unreachableBrokers(
        patience: Duration, reading topics: TopicRequest = .none
    ) async throws(KafkaError) -> [KafkaError] {
        let brokers = try await metadata(topics, allowingAge: .seconds(60)).brokers.values.sorted { $0.id < $1.id }
        return await withTaskGroup(of: KafkaError?.self) { tasks in
            for broker in brokers {
                tasks.addTask { [connector, settings] in
                    guard let reason = await connector.obstacle(at: broker.address, patience: patience) else {
                        return nil
                    }
                    return KafkaError(
                        reason, during: .connect, cluster: settings.name,
                        broker: BrokerName(id: broker.id, address: broker.address))
                }
            }
            var errors: [KafkaError] = []
            for await error in tasks { if let error { errors.append(error) } }
            return errors.sorted { ($0.broker?.id ?? 0) < ($1.broker?.id ?? 0) }
        }
    }
}
