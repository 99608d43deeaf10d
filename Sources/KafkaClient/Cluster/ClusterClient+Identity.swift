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

    /// Asks a new connection which cluster it leads to, before anything else is sent over it.
    func checkIdentity(
        of connection: BrokerConnection, _ broker: Int32?, _ address: HostAndPort
    ) async throws(KafkaError) {
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
