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
    /// Reason why nothing is done about its positions; nil when they are looked at.
    package var obstacle: String? { failure ?? notCovered }

    /// Takes in the group that has its name on the target: positions of a share group and of others are kept apart, and
    /// one name has one group.
    ///
    /// - Parameter listed: nil when there is none.
    mutating func meet(_ listed: GroupListing?, at settings: FlowSettings) {
        guard obstacle == nil, let listed, kind != .unknown, listed.kind != .unknown,
            (kind == .share) != (listed.kind == .share)
        else { return }
        failure =
            "it is a \(kind) group, and on \(settings.target.name) \(targetGroup) is a \(listed.kind) group: delete "
            + "that one if it is not needed, or leave the group out with consumerGroups.deny"
    }

    /// Parts of a share group's knowledge that have no place on the target.
    package static let notCarried =
        "it is a share group: its start offsets are carried over. Which records behind them are acknowledged or with "
        + "members, and how often each was delivered, stays at the source: those records are delivered again on the "
        + "target"

    /// - Parameter group: its name on the cluster that refused.
    mutating func fail(
        _ error: KafkaError, group: String, need: AccessOperation, at cluster: ClusterSettings
    ) {
        failure = GroupFailure.text(error, group: group, need: need, at: cluster)
        isOutage = error.isOutage
    }
}
