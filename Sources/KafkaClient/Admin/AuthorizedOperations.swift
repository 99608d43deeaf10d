import KafkaWire

/// Operations that the requesting principal may perform on a resource, as brokers tell since Kafka 2.3 (KIP-430).
public struct AuthorizedOperations: Sendable, Hashable {
    private let bits: Int32

    /// Nil for the number that means "was not asked", which is also what older brokers leave.
    init?(_ bits: Int32) {
        guard bits != .min else { return nil }
        self.bits = bits
    }

    public func allows(_ operation: AccessOperation) -> Bool {
        bits & (1 << Int32(operation.rawValue)) != 0
    }
}

extension ClusterClient {
    /// The operations that we may do on each topic. Topics that we may not even describe are left out.
    ///
    /// - Returns: a topic's operations are nil at a broker that does not tell.
    public func authorizedOperations(
        onTopics names: [String]
    ) async throws(KafkaError) -> [String: AuthorizedOperations?] {
        try await retrying(during: .metadata) { () throws(KafkaError) in
            var request = MetadataRequest()
            request.allowAutoTopicCreation = false
            request.includeTopicAuthorizedOperations = true
            request.topics = names.map { name in
                var topic = MetadataRequest.MetadataRequestTopic()
                topic.name = name
                return topic
            }
            let response = try await self.sendToAnyone(request)
            var found: [String: AuthorizedOperations?] = [:]
            for topic in response.topics where topic.errorCode == .none {
                guard let name = topic.name else { continue }
                found[name] = .some(AuthorizedOperations(topic.topicAuthorizedOperations))
            }
            return found
        }
    }

    /// The operations that we may do on a group, whether it exists or not; nil at a broker that does not tell (before
    /// Kafka 2.3).
    ///
    /// - Throws: GROUP_AUTHORIZATION_FAILED when we may not even describe it.
    public func authorizedOperations(onGroup group: String) async throws(KafkaError) -> AuthorizedOperations? {
        try await retrying(during: .describeGroups, at: .group(group)) { () throws(KafkaError) in
            let connection = try await self.connection(for: .coordinator(group: group), purpose: .admin)
            // Version 6 has an error, and no operations, for a group that does not exist.
            guard let version = connection.versions.version(of: DescribeGroupsRequest.self, within: 3...5) else {
                return nil
            }
            var request = DescribeGroupsRequest()
            request.groups = [group]
            request.includeAuthorizedOperations = true
            let response = try await connection.send(request, version: version)
            var error = self.error(.unexpectedAnswer("it leaves \(group) out"), during: .request(.describeGroups))
            error.group = group
            guard let described = response.groups.first(where: { $0.groupID == group }) else { throw error }
            guard described.errorCode == .none else {
                error.reason = .broker(described.errorCode, message: described.errorMessage)
                throw error
            }
            return AuthorizedOperations(described.authorizedOperations)
        }
    }

    /// The operations that we may do on the cluster as a whole; nil at a broker that does not tell (before Kafka 2.3).
    public func authorizedOperationsOnCluster() async throws(KafkaError) -> AuthorizedOperations? {
        try await retrying(during: .describeCluster) { () throws(KafkaError) in
            let connection = try await self.connection(for: .any, purpose: .admin)
            if connection.versions.version(of: DescribeClusterRequest.self) != nil {
                var request = DescribeClusterRequest()
                request.includeClusterAuthorizedOperations = true
                let response = try await connection.send(request)
                guard response.errorCode == .none else {
                    throw self.error(
                        .broker(response.errorCode, message: response.errorMessage), during: .request(.describeCluster))
                }
                return AuthorizedOperations(response.clusterAuthorizedOperations)
            }
            guard let version = connection.versions.version(of: MetadataRequest.self, within: 8...10) else {
                return nil
            }
            var request = MetadataRequest()
            request.topics = []
            request.allowAutoTopicCreation = false
            request.includeClusterAuthorizedOperations = true
            return AuthorizedOperations(
                try await connection.send(request, version: version).clusterAuthorizedOperations)
        }
    }
}
