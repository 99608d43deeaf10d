package import KafkaClient

/// One change that keeping metadata in step makes on the target.
package enum SyncAction: Hashable, Sendable {
    /// - Parameter source: the source topic that it is a copy of.
    case createTopic(NewTopic, source: String)
    case addPartitions(topic: String, from: Int32, to: Int32)
    /// - Parameter source: the topic that is gone.
    case deleteTopic(topic: String, source: String)
    case changeConfig(ConfigChangePlan)
    case createAcl(AccessRule)
    case deleteAcl(AccessRule)
    case changeQuota(QuotaEntity, key: String, from: Double?, to: Double?)
}

/// A setting of a topic or a group that becomes another; `to` nil goes back to what the target's brokers say.
package struct ConfigChangePlan: Hashable, Sendable {
    /// The topic or group on the target.
    package var resource: ConfigResource
    /// The name of the one on the source that it follows.
    package var source: String
    package var key: String
    package var from: String?
    package var to: String?
    /// The source's brokers say so, not the topic: a default that differs between the clusters.
    package var isPin: Bool

    package init(
        of resource: ConfigResource, source: String, key: String, from: String?, to: String?, isPin: Bool = false
    ) {
        self.resource = resource
        self.source = source
        self.key = key
        self.from = from
        self.to = to
        self.isPin = isPin
    }
}

extension SyncAction {
    /// Kind of thing that is changed.
    package enum Kind: String, Sendable, CaseIterable, Codable {
        case topic, partitions, config, groupConfig, acl, quota
    }

    package enum Change: String, Sendable, Codable {
        case create, change, remove
    }

    package var kind: Kind {
        switch self {
        case .createTopic, .deleteTopic: .topic
        case .addPartitions: .partitions
        case .changeConfig(let plan): if case .group = plan.resource { .groupConfig } else { .config }
        case .createAcl, .deleteAcl: .acl
        case .changeQuota: .quota
        }
    }

    package var change: Change {
        switch self {
        case .createTopic, .createAcl: .create
        case .deleteTopic, .deleteAcl: .remove
        case .addPartitions: .change
        case .changeConfig(let plan): plan.from == nil ? .create : plan.to == nil ? .remove : .change
        case .changeQuota(_, _, let from, let to): from == nil ? .create : to == nil ? .remove : .change
        }
    }

    /// Thing that is changed: a topic, a topic's key, a rule, an entity's quota.
    package var subject: String {
        switch self {
        case .createTopic(let topic, _): topic.name
        case .addPartitions(let topic, _, _), .deleteTopic(let topic, _): topic
        case .changeConfig(let plan): "\(plan.resource.name) \(plan.key)"
        case .createAcl(let rule), .deleteAcl(let rule): "\(rule)"
        case .changeQuota(let entity, let key, _, _): "\(entity) \(key)"
        }
    }

    /// Present value; nil for none.
    package var before: String? {
        switch self {
        case .createTopic, .createAcl: nil
        case .addPartitions(_, let from, _): "\(from)"
        case .deleteTopic, .deleteAcl: "there"
        case .changeConfig(let plan): plan.from
        case .changeQuota(_, _, let from, _): from.map(Self.number)
        }
    }

    /// Value after the change; nil for none.
    package var after: String? {
        switch self {
        case .createTopic(let topic, _):
            "partitions \(topic.partitions), replication factor "
                + (topic.replicationFactor < 0 ? "as the brokers say" : "\(topic.replicationFactor)")
                + topic.configs.sorted { $0.key < $1.key }.map { ", \($0.key)=\($0.value)" }.joined()
        case .addPartitions(_, _, let to): "\(to)"
        case .deleteTopic, .deleteAcl: nil
        case .changeConfig(let plan): plan.to.map { plan.isPin ? "\($0) (as in effect at the source)" : $0 }
        case .createAcl: "there"
        case .changeQuota(_, _, _, let to): to.map(Self.number)
        }
    }

    private static func number(_ value: Double) -> String {
        value == value.rounded() && abs(value) < 1e15 ? "\(Int64(value))" : "\(value)"
    }
}
