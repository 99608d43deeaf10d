import KafkaClient
import KafkaWire
import NIOCore
import Testing

// Consumer groups, and topics on the target that others write to.
extension Replicated {
    /// A topic on the target that somebody else has written to already.
    func occupyTarget(_ topic: String, partitions: Int32, records: Int) async throws {
        let new = NewTopic(topic, partitions: partitions, replicationFactor: 1)
        for (_, outcome) in await targetClient.createTopics([new]) { _ = try outcome.get() }
        for partition in 0..<partitions { try await produceForeign(to: topic, partition: partition, records: records) }
    }

    func produceForeign(to topic: String, partition: Int32 = 0, records: Int) async throws {
        let foreign = (0..<records).map {
            Record(offset: Int64($0), timestamp: 0, key: nil, value: ByteBuffer(string: "foreign \($0)"))
        }
        try await StateTopic(topic, partition: partition, client: targetClient).append(foreign)
    }

    /// As if a flow had died before it recorded how far it came: what it recorded first counts again.
    func forgetCheckpoints(of flow: String, _ topic: String) async throws {
        let log = StateTopic("__replicator.\(flow).progress", client: targetClient)
        let key = ByteBuffer(string: "partition/\(topic)/0")
        let first = try #require(try await log.readAll().first { $0.key == key })
        try await log.append([first])
    }

    func commit(
        _ group: String, _ offsets: [String: [Int32: Int64]], metadata: String? = nil, at client: ClusterClient? = nil
    ) async throws {
        var wanted: [TopicPartition: CommittedOffset] = [:]
        for (topic, partitions) in offsets {
            for (partition, offset) in partitions {
                wanted[TopicPartition(topic, partition)] = CommittedOffset(offset: offset, metadata: metadata)
            }
        }
        for (_, outcome) in await (client ?? sourceClient).commitOffsets(of: group, wanted) { try outcome.get() }
    }

    func targetOffsets(
        of group: String, at client: ClusterClient? = nil
    ) async throws -> [TopicPartition: CommittedOffset] {
        try await (client ?? targetClient).committedOffsets(of: group).mapValues { try $0.get() }
    }

    /// Waits until a group has just these positions on the target.
    func committed(
        _ group: String, _ topic: String, _ offsets: [Int32: Int64], at client: ClusterClient? = nil
    ) async throws {
        try await eventually("\(group) to stand at \(offsets) of \(topic)") {
            let found = try await targetOffsets(of: group, at: client)
            return offsets.allSatisfy { found[TopicPartition(topic, $0.key)]?.offset == $0.value }
        }
    }
}

extension Replicated {
    /// Makes the target believe that somebody reads with a group there, for as long as the longest session.
    func join(_ group: String) async throws {
        var request = JoinGroupRequest()
        request.groupID = group
        request.sessionTimeoutMs = 1_800_000
        request.rebalanceTimeoutMs = 1_800_000
        request.protocolType = "consumer"
        var assignor = JoinGroupRequest.JoinGroupRequestProtocol()
        assignor.name = "range"
        request.protocols = [assignor]
        var response = try await targetClient.send(request, to: .coordinator(group: group))
        if response.errorCode == .memberIDRequired {
            request.memberID = response.memberID
            response = try await targetClient.send(request, to: .coordinator(group: group))
        }
        guard response.errorCode == .none else {
            throw NeverHappened(description: "\(group) cannot be joined: \(response.errorCode)")
        }
    }
}
