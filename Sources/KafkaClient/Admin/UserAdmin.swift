import KafkaWire

/// A way in which a user can authenticate with SCRAM. The protocol tells of nothing secret: neither salt nor key.
public struct ScramCredential: Sendable, Hashable {
    public enum Mechanism: String, Sendable, Hashable {
        case sha256 = "SCRAM-SHA-256"
        case sha512 = "SCRAM-SHA-512"
    }

    /// Nil for a mechanism that this version does not know.
    public var mechanism: Mechanism?
    public var iterations: Int32
}

extension ClusterClient {
    /// The users that have SCRAM credentials (Kafka 2.7, KIP-554).
    ///
    /// - Throws: CLUSTER_AUTHORIZATION_FAILED without DESCRIBE on the cluster.
    public func scramUsers() async throws(KafkaError) -> [String: [ScramCredential]] {
        try await retrying(during: .describeUserScramCredentials) { () throws(KafkaError) in
            var request = DescribeUserScramCredentialsRequest()
            request.users = nil
            let response = try await self.send(request, to: .controller)
            guard response.errorCode == .none else {
                throw self.error(
                    .broker(response.errorCode, message: response.errorMessage),
                    during: .request(.describeUserScramCredentials))
            }
            var users: [String: [ScramCredential]] = [:]
            for user in response.results where user.errorCode == .none {
                users[user.user] = user.credentialInfos.map { info in
                    let mechanism: ScramCredential.Mechanism? =
                        switch info.mechanism {
                        case 1: .sha256
                        case 2: .sha512
                        default: nil
                        }
                    return ScramCredential(mechanism: mechanism, iterations: info.iterations)
                }
            }
            return users
        }
    }
}
