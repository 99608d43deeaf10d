internal import KafkaClient
internal import KafkaWire

/// Reason why a group's positions cannot be read or committed, with the permission that was missing if that is why.
enum GroupFailure {
    /// - Parameters:
    ///   - need: what the flow needs on groups of that cluster: DESCRIBE at the source, READ on the target.
    ///   - cluster: the one that refused.
    static func text(
        _ error: KafkaError, group: String, need: AccessOperation, at cluster: ClusterSettings
    ) -> String {
        guard error.isAuthorization else { return "\(error)" }
        let missing =
            if error.code == .topicAuthorizationFailed, let topic = error.topic {
                MissingPermission(need, on: .topic, topic, of: cluster)
            } else {
                MissingPermission(need, on: .group, group, of: cluster)
            }
        return missing.explanation(of: error)
    }
}

extension GroupFinding {
    /// - Parameter group: its name on the cluster that refused.
    mutating func fail(
        _ error: KafkaError, group: String, need: AccessOperation, at cluster: ClusterSettings
    ) {
        failure = GroupFailure.text(error, group: group, need: need, at: cluster)
        isOutage = error.isOutage
    }
}
