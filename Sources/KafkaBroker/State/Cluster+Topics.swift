package import KafkaWire
import Logging
import NIOCore

/// The reason why a change was refused, as an admin answer says it.
package struct AdminRefusal: Error {
    package let code: ErrorCode
    package let message: String

    package init(_ code: ErrorCode, _ message: String) {
        self.code = code
        self.message = message
    }
}

/// Creation, growth and deletion of topics.
extension Cluster {
    /// The properties that a topic is created with; `assignments` names the replicas of each partition.
    struct TopicPlan {
        let name: String
        let assignments: [[Int32]]
        let overrides: [String: String]
    }

    func register(_ topic: Topic) {
        topics[topic.name] = topic
        topicsByID[topic.id] = topic
        collisionKeys[TopicName.collisionKey(topic.name), default: 0] += 1
        topicsVersion += 1
    }

    private func unregister(_ topic: Topic) {
        topics[topic.name] = nil
        topicsByID[topic.id] = nil
        topicsVersion += 1
        let key = TopicName.collisionKey(topic.name)
        collisionKeys[key] = collisionKeys[key].flatMap { $0 > 1 ? $0 - 1 : nil }
    }

    /// Creates a topic that has been checked; it is durable when this returns.
    @discardableResult
    func createTopic(_ plan: TopicPlan) throws(AdminRefusal) -> Topic {
        let topic = Topic(name: plan.name, id: .random(), overrides: plan.overrides)
        do throws(BrokerError) {
            for (index, replicas) in plan.assignments.enumerated() {
                topic.partitions.append(try openPartition(newAssignment(Int32(index), replicas), of: topic))
            }
            try commit(records(of: topic))
        } catch {
            for partition in topic.partitions { deleteLog(of: partition) }
            throw AdminRefusal(.kafkaStorageError, "\(error)")
        }
        register(topic)
        logger.info(
            "topic created",
            metadata: ["topic": "\(topic.name)", "partitions": "\(topic.partitions.count)", "id": "\(topic.id)"])
        return topic
    }

    /// Adds partitions to a topic that has been checked.
    func addPartitions(_ assignments: [[Int32]], to topic: Topic) throws(AdminRefusal) {
        var added: [Partition] = []
        do throws(BrokerError) {
            for replicas in assignments {
                let index = Int32(topic.partitions.count + added.count)
                added.append(try openPartition(newAssignment(index, replicas), of: topic))
            }
            try commit(added.map { .partition(PartitionRecord($0.assignment, of: topic.id)) })
        } catch {
            for partition in added { deleteLog(of: partition) }
            throw AdminRefusal(.kafkaStorageError, "\(error)")
        }
        topic.partitions += added
        topicsVersion += 1
        logger.info(
            "partitions added", metadata: ["topic": "\(topic.name)", "partitions": "\(topic.partitions.count)"])
    }

    /// Deletes a topic with its records and the offsets committed for it.
    func deleteTopic(_ topic: Topic) throws(AdminRefusal) {
        do throws(BrokerError) {
            try commit([.topicRemoved(TopicRemoval(topicID: topic.id))])
        } catch {
            throw AdminRefusal(.kafkaStorageError, "\(error)")
        }
        unregister(topic)
        for partition in topic.partitions {
            deleteLog(of: partition)
            partition.changed()
        }
        forgetOffsets(of: topic.name)
        logger.info("topic deleted", metadata: ["topic": "\(topic.name)", "id": "\(topic.id)"])
    }

    private func newAssignment(_ index: Int32, _ replicas: [Int32]) -> PartitionAssignment {
        let live = replicas.filter { node($0)?.isLive ?? false }
        return PartitionAssignment(
            index: index, replicas: replicas, isr: live.isEmpty ? replicas : live, leader: live.first ?? -1,
            leaderEpoch: 0)
    }

    /// Replicas for new partitions, leaders in turn over the live nodes.
    ///
    /// - Parameter first: the number of partitions that the topic has already.
    func place(partitions count: Int, replicationFactor: Int, after first: Int = 0) -> [[Int32]] {
        let live = nodesByRack
        guard !live.isEmpty else { return [] }
        let start = first == 0 ? nextPlacement : first
        if first == 0 { nextPlacement += count }
        return (0..<count).map { index in
            (0..<min(replicationFactor, live.count)).map { live[(start + index + $0) % live.count] }
        }
    }

    /// The live nodes with their racks in turn, so that neighbours, and with them the replicas of a partition, lie in
    /// different racks as far as there are any.
    private var nodesByRack: [Int32] {
        guard liveNodes.allSatisfy({ $0.rack != nil }) else { return liveNodes.map(\.id) }
        var racks = Dictionary(grouping: liveNodes) { $0.rack ?? "" }.sorted { $0.key < $1.key }.map {
            $0.value.map(\.id)[...]
        }
        var order: [Int32] = []
        while racks.contains(where: { !$0.isEmpty }) {
            for index in racks.indices { if let id = racks[index].popFirst() { order.append(id) } }
        }
        return order
    }

    var defaultReplicationFactor: Int { configs.number("default.replication.factor") }

    /// The topic that a client asked for and nobody created, if that is allowed.
    func createAutomatically(_ name: String) throws(AdminRefusal) -> Topic {
        if let problem = TopicName.problem(with: name) { throw AdminRefusal(.invalidTopicException, problem) }
        if collisionKeys[TopicName.collisionKey(name)] != nil {
            throw AdminRefusal(.invalidTopicException, "Topic '\(name)' collides with an existing topic")
        }
        if name == TopicName.offsets { return try offsetsTopic() }
        if name == TopicName.transactions { return try transactionsTopic() }
        let factor = defaultReplicationFactor
        guard factor <= liveNodes.count else {
            throw AdminRefusal(
                .invalidReplicationFactor,
                "Unable to replicate the partition \(factor) time(s): only \(liveNodes.count) broker(s) are registered."
            )
        }
        let assignments = place(partitions: configs.number("num.partitions"), replicationFactor: factor)
        return try createTopic(TopicPlan(name: name, assignments: assignments, overrides: [:]))
    }

    /// `__consumer_offsets`, created when the first group appears.
    func offsetsTopic() throws(AdminRefusal) -> Topic {
        if let topic = topics[TopicName.offsets] { return topic }
        let assignments = place(
            partitions: configs.number("offsets.topic.num.partitions"),
            replicationFactor: configs.number("offsets.topic.replication.factor"))
        return try createTopic(
            TopicPlan(
                name: TopicName.offsets, assignments: assignments,
                overrides: [
                    "cleanup.policy": "compact", "compression.type": "producer", "segment.bytes": "104857600",
                ]))
    }
}
