import KafkaBroker
import KafkaClient
import KafkaWire
import NIOPosix
import Replication
import ReplicationTools
import Testing

/// Access rules and quotas between two clusters with authorizers, through plans and a running flow.
@Suite(.serialized, .timeLimit(.minutes(5))) struct SyncAclTests {
    private static let authorizer = [
        "authorizer.class.name": "org.apache.kafka.metadata.authorizer.StandardAuthorizer",
        "super.users": "User:ANONYMOUS",
    ]

    private func withAuthorizers(_ body: (Replicated) async throws -> Void) async throws {
        try await Replicated.run(
            sourceProperties: Self.authorizer, targetProperties: Self.authorizer, body)
    }

    private func allow(
        _ operation: AccessOperation, _ name: String, to principal: String = "User:alice"
    ) -> AccessRule {
        AccessRule(.allow, operation, on: .topic, name, to: principal)
    }

    private func create(_ rules: AccessRule..., at client: ClusterClient) async throws {
        for (_, outcome) in await client.createAccessRules(rules) { try outcome.get() }
    }

    private func delete(_ rules: AccessRule..., at client: ClusterClient) async throws {
        for (_, outcome) in await client.deleteAccessRules(rules) { try outcome.get() }
    }

    @Test func `rules follow the source, others' stay, and a second run changes nothing`() async throws {
        try await withAuthorizers { world in
            try await world.createTopic("orders")
            let others = allow(.write, "east.orders", to: "User:bob")
            try await create(
                allow(.all, "orders"), allow(.write, "orders"), allow(.describe, "orders"), at: world.sourceClient)
            try await create(others, at: world.targetClient)

            #expect(try await world.plan(applies: true).isInStep)
            let copied = Set(try await world.targetClient.accessRules())
            #expect(copied == [others, allow(.read, "east.orders"), allow(.describe, "east.orders")])
            #expect(try await world.plan().changes == [])

            try await delete(allow(.describe, "orders"), at: world.sourceClient)
            _ = try await world.plan(applies: true)
            #expect(Set(try await world.targetClient.accessRules()) == [others, allow(.read, "east.orders")])
        }
    }

    @Test func `a running flow copies rules, and leaves alone what somebody removed`() async throws {
        try await withAuthorizers { world in
            try await world.createTopic("orders")
            try await create(allow(.read, "orders"), at: world.sourceClient)
            let flow = try world.flow()
            try await world.running(flow) {
                try await eventually("the rule") {
                    try await world.targetClient.accessRules() == [allow(.read, "east.orders")]
                }
                try await delete(allow(.read, "east.orders"), at: world.targetClient)
                try await create(allow(.describe, "orders"), at: world.sourceClient)
                try await eventually("the other rule") {
                    try await world.targetClient.accessRules() == [allow(.describe, "east.orders")]
                }
            }
            let plan = try await world.plan()
            #expect(plan.changes == [])
            #expect(plan.notes.contains { $0.kind == "changedByOthers" })
        }
    }

    @Test func `the full mode renames principals and copies groups and prefixes`() async throws {
        try await withAuthorizers { world in
            try await world.createTopic("orders")
            let prefixed = AccessRule(.allow, .read, on: .topic, "ord", pattern: .prefixed, to: "User:alice")
            let group = AccessRule(.allow, .read, on: .group, "app", to: "User:alice")
            try await create(prefixed, group, at: world.sourceClient)

            _ = try await world.plan(applies: true) {
                $0.sync.aclMode = .full
                $0.sync.principals = ["User:alice": "User:alice-west"]
            }
            #expect(
                Set(try await world.targetClient.accessRules()) == [
                    AccessRule(.allow, .read, on: .topic, "east.ord", pattern: .prefixed, to: "User:alice-west"),
                    AccessRule(.allow, .read, on: .group, "app", to: "User:alice-west"),
                ])
        }
    }

    @Test func `a cluster without an authorizer is named, and everything else is done`() async throws {
        try await Replicated.run(sourceProperties: Self.authorizer) { world in
            try await world.createTopic("orders")
            let plan = try await world.plan(applies: true)

            #expect(plan.isInStep)
            #expect(plan.notes.contains { $0.kind == "noAuthorizer" && $0.subject == "west" })
            #expect(try await world.plan().changes == [])
        }
    }

    @Test func `quotas follow when they are wanted, others' stay`() async throws {
        try await Replicated.run { world in
            let alice = QuotaEntity(["user": "alice"])
            let app = QuotaEntity(["client-id": "app"])
            let anybody = QuotaEntity(["user": nil])
            func quotas() async throws -> [QuotaEntity: [String: Double]] {
                try await world.targetClient.clientQuotas()
            }
            for (_, outcome) in await world.sourceClient.alterClientQuotas([
                alice: ["producer_byte_rate": 1_000], anybody: ["consumer_byte_rate": 2_000],
            ]) { try outcome.get() }
            for (_, outcome) in await world.targetClient.alterClientQuotas([app: ["producer_byte_rate": 5]]) {
                try outcome.get()
            }
            #expect(try await world.plan().changes == [])

            _ = try await world.plan(applies: true) { $0.sync.quotas = true }
            #expect(
                try await quotas() == [
                    alice: ["producer_byte_rate": 1_000], anybody: ["consumer_byte_rate": 2_000],
                    app: ["producer_byte_rate": 5],
                ])
            for (_, outcome) in await world.sourceClient.alterClientQuotas([alice: ["producer_byte_rate": nil]]) {
                try outcome.get()
            }
            _ = try await world.plan(applies: true) { $0.sync.quotas = true }
            #expect(try await quotas() == [anybody: ["consumer_byte_rate": 2_000], app: ["producer_byte_rate": 5]])
            #expect(try await world.plan { $0.sync.quotas = true }.changes == [])
        }
    }

    @Test func `the doctor names the exact rule that is missing, and the command that makes it`() async throws {
        try await Replicated.run(
            sourceProperties: ["authorizer.class.name": Self.authorizer["authorizer.class.name"] ?? ""]
                .merging(["super.users": "User:admin", "allow.everyone.if.no.acl.found": "true"]) { first, _ in first }
        ) { world in
            try await world.createTopic("orders")
            try await create(allow(.describe, "orders", to: "User:ANONYMOUS"), at: world.sourceClient)
            let doctor = Doctor(
                try await world.flow().settings, eventLoop: world.group.next(), logger: Replicated.quiet,
                wallClock: { 1_700_000_000_000 })
            let diagnosis = await doctor.examine(probes: false)
            await doctor.close()
            let finding = try #require(diagnosis.findings.first { $0.check == "permissions" && $0.severity == .error })

            #expect(finding.subject == "orders")
            #expect(finding.what == "User:ANONYMOUS lacks READ, DESCRIBE_CONFIGS on TOPIC orders of east")
            #expect(
                finding.remedy.hasSuffix(
                    "--add --allow-principal 'User:ANONYMOUS' --operation Read --operation DescribeConfigs "
                        + "--topic 'orders'"))
        }
    }
}
