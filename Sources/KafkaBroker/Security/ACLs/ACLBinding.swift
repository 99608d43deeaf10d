/// Resources that ACLs protect, with the numbers of the protocol.
enum ACLResourceType: Int8, Sendable, CaseIterable {
    case topic = 2
    case group = 3
    case cluster = 4
    case transactionalID = 5
    case delegationToken = 6
    case user = 7

    /// The operations that can be asked of such a resource (`AclEntry.supportedOperations`).
    func operations(in release: BrokerRelease) -> [ACLOperation] {
        switch self {
        // Groups had no settings yet.
        case .group where release < .kafka40: [.read, .describe, .delete]
        case .topic: [.read, .write, .create, .describe, .delete, .alter, .describeConfigs, .alterConfigs]
        case .group: [.read, .describe, .delete, .describeConfigs, .alterConfigs]
        case .cluster:
            [.create, .clusterAction, .describeConfigs, .alterConfigs, .idempotentWrite, .alter, .describe]
        case .transactionalID: [.describe, .write]
        case .delegationToken: [.describe]
        case .user: [.createTokens, .describeTokens]
        }
    }
}

/// Operations on resources, with the numbers of the protocol.
enum ACLOperation: Int8, Sendable, CaseIterable {
    case all = 2
    case read = 3
    case write = 4
    case create = 5
    case delete = 6
    case alter = 7
    case describe = 8
    case clusterAction = 9
    case describeConfigs = 10
    case alterConfigs = 11
    case idempotentWrite = 12
    case createTokens = 13
    case describeTokens = 14

    /// The operations that imply this one when they are allowed. Denying one of them does not deny this one.
    var impliedBy: Set<ACLOperation> {
        switch self {
        case .describe: [.describe, .read, .write, .delete, .alter]
        case .describeConfigs: [.describeConfigs, .alterConfigs]
        default: [self]
        }
    }
}

/// The names an ACL is for.
enum ACLPatternType: Int8, Sendable {
    /// This name, or all names if it is `*`.
    case literal = 3
    /// All names that begin so.
    case prefixed = 4
}

enum ACLPermission: Int8, Sendable {
    case deny = 2
    case allow = 3
}

/// Resources by type and name, as an ACL names them.
struct ACLPattern: Hashable, Sendable {
    let type: ACLResourceType
    @Exact var name: String
    let patternType: ACLPatternType

    static let wildcard = "*"
    /// The only name of the cluster resource.
    static let clusterName = "kafka-cluster"

    func covers(_ type: ACLResourceType, _ resource: String) -> Bool {
        guard type == self.type else { return false }
        switch patternType {
        case .literal: return name.isExactly(resource) || name == Self.wildcard
        case .prefixed: return resource.utf8.starts(with: name.utf8)
        }
    }
}

/// One rule: who may, or may not, do what from where to which resources.
struct ACLBinding: Hashable, Sendable {
    let pattern: ACLPattern
    /// Principal as it was given, `Type:name`.
    @Exact var principal: String
    /// An address, or `*`.
    @Exact var host: String
    let operation: ACLOperation
    let permission: ACLPermission
}
