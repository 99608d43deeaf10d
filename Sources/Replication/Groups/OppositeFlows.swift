internal import KafkaClient
internal import KafkaWire

/// The flows that go the other way, as their progress topics tell. Those lie on our source, which is their target, so
/// they are found there without being configured here, whoever runs them.
actor OppositeFlows {
    private let source: ClusterClient
    private let ownTopic: String
    private var readers: [String: Reader] = [:]

    private struct Reader {
        let topicID: KafkaUUID
        let topic: StateTopic
        var next: Int64 = 0
        var flow = RecordedFlow()
    }

    /// - Parameter flow: the flow on whose behalf is asked.
    init(source: ClusterClient, flow: String) {
        self.source = source
        ownTopic = ProgressTopic.name(flow: flow)
    }

    /// A partition that an opposite flow writes on our source, where it reads it on our target, and its map.
    struct Partition: Sendable {
        let copy: TopicPartition
        let original: TopicPartition
        let map: OffsetMap
    }

    /// Reads what has been recorded since the last time.
    ///
    /// - Parameters:
    ///   - sourceID: cluster id of our source.
    ///   - targetID: cluster id of our target.
    func partitions(sourceID: String, targetID: String) async throws(KafkaError) -> [Partition] {
        let metadata = try await source.metadata(.all)
        let topics = metadata.topics.values.filter {
            ProgressTopic.flow(of: $0.name) != nil && $0.name != ownTopic && !$0.partitions.isEmpty
        }
        for gone in Set(readers.keys).subtracting(topics.map(\.name)) { readers[gone] = nil }
        var found: [Partition] = []
        for topic in topics {
            let reader = try await read(topic)
            guard let identity = reader.flow.identity, identity.sourceClusterID == targetID,
                identity.targetClusterID == sourceID
            else { continue }
            found += partitions(of: reader.flow)
        }
        return found
    }

    private func read(_ topic: TopicMetadata) async throws(KafkaError) -> Reader {
        var reader =
            readers[topic.name].flatMap { $0.topicID == topic.id ? $0 : nil }
            ?? Reader(topicID: topic.id, topic: StateTopic(topic.name, client: source))
        let read = try await reader.topic.read(from: reader.next)
        reader.next = read.next
        do {
            for record in read.records { try reader.flow.take(record) }
        } catch {
            throw KafkaError(
                .unexpectedAnswer("the progress of another flow cannot be read: \(error)"), during: .request(.fetch),
                cluster: source.settings.name, topic: topic.name, partition: 0)
        }
        readers[topic.name] = reader
        return reader
    }

    private func partitions(of flow: RecordedFlow) -> [Partition] {
        flow.checkpoints.keys.compactMap { original in
            guard let name = flow.targetName(of: original.topic), let map = flow.map(of: original) else { return nil }
            return Partition(copy: TopicPartition(name, original.partition), original: original, map: map)
        }
    }
}
