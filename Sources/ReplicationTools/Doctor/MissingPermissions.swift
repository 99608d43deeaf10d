internal import KafkaClient
internal import Replication

/// One thing that the flow has to be allowed to do, lacking on any number of topics or groups: one finding, and one
/// command that mends it.
struct MissingPermissions {
    /// Operations that are lacking, each on all of the resources.
    let operations: [AccessOperation]
    let resource: AccessRule.ResourceType
    let names: [String]
    let cluster: ClusterSettings
    /// The beginning that the names have in common by design, such as the alias in front of copies: rules with it cover
    /// later ones too.
    var prefix: String?

    /// Names in one command; for more than these a rule for their common beginning, or for all, is proposed.
    private static let named = 20
    private static let shown = 5

    /// Nil when nothing is lacking.
    func finding(_ severity: Finding.Severity, why: String, or alternative: String = "") -> Finding? {
        guard let first = names.first, let operation = operations.first else { return nil }
        let one = MissingPermission(operation, on: resource, resource == .cluster ? "" : first, of: cluster)
        let isOne = names.count == 1 && operations.count == 1
        return Finding(
            severity, "permissions", names.count == 1 && resource != .cluster ? first : cluster.name,
            isOne ? "\(one)" : summary(one.principal), why: why, remedy: command(one) + alternative)
    }

    private func summary(_ principal: String) -> String {
        let what = operations.map { "\($0)" }.joined(separator: ", ")
        let more = names.count > Self.shown ? " and \(names.count - Self.shown) more" : ""
        let listed = names.prefix(Self.shown).joined(separator: ", ") + more
        let on = resource == .cluster ? "the cluster" : names.count == 1 ? "\(resource) \(listed)" : listed
        return "\(principal) lacks \(what) on \(on) of \(cluster.name)"
    }

    private func command(_ one: MissingPermission) -> String {
        if let prefix = prefix ?? sharedBeginning {
            var prefixed = one
            prefixed.pattern = .prefixed
            return prefixed.command(giving: operations, on: [prefix])
        }
        return one.command(giving: operations, on: names.count > Self.named ? ["*"] : names)
    }

    /// The beginning that too many names to list have in common, so that not all that there is has to be given; nil
    /// where there is none.
    private var sharedBeginning: String? {
        guard names.count > Self.named, var shared = names.first else { return nil }
        for name in names { shared = String(zip(shared, name).prefix { $0 == $1 }.map(\.0)) }
        return shared.isEmpty ? nil : shared
    }
}
