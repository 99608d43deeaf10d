import KafkaBroker
import KafkaClient
import KafkaWire
import NIOCore
import Replication
import ReplicationTools
import Testing
import replicator

/// Users with SCRAM credentials in plans: by name only, since the protocol tells no more.
@Suite(.serialized, .timeLimit(.minutes(5))) struct PlanUserTests {
    private func add(_ user: String, _ mechanisms: [Int8: Int32], at client: ClusterClient) async throws {
        var request = AlterUserScramCredentialsRequest()
        request.upsertions = mechanisms.map { mechanism, iterations in
            var credential = AlterUserScramCredentialsRequest.ScramCredentialUpsertion()
            credential.name = user
            credential.mechanism = mechanism
            credential.iterations = iterations
            credential.salt = ByteBuffer(string: "salt of \(user)")
            credential.saltedPassword = ByteBuffer(string: "password of \(user)")
            return credential
        }
        let response = try await client.send(request, to: .controller)
        #expect(response.results.allSatisfy { $0.errorCode == .none })
    }

    @Test func `a plan lists the source's users, and who of them is missing on the target`() async throws {
        try await Replicated.run { world in
            try await world.createTopic("orders")
            try await add("alice", [1: 4096, 2: 8192], at: world.sourceClient)
            try await add("bob", [2: 4096], at: world.sourceClient)
            try await add("carol", [1: 5000], at: world.sourceClient)
            try await add("robert", [2: 4096], at: world.targetClient)
            try await add("carol", [2: 4096], at: world.targetClient)
            try await add("stranger", [2: 4096], at: world.targetClient)
            let plan = try await world.plan(applies: true) {
                $0.sync.aclMode = .full
                $0.sync.principals = ["User:bob": "User:robert"]
            }
            let users = try #require(plan.users)

            #expect(users.map(\.name) == ["alice", "bob", "carol"])
            #expect(users.map(\.isOnTarget) == [false, true, true])
            #expect(
                users.map { Set($0.mechanisms) } == [
                    ["SCRAM-SHA-256 (4096 iterations)", "SCRAM-SHA-512 (8192 iterations)"],
                    ["SCRAM-SHA-512 (4096 iterations)"], ["SCRAM-SHA-256 (5000 iterations)"],
                ])
            let lines = plan.text.split(separator: "\n")
            #expect(lines.contains { $0.contains("alice") && $0.hasSuffix("missing") })
            #expect(lines.contains { $0.contains("bob") && $0.hasSuffix("there") })
            #expect(!plan.text.contains("password of"))
            // They are told, and neither copied nor a difference.
            #expect(plan.isInStep)
            #expect(try await world.targetClient.scramUsers().keys.sorted() == ["carol", "robert", "stranger"])
        }
    }

    @Test func `a source that may not be asked for users has none in its plan, and nothing else suffers`() async throws
    {
        try await Replicated.run { world in
            try await world.createTopic("orders")
            world.source.intercept(.describeUserScramCredentials, .error(.clusterAuthorizationFailed))
            let plan = try await world.plan()
            #expect(plan.users == nil)
            #expect(plan.changes.map(\.subject) == ["east.orders"])
        }
    }

    @Test func `who is on a target that may not be asked is not known, rather than missing`() async throws {
        try await Replicated.run { world in
            try await add("alice", [2: 4096], at: world.sourceClient)
            world.target.intercept(.describeUserScramCredentials, .error(.clusterAuthorizationFailed))
            let plan = try await world.plan()
            #expect(plan.users?.map(\.isOnTarget) == [nil])
            #expect(plan.text.split(separator: "\n").last?.hasSuffix("not told") == true)
        }
    }
}
