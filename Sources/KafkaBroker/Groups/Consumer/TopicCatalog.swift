package import KafkaWire

/// A topic as a group sees it.
package struct TopicShape: Hashable, Sendable {
    package let name: String
    package let id: KafkaUUID
    package let partitions: Int32

    package init(name: String, id: KafkaUUID, partitions: Int32) {
        self.name = name
        self.id = id
        self.partitions = partitions
    }
}

/// Topics that there are at the time.
package protocol TopicCatalog {
    /// Changes with every topic that comes, grows or goes.
    var version: UInt64 { get }
    func topic(named name: String) -> TopicShape?
    func topic(withID id: KafkaUUID) -> TopicShape?
    /// Names that the member who asks may see, which are those that its expression can match.
    var visibleNames: [String] { get }
}

/// Circumstances of a step of a consumer group.
package struct ConsumerGroupContext {
    package struct Settings: Sendable {
        package var sessionTimeout: Int64 = 45_000
        package var heartbeatInterval: Int32 = 5_000
        package var maxSize = Int.max
        /// The first one is the default.
        package var assignors = ServerAssignor.allCases

        package init() {}
    }

    package var settings: Settings
    package var topics: any TopicCatalog
    /// Milliseconds of any steady clock.
    package var now: Int64

    package init(settings: Settings, topics: any TopicCatalog, now: Int64) {
        self.settings = settings
        self.topics = topics
        self.now = now
    }
}

extension PartitionMap {
    /// Topics that there are no more are left out.
    init(_ named: [(topic: String, partitions: [Int32])], _ topics: any TopicCatalog) {
        self.init()
        for (name, partitions) in named {
            guard let topic = topics.topic(named: name) else { continue }
            insert(topic.id, partitions)
        }
    }

    func named(_ topics: any TopicCatalog) -> [(topic: String, partitions: [Int32])] {
        sorted.compactMap { id, partitions in topics.topic(withID: id).map { ($0.name, partitions) } }
    }
}
