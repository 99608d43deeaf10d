import KafkaWire
import NIOCore

/// A coordinated object: a group or a transactional id.
public enum Coordinator: Hashable, Sendable {
    case group(String)
    case transaction(String)

    var key: String {
        switch self {
        case .group(let id), .transaction(let id): id
        }
    }

    public static func == (left: Coordinator, right: Coordinator) -> Bool {
        left.keyType == right.keyType && ExactName(left.key) == ExactName(right.key)
    }

    public func hash(into hasher: inout Hasher) {
        hasher.combine(keyType)
        hasher.combine(ExactName(key))
    }

    var keyType: Int8 { if case .group = self { 0 } else { 1 } }
    var group: String? { if case .group(let id) = self { id } else { nil } }
}

extension ClusterClient {
    /// The broker that coordinates a group or transactional id, from memory if it is known.
    public func findCoordinator(_ coordinator: Coordinator) async throws(KafkaError) -> Int32 {
        if let known = coordinators[coordinator] { return known }
        var request = FindCoordinatorRequest()
        request.key = coordinator.key
        request.keyType = coordinator.keyType
        request.coordinatorKeys = [coordinator.key]
        let response = try await sendToAnyone(request)
        let found = try answer(response, for: coordinator)
        // Under its address the broker may already be known; a new one is worth remembering.
        cache.learn(found)
        coordinators[coordinator] = found.id
        return found.id
    }

    /// Forgets a coordinator that said it is not, or no longer answers.
    public func forgetCoordinator(_ coordinator: Coordinator) {
        coordinators[coordinator] = nil
    }

    private func answer(
        _ response: FindCoordinatorResponse, for coordinator: Coordinator
    ) throws(KafkaError) -> BrokerEndpoint {
        var code = response.errorCode
        var message = response.errorMessage
        var endpoint = BrokerEndpoint(
            id: response.nodeID, address: HostAndPort(host: response.host, port: Int(response.port)))
        // From version 4 there is a list, and the fields outside of it are empty.
        if let listed = response.coordinators.first(where: { $0.key == coordinator.key }) {
            code = listed.errorCode
            message = listed.errorMessage
            endpoint = BrokerEndpoint(
                id: listed.nodeID, address: HostAndPort(host: listed.host, port: Int(listed.port)))
        }
        var error = self.error(.broker(code, message: message), during: .request(.findCoordinator))
        error.group = coordinator.group
        guard code == .none else { throw error }
        if let flaw = endpoint.address.flaw {
            error.reason = .unexpectedAnswer(
                "the coordinator for \"\(coordinator.key)\" is said to be at \(endpoint.address): \(flaw)")
            throw error
        }
        return endpoint
    }
}
