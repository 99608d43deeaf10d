package import KafkaClient
internal import KafkaWire

// Topics that are selected and cannot be copied because of what the source says of them.
extension MetadataObserver {
    /// Selected topics that the source lists with an error, and those that are selected by their very names and hidden
    /// from us: without DESCRIBE a topic is not listed at all.
    package func withheld(_ metadata: ClusterMetadata) async -> [TopicRefusal] {
        var refused: [TopicRefusal] = []
        for topic in metadata.topics.values where topic.error != .none && !topic.isInternal {
            guard let name = targetName(of: topic.name) else { continue }
            refused.append(refusal(topic.name, name, topic.error))
        }
        let unseen = literalNames.filter { metadata.topics[$0] == nil && targetName(of: $0) != nil }
        guard !unseen.isEmpty, let asked = try? await source.metadata(.named(unseen)) else { return refused }
        for topic in unseen where asked.topics[topic]?.error == .topicAuthorizationFailed {
            guard let name = targetName(of: topic) else { continue }
            refused.append(refusal(topic, name, .topicAuthorizationFailed))
        }
        return refused
    }

    private func refusal(_ topic: String, _ targetTopic: String, _ code: ErrorCode) -> TopicRefusal {
        var reason = "\(settings.source.name) answers \(code)"
        if code == .topicAuthorizationFailed {
            let missing = MissingPermission(.describe, on: .topic, topic, of: settings.source)
            reason += ": \(missing); grant it, with READ and DESCRIBE_CONFIGS, with: \(missing.command)"
        }
        return TopicRefusal(
            topic: topic, targetTopic: targetTopic, partitions: 0, reason: reason,
            isPassing: code != .topicAuthorizationFailed)
    }

    private var literalNames: [String] { settings.topics.allow.compactMap(\.literalName) }
}
