internal import KafkaClient
internal import KafkaWire

/// The flows that go the other way, as their progress topics tell. Those lie on our source, which is their target, so
/// they are found there without being configured here, whoever runs them.
///
/// Anybody who may create topics on our source can make one of such a name. One that does not say in its identity that
/// its flow goes from our target to our source is nobody's to us: nothing else is taken from it.
actor OppositeFlows {
    private let source: ClusterClient
    private let ownTopic: String
    private var readers: [String: Reader] = [:]

    fileprivate struct Reader {
        let topicID: KafkaUUID
        let topic: StateTopic
        /// Offset at which the search for the identity continues, as long as none was found that fits.
        var searched: Int64 = 0
        var fits = false
        /// Next offset to read of a flow that fits.
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
        /// The topics that the map is of; zero when unknown.
        var copyTopicID = KafkaUUID.zero
        var originalTopicID = KafkaUUID.zero
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
            var reader =
                readers[topic.name].flatMap { $0.topicID == topic.id ? $0 : nil }
                ?? Reader(topicID: topic.id, topic: StateTopic(topic.name, client: source))
            let isOpposite: @Sendable (FlowIdentity) -> Bool = {
                $0.sourceClusterID == targetID && $0.targetClusterID == sourceID
            }
            if !reader.fits { try await reader.search(isOpposite) }
            if reader.fits { try await reader.read() }
            readers[topic.name] = reader
            guard let identity = reader.flow.identity, isOpposite(identity) else { continue }
            found += partitions(of: reader.flow)
        }
        return found
    }

    private func partitions(of flow: RecordedFlow) -> [Partition] {
        Set(flow.checkpoints.keys).union(flow.checkpointFlaws.keys).compactMap { original in
            guard let name = flow.targetName(of: original.topic) else { return nil }
            // Of a partition whose checkpoint cannot be understood nothing is known: no position in it is translated.
            var partition = Partition(
                copy: TopicPartition(name, original.partition), original: original,
                map: flow.map(of: original) ?? OffsetMap(start: 0))
            if let checkpoint = flow.checkpoints[original] {
                partition.copyTopicID = checkpoint.targetTopicID.flatMap { KafkaUUID(hexadecimal: $0) } ?? .zero
                partition.originalTopicID = KafkaUUID(hexadecimal: checkpoint.sourceTopicID) ?? .zero
            }
            return partition
        }
    }
}

extension OppositeFlows.Reader {
    /// Looks for the identity of a flow that fits, and keeps nothing else.
    fileprivate mutating func search(_ isWanted: @Sendable (FlowIdentity) -> Bool) async throws(KafkaError) {
        var reader = topic.reader(from: searched)
        while let records = try await reader.records() {
            for record in records {
                guard let bytes = record.key, let key = ProgressRecord.Key(bytes) else { continue }
                do {
                    guard case .identity(let identity)? = try ProgressRecord(key: bytes, value: record.value) else {
                        continue
                    }
                    fits = isWanted(identity)
                } catch {
                    // Others are read once the topic is known to be a flow's.
                    if key == .identity { await topic.skip(record, because: "\(error)") }
                }
            }
            searched = reader.next
        }
    }

    fileprivate mutating func read() async throws(KafkaError) {
        next = try await flow.read(topic, from: next)
    }
}
