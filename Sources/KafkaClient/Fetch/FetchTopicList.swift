import KafkaWire

/// Gathers partitions under their topics, in the order in which topics come up.
struct TopicList<Topic: FetchTopicEntry> {
    private(set) var topics: [Topic] = []
    private var indexes: [String: Int] = [:]
    private var last: (name: String, id: KafkaUUID, index: Int)?

    mutating func add(_ partition: Topic.Partition, of position: FetchPosition) {
        // Changes come in runs of one topic; only a change of topic needs the dictionary.
        if let last, last.id == position.topicID, last.name == position.topic {
            topics[last.index].partitions.append(partition)
            return
        }
        var index = indexes[position.topic]
        if let found = index, topics[found].topicID != position.topicID { index = nil }
        if index == nil {
            var topic = Topic()
            topic.topic = position.topic
            topic.topicID = position.topicID
            topics.append(topic)
            index = topics.count - 1
            indexes[position.topic] = index
        }
        guard let index else { return }
        topics[index].partitions.append(partition)
        last = (position.topic, position.topicID, index)
    }
}

protocol FetchTopicEntry {
    associatedtype Partition
    init()
    var topic: String { get set }
    var topicID: KafkaUUID { get set }
    var partitions: [Partition] { get set }
}

extension FetchRequest.FetchTopic: FetchTopicEntry {}
extension FetchRequest.ForgottenTopic: FetchTopicEntry {}

extension FetchRequest.FetchPartition {
    init(_ position: FetchPosition) {
        self.init()
        partition = position.partition
        currentLeaderEpoch = position.currentLeaderEpoch
        fetchOffset = position.fetchOffset
        lastFetchedEpoch = position.lastFetchedEpoch
        partitionMaxBytes = position.maxBytes
    }
}
