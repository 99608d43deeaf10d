package import KafkaClient

/// Which consumer groups a flow keeps in step, and what they are called on the target.
package struct GroupSelector {
    private let matcher: NameMatcher
    private let internalGroups: NameMatcher
    private let prefix: String

    /// Groups of replicators and of a service's own health checks: their offsets mean nothing elsewhere.
    private static let internalPatterns = [
        "__replicator.*", ".*__amazon_msk_replicator_.*", #"amazon\.msk\.canary\.group\..*"#,
    ]

    package init(_ settings: FlowSettings) {
        matcher = NameMatcher(settings.consumerGroups)
        internalGroups = NameMatcher(
            NameSelection(allow: Self.internalPatterns.compactMap { try? NamePattern($0) }, deny: []))
        prefix = settings.groupPrefix
    }

    /// The group's name on the target; nil when the flow leaves it alone.
    ///
    /// Only groups of consumers: others, such as Connect's own, commit no offsets of topics. With a prefix those that
    /// carry it already have come from here.
    package func targetName(of group: GroupListing) -> String? {
        guard group.protocolType.isEmpty || group.protocolType == "consumer" else { return nil }
        return targetName(of: group.id)
    }

    package func targetName(of group: String) -> String? {
        guard !internalGroups.selects(group), matcher.selects(group) else { return nil }
        guard prefix.isEmpty || !group.hasPrefix(prefix) else { return nil }
        return prefix + group
    }
}
