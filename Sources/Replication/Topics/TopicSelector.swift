package import BoundedExpressions

/// Which source topics a flow copies, and under which name.
///
/// On top of the user's expressions it never selects internal topics: Kafka's own, MirrorMaker 2's, MSK's,
/// Confluent's and ours. A copy of them would be wrong on another cluster, or a loop.
package struct TopicSelector {
    private let selection: NameSelection
    private static let internalTopics = NameSelection(
        allow: internalPatterns.compactMap { try? NamePattern($0) }, deny: [])
    private let naming: TopicNaming
    private let targetAlias: String

    /// MirrorMaker 2's default exclusions (`DefaultTopicFilter`), then those of the services that people replicate
    /// from.
    package static let internalPatterns = [
        #".*[\-\.]internal"#, #".*\.replica"#, "__.*",
        "mm2-(configs|offsets|status)\\..*", "mskr-offset-syncs\\..*", #".*\.heartbeats"#, "heartbeats",
        "_confluent.*", "_redpanda.*", "_schema_encoders",
    ]

    package init(selection: NameSelection, naming: TopicNaming, targetAlias: String) {
        self.selection = selection
        self.naming = naming
        self.targetAlias = targetAlias
    }

    /// The topic's name on the target; nil when the flow does not copy it.
    ///
    /// - Throws: ``UndecidedMatch`` when an expression comes to no answer; the flow does not copy the topic.
    package func target(of topic: String, isInternal: Bool) throws(UndecidedMatch) -> String? {
        guard !isInternal, try !Self.internalTopics.selects(topic), try selection.selects(topic) else { return nil }
        guard !naming.hasPassed(targetAlias, topic: topic) else { return nil }
        return naming.targetName(of: topic)
    }

    /// The same for those who have been told already of expressions without an answer.
    package func targetName(of topic: String, isInternal: Bool) -> String? {
        (try? target(of: topic, isInternal: isInternal)) ?? nil
    }
}
