import KafkaWire

/// Decides who may do what, with the rules of Kafka's `StandardAuthorizer`.
///
/// Super users may do everything. Otherwise a matching DENY wins over every ALLOW; where no ACL is for the resource
/// at all, `allow.everyone.if.no.acl.found` decides.
struct Authorizer {
    private let superUsers: Set<Principal>
    private let isOpenWithoutACLs: Bool
    private var bindings: Set<ACLBinding> = []
    /// The same by what they are for, so that a decision looks at few.
    private var literals: [ACLResourceType: [ExactName: [ACLBinding]]] = [:]
    private var prefixes: [ACLResourceType: [ACLBinding]] = [:]

    init(superUsers: Set<Principal>, isOpenWithoutACLs: Bool) {
        self.superUsers = superUsers
        self.isOpenWithoutACLs = isOpenWithoutACLs
    }

    /// The authorizer that the settings name; nil without one.
    init?(_ configs: ConfigStore) throws(BrokerError) {
        let name = configs.value(of: "authorizer.class.name")?.trimmed ?? ""
        guard !name.isEmpty else { return nil }
        guard Self.classNames.contains(String(name)) else {
            throw .invalidSettings(
                "authorizer.class.name: \"\(name)\" cannot be loaded here; the authorizer of this broker goes by "
                    + Self.classNames[0])
        }
        var superUsers: Set<Principal> = []
        for text in (configs.value(of: "super.users") ?? "").split(separator: ";") where !text.trimmed.isEmpty {
            guard let principal = Principal(parsing: text.trimmed) else {
                throw .invalidSettings("super.users: \"\(text)\" is not Type:name, as in User:admin;User:other")
            }
            superUsers.insert(principal)
        }
        self.init(superUsers: superUsers, isOpenWithoutACLs: configs.flag("allow.everyone.if.no.acl.found"))
    }

    private static let classNames = [
        "org.apache.kafka.metadata.authorizer.StandardAuthorizer", "kafka.security.authorizer.AclAuthorizer",
    ]

    /// In a fixed order.
    var all: [ACLBinding] { bindings.map { ($0.sortKey, $0) }.sorted { $0.0 < $1.0 }.map(\.1) }

    var count: Int { bindings.count }

    func contains(_ binding: ACLBinding) -> Bool { bindings.contains(binding) }

    func matching(_ filter: ACLFilter) -> [ACLBinding] { all.filter(filter.matches) }

    mutating func insert(_ binding: ACLBinding) {
        guard bindings.insert(binding).inserted else { return }
        let pattern = binding.pattern
        switch pattern.patternType {
        case .literal: literals[pattern.type, default: [:]][pattern.name, default: []].append(binding)
        case .prefixed: prefixes[pattern.type, default: []].append(binding)
        }
    }

    mutating func remove(_ binding: ACLBinding) {
        guard bindings.remove(binding) != nil else { return }
        let pattern = binding.pattern
        switch pattern.patternType {
        case .literal: literals[pattern.type]?[pattern.name]?.removeAll { $0 == binding }
        case .prefixed: prefixes[pattern.type]?.removeAll { $0 == binding }
        }
    }

    /// - Parameter host: the client's address.
    func allows(
        _ principal: Principal, from host: String, _ operation: ACLOperation, _ type: ACLResourceType, _ name: String
    ) -> Bool {
        guard !superUsers.contains(principal) else { return true }
        var isCovered = false
        var isAllowed = false
        for binding in candidates(type, name) {
            isCovered = true
            guard binding.concerns(principal, from: host) else { continue }
            switch binding.permission {
            case .deny: if binding.operation == .all || binding.operation == operation { return false }
            case .allow:
                if binding.operation == .all || operation.impliedBy.contains(binding.operation) { isAllowed = true }
            }
        }
        return isAllowed || (!isCovered && isOpenWithoutACLs)
    }

    private func candidates(_ type: ACLResourceType, _ name: String) -> [ACLBinding] {
        let exact = literals[type]?[name] ?? []
        let wildcard = name == ACLPattern.wildcard ? [] : literals[type]?[ACLPattern.wildcard] ?? []
        return exact + wildcard + (prefixes[type] ?? []).filter { $0.pattern.covers(type, name) }
    }

    /// Returns true if there is any resource of a type to which `operation` is allowed
    /// (`Authorizer.authorizeByResourceType`).
    func allowsAny(
        _ principal: Principal, from host: String, _ operation: ACLOperation, _ type: ACLResourceType
    ) -> Bool {
        // As Kafka does: a name nobody has ACLs for stands for what is open to everybody and to super users.
        if allows(principal, from: host, operation, type, "hardcode") { return true }
        let concerning = bindings.filter { $0.pattern.type == type && $0.concerns(principal, from: host) }
        let denied = concerning.filter {
            $0.permission == .deny && ($0.operation == .all || $0.operation == operation)
        }
        return concerning.contains { binding in
            guard binding.permission == .allow,
                binding.operation == .all || operation.impliedBy.contains(binding.operation)
            else { return false }
            return !denied.contains { $0.pattern.covers(everythingOf: binding.pattern) }
        }
    }
}

extension ACLBinding {
    /// Keeps together what is for the same pattern.
    fileprivate var sortKey: String {
        let parts = [
            "\(pattern.type.rawValue)", pattern.name, "\(pattern.patternType.rawValue)", principal, host,
            "\(operation.rawValue)", "\(permission.rawValue)",
        ]
        return parts.joined(separator: "\0")
    }

    fileprivate func concerns(_ principal: Principal, from host: String) -> Bool {
        (self.principal.isExactly(principal.description) || self.principal == Principal.everybody.description)
            && (self.host == ACLPattern.wildcard || self.host == host)
    }
}

extension ACLPattern {
    /// Returns true if no name that `other` is for lies outside of this pattern.
    fileprivate func covers(everythingOf other: ACLPattern) -> Bool {
        let isForAll = patternType == .literal && name == Self.wildcard
        switch (patternType, other.patternType) {
        case (.literal, .literal): return isForAll || name.isExactly(other.name)
        case (.literal, .prefixed): return isForAll
        case (.prefixed, .literal): return other.name != Self.wildcard && other.name.utf8.starts(with: name.utf8)
        case (.prefixed, .prefixed): return other.name.utf8.starts(with: name.utf8)
        }
    }
}
