package import BoundedExpressions

/// Source topics that a flow copies, and the names of their copies.
///
/// On top of the user's expressions it never selects internal topics: Kafka's own, MirrorMaker 2's, MSK's,
/// Confluent's and ours. A copy of them would be wrong on another cluster, or a loop.
package struct TopicSelector {
    package let selection: NameSelection
    private static let internalTopics = internalPatterns.compactMap { try? NamePattern($0) }
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
        guard try exclusion(of: topic, isInternal: isInternal) == nil, try selection.selects(topic) else { return nil }
        return naming.targetName(of: topic)
    }

    /// The rule that keeps a topic from being copied although an allow expression matches it, in words; nil where there
    /// is none. Kafka's own topics, and those whose names begin with `__`, are nobody's data.
    package func ruleAgainst(_ topic: String, isInternal: Bool) -> String? {
        guard !isInternal, !topic.hasPrefix("__"), (try? selection.allows(topic)) == true else { return nil }
        if let pattern = try? selection.denial(of: topic) { return "topics.deny has \(pattern.text)" }
        return ((try? exclusion(of: topic, isInternal: isInternal)) ?? nil).map { "never copied: \($0)" }
    }

    /// The rule by which the topic is never copied; nil when the user's expressions decide.
    ///
    /// - Throws: ``UndecidedMatch`` when an expression comes to no answer; the flow does not copy the topic.
    package func exclusion(of topic: String, isInternal: Bool) throws(UndecidedMatch) -> TopicExclusion? {
        if isInternal { return .markedInternal }
        var undecided: UndecidedMatch?
        for rule in Self.internalTopics {
            do throws(UndecidedMatch) {
                if try rule.expression.matches(topic) { return .internalName(rule: rule.text) }
            } catch {
                undecided = error
            }
        }
        if let undecided { throw undecided }
        return naming.hasPassed(targetAlias, topic: topic) ? .loop(alias: targetAlias) : nil
    }

    /// Topics that are never copied although the user means them: he names one, or an expression of his matches such
    /// topics only.
    ///
    /// - Parameter topics: all of the source, and whether the cluster marks them as internal.
    package func excluded(_ topics: [String: Bool]) -> [FlowStatus.ExcludedTopic] {
        var found: [String: FlowStatus.ExcludedTopic] = [:]
        let candidates = topics.compactMap { topic, isInternal in
            ((try? exclusion(of: topic, isInternal: isInternal)) ?? nil).map { (topic: topic, exclusion: $0) }
        }
        let excluded = Set(candidates.map(\.topic))
        for pattern in selection.allow {
            if let name = pattern.literalName {
                guard (try? selection.selects(name)) == true,
                    let rule = (try? exclusion(of: name, isInternal: topics[name] ?? false)) ?? nil
                else { continue }
                found[name] = .init(topic: name, expression: pattern.text, rule)
                continue
            }
            let meant = candidates.filter {
                pattern.matches($0.topic) && (try? selection.selects($0.topic)) == true
            }
            // A pattern that matches everything means no topic in particular.
            guard !meant.isEmpty, !pattern.matches(Self.anyName),
                !topics.keys.contains(where: { !excluded.contains($0) && pattern.matches($0) })
            else { continue }
            for topic in meant where found[topic.topic] == nil {
                found[topic.topic] = .init(topic: topic.topic, expression: pattern.text, topic.exclusion)
            }
        }
        return found.values.sorted { $0.topic < $1.topic }
    }

    /// A name that nobody has in mind.
    private static let anyName = "anything"

    /// The same for those who have been told already of expressions without an answer.
    package func targetName(of topic: String, isInternal: Bool) -> String? {
        (try? target(of: topic, isInternal: isInternal)) ?? nil
    }
}
