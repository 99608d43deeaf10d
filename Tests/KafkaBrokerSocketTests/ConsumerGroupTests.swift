import ClusterTestSupport
import KafkaBroker
import KafkaWire
import NIOCore
import Testing

/// Groups over sockets: membership, offsets and what administrators see.
@Suite(.timeLimit(.minutes(1))) struct ConsumerGroupTests {
    private func coordinator(of group: String, _ connection: RawConnection) async throws -> Int32 {
        var request = FindCoordinatorRequest()
        request.coordinatorKeys = [group]
        return try #require(try await connection.send(request).coordinators.first).nodeID
    }

    private func join(_ group: String, memberID: String = "", subscription: String = "s") -> JoinGroupRequest {
        var proposal = JoinGroupRequest.JoinGroupRequestProtocol()
        proposal.name = "range"
        proposal.metadata = ByteBuffer(string: subscription)
        var request = JoinGroupRequest()
        request.groupID = group
        request.memberID = memberID
        request.sessionTimeoutMs = 10_000
        request.rebalanceTimeoutMs = 10_000
        request.protocolType = "consumer"
        request.protocols = [proposal]
        return request
    }

    private func sync(_ joined: JoinGroupResponse, _ group: String, leads: Bool) -> SyncGroupRequest {
        var request = SyncGroupRequest()
        request.groupID = group
        request.memberID = joined.memberID
        request.generationID = joined.generationID
        if leads {
            request.assignments = joined.members.map { member in
                var assignment = SyncGroupRequest.SyncGroupRequestAssignment()
                assignment.memberID = member.memberID
                assignment.assignment = ByteBuffer(string: "for \(member.memberID)")
                return assignment
            }
        }
        return request
    }

    private func commit(_ group: String, _ offset: Int64, _ joined: JoinGroupResponse? = nil) -> OffsetCommitRequest {
        var partition = OffsetCommitRequest.OffsetCommitRequestPartition()
        partition.committedOffset = offset
        partition.committedMetadata = "note"
        var topic = OffsetCommitRequest.OffsetCommitRequestTopic()
        topic.name = "t"
        topic.partitions = [partition]
        var request = OffsetCommitRequest()
        request.groupID = group
        request.memberID = joined?.memberID ?? ""
        request.generationIDOrMemberEpoch = joined?.generationID ?? -1
        request.topics = [topic]
        return request
    }

    private func committed(_ group: String, _ connection: RawConnection) async throws -> [Int64] {
        var wanted = OffsetFetchRequest.OffsetFetchRequestGroup()
        wanted.groupID = group
        wanted.topics = nil
        var request = OffsetFetchRequest()
        request.groups = [wanted]
        let response = try await connection.send(request, version: 9)
        return response.groups.flatMap(\.topics).flatMap(\.partitions).map(\.committedOffset)
    }

    @Test func `two members share a group, commit and leave`() async throws {
        try await withCluster { cluster in
            try await RawConnection.open(port: cluster.ports[0]) { one in
                try await RawConnection.open(port: cluster.ports[0]) { two in
                    try await one.createTopic("t")
                    #expect(try await coordinator(of: "g", one) == 1)

                    let first = try await one.send(join("g"), version: 3)
                    _ = try await one.send(sync(first, "g", leads: true))
                    let waiting = try await two.begin(join("g"), version: 3)
                    var heartbeat = HeartbeatRequest()
                    heartbeat.groupID = "g"
                    heartbeat.memberID = first.memberID
                    heartbeat.generationID = first.generationID
                    // The second join may still be on its way.
                    while try await one.send(heartbeat).errorCode == .none {}
                    #expect(try await one.send(heartbeat).errorCode == .rebalanceInProgress)
                    let again = try await one.send(join("g", memberID: first.memberID))
                    let second = try await waiting.get()
                    #expect(again.generationID == 2)
                    #expect(second.generationID == 2)
                    #expect(again.members.count == 2)

                    let assignment = try await two.begin(sync(second, "g", leads: false))
                    _ = try await one.send(sync(again, "g", leads: true))
                    #expect(try await assignment.get().assignment == ByteBuffer(string: "for \(second.memberID)"))

                    let commits = try await two.send(commit("g", 41, second), version: 9)
                    #expect(commits.topics[0].partitions[0].errorCode == .none)
                    #expect(try await committed("g", one) == [41])
                    #expect(
                        try await one.send(commit("g", 5), version: 9).topics[0].partitions[0].errorCode
                            == .unknownMemberID, "others may not commit")

                    var describe = DescribeGroupsRequest()
                    describe.groups = ["g", "unknown"]
                    let described = try await one.send(describe, version: 5)
                    #expect(described.groups.map(\.groupState) == ["Stable", "Dead"])
                    #expect(described.groups[0].members.count == 2)

                    for (connection, member) in [(one, again.memberID), (two, second.memberID)] {
                        var identity = LeaveGroupRequest.MemberIdentity()
                        identity.memberID = member
                        var leave = LeaveGroupRequest()
                        leave.groupID = "g"
                        leave.members = [identity]
                        #expect(try await connection.send(leave).members[0].errorCode == .none)
                    }
                    #expect(try await one.send(describe, version: 5).groups[0].groupState == "Empty")
                }
            }
        }
    }

    @Test func `requests to another node than the coordinator are refused`() async throws {
        try await withCluster(nodes: 2) { cluster in
            try await RawConnection.open(port: cluster.ports[0]) { one in
                try await RawConnection.open(port: cluster.ports[1]) { two in
                    let other = try await coordinator(of: "g", one) == 1 ? two : one
                    #expect(try await other.send(join("g")).errorCode == .notCoordinator)
                    #expect(
                        try await other.send(commit("g", 1), version: 9).topics[0].partitions[0].errorCode
                            == .notCoordinator)
                }
            }
        }
    }

    @Test(arguments: [
        ("", Int32(10_000), ErrorCode.invalidGroupID), ("g", 5, .invalidSessionTimeout),
        ("g", 2_000_000, .invalidSessionTimeout),
    ])
    func `a join is refused`(group: String, session: Int32, error: ErrorCode) async throws {
        try await withCluster { cluster in
            try await RawConnection.open(port: cluster.ports[0]) { connection in
                _ = try await coordinator(of: "g", connection)
                var request = join(group)
                request.sessionTimeoutMs = session
                #expect(try await connection.send(request).errorCode == error)
            }
        }
    }

    @Test func `commits of unknown topics and long notes are refused each for itself`() async throws {
        try await withCluster(properties: ["offset.metadata.max.bytes": "3"]) { cluster in
            try await RawConnection.open(port: cluster.ports[0]) { connection in
                try await connection.createTopic("t")
                _ = try await coordinator(of: "g", connection)
                let long = try await connection.send(commit("g", 1), version: 9)
                #expect(long.topics[0].partitions[0].errorCode == .offsetMetadataTooLarge)
                var unknown = commit("g", 1)
                unknown.topics[0].name = "nowhere"
                let refused = try await connection.send(unknown, version: 9)
                #expect(refused.topics[0].partitions[0].errorCode == .unknownTopicOrPartition)
                #expect(try await committed("g", connection).isEmpty)
            }
        }
    }

    @Test func `offsets go with their topic, their deletion and their group`() async throws {
        try await withCluster { cluster in
            try await RawConnection.open(port: cluster.ports[0]) { connection in
                try await connection.createTopic("t")
                _ = try await coordinator(of: "g", connection)
                _ = try await connection.send(commit("g", 1), version: 9)

                var delete = OffsetDeleteRequest()
                delete.groupID = "g"
                var topic = OffsetDeleteRequest.OffsetDeleteRequestTopic()
                topic.name = "t"
                topic.partitions = [.init()]
                delete.topics = [topic]
                #expect(try await connection.send(delete).topics[0].partitions[0].errorCode == .none)
                #expect(try await committed("g", connection).isEmpty)

                _ = try await connection.send(commit("g", 2), version: 9)
                var deleteTopic = DeleteTopicsRequest()
                deleteTopic.topicNames = ["t"]
                _ = try await connection.send(deleteTopic, version: 5)
                try await connection.createTopic("t")
                #expect(try await committed("g", connection).isEmpty)

                _ = try await connection.send(commit("g", 3), version: 9)
                var deleteGroup = DeleteGroupsRequest()
                deleteGroup.groupsNames = ["g", "unknown"]
                #expect(try await connection.send(deleteGroup).results.map(\.errorCode) == [.none, .groupIDNotFound])
                #expect(try await committed("g", connection).isEmpty)
            }
        }
    }

    @Test func `groups are listed by state`() async throws {
        try await withCluster { cluster in
            try await RawConnection.open(port: cluster.ports[0]) { connection in
                try await connection.createTopic("t")
                _ = try await coordinator(of: "g", connection)
                _ = try await connection.send(commit("idle", 1), version: 9)
                let joined = try await connection.send(join("busy"), version: 3)
                _ = try await connection.send(sync(joined, "busy", leads: true))

                var request = ListGroupsRequest()
                #expect(try await connection.send(request).groups.map(\.groupID) == ["busy", "idle"])
                request.statesFilter = ["stable"]
                #expect(try await connection.send(request).groups.map(\.groupID) == ["busy"])
                request.statesFilter = []
                request.typesFilter = ["consumer"]
                #expect(try await connection.send(request).groups.isEmpty)
            }
        }
    }
}
