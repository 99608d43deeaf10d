import ClusterTestSupport
import KafkaBroker
import KafkaWire
import TestSupport
import Testing

/// Names that look the same and have other bytes are other names, as in Kafka.
@Suite(.timeLimit(.minutes(1))) struct NamesByBytesTests {
    private static let composed = "caf\u{E9}"
    private static let decomposed = "cafe\u{301}"

    private func makeOffsetsTopic(_ connection: RawConnection) async throws {
        var find = FindCoordinatorRequest()
        find.coordinatorKeys = ["any"]
        _ = try await connection.send(find)
    }

    private func commit(_ offset: Int64, _ group: String, _ connection: RawConnection) async throws -> ErrorCode {
        var partition = OffsetCommitRequest.OffsetCommitRequestPartition()
        partition.committedOffset = offset
        var topic = OffsetCommitRequest.OffsetCommitRequestTopic()
        topic.name = "K"
        topic.partitions = [partition]
        var request = OffsetCommitRequest()
        request.groupID = group
        request.topics = [topic]
        return try await connection.send(request, version: 9).topics[0].partitions[0].errorCode
    }

    /// By group; -1 without a commit.
    private func committed(
        _ groups: [String], topic: String = "K", _ connection: RawConnection
    ) async throws -> [(error: ErrorCode, offset: Int64?)] {
        var request = OffsetFetchRequest()
        request.groups = groups.map { group in
            var topics = OffsetFetchRequest.OffsetFetchRequestTopics()
            topics.name = topic
            topics.partitionIndexes = [0]
            var wanted = OffsetFetchRequest.OffsetFetchRequestGroup()
            wanted.groupID = group
            wanted.topics = [topics]
            return wanted
        }
        let answer = try await connection.send(request, version: 9)
        return groups.map { group in
            let found = answer.groups.first { $0.groupID.utf8.elementsEqual(group.utf8) }
            return (found?.errorCode ?? .unknownServerError, found?.topics.first?.partitions.first?.committedOffset)
        }
    }

    @Test func `groups that look the same keep their own offsets, also over a restart`() async throws {
        let directory = try TemporaryDirectory().path
        try await withCluster(dataDirectory: directory) { cluster in
            try await RawConnection.open(port: cluster.ports[0]) { connection in
                try await connection.createTopic("K")
                try await makeOffsetsTopic(connection)
                let codes = [
                    try await commit(3, Self.composed, connection), try await commit(5, Self.decomposed, connection),
                ]
                #expect(codes == [.none, .none])
            }
        }
        try await withCluster(dataDirectory: directory) { cluster in
            try await RawConnection.open(port: cluster.ports[0]) { connection in
                let found = try await committed([Self.composed, Self.decomposed], connection)
                #expect(found.map(\.offset) == [3, 5])
                let listed = try await connection.send(ListGroupsRequest()).groups.map(\.groupID)
                #expect(Set(listed.map { Array($0.utf8) }) == [Array(Self.composed.utf8), Array(Self.decomposed.utf8)])
            }
        }
    }

    @Test func `a topic is not found under a name that only looks like its own`() async throws {
        try await withCluster { cluster in
            try await RawConnection.open(port: cluster.ports[0]) { connection in
                try await connection.createTopic("K")
                try await makeOffsetsTopic(connection)
                _ = try await commit(7, "g", connection)
                let kelvin = "\u{212A}"
                let described = try await connection.metadata([kelvin])
                #expect(described.topics.map(\.errorCode) != [.none])
                let fetched = try await connection.fetch(kelvin)
                #expect(fetched.errorCode == .unknownTopicOrPartition)
                let produced = try await connection.produce(["x"], to: kelvin)
                #expect(produced.errorCode == .unknownTopicOrPartition)
                let offsets = try await committed(["g"], topic: kelvin, connection)
                #expect(offsets.map(\.offset) == [-1])
            }
        }
    }

    @Test func `an ACL is for the group with these bytes, also beside the other in one request`() async throws {
        try await withAuthorizer { admin, alice, _ in
            try await admin.createTopic("K")
            try await makeOffsetsTopic(admin)
            for group in [Self.composed, Self.decomposed] { _ = try await commit(1, group, admin) }
            try await admin.create(
                TestACL(.describe, .group, Self.composed), TestACL(.describe, .topic, "K"),
                TestACL(.all, .group, "x", isPrefix: true), TestACL(.all, .group, "xe", isPrefix: true, isDenied: true))
            for groups in [[Self.composed, Self.decomposed], [Self.decomposed, Self.composed]] {
                let found = try await committed(groups, alice)
                let allowed = found.map { $0.error == .none }
                #expect(allowed == groups.map { $0.utf8.elementsEqual(Self.composed.utf8) })
            }
            // A prefix is one of bytes: an accent behind it makes no other character of its last one.
            let denied = try await committed(["xe\u{301}", "x\u{E9}"], alice)
            #expect(denied.map(\.error) == [.groupAuthorizationFailed, .none])
        }
    }

    @Test func `static members whose names look the same are two`() {
        var group = Group(id: "g", settings: .init(), now: 0)
        for (ticket, instance) in [Self.composed, Self.decomposed].enumerated() {
            var attempt = JoinAttempt()
            attempt.instanceID = instance
            attempt.proposedMemberID = "member-\(ticket)"
            var proposal = JoinGroupRequest.JoinGroupRequestProtocol()
            proposal.name = "range"
            attempt.proposals = [proposal]
            group.join(attempt, ticket: Ticket(ticket), now: 0)
        }
        #expect(group.members.count == 2)
    }

    @Test func `members agree on an assignor only by its bytes`() {
        var group = Group(id: "g", settings: .init(), now: 0)
        for (ticket, name) in [Self.composed, Self.decomposed].enumerated() {
            var attempt = JoinAttempt()
            attempt.proposedMemberID = "member-\(ticket)"
            attempt.requiresKnownMemberID = false
            var proposal = JoinGroupRequest.JoinGroupRequestProtocol()
            proposal.name = name
            attempt.proposals = [proposal]
            group.join(attempt, ticket: Ticket(ticket), now: 0)
        }
        let refused = group.takeEffects().contains { effect in
            if case .joined(1, let response) = effect {
                response.errorCode == .inconsistentGroupProtocol
            } else {
                false
            }
        }
        #expect(refused)
    }

    @Test func `users whose names look the same have their own passwords`() async throws {
        let users = "user_admin=\"secret\" user_\(Self.composed)=\"one\" user_\(Self.decomposed)=\"two\""
        let key = "listener.name.sasl_plaintext.plain.sasl.jaas.config"
        let scram = "ScramLoginModule required \(users);"
        try await withSecuredCluster([key: "PlainLoginModule required \(users);", "sasl.jaas.config": scram]) {
            cluster in
            for (name, password) in [(Self.composed, "one"), (Self.decomposed, "two")] {
                for (given, isRight) in [(password, true), (password == "one" ? "two" : "one", false)] {
                    try await RawConnection.open(port: cluster.ports[0]) { connection in
                        let answer = try await connection.authenticate(name, given)
                        #expect((answer.errorCode == .none) == isRight)
                    }
                    try await RawConnection.open(port: cluster.ports[0]) { connection in
                        let refusal = try await connection.scram("SCRAM-SHA-256", name, given)
                        #expect((refusal == nil) == isRight)
                    }
                }
            }
        }
    }
}
