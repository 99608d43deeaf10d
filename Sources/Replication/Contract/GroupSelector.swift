package import BoundedExpressions
package import KafkaClient

/// Consumer groups that a flow keeps in step, and their names on the target.
package struct GroupSelector {
    private let selection: NameSelection
    private let prefix: String

    /// Groups of replicators and of a service's own health checks: their offsets mean nothing elsewhere.
    private static let internalPatterns = [
        "__replicator.*", ".*__amazon_msk_replicator_.*", #"amazon\.msk\.canary\.group\..*"#,
    ]

    private static let internalGroups = NameSelection(
        allow: internalPatterns.compactMap { try? NamePattern($0) }, deny: [])

    package init(_ settings: FlowSettings) {
        selection = settings.consumerGroups
        prefix = settings.groupPrefix
    }

    /// The group's name on the target; nil when the flow leaves it alone.
    ///
    /// Only groups that have positions in topics: consumers of either protocol, Kafka Streams by its own (KIP-1071),
    /// and share groups (KIP-932). Others, such as Connect's own, have none. With a prefix those that carry it already
    /// have come from here.
    ///
    /// - Throws: ``UndecidedMatch`` when an expression comes to no answer; the flow leaves the group alone.
    package func target(of group: GroupListing) throws(UndecidedMatch) -> String? {
        guard ["", "consumer", "streams", "share"].contains(group.protocolType) else { return nil }
        return try target(of: group.id)
    }

    package func target(of group: String) throws(UndecidedMatch) -> String? {
        guard try !Self.internalGroups.selects(group), try selection.selects(group) else { return nil }
        guard prefix.isEmpty || !group.hasPrefix(prefix) else { return nil }
        return prefix + group
    }

    /// The same for those who have been told already of expressions without an answer.
    package func targetName(of group: String) -> String? { (try? target(of: group)) ?? nil }
}
