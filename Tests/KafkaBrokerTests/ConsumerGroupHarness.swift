import KafkaBroker
import KafkaWire
import NIOCore

/// Topics as a test has them.
struct TestCatalog: TopicCatalog {
    private(set) var version: UInt64 = 0
    private var topics: [String: TopicShape] = [:]
    private var lastID: UInt64 = 0
    var hidden: Set<String> = []

    init(_ topics: [String: Int32] = [:]) {
        for (name, partitions) in topics.sorted(by: { $0.key < $1.key }) { set(name, partitions) }
    }

    /// Creates a topic or lets it grow.
    mutating func set(_ name: String, _ partitions: Int32) {
        lastID += 1
        let id = topics[name]?.id ?? KafkaUUID(high: 7, low: lastID)
        topics[name] = TopicShape(name: name, id: id, partitions: partitions)
        version += 1
    }

    mutating func remove(_ name: String) {
        topics[name] = nil
        version += 1
    }

    func topic(named name: String) -> TopicShape? { topics[name] }
    func topic(withID id: KafkaUUID) -> TopicShape? { topics.values.first { $0.id == id } }
    var visibleNames: [String] { topics.keys.filter { !hidden.contains($0) } }
    func id(_ name: String) -> KafkaUUID { topics[name]?.id ?? .zero }
    var all: [TopicShape] { Array(topics.values) }
}

/// A client of the consumer protocol, as far as a group sees it: it lets partitions go when it is told to, and says so
/// with its next heartbeat.
struct TestClient {
    let id: String
    var instanceID: String?
    var names: [String]?
    var expression: String?
    var epoch: Int32 = 0
    var owned = PartitionMap()
    var assignor: String?

    func request(isFull: Bool) -> ConsumerGroupHeartbeatRequest {
        var request = ConsumerGroupHeartbeatRequest()
        request.groupID = "g"
        request.memberID = id
        request.memberEpoch = epoch
        request.instanceID = instanceID
        request.topicPartitions = epoch == 0 ? [] : owned.requested
        guard epoch == 0 || isFull else { return request }
        request.rebalanceTimeoutMs = 60_000
        request.subscribedTopicNames = names ?? (expression == nil ? [] : nil)
        request.subscribedTopicRegex = expression
        request.serverAssignor = assignor
        return request
    }
}

extension PartitionMap {
    var requested: [ConsumerGroupHeartbeatRequest.TopicPartitions] {
        sorted.map { id, partitions in
            var topic = ConsumerGroupHeartbeatRequest.TopicPartitions()
            topic.topicID = id
            topic.partitions = partitions
            return topic
        }
    }

    init(_ assignment: ConsumerGroupHeartbeatResponse.Assignment) {
        self.init()
        for topic in assignment.topicPartitions { insert(topic.topicID, topic.partitions) }
    }
}

/// Drives a group, and keeps what it would have written.
struct ConsumerGroupDriver {
    var group = ConsumerGroup(id: "g")
    var topics: TestCatalog
    var settings = ConsumerGroupContext.Settings()
    var now: Int64 = 0
    var clients: [String: TestClient] = [:]
    private(set) var written = StoredConsumerGroup()

    init(_ topics: [String: Int32] = ["t": 6]) { self.topics = TestCatalog(topics) }

    var context: ConsumerGroupContext { ConsumerGroupContext(settings: settings, topics: topics, now: now) }

    /// Writes what is to be written.
    mutating func write() throws {
        for change in group.unwritten {
            let (key, value) = try change.encoded()
            try written.apply(key, value)
        }
        group.hasWritten()
    }

    /// The group as it is read back after a restart.
    func restored() -> ConsumerGroup { ConsumerGroup(id: "g", restoring: written) }

    mutating func send(
        _ request: ConsumerGroupHeartbeatRequest
    ) throws(AdminRefusal) -> ConsumerGroupHeartbeatResponse {
        try group.heartbeat(request, from: .init(id: "client", host: "/host", proposedMemberID: "new"), context)
    }

    /// A client joins, or sends a heartbeat with everything in it.
    mutating func beat(_ id: String, isFull: Bool = false) throws {
        guard let client = clients[id] else { return }
        let response = try send(client.request(isFull: isFull))
        clients[id]?.epoch = response.memberEpoch
        if let assignment = response.assignment { clients[id]?.owned = PartitionMap(assignment) }
        try write()
    }

    mutating func join(
        _ id: String, instance: String? = nil, names: [String]? = nil, expression: String? = nil,
        assignor: String? = nil
    ) throws {
        clients[id] = TestClient(
            id: id, instanceID: instance, names: names ?? (expression == nil ? ["t"] : nil), expression: expression,
            assignor: assignor)
        try beat(id)
    }

    mutating func leave(_ id: String, epoch: Int32 = -1) throws {
        guard let client = clients.removeValue(forKey: id) else { return }
        var request = ConsumerGroupHeartbeatRequest()
        request.memberID = id
        request.memberEpoch = epoch
        request.instanceID = client.instanceID
        _ = try send(request)
        try write()
    }

    /// Everybody sends heartbeats until nothing changes any more.
    mutating func settle() throws {
        for _ in 0..<12 { for id in clients.keys.sorted() { try beat(id) } }
    }

    func owned(_ id: String, _ topic: String = "t") -> [Int32] {
        (clients[id]?.owned[topics.id(topic)] ?? []).sorted()
    }

    mutating func tick(at time: Int64) throws {
        now = time
        group.tick(context)
        try write()
    }
}

/// JoinGroup metadata of a classic consumer.
func subscription(
    _ topics: [String], owned: [(String, [Int32])] = [], version: Int16 = 1
) -> ByteBuffer {
    var bytes = ByteBuffer(integer: version)
    bytes.writeInteger(Int32(topics.count))
    for topic in topics {
        bytes.writeInteger(Int16(topic.utf8.count))
        bytes.writeString(topic)
    }
    bytes.writeInteger(Int32(-1))
    guard version >= 1 else { return bytes }
    bytes.writeInteger(Int32(owned.count))
    for (topic, partitions) in owned {
        bytes.writeInteger(Int16(topic.utf8.count))
        bytes.writeString(topic)
        bytes.writeInteger(Int32(partitions.count))
        for partition in partitions { bytes.writeInteger(partition) }
    }
    return bytes
}
