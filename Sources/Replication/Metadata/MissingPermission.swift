package import KafkaClient
internal import KafkaWire
internal import PlainText

/// A permission that a cluster did not give us, and the command that gives it.
package struct MissingPermission: Hashable, Sendable, CustomStringConvertible {
    package var cluster: String
    private let toolOptions: String
    package var principal: String
    package var operation: AccessOperation
    package var resource: AccessRule.ResourceType
    /// The resource's name; without meaning for the cluster.
    package var name: String
    package var pattern = AccessRule.PatternType.literal

    package init(
        _ operation: AccessOperation, on resource: AccessRule.ResourceType, _ name: String = "",
        pattern: AccessRule.PatternType = .literal, of cluster: ClusterSettings
    ) {
        self.cluster = cluster.name
        toolOptions = cluster.toolOptions
        principal = Self.principal(of: cluster)
        self.operation = operation
        self.resource = resource
        self.name = name
        self.pattern = pattern
    }

    /// Our principal at the cluster, as far as the settings tell.
    package static func principal(of cluster: ClusterSettings) -> String {
        if cluster.security.protocol.usesSASL, let sasl = cluster.security.sasl {
            switch sasl {
            case .password(_, let username, _): return "User:\(username)"
            case .oauthBearer: return "User:<subject of the token>"
            case .awsMSKIAM: return "User:<ARN of the role>"
            }
        }
        if cluster.security.tls?.certificateFile != nil { return "User:<subject of the client certificate>" }
        return "User:ANONYMOUS"
    }

    package var description: String {
        let prefixed = pattern == .prefixed ? " PREFIXED" : ""
        let on = resource == .cluster ? "the cluster" : "\(resource)\(prefixed) \(name)"
        return "\(principal) lacks \(operation) on \(on) of \(cluster)"
    }

    /// A refusal for lack of this permission, and what mends it.
    func explanation(of error: KafkaError) -> String {
        "\(error.code.map { "\($0)" } ?? "not authorized"): \(self); grant it with: \(command)"
    }

    /// Command for an administrator of the cluster.
    package var command: String { command(giving: [operation], on: [name]) }

    /// The same for several operations on several resources at once: the permission itself, and others like it.
    package func command(giving operations: [AccessOperation], on names: [String]) -> String {
        let given = operations.map { "--operation \(Self.word($0))" }.joined(separator: " ")
        let pattern = pattern == .prefixed ? " --resource-pattern-type prefixed" : ""
        return "kafka-acls.sh \(toolOptions) --add --allow-principal \(principal.shellQuoted) "
            + "\(given) \(names.map(option).joined(separator: " "))\(pattern)"
    }

    private func option(_ name: String) -> String {
        switch resource {
        case .topic: "--topic \(name.shellQuoted)"
        case .group: "--group \(name.shellQuoted)"
        case .transactionalID: "--transactional-id \(name.shellQuoted)"
        default: "--cluster"
        }
    }

    /// Command that shows the permissions given to us, where a cluster does not tell us itself.
    package static func listing(of cluster: ClusterSettings) -> String {
        "kafka-acls.sh \(cluster.toolOptions) --list --principal \(principal(of: cluster).shellQuoted)"
    }

    /// `DESCRIBE_CONFIGS` is `DescribeConfigs` to the tool.
    private static func word(_ operation: AccessOperation) -> String {
        "\(operation)".split(separator: "_").map { $0.prefix(1) + $0.dropFirst().lowercased() }.joined()
    }
}

extension KafkaError {
    /// True if the cluster refused for lack of permission.
    package var isAuthorization: Bool {
        code == .topicAuthorizationFailed || code == .groupAuthorizationFailed || code == .clusterAuthorizationFailed
            || code == .transactionalIDAuthorizationFailed
    }

    /// True if the cluster lacks the function, whoever asks.
    package var isNotOffered: Bool {
        if case .unsupported = reason { return true }
        return code == .unsupportedVersion || code == .securityDisabled
    }
}
