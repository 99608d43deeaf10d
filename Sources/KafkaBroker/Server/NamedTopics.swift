import KafkaWire

/// A request that is about topics, for faults that are meant for one of them.
protocol TopicRequest: KafkaRequest {
    /// The topics that the request names itself: by name, or by id alone.
    var namedTopics: [NamedTopic] { get }
}

/// A topic as a request names it.
struct NamedTopic {
    var name: String?
    var id = KafkaUUID.zero
}

extension Cluster {
    /// The names of the topics that a request is about; those of a fetch session are among them.
    func topicNames(of request: some KafkaRequest, at node: Node) -> Set<String> {
        var topics = (request as? any TopicRequest)?.namedTopics ?? []
        if let fetch = request as? FetchRequest, let session = node.fetchSessions[fetch.sessionID] {
            topics += session.targets.map { NamedTopic(name: $0.key.topic, id: $0.key.topicID) }
        }
        return Set(topics.compactMap { $0.id == .zero ? $0.name : topicsByID[$0.id]?.name })
    }
}

extension ProduceRequest: TopicRequest {
    var namedTopics: [NamedTopic] { topicData.map { NamedTopic(name: $0.name, id: $0.topicID) } }
}

extension FetchRequest: TopicRequest {
    var namedTopics: [NamedTopic] { topics.map { NamedTopic(name: $0.topic, id: $0.topicID) } }
}

extension ListOffsetsRequest: TopicRequest {
    var namedTopics: [NamedTopic] { topics.map { NamedTopic(name: $0.name) } }
}

extension OffsetForLeaderEpochRequest: TopicRequest {
    var namedTopics: [NamedTopic] { topics.map { NamedTopic(name: $0.topic) } }
}

extension MetadataRequest: TopicRequest {
    var namedTopics: [NamedTopic] { (topics ?? []).map { NamedTopic(name: $0.name, id: $0.topicID) } }
}

extension CreateTopicsRequest: TopicRequest {
    var namedTopics: [NamedTopic] { topics.map { NamedTopic(name: $0.name) } }
}

extension CreatePartitionsRequest: TopicRequest {
    var namedTopics: [NamedTopic] { topics.map { NamedTopic(name: $0.name) } }
}

extension DeleteTopicsRequest: TopicRequest {
    var namedTopics: [NamedTopic] {
        topics.map { NamedTopic(name: $0.name, id: $0.topicID) } + topicNames.map { NamedTopic(name: $0) }
    }
}

extension DeleteRecordsRequest: TopicRequest {
    var namedTopics: [NamedTopic] { topics.map { NamedTopic(name: $0.name) } }
}

extension OffsetCommitRequest: TopicRequest {
    var namedTopics: [NamedTopic] { topics.map { NamedTopic(name: $0.name, id: $0.topicID) } }
}

extension DescribeProducersRequest: TopicRequest {
    var namedTopics: [NamedTopic] { topics.map { NamedTopic(name: $0.name) } }
}

extension AddPartitionsToTxnRequest: TopicRequest {
    var namedTopics: [NamedTopic] {
        (transactions.flatMap(\.topics) + v3AndBelowTopics).map { NamedTopic(name: $0.name) }
    }
}

extension TxnOffsetCommitRequest: TopicRequest {
    var namedTopics: [NamedTopic] { topics.map { NamedTopic(name: $0.name) } }
}

extension AlterShareGroupOffsetsRequest: TopicRequest {
    var namedTopics: [NamedTopic] { topics.map { NamedTopic(name: $0.topicName) } }
}

extension DeleteShareGroupOffsetsRequest: TopicRequest {
    var namedTopics: [NamedTopic] { topics.map { NamedTopic(name: $0.topicName) } }
}
