package import KafkaClient
internal import KafkaWire
internal import PlainText

/// Selected source topics that are not the ones that the flow has copied: deleted and created again under the same
/// name, while policy is to stop. Nothing of them concerns the copies of the earlier ones.
package struct ReplacedTopics: Sendable {
    package struct Replacement: Hashable, Sendable {
        /// Ids as 32 hexadecimal digits.
        package let formerID: String
        package let presentID: String
        /// The partitions that were copied of the earlier topic and that the present one has, too.
        package let partitions: Set<Int32>
        /// The copy's name.
        package let targetName: String
    }

    private var byName: [String: Replacement] = [:]

    package init() {}

    /// - Parameter checkpoints: as the flow has recorded them.
    package init(
        among selected: [SelectedTopic], checkpoints: [TopicPartition: Checkpoint], policies: FlowPolicies
    ) {
        guard policies.recreated == .stop, !checkpoints.isEmpty else { return }
        for topic in selected where topic.source.id != .zero {
            byName[topic.source.name] = Self.replacement(of: topic, checkpoints)
        }
    }

    /// Nil as soon as one partition is known to be copied of the present topic.
    private static func replacement(
        of topic: SelectedTopic, _ checkpoints: [TopicPartition: Checkpoint]
    ) -> Replacement? {
        let presentID = topic.source.id.hexadecimal
        var formerID: String?
        var partitions: Set<Int32> = []
        for number in topic.source.partitions.keys {
            guard let checkpoint = checkpoints[TopicPartition(topic.source.name, number)],
                checkpoint.sourceTopicID != KafkaUUID.zero.hexadecimal
            else { continue }
            guard checkpoint.sourceTopicID != presentID else { return nil }
            formerID = checkpoint.sourceTopicID
            partitions.insert(number)
        }
        return formerID.map {
            Replacement(formerID: $0, presentID: presentID, partitions: partitions, targetName: topic.targetName)
        }
    }

    package subscript(source: String) -> Replacement? { byName[source] }

    package var isEmpty: Bool { byName.isEmpty }

    /// Names of the copies.
    package var copies: Set<String> { Set(byName.values.map(\.targetName)) }

    package var all: [(source: String, replacement: Replacement)] {
        byName.sorted { $0.key < $1.key }.map { ($0.key, $0.value) }
    }
}

extension ReplacedTopics.Replacement {
    /// Explanation for people of why nothing of the present topic is copied.
    package func explanation(source: String, cluster: String) -> String {
        // People know ids as Kafka's tools print them.
        let (former, present) = (KafkaUUID(hexadecimal: formerID), KafkaUUID(hexadecimal: presentID))
        return "\(source) of \(cluster) was deleted and created again (its id was "
            + "\(former.map { "\($0)" } ?? formerID.printable()), now it is \(present.map { "\($0)" } ?? presentID)): "
            + "\(targetName) holds copies of the earlier topic, and stays as it is with its settings, partitions, "
            + "access rules and group offsets. With policies: {recreated: continue} the new topic is copied behind them; "
            + "or give the flow another name for the new topic, or take it out with topics.deny"
    }
}
