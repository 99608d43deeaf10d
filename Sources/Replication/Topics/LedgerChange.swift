package import KafkaClient
package import KafkaWire

/// Something to remember about what we put on the target.
package enum LedgerChange: Hashable, Sendable {
    /// The flow created the copy of this source topic, with these settings.
    case created(source: String, configs: [String: String])
    /// Value that we last set a key to; nil when it is not ours any more.
    case config(source: String, key: String, value: String?)
    /// The same of a group, by its name at the source.
    case groupConfig(source: String, key: String, value: String?)
    /// Time at which a source topic was first missed, in milliseconds since 1970; nil when it is there.
    case missing(source: String, since: Int64?)
    /// Id of the topic that took the place of the one that was copied; nil when it is copied, too.
    case replaced(source: String, by: String?)
    /// The topic was deleted on the target.
    case deleted(source: String)
    case acl(AccessRule, LedgerState.Ownership?)
    case quota(QuotaEntity, key: String, value: Double?)
}

/// Memory of a flow about settings and rules that it put on the target.
package struct LedgerState: Sendable, Equatable {
    package struct Topic: Hashable, Sendable, Codable {
        /// The flow created the target topic.
        package var created = false
        /// Our last value of each key.
        package var configs: [String: String] = [:]
        /// Time at which the source topic was first missed, in milliseconds since 1970.
        package var missingSince: Int64?
        /// Id of the topic that took the source topic's place while policy was to stop: the copy is an earlier topic's.
        package var replacedBy: String?

        package init() {}

        package var isEmpty: Bool { self == Topic() }
    }

    package enum Ownership: String, Hashable, Sendable, Codable {
        /// About to be created: if it is there after a crash, it is ours.
        case pending
        case ours
    }

    /// By source topic.
    package var topics: [String: Topic] = [:]
    /// Our last value of each key of a group, by the group's name at the source.
    package var groups: [ExactName: [String: String]] = [:]
    package var acls: [AccessRule: Ownership] = [:]
    package var quotas: [QuotaEntity: [String: Double]] = [:]

    package init() {}

    package mutating func apply(_ change: LedgerChange) {
        switch change {
        case .created(let source, let configs):
            topics[source, default: Topic()].created = true
            topics[source, default: Topic()].configs.merge(configs) { _, new in new }
        case .config(let source, let key, let value):
            topics[source, default: Topic()].configs[key] = value
        case .groupConfig(let source, let key, let value):
            groups[ExactName(source), default: [:]][key] = value
            if groups[ExactName(source)]?.isEmpty ?? false { groups[ExactName(source)] = nil }
        case .missing(let source, let since):
            topics[source, default: Topic()].missingSince = since
        case .replaced(let source, let id):
            topics[source, default: Topic()].replacedBy = id
        case .deleted(let source):
            topics[source] = nil
        case .acl(let rule, let ownership):
            acls[rule] = ownership
        case .quota(let entity, let key, let value):
            quotas[entity, default: [:]][key] = value
            if quotas[entity]?.isEmpty ?? false { quotas[entity] = nil }
        }
        if case .config(let source, _, _) = change { dropIfEmpty(source) }
        if case .missing(let source, _) = change { dropIfEmpty(source) }
        if case .replaced(let source, _) = change { dropIfEmpty(source) }
    }

    private mutating func dropIfEmpty(_ source: String) {
        if topics[source]?.isEmpty ?? false { topics[source] = nil }
    }
}
