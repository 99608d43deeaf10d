import ClusterTestSupport
import KafkaBroker
import KafkaWire
import Testing

/// Topics: names, placement, growth and deletion.
@Suite(.timeLimit(.minutes(1))) struct TopicAdministrationTests {
    @Test(arguments: [
        ("", ErrorCode.invalidTopicException), ("..", .invalidTopicException), ("a/b", .invalidTopicException),
        (String(repeating: "x", count: 250), .invalidTopicException), ("dotted_name", .invalidTopicException),
        ("taken", .topicAlreadyExists),
    ])
    func `a name that cannot be is refused`(name: String, error: ErrorCode) async throws {
        try await withCluster { cluster in
            try await RawConnection.open(port: cluster.ports[0]) { connection in
                try await connection.createTopic("taken")
                try await connection.createTopic("dotted.name")

                #expect(try await connection.createTopic(name).errorCode == error)
            }
        }
    }

    @Test func `leaders are spread over the nodes`() async throws {
        try await withCluster(nodes: 3) { cluster in
            try await RawConnection.open(port: cluster.ports[0]) { connection in
                try await connection.createTopic("t", partitions: 6, replicas: 2)
                let partitions = try #require(try await connection.metadata(["t"]).topics.first).partitions

                #expect(partitions.map(\.leaderID) == [1, 2, 3, 1, 2, 3])
                #expect(partitions.allSatisfy { Set($0.replicaNodes).count == 2 && $0.isrNodes == $0.replicaNodes })
            }
        }
    }

    @Test(arguments: [
        (Int32(0), Int16(1), ErrorCode.invalidPartitions), (-2, 1, .invalidPartitions),
        (1, 0, .invalidReplicationFactor), (1, 4, .invalidReplicationFactor), (2_000_000, 1, .invalidPartitions),
    ])
    func `counts that cannot be are refused`(partitions: Int32, replicas: Int16, error: ErrorCode) async throws {
        try await withCluster(nodes: 3) { cluster in
            try await RawConnection.open(port: cluster.ports[0]) { connection in
                let result = try await connection.createTopic("t", partitions: partitions, replicas: replicas)
                #expect(result.errorCode == error)
            }
        }
    }

    @Test func `replicas are placed by hand`() async throws {
        try await withCluster(nodes: 3) { cluster in
            try await RawConnection.open(port: cluster.ports[0]) { connection in
                func create(_ assignments: [[Int32]]) async throws -> ErrorCode {
                    var topic = CreateTopicsRequest.CreatableTopic()
                    topic.name = "t"
                    topic.numPartitions = -1
                    topic.replicationFactor = -1
                    topic.assignments = assignments.enumerated().map { index, replicas in
                        var assignment = CreateTopicsRequest.CreatableReplicaAssignment()
                        assignment.partitionIndex = Int32(index)
                        assignment.brokerIDs = replicas
                        return assignment
                    }
                    var request = CreateTopicsRequest()
                    request.topics = [topic]
                    return try #require(try await connection.send(request).topics.first).errorCode
                }

                #expect(try await create([[1, 1]]) == .invalidReplicaAssignment)
                #expect(try await create([[9]]) == .invalidReplicaAssignment)
                #expect(try await create([[1, 2], [3]]) == .invalidReplicaAssignment)
                #expect(try await create([[3, 1], [2, 3]]) == .none)
                let partitions = try #require(try await connection.metadata(["t"]).topics.first).partitions
                #expect(partitions.map(\.replicaNodes) == [[3, 1], [2, 3]])
                #expect(partitions.map(\.leaderID) == [3, 2])
            }
        }
    }

    @Test func `a topic grows and does not shrink`() async throws {
        try await withCluster { cluster in
            try await RawConnection.open(port: cluster.ports[0]) { connection in
                try await connection.createTopic("t", partitions: 2)
                func grow(_ topic: String, to count: Int32) async throws -> ErrorCode {
                    var entry = CreatePartitionsRequest.CreatePartitionsTopic()
                    entry.name = topic
                    entry.count = count
                    entry.assignments = nil
                    var request = CreatePartitionsRequest()
                    request.topics = [entry]
                    return try #require(try await connection.send(request).results.first).errorCode
                }

                #expect(try await grow("t", to: 4) == .none)
                #expect(try await grow("t", to: 4) == .invalidPartitions)
                #expect(try await grow("t", to: 1) == .invalidPartitions)
                #expect(try await grow("nowhere", to: 4) == .unknownTopicOrPartition)
                #expect(try await connection.metadata(["t"]).topics.first?.partitions.count == 4)
            }
        }
    }

    @Test func `a topic created again has another id and no records`() async throws {
        try await withCluster { cluster in
            try await RawConnection.open(port: cluster.ports[0]) { connection in
                let first = try await connection.createTopic("t")
                _ = try await connection.produce(["a"], to: "t")
                var request = DeleteTopicsRequest()
                var wanted = DeleteTopicsRequest.DeleteTopicState()
                wanted.topicID = first.topicID
                request.topics = [wanted]
                #expect(try await connection.send(request).responses.first?.errorCode == ErrorCode.none)
                #expect(try await connection.send(request).responses.first?.errorCode == .unknownTopicID)

                let second = try await connection.createTopic("t")

                #expect(second.topicID != first.topicID)
                #expect(try await connection.fetch("t").highWatermark == 0)
            }
        }
    }

    @Test func `asking for a topic creates it only where both sides allow it`() async throws {
        for (isEnabled, mayCreate) in [(true, true), (true, false), (false, true)] {
            try await withCluster(properties: ["auto.create.topics.enable": "\(isEnabled)", "num.partitions": "3"]) {
                cluster in
                try await RawConnection.open(port: cluster.ports[0]) { connection in
                    let asked = try #require(try await connection.metadata(["new"], mayCreate: mayCreate).topics.first)
                    #expect(asked.errorCode == .unknownTopicOrPartition, "creation takes its time elsewhere")
                    let topic = try #require(try await connection.metadata(["new"], mayCreate: false).topics.first)
                    let isThere = isEnabled && mayCreate
                    #expect(topic.errorCode == (isThere ? .none : .unknownTopicOrPartition))
                    #expect(topic.partitions.count == (isThere ? 3 : 0))
                }
            }
        }
    }

    @Test func `a page of topics goes on where a cursor says, which has to name one of those asked for`() async throws {
        try await withCluster { cluster in
            try await RawConnection.open(port: cluster.ports[0]) { connection in
                for topic in ["a", "b"] { try await connection.createTopic(topic, partitions: 3) }
                func page(_ names: [String], from cursor: (String, Int32)?) async throws
                    -> DescribeTopicPartitionsResponse
                {
                    var request = DescribeTopicPartitionsRequest()
                    request.topics = names.map { name in
                        var topic = DescribeTopicPartitionsRequest.TopicRequest()
                        topic.name = name
                        return topic
                    }
                    request.responsePartitionLimit = 2
                    request.cursor = cursor.map { name, index in
                        var cursor = DescribeTopicPartitionsRequest.Cursor()
                        cursor.topicName = name
                        cursor.partitionIndex = index
                        return cursor
                    }
                    return try await connection.send(request)
                }

                let first = try await page(["a", "b"], from: nil)
                #expect(first.topics.map { $0.partitions.map(\.partitionIndex) } == [[0, 1]])
                #expect(first.nextCursor?.topicName == "a" && first.nextCursor?.partitionIndex == 2)
                let second = try await page(["a", "b"], from: ("a", 2))
                #expect(second.topics.map { $0.partitions.map(\.partitionIndex) } == [[2], [0]])
                let negative = try await page(["a", "b"], from: ("a", -1))
                #expect(negative.topics.map(\.errorCode) == [.invalidRequest, .invalidRequest])
                let stranger = try await page(["b"], from: ("a", 0))
                #expect(stranger.topics.map(\.errorCode) == [.invalidRequest])
                #expect(try await page([], from: ("a", 1)).topics.first?.partitions.map(\.partitionIndex) == [1, 2])
            }
        }
    }

    @Test func `records before an offset are deleted`() async throws {
        try await withCluster { cluster in
            try await RawConnection.open(port: cluster.ports[0]) { connection in
                try await connection.createTopic("t")
                for value in ["a", "b", "c"] { _ = try await connection.produce([value], to: "t") }
                func delete(before offset: Int64) async throws -> DeleteRecordsResponse.DeleteRecordsPartitionResult {
                    var partition = DeleteRecordsRequest.DeleteRecordsPartition()
                    partition.offset = offset
                    var topic = DeleteRecordsRequest.DeleteRecordsTopic()
                    topic.name = "t"
                    topic.partitions = [partition]
                    var request = DeleteRecordsRequest()
                    request.topics = [topic]
                    return try #require(try await connection.send(request).topics.first?.partitions.first)
                }

                #expect(try await delete(before: 2).lowWatermark == 2)
                #expect(try await connection.fetch("t", from: 1).errorCode == .offsetOutOfRange)
                #expect(try await connection.fetch("t", from: 2).values() == ["c"])
                #expect(try await delete(before: 9).errorCode == .offsetOutOfRange)
                #expect(try await delete(before: -1).lowWatermark == 3)
                #expect(try await connection.offset("t", at: -2).offset == 3)
            }
        }
    }
}
