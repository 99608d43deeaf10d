import KafkaWire

// FindCoordinator: 0-6.
//
// - Groups (key type 0), from version 4 several at once. The coordinator is the leader of the group's partition of
//   `__consumer_offsets`, which the first such request creates.
// - Transactional ids (key type 1): the leader of the id's partition of `__transaction_state`, likewise.
// - Left out: share groups (2): INVALID_REQUEST.

extension FindCoordinatorRequest: RefusableRequest {
    func refused(_ error: ErrorCode) -> FindCoordinatorResponse {
        var response = FindCoordinatorResponse()
        response.errorCode = error
        response.errorMessage = nil
        response.nodeID = -1
        response.port = -1
        response.coordinators = coordinatorKeys.map { key in
            var coordinator = FindCoordinatorResponse.Coordinator()
            coordinator.key = key
            coordinator.errorCode = error
            coordinator.errorMessage = nil
            coordinator.nodeID = -1
            coordinator.port = -1
            return coordinator
        }
        return response
    }
}

extension Cluster {
    func findCoordinator(_ request: FindCoordinatorRequest, _ context: RequestContext) -> FindCoordinatorResponse {
        var response = FindCoordinatorResponse()
        guard context.version >= 4 else {
            let found = coordinator(of: request.key, type: request.keyType, context)
            response.errorCode = found.errorCode
            response.errorMessage = found.errorMessage
            response.nodeID = found.nodeID
            response.host = found.host
            response.port = found.port
            return response
        }
        response.coordinators = request.coordinatorKeys.map { coordinator(of: $0, type: request.keyType, context) }
        return response
    }

    private func coordinator(
        of key: String, type: Int8, _ context: RequestContext
    ) -> FindCoordinatorResponse.Coordinator {
        var found = FindCoordinatorResponse.Coordinator()
        found.key = key
        found.nodeID = -1
        found.port = -1
        found.errorMessage = nil
        guard type == 0 || type == 1 else {
            found.errorCode = .invalidRequest
            found.errorMessage = "unknown key type \(type)"
            return found
        }
        let topic: Topic
        do throws(AdminRefusal) {
            topic = try type == 0 ? offsetsTopic() : transactionsTopic()
        } catch {
            found.errorCode = .coordinatorNotAvailable
            found.errorMessage = error.message
            return found
        }
        guard let leader = topic.partition(ofKey: key).flatMap({ node($0.leader) }) else {
            found.errorCode = .coordinatorNotAvailable
            return found
        }
        found.nodeID = leader.id
        found.host = advertisedHost(of: leader, context)
        found.port = advertisedPort(of: leader, context)
        return found
    }
}
