import ClusterTestSupport
import KafkaBroker
import KafkaWire
import NIOCore
import Testing

/// When committed offsets go by themselves (KIP-211), on a clock that jumps.
@Suite(.timeLimit(.minutes(1))) struct OffsetExpiryTests {
    private static let hour: Int64 = 3_600_000

    /// A cluster of one node that keeps offsets for an hour, with topics "t" and "u" and a coordinator.
    private func withGroup(_ body: (EmbeddedCluster, RawConnection) async throws -> Void) async throws {
        try await withCluster(properties: ["offsets.retention.minutes": "60"]) { cluster in
            try await RawConnection.open(port: cluster.ports[0]) { connection in
                for topic in ["t", "u"] { try await connection.createTopic(topic) }
                var request = FindCoordinatorRequest()
                request.coordinatorKeys = ["g"]
                _ = try await connection.send(request)
                try await body(cluster, connection)
            }
        }
    }

    /// Commits offset 1 of a topic, as a member or from outside of the group.
    private func commit(
        _ topic: String, _ connection: RawConnection, as member: JoinGroupResponse? = nil, memberID: String = ""
    ) async throws -> ErrorCode {
        var partition = OffsetCommitRequest.OffsetCommitRequestPartition()
        partition.committedOffset = 1
        var entry = OffsetCommitRequest.OffsetCommitRequestTopic()
        entry.name = topic
        entry.partitions = [partition]
        var request = OffsetCommitRequest()
        request.groupID = "g"
        request.memberID = member?.memberID ?? memberID
        request.generationIDOrMemberEpoch = member?.generationID ?? -1
        request.topics = [entry]
        return try #require(try await connection.send(request, version: 9).topics.first?.partitions.first).errorCode
    }

    private func committedTopics(_ connection: RawConnection) async throws -> [String] {
        var wanted = OffsetFetchRequest.OffsetFetchRequestGroup()
        wanted.groupID = "g"
        wanted.topics = nil
        var request = OffsetFetchRequest()
        request.groups = [wanted]
        return try await connection.send(request, version: 9).groups.flatMap(\.topics).map(\.name)
    }

    /// A member alone in the group, subscribed to one topic, with its assignment.
    private func join(subscribing topic: String, _ connection: RawConnection) async throws -> JoinGroupResponse {
        var subscription = ByteBuffer()
        subscription.writeInteger(Int16(0))
        subscription.writeInteger(Int32(1))
        subscription.writeInteger(Int16(topic.utf8.count))
        subscription.writeString(topic)
        subscription.writeInteger(Int32(-1))
        var request = JoinGroupRequest()
        request.groupID = "g"
        request.sessionTimeoutMs = 30_000
        request.rebalanceTimeoutMs = 30_000
        request.protocolType = "consumer"
        request.protocols = [.init(name: "range", metadata: subscription)]
        let joined = try await connection.send(request, version: 3)
        var sync = SyncGroupRequest()
        sync.groupID = "g"
        sync.memberID = joined.memberID
        sync.generationID = joined.generationID
        sync.assignments = [SyncGroupRequest.SyncGroupRequestAssignment()]
        sync.assignments[0].memberID = joined.memberID
        #expect(try await connection.send(sync).errorCode == .none)
        return joined
    }

    @Test func `offsets that nobody is a member for go with their group`() async throws {
        try await withGroup { cluster, connection in
            #expect(try await commit("t", connection) == .none)
            try await cluster.jumpClock(byMilliseconds: Self.hour - 60_000)
            #expect(try await committedTopics(connection) == ["t"])

            try await cluster.jumpClock(byMilliseconds: 120_000)

            #expect(try await committedTopics(connection).isEmpty)
            #expect(await cluster.snapshot().groups.isEmpty)
        }
    }

    @Test func `members keep the offsets of what they subscribe to, and nothing else`() async throws {
        try await withGroup { cluster, connection in
            #expect(try await commit("u", connection) == .none)
            let member = try await join(subscribing: "t", connection)
            #expect(try await commit("t", connection, as: member) == .none)

            try await cluster.jumpClock(byMilliseconds: Self.hour + 60_000)

            #expect(try await committedTopics(connection) == ["t"])
        }
    }

    @Test func `a group that was left keeps its offsets from then on`() async throws {
        try await withGroup { cluster, connection in
            let member = try await join(subscribing: "t", connection)
            #expect(try await commit("t", connection, as: member) == .none)
            try await cluster.jumpClock(byMilliseconds: Self.hour * 2)
            var leave = LeaveGroupRequest()
            leave.groupID = "g"
            leave.memberID = member.memberID
            #expect(try await connection.send(leave, version: 2).errorCode == .none)

            try await cluster.jumpClock(byMilliseconds: Self.hour - 60_000)
            #expect(try await committedTopics(connection) == ["t"])
            try await cluster.jumpClock(byMilliseconds: 120_000)
            #expect(try await committedTopics(connection).isEmpty)
        }
    }

    @Test func `anybody may commit for a group without members, whatever id he gives`() async throws {
        try await withGroup { _, connection async throws in
            #expect(try await commit("t", connection, memberID: "somebody") == .none)
        }
    }
}
