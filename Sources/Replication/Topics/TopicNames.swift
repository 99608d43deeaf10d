internal import KafkaClient
internal import KafkaWire
internal import Synchronization

/// Names on the target of topics of the source, decided once for each name.
///
/// Expressions are slow: with ten thousand topics a look at the cluster would cost half a second of computing, every
/// few seconds, to come to what is known already.
final class TopicNames: Sendable {
    fileprivate struct Known {
        let selector: TopicSelector
        var names: [String: String?] = [:]
    }

    private let known: Mutex<Known>

    init(_ settings: FlowSettings) {
        known = Mutex(
            Known(
                selector: TopicSelector(
                    selection: settings.topics, naming: settings.naming, targetAlias: settings.targetAlias)))
    }

    /// The topics that the flow copies, by name.
    func select(_ metadata: ClusterMetadata) -> [SelectedTopic] {
        known.withLock { known in
            // Names of topics that are gone are forgotten with those of the others, before they add up.
            if known.names.count > 2 * metadata.topics.count + 100 { known.names = [:] }
            let selected = metadata.topics.values.compactMap { topic -> SelectedTopic? in
                guard topic.error == .none, !topic.isInternal, let name = known.targetName(of: topic.name) else {
                    return nil
                }
                return SelectedTopic(source: topic, targetName: name)
            }
            return selected.sorted { $0.source.name < $1.source.name }
        }
    }

    /// Name on the target of a topic that is not one of Kafka's own; nil when the flow does not copy it.
    func targetName(of topic: String) -> String? {
        known.withLock { $0.targetName(of: topic) }
    }
}

extension TopicNames.Known {
    fileprivate mutating func targetName(of topic: String) -> String? {
        if let name = names[topic] { return name }
        let name = selector.targetName(of: topic, isInternal: false)
        names.updateValue(name, forKey: topic)
        return name
    }
}
