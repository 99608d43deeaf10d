import ClusterTestSupport
import KafkaBroker
import KafkaWire
import TestSupport
import Testing

/// The consumer group protocol over sockets: refusals, the view of administrators, and restarts.
@Suite(.timeLimit(.minutes(2))) struct ConsumerProtocolTests {
    private func prepare(_ connection: RawConnection, partitions: Int32 = 2) async throws {
        try await connection.createTopic("t", partitions: partitions)
        var request = FindCoordinatorRequest()
        request.coordinatorKeys = ["g"]
        _ = try await connection.send(request)
    }

    private func describe(_ connection: RawConnection) async throws -> ConsumerGroupDescribeResponse.DescribedGroup {
        var request = ConsumerGroupDescribeRequest()
        request.groupIDs = ["g"]
        return try #require(try await connection.send(request).groups.first)
    }

    private static let refusals: [(@Sendable (inout ConsumerGroupHeartbeatRequest) -> Void, ErrorCode)] = [
        ({ $0.groupID = "" }, .invalidRequest), ({ $0.memberID = "" }, .invalidRequest),
        ({ $0.rebalanceTimeoutMs = -1 }, .invalidRequest), ({ $0.topicPartitions = nil }, .invalidRequest),
        ({ $0.topicPartitions = [.init()] }, .invalidRequest), ({ $0.subscribedTopicNames = nil }, .invalidRequest),
        ({ $0.instanceID = "" }, .invalidRequest), ({ $0.rackID = "" }, .invalidRequest),
        ({ $0.memberEpoch = -3 }, .invalidRequest), ({ $0.memberEpoch = -2 }, .invalidRequest),
        ({ $0.serverAssignor = "sticky" }, .unsupportedAssignor),
        ({ $0.subscribedTopicRegex = "(?=t)" }, .invalidRegularExpression),
        ({ $0.memberEpoch = 1 }, .groupIDNotFound), ({ $0.memberEpoch = -1 }, .groupIDNotFound),
    ]

    @Test func `heartbeats that cannot be are refused, and leave no group behind`() async throws {
        try await withCluster { cluster in
            try await RawConnection.open(port: cluster.ports[0]) { connection in
                try await prepare(connection)
                for (index, (spoil, error)) in Self.refusals.enumerated() {
                    var request = ConsumerGroupHeartbeatRequest(joining: "g", as: "m", ["t"])
                    spoil(&request)
                    let response = try await connection.send(request)
                    #expect(response.errorCode == error, "\(index)")
                    #expect(response.errorMessage?.isEmpty == false)
                }
                #expect(try await connection.send(ListGroupsRequest()).groups.isEmpty)
            }
        }
    }

    @Test func `a member joins, commits in its epoch, is described, and leaves`() async throws {
        try await withCluster { cluster in
            try await RawConnection.open(port: cluster.ports[0]) { connection in
                try await prepare(connection)
                let joined = try await connection.send(ConsumerGroupHeartbeatRequest(joining: "g", as: "m", ["t"]))
                #expect((joined.errorCode, joined.memberEpoch, joined.memberID) == (.none, 1, "m"))
                #expect(joined.heartbeatIntervalMs == 5000)
                #expect(joined.assignment?.topicPartitions.map(\.partitions) == [[0, 1]])

                #expect(try await commit(1, connection) == .none)
                #expect(try await commit(2, connection) == .staleMemberEpoch)
                #expect(try await commit(1, connection, version: 8) == .unsupportedVersion)
                #expect(try await commit(-1, connection, member: "") == .unknownMemberID)
                #expect(try await fetch(1, connection) == .none)
                #expect(try await fetch(3, connection) == .staleMemberEpoch)

                let group = try await describe(connection)
                #expect((group.groupState, group.groupEpoch, group.assignmentEpoch) == ("Stable", 1, 1))
                #expect(group.assignorName == "uniform")
                #expect(group.members.map(\.memberType) == [1])
                #expect(group.members.first?.assignment.topicPartitions.map(\.topicName) == ["t"])
                var classic = DescribeGroupsRequest()
                classic.groups = ["g"]
                let described = try #require(try await connection.send(classic).groups.first)
                #expect(described.errorCode == .groupIDNotFound)
                #expect(described.errorMessage == "Group g is not a classic group.")
                let listed = try await connection.send(ListGroupsRequest()).groups
                #expect(listed.map(\.groupType) == ["consumer"])
                #expect(listed.map(\.protocolType) == ["consumer"])
                var delete = DeleteGroupsRequest()
                delete.groupsNames = ["g"]
                #expect(try await connection.send(delete).results.map(\.errorCode) == [.nonEmptyGroup])

                var goodbye = ConsumerGroupHeartbeatRequest()
                goodbye.groupID = "g"
                goodbye.memberID = "m"
                goodbye.memberEpoch = -1
                #expect(try await connection.send(goodbye).memberEpoch == -1)
                #expect(try await describe(connection).groupState == "Empty")
                #expect(try await connection.send(delete).results.map(\.errorCode) == [.none])
                #expect(try await describe(connection).errorCode == .groupIDNotFound)
            }
        }
    }

    private func commit(
        _ epoch: Int32, _ connection: RawConnection, version: Int16 = 9, member: String = "m"
    ) async throws -> ErrorCode {
        var partition = OffsetCommitRequest.OffsetCommitRequestPartition()
        partition.committedOffset = 1
        var topic = OffsetCommitRequest.OffsetCommitRequestTopic()
        topic.name = "t"
        topic.partitions = [partition]
        var request = OffsetCommitRequest()
        request.groupID = "g"
        request.memberID = member
        request.generationIDOrMemberEpoch = epoch
        request.topics = [topic]
        let topics = try await connection.send(request, version: version).topics
        return try #require(topics.first?.partitions.first).errorCode
    }

    private func fetch(_ epoch: Int32, _ connection: RawConnection) async throws -> ErrorCode {
        var group = OffsetFetchRequest.OffsetFetchRequestGroup()
        group.groupID = "g"
        group.memberID = "m"
        group.memberEpoch = epoch
        group.topics = nil
        var request = OffsetFetchRequest()
        request.groups = [group]
        return try #require(try await connection.send(request, version: 9).groups.first).errorCode
    }

    @Test func `groups of every kind outlive a restart`() async throws {
        do {
            let path = try TemporaryDirectory().path + "/data"
            try await withCluster(dataDirectory: path) { cluster in
                try await RawConnection.open(port: cluster.ports[0]) { connection in
                    try await prepare(connection)
                    for name in ["m", "n"] {
                        let join = ConsumerGroupHeartbeatRequest(joining: "g", as: name, ["t"])
                        #expect(try await connection.send(join).errorCode == .none)
                    }
                    let alter = AlterShareGroupOffsetsRequest("s", "t", [0: 5, 1: 7, 9: 1])
                    let altered = try await connection.send(alter)
                    #expect(
                        altered.responses.flatMap(\.partitions).map(\.errorCode)
                            == [.none, .none, .unknownTopicOrPartition])
                    try await cluster.createStreamsGroup("k")
                }
            }
            try await withCluster(dataDirectory: path) { cluster in
                try await RawConnection.open(port: cluster.ports[0]) { connection in
                    let group = try await describe(connection)
                    #expect((group.groupState, group.groupEpoch) == ("Reconciling", 2))
                    #expect(group.members.map(\.memberID) == ["m", "n"])
                    #expect(group.members.map { $0.assignment.topicPartitions.flatMap(\.partitions) } == [[0, 1], []])
                    #expect(
                        group.members.map { $0.targetAssignment.topicPartitions.flatMap(\.partitions) } == [[0], [1]])
                    let listed = try await connection.send(ListGroupsRequest()).groups
                    #expect(listed.map { "\($0.groupID) \($0.groupType)" } == ["g consumer", "k streams", "s share"])
                    #expect(try await starts(connection) == [0: 5, 1: 7])
                    var streams = StreamsGroupDescribeRequest()
                    streams.groupIDs = ["k", "s"]
                    let described = try await connection.send(streams).groups
                    #expect(described.map(\.groupState) == ["Empty", ""])
                    #expect(described.map(\.errorCode) == [.none, .groupIDNotFound])
                }
            }
        }
    }

    private func starts(_ connection: RawConnection) async throws -> [Int32: Int64] {
        var group = DescribeShareGroupOffsetsRequest.DescribeShareGroupOffsetsRequestGroup()
        group.groupID = "s"
        group.topics = nil
        var request = DescribeShareGroupOffsetsRequest()
        request.groups = [group]
        let partitions = try await connection.send(request).groups.flatMap(\.topics).flatMap(\.partitions)
        return Dictionary(uniqueKeysWithValues: partitions.map { ($0.partitionIndex, $0.startOffset) })
    }

    @Test func `share groups are their start offsets`() async throws {
        try await withCluster { cluster in
            try await RawConnection.open(port: cluster.ports[0]) { connection in
                try await prepare(connection)
                _ = try await connection.send(AlterShareGroupOffsetsRequest("s", "t", [0: 0, 1: 3]))
                #expect(try await starts(connection) == [0: 0, 1: 3])
                _ = try await connection.send(AlterShareGroupOffsetsRequest("s", "t", [1: 2]))
                #expect(try await starts(connection) == [0: 0, 1: 2])

                // It is no group of another kind, and has no committed offsets.
                let join = ConsumerGroupHeartbeatRequest(joining: "s", as: "m", ["t"])
                #expect(try await connection.send(join).errorCode == .groupIDNotFound)
                var wanted = OffsetFetchRequest.OffsetFetchRequestGroup()
                wanted.groupID = "s"
                wanted.topics = nil
                var fetch = OffsetFetchRequest()
                fetch.groups = [wanted]
                #expect(try await connection.send(fetch, version: 9).groups.first?.topics.isEmpty == true)
                _ = try await connection.send(ConsumerGroupHeartbeatRequest(joining: "g", as: "m", ["t"]))
                let other = AlterShareGroupOffsetsRequest("g", "t", [0: 1])
                #expect(try await connection.send(other).errorCode == .groupIDNotFound)

                var describe = ShareGroupDescribeRequest()
                describe.groupIDs = ["s", "g", "x"]
                let described = try await connection.send(describe).groups
                #expect(described.map(\.groupState) == ["Empty", "", ""])
                #expect(described.map(\.errorCode) == [.none, .groupIDNotFound, .groupIDNotFound])

                var topic = DeleteShareGroupOffsetsRequest.DeleteShareGroupOffsetsRequestTopic()
                topic.topicName = "t"
                var delete = DeleteShareGroupOffsetsRequest()
                delete.groupID = "s"
                delete.topics = [topic]
                #expect(try await connection.send(delete).responses.map(\.errorCode) == [.none])
                #expect(try await starts(connection) == [:])
            }
        }
    }

    @Test func `a release without the protocol refuses it`() async throws {
        let cluster = try await EmbeddedCluster.start(BrokerSettings(release: .kafka38))
        try await RawConnection.open(port: cluster.ports[0]) { connection in
            let join = ConsumerGroupHeartbeatRequest(joining: "g", as: "", ["t"])
            let response = try await connection.send(join, version: 0)
            #expect(response.errorCode == .unsupportedVersion)
        }
        await cluster.shutdown()
    }

    @Test(arguments: [
        (["group.consumer.assignors": "sticky"], "group.consumer.assignors"),
        (["group.consumer.migration.policy": "never"], "group.consumer.migration.policy"),
        (["group.consumer.session.timeout.ms": "10"], "group.consumer.min.session.timeout.ms"),
        (
            ["group.consumer.min.session.timeout.ms": "1", "group.consumer.session.timeout.ms": "5000"],
            "must be less than"
        ),
    ]) func `settings that cannot be are refused`(properties: [String: String], part: String) async throws {
        do {
            let cluster = try await EmbeddedCluster.start(BrokerSettings(properties: properties))
            await cluster.shutdown()
            Issue.record("it started")
        } catch {
            #expect("\(error)".contains(part))
        }
    }
}

extension ConsumerGroupHeartbeatRequest {
    /// The first heartbeat of a member.
    init(joining group: String, as member: String, _ topics: [String]) {
        self.init()
        groupID = group
        memberID = member
        rebalanceTimeoutMs = 60_000
        subscribedTopicNames = topics
        topicPartitions = []
    }
}

extension AlterShareGroupOffsetsRequest {
    /// Start offsets by partition.
    init(_ group: String, _ topic: String, _ starts: [Int32: Int64]) {
        self.init()
        groupID = group
        var altered = AlterShareGroupOffsetsRequestTopic()
        altered.topicName = topic
        altered.partitions = starts.sorted { $0.key < $1.key }.map { index, offset in
            var partition = AlterShareGroupOffsetsRequestPartition()
            partition.partitionIndex = index
            partition.startOffset = offset
            return partition
        }
        topics = [altered]
    }
}
