import KafkaBroker
import KafkaClient
import KafkaWire
import Replication
import ReplicationTools
import Testing

/// What clusters with authorizers let a flow do with consumer groups: named by the doctor, and by the flow itself.
@Suite(.serialized, .timeLimit(.minutes(5))) struct GroupPermissionTests {
    /// Everybody may do what no rule is about: a rule for somebody else takes it away from us.
    private static let authorizer = [
        "authorizer.class.name": "org.apache.kafka.metadata.authorizer.StandardAuthorizer",
        "super.users": "User:admin", "allow.everyone.if.no.acl.found": "true",
    ]

    private func withAuthorizers(_ body: (Replicated) async throws -> Void) async throws {
        try await Replicated.run(sourceProperties: Self.authorizer, targetProperties: Self.authorizer) { world in
            try await world.createTopic("orders")
            try await world.commit("billing", ["orders": [0: 0]])
            try await body(world)
        }
    }

    private func allow(
        _ operation: AccessOperation, on resource: AccessRule.ResourceType, _ name: String,
        to principal: String = "User:ANONYMOUS", at client: ClusterClient
    ) async throws {
        let rule = AccessRule(.allow, operation, on: resource, name, to: principal)
        for (_, outcome) in await client.createAccessRules([rule]) { try outcome.get() }
    }

    /// What the doctor finds wrong with permissions.
    private func missing(in world: Replicated) async throws -> [Finding] {
        try await world.diagnosis().findings.filter { $0.check == "permissions" && $0.severity != .ok }
    }

    @Test func `each missing right on a group is named with the command that grants it, which mends it`() async throws {
        try await withAuthorizers { world in
            #expect(try await missing(in: world) == [])
            try await allow(.read, on: .group, "billing", to: "User:app", at: world.sourceClient)
            try await allow(.describe, on: .group, "billing", at: world.targetClient)

            let found = try await missing(in: world)

            #expect(found.allSatisfy { $0.severity == .error && $0.subject == "billing" })
            #expect(
                found.map(\.what) == [
                    "User:ANONYMOUS lacks DESCRIBE on GROUP billing of east",
                    "User:ANONYMOUS lacks READ on GROUP billing of west",
                ])
            #expect(found.first?.remedy.contains("--operation Describe --group 'billing'") == true)
            #expect(found.last?.remedy.contains("--operation Read --group 'billing'") == true)

            try await allow(.describe, on: .group, "billing", at: world.sourceClient)
            try await allow(.read, on: .group, "billing", at: world.targetClient)
            #expect(try await missing(in: world) == [])
        }
    }

    @Test func `without DESCRIBE on the source cluster only some groups are seen, which is said`() async throws {
        try await withAuthorizers { world in
            try await allow(.alter, on: .cluster, "kafka-cluster", to: "User:app", at: world.sourceClient)

            let found = try await missing(in: world)

            #expect(found.map(\.what) == ["User:ANONYMOUS lacks DESCRIBE on the cluster of east"])
            #expect(found.first?.why.contains("only those consumer groups are seen") == true)
            #expect(found.first?.remedy.contains("--operation Describe --cluster") == true)
        }
    }

    @Test func `the memory of an opposite flow that may not be read is named`() async throws {
        try await withAuthorizers { world in
            let topic = "__replicator.back.progress"
            try await world.createTopic(topic)
            try await allow(.describe, on: .topic, topic, at: world.sourceClient)

            let found = try await missing(in: world)

            #expect(found.map(\.what) == ["User:ANONYMOUS lacks READ on TOPIC \(topic) of east"])
            #expect(found.first?.why.contains("offset maps") == true)
        }
    }

    @Test func `a running flow names the missing right too`() async throws {
        try await withAuthorizers { world in
            try await world.produce(0..<10, to: "orders")
            try await world.commit("billing", ["orders": [0: 5]])
            try await allow(.describe, on: .group, "billing", at: world.targetClient)
            let flow = try world.flow()
            try await world.running(flow) {
                try await eventually("the refusal") {
                    let group = await flow.status().groups.first
                    return group?.state == .failed
                        && group?.reason?.contains("lacks READ on GROUP billing of west; grant it with: ") == true
                }
                try await allow(.read, on: .group, "billing", at: world.targetClient)
                try await world.committed("billing", "east.orders", [0: 5])
            }
        }
    }
}
