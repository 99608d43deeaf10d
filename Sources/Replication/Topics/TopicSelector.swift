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

    /// The rule that keeps a topic from being copied although an allow expression matches it, in words; nil where there
    /// is none. Kafka's own topics, and those whose names begin with `__`, are nobody's data.
    package func exclusion(of topic: String, isInternal: Bool) -> String? {
        guard !isInternal, !topic.hasPrefix("__"), (try? selection.allows(topic)) == true else { return nil }
        if let pattern = try? selection.denial(of: topic) { return "topics.deny has \(pattern.text)" }
        if let pattern = try? Self.internalTopics.allowing(topic) {
            return "names that match \(pattern.text) are those of replicators and services, and are never copied"
        }
        guard naming.hasPassed(targetAlias, topic: topic) else { return nil }
        return "its name says that it has come through \(targetAlias)"
    }

    /// The same for those who have been told already of expressions without an answer.
    package func targetName(of topic: String, isInternal: Bool) -> String? {
        (try? target(of: topic, isInternal: isInternal)) ?? nil
    }
}
