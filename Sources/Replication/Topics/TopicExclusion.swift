/// Reason why a flow never copies a topic, whatever the user's expressions select.
package enum TopicExclusion: Hashable, Sendable, CustomStringConvertible {
    /// The cluster says that the topic is its own.
    case markedInternal
    /// The name is one of those under which clusters and replicators keep their state.
    case internalName(rule: String)
    /// The name says that the topic has come through the target.
    case loop(alias: String)

    package var description: String {
        switch self {
        case .markedInternal: "the cluster marks it as internal"
        case .internalName(let rule):
            "its name matches \(rule), under which clusters and replicators keep their own state"
        case .loop(let alias):
            "\(alias) in its name says that it came from there: its copy would come back for ever"
        }
    }
}

extension FlowSettings {
    /// The rule by which the flow never copies a topic of that name; nil when its expressions decide.
    package func exclusion(of topic: String) -> TopicExclusion? {
        let selector = TopicSelector(selection: topics, naming: naming, targetAlias: targetAlias)
        return (try? selector.exclusion(of: topic, isInternal: false)) ?? nil
    }
}

extension FlowStatus.ExcludedTopic {
    init(topic: String, expression: String, _ exclusion: TopicExclusion) {
        self.topic = topic
        self.expression = expression
        reason = "never copied: \(exclusion)"
    }

    /// A sentence about it.
    package func sentence(source: String) -> String {
        "topic \(topic) of \(source), which \"\(expression)\" of topics.allow asks for, is \(reason)"
    }
}
