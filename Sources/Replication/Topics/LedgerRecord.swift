internal import FoundationEssentials
internal import KafkaClient
internal import KafkaWire
internal import NIOCore

/// Form of the ledger in the flow's progress topic: readable keys, JSON values, a tombstone for what is forgotten.
///
/// Keys are `config/<source topic>`, `groupConfig/<source group>`, `acl/<rule>` and `quota/<entity>`. What an `acl` or
/// `quota` record is about is in its value too, so that nothing has to be read out of a key.
enum LedgerRecord {
    private struct AclValue: Codable {
        var resource: Int8
        var pattern: Int8
        var name: String
        var principal: String
        var host: String
        var operation: Int8
        var permission: Int8
        var state: LedgerState.Ownership
    }

    private struct GroupValue: Codable {
        var configs: [String: String]
    }

    private struct QuotaValue: Codable {
        var entity: [String: String?]
        var quotas: [String: Double]
    }

    /// The records that tell of everything that differs between two states.
    static func records(from old: LedgerState, to new: LedgerState, timestamp: Int64) throws -> [Record] {
        var records: [Record] = []
        func add(_ key: String, _ value: (any Encodable)?) throws {
            records.append(
                Record(
                    offset: 0, timestamp: timestamp, key: ByteBuffer(string: key), value: try value.map(json),
                    headers: []))
        }
        for topic in changed(old.topics, new.topics).sorted() { try add("config/\(topic)", new.topics[topic]) }
        for group in changed(old.groups, new.groups).sorted(by: { $0.text < $1.text }) {
            try add("groupConfig/\(group.text)", new.groups[group].map { GroupValue(configs: $0) })
        }
        for rule in changed(old.acls, new.acls).sorted(by: { $0.description < $1.description }) {
            let value = new.acls[rule].map { state in
                AclValue(
                    resource: rule.resource.rawValue, pattern: rule.pattern.rawValue, name: rule.name,
                    principal: rule.principal, host: rule.host, operation: rule.operation.rawValue,
                    permission: rule.permission.rawValue, state: state)
            }
            try add("acl/\(rule)", value)
        }
        for entity in changed(old.quotas, new.quotas).sorted(by: { $0.description < $1.description }) {
            let value = new.quotas[entity].map { QuotaValue(entity: entity.parts, quotas: $0) }
            try add("quota/\(entity)", value)
        }
        return records
    }

    /// Takes in one record of the progress topic; those that are not the ledger's are left alone.
    static func take(
        _ record: Record, into state: inout LedgerState, acls: inout [ExactName: AccessRule],
        quotas: inout [ExactName: QuotaEntity]
    ) throws {
        guard let key = record.key.map({ String(buffer: $0) }) else { return }
        if let topic = key.without(prefix: "config/") {
            let known = try record.value.map { try StateCheck.decode(LedgerState.Topic.self, from: $0) }
            // After some time the copy of a topic that is missing is deleted, if so configured.
            try StateCheck.offset(known?.missingSince ?? 0, "the time since which it is missing")
            state.topics[topic] = known
        } else if let group = key.without(prefix: "groupConfig/") {
            state.groups[ExactName(group)] = try record.value.map {
                try StateCheck.decode(GroupValue.self, from: $0).configs
            }
        } else if key.hasPrefix("acl/") {
            guard let json = record.value else {
                if let rule = acls.removeValue(forKey: ExactName(key)) { state.acls[rule] = nil }
                return
            }
            let value = try StateCheck.decode(AclValue.self, from: json)
            let rule = AccessRule(
                AccessRule.Permission(rawValue: value.permission), AccessOperation(rawValue: value.operation),
                on: AccessRule.ResourceType(rawValue: value.resource), value.name,
                pattern: AccessRule.PatternType(rawValue: value.pattern), to: value.principal, from: value.host)
            acls[ExactName(key)] = rule
            state.acls[rule] = value.state
        } else if key.hasPrefix("quota/") {
            guard let json = record.value else {
                if let entity = quotas.removeValue(forKey: ExactName(key)) { state.quotas[entity] = nil }
                return
            }
            let value = try StateCheck.decode(QuotaValue.self, from: json)
            let entity = QuotaEntity(value.entity)
            quotas[ExactName(key)] = entity
            state.quotas[entity] = value.quotas
        }
    }

    private static func changed<Key, Value: Equatable>(_ old: [Key: Value], _ new: [Key: Value]) -> [Key] {
        Set(old.keys).union(new.keys).filter { old[$0] != new[$0] }
    }

    private static func json(_ value: any Encodable) throws -> ByteBuffer {
        let encoder = JSONEncoder()
        encoder.outputFormatting = [.sortedKeys, .withoutEscapingSlashes]
        return ByteBuffer(bytes: try encoder.encode(value))
    }
}

extension String {
    fileprivate func without(prefix: String) -> String? {
        hasPrefix(prefix) ? String(dropFirst(prefix.count)) : nil
    }
}
