import KafkaWire
import Logging
import NIOCore

// A cluster is itself: an empty one behind the address of another would be taken for one whose topics were all deleted.
extension ClusterClient {
    /// Holds the client to the cluster of this id: each new connection is asked for it before anything else is sent.
    public func keep(to clusterID: String) {
        identity = clusterID
        checksConnections = true
    }

    /// Asks every bootstrap server, all at once, which cluster it belongs to: an address that was left over from another
    /// cluster would be used as soon as the others do not answer.
    ///
    /// - Parameter patience: servers that have not answered by then are left out.
    /// - Returns: the servers by the ids that they have told.
    public func clustersOfBootstrapServers(patience: Duration) async -> [String: [HostAndPort]] {
        var found: [String: [HostAndPort]] = [:]
        await withTaskGroup(of: (HostAndPort, String?).self) { group in
            for address in Set(settings.bootstrapServers) {
                group.addTask { (address, await self.clusterID(at: address, patience)) }
            }
            for await (address, id) in group {
                if let id { found[id, default: []].append(address) }
            }
        }
        return found.mapValues { $0.sorted { ($0.host, $0.port) < ($1.host, $1.port) } }
    }

    /// Nil where nobody answers in time, or the cluster has no id.
    private func clusterID(at address: HostAndPort, _ patience: Duration) async -> String? {
        let connection: BrokerConnection
        do throws(KafkaError) {
            connection = try await connector.connect(to: address, broker: nil, within: patience)
        } catch {
            return nil
        }
        defer { connection.handler.value.close(because: .closed) }
        guard let version = try? connection.version(of: MetadataRequest.self, within: 2...13) else { return nil }
        var request = MetadataRequest()
        request.topics = []
        request.allowAutoTopicCreation = false
        let response = try? await connection.send(request, version: version, timeout: patience)
        return response?.clusterID.flatMap { $0.isEmpty ? nil : $0 }
    }

    /// Compares the id in an answer with that of the cluster that answered before.
    ///
    /// - Throws: `.foreignCluster` when they differ. The connections are closed, and nothing of the answer is believed.
    func checkIdentity(_ response: MetadataResponse) throws(KafkaError) {
        guard let found = response.clusterID, !found.isEmpty else { return }
        guard let known = identity, known != found, !settings.mayBecomeAnother else {
            identity = found
            return
        }
        let failure = error(.foreignCluster(known: known, found: found), during: .request(.metadata))
        // Some of them may lead to the other cluster.
        for connection in pool.removeAll() {
            connection.handler.value.close(because: .foreignCluster(known: known, found: found))
        }
        logger.debug("another cluster answers", metadata: ["known": "\(known)", "found": "\(found)"])
        throw failure
    }

    /// Has a broker compare what this client takes it for with what it is, where it offers that (ApiVersions 5, KIP-1242).
    ///
    /// - Returns: whether it has said that it is the one.
    /// - Throws: `REBOOTSTRAP_REQUIRED` where it is another; the bootstrap servers are asked next.
    private func isMeant(
        _ connection: BrokerConnection, _ broker: Int32?, _ address: HostAndPort
    ) async throws(KafkaError) -> Bool {
        guard let broker, let identity, (try? connection.version(of: ApiVersionsRequest.self, within: 5...5)) != nil
        else {
            return false
        }
        var request = ApiVersionsRequest()
        request.clientSoftwareName = settings.identity.name
        request.clientSoftwareVersion = settings.identity.version
        request.clusterID = identity
        request.nodeID = broker
        do throws(KafkaError) {
            let response = try await connection.send(request, version: 5, timeout: settings.connectTimeout)
            guard response.errorCode == .none else {
                throw self.error(.broker(response.errorCode, message: nil), during: .request(.apiVersions))
            }
            return true
        } catch {
            connection.handler.value.close(because: error.reason)
            if error.code == .rebootstrapRequired {
                rebootstrap(because: "broker \(broker) at \(address) is another one than was meant")
            }
            var named = error
            named.broker = BrokerName(id: broker, address: address)
            throw named
        }
    }

    /// Asks a new connection which cluster it leads to, before anything else is sent over it.
    func checkIdentity(
        of connection: BrokerConnection, _ broker: Int32?, _ address: HostAndPort
    ) async throws(KafkaError) {
        if try await isMeant(connection, broker, address) { return }
        // Before Metadata version 2 (Kafka 0.10.1) clusters have no id.
        guard checksConnections, let version = try? connection.version(of: MetadataRequest.self, within: 2...13) else {
            return
        }
        var request = MetadataRequest()
        request.topics = []
        request.allowAutoTopicCreation = false
        do throws(KafkaError) {
            try checkIdentity(try await connection.send(request, version: version, timeout: settings.connectTimeout))
        } catch {
            connection.handler.value.close(because: error.reason)
            guard case .foreignCluster = error.reason else { throw error }
            var named = error
            named.broker = BrokerName(id: broker, address: address)
            throw named
        }
    }
}
