internal import KafkaWire

/// One access rule (ACL): who may, or may not, do what to which resources. Numbers are those of the protocol; the sets
/// are open, so that rules of newer brokers survive.
public struct AccessRule: Sendable, Hashable {
    public var resource: ResourceType
    public var pattern: PatternType
    /// The resource's name, or what names start with; `*` as a literal name stands for all.
    public var name: String
    /// Principal such as `User:alice`; `User:*` is everybody.
    public var principal: String
    /// An address, or `*` for any.
    public var host: String
    public var operation: AccessOperation
    public var permission: Permission

    public init(
        _ permission: Permission, _ operation: AccessOperation, on resource: ResourceType, _ name: String,
        pattern: PatternType = .literal, to principal: String, from host: String = "*"
    ) {
        self.resource = resource
        self.pattern = pattern
        self.name = name
        self.principal = principal
        self.host = host
        self.operation = operation
        self.permission = permission
    }

    public static func == (left: AccessRule, right: AccessRule) -> Bool {
        left.resource == right.resource && left.pattern == right.pattern && left.operation == right.operation
            && left.permission == right.permission && ExactName(left.name) == ExactName(right.name)
            && ExactName(left.principal) == ExactName(right.principal) && left.host == right.host
    }

    public func hash(into hasher: inout Hasher) {
        hasher.combine(resource)
        hasher.combine(pattern)
        hasher.combine(ExactName(name))
        hasher.combine(ExactName(principal))
        hasher.combine(host)
        hasher.combine(operation)
        hasher.combine(permission)
    }

    public struct ResourceType: RawRepresentable, Sendable, Hashable {
        public let rawValue: Int8
        public init(rawValue: Int8) { self.rawValue = rawValue }

        public static let any = ResourceType(rawValue: 1)
        public static let topic = ResourceType(rawValue: 2)
        public static let group = ResourceType(rawValue: 3)
        public static let cluster = ResourceType(rawValue: 4)
        public static let transactionalID = ResourceType(rawValue: 5)
    }

    public struct PatternType: RawRepresentable, Sendable, Hashable {
        public let rawValue: Int8
        public init(rawValue: Int8) { self.rawValue = rawValue }

        public static let any = PatternType(rawValue: 1)
        public static let literal = PatternType(rawValue: 3)
        /// Since Kafka 2.0 (KIP-290).
        public static let prefixed = PatternType(rawValue: 4)
    }

    public struct Permission: RawRepresentable, Sendable, Hashable {
        public let rawValue: Int8
        public init(rawValue: Int8) { self.rawValue = rawValue }

        public static let any = Permission(rawValue: 1)
        public static let deny = Permission(rawValue: 2)
        public static let allow = Permission(rawValue: 3)
    }
}

/// Something that a rule allows or forbids. Its number is also its bit in authorized operations (KIP-430).
public struct AccessOperation: RawRepresentable, Sendable, Hashable {
    public let rawValue: Int8
    public init(rawValue: Int8) { self.rawValue = rawValue }

    public static let any = AccessOperation(rawValue: 1)
    public static let all = AccessOperation(rawValue: 2)
    public static let read = AccessOperation(rawValue: 3)
    public static let write = AccessOperation(rawValue: 4)
    public static let create = AccessOperation(rawValue: 5)
    public static let delete = AccessOperation(rawValue: 6)
    public static let alter = AccessOperation(rawValue: 7)
    public static let describe = AccessOperation(rawValue: 8)
    public static let clusterAction = AccessOperation(rawValue: 9)
    public static let describeConfigs = AccessOperation(rawValue: 10)
    public static let alterConfigs = AccessOperation(rawValue: 11)
    public static let idempotentWrite = AccessOperation(rawValue: 12)
}

extension AccessRule: CustomStringConvertible {
    /// `ALLOW READ on TOPIC orders to User:alice`, as a person would say it.
    public var description: String {
        let prefixed = pattern == .prefixed ? " PREFIXED" : ""
        let from = host == "*" ? "" : " from \(host)"
        return "\(permission) \(operation) on \(resource)\(prefixed) \(name) to \(principal)\(from)"
    }
}

extension AccessRule.ResourceType: CustomStringConvertible {
    /// Kafka's name; the number where this version knows none.
    public var description: String {
        let names: [Int8: String] = [
            1: "ANY", 2: "TOPIC", 3: "GROUP", 4: "CLUSTER", 5: "TRANSACTIONAL_ID", 6: "DELEGATION_TOKEN", 7: "USER",
        ]
        return names[rawValue] ?? "\(rawValue)"
    }
}

extension AccessRule.Permission: CustomStringConvertible {
    public var description: String {
        switch self {
        case .allow: "ALLOW"
        case .deny: "DENY"
        default: "\(rawValue)"
        }
    }
}

extension AccessOperation: CustomStringConvertible {
    /// Kafka's name; the number where this version knows none.
    public var description: String {
        let names: [Int8: String] = [
            1: "ANY", 2: "ALL", 3: "READ", 4: "WRITE", 5: "CREATE", 6: "DELETE", 7: "ALTER", 8: "DESCRIBE",
            9: "CLUSTER_ACTION", 10: "DESCRIBE_CONFIGS", 11: "ALTER_CONFIGS", 12: "IDEMPOTENT_WRITE",
            13: "CREATE_TOKENS", 14: "DESCRIBE_TOKENS", 15: "TWO_PHASE_COMMIT",
        ]
        return names[rawValue] ?? "\(rawValue)"
    }
}
