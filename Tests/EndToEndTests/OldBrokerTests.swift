import KafkaBroker
import KafkaClient
import KafkaWire
import Replication
import ReplicationTools
import Testing

/// Clusters that lack what later releases of Kafka have.
@Suite(.serialized, .timeLimit(.minutes(5))) struct OldBrokerTests {
    private let copy = "east.orders"

    private func set(_ topic: String, _ changes: [String: ConfigChange], at client: ClusterClient) async throws {
        for (_, outcome) in await client.alterConfigs([.topic(topic): changes]) { try outcome.get() }
    }

    /// What a topic sets itself.
    private func own(_ topic: String, at client: ClusterClient) async throws -> [String: String] {
        let described = try #require(await client.describeConfigs([.topic(topic)])[.topic(topic)])
        return try described.get().filter { $0.value.source == .topic }.compactMapValues(\.value)
    }

    /// AlterConfigs, all there was before Kafka 2.3, makes what it is given the whole configuration of a topic.
    @Test func `without IncrementalAlterConfigs a change leaves the other settings as they are`() async throws {
        try await Replicated.run(targetVersions: [.incrementalAlterConfigs: -1]) { world in
            try await world.createTopic("orders", configs: ["segment.ms": "60000", "retention.ms": "1000000"])
            #expect(try await world.plan(applies: true).isInStep)
            // Somebody else's, which AlterConfigs would undo if it were left out.
            try await set(copy, ["max.message.bytes": .set("3000000")], at: world.targetClient)
            try await set("orders", ["segment.ms": .set("70000"), "retention.ms": .delete], at: world.sourceClient)

            let plan = try await world.plan(applies: true)

            #expect(plan.isInStep)
            #expect(Set(plan.changes.map(\.subject)) == ["\(copy) segment.ms", "\(copy) retention.ms"])
            #expect(
                try await own(copy, at: world.targetClient) == ["segment.ms": "70000", "max.message.bytes": "3000000"])
            #expect(try await world.plan().changes == [])
        }
    }

    @Test func `one key that such a broker refuses does not keep the others from following`() async throws {
        try await Replicated.run(targetVersions: [.incrementalAlterConfigs: -1]) { world in
            try await world.createTopic("orders", configs: ["segment.ms": "60000"])
            _ = try await world.plan(applies: true)
            try await set(
                "orders", ["segment.ms": .set("70000"), "max.message.bytes": .set("2000000")], at: world.sourceClient)
            world.target.intercept(.alterConfigs, times: 2, .error(.invalidConfig))

            let plan = try await world.plan(applies: true)

            #expect(plan.changes.filter { $0.error != nil }.count == 1)
            #expect(try await world.plan(applies: true).isInStep)
            #expect(
                try await own(copy, at: world.targetClient) == ["segment.ms": "70000", "max.message.bytes": "2000000"])
        }
    }

    @Test func `a running flow keeps settings in step there too`() async throws {
        try await Replicated.run(targetVersions: [.incrementalAlterConfigs: -1]) { world in
            try await world.createTopic("orders", configs: ["segment.ms": "60000"])
            let flow = try world.flow()
            try await world.running(flow) {
                try await eventually("the flow to run") { await flow.status().state == .running }
                try await set("orders", ["segment.ms": .set("70000")], at: world.sourceClient)
                try await eventually("the change") {
                    try await own(copy, at: world.targetClient)["segment.ms"] == "70000"
                }
            }
        }
    }

    /// As before Kafka 2.3, where nobody tells what we may do.
    private static let silent: [ApiKey: Int16] = [.describeCluster: -1, .metadata: 7, .describeGroups: 2]

    @Test func `a cluster that does not tell what we may do is no reason for alarm`() async throws {
        try await Replicated.run(sourceVersions: Self.silent, targetVersions: Self.silent) { world in
            try await world.createTopic("orders")
            try await world.commit("billing", ["orders": [0: 0]])
            let diagnosis = try await world.diagnosis()
            let untold = diagnosis.findings.filter { $0.what.hasPrefix("cannot tell") }

            #expect(diagnosis.findings.filter { $0.severity == .error } == [])
            #expect(untold.filter { $0.what.contains("consumer groups") }.map(\.subject) == ["east", "west"])
            #expect(Set(untold.map(\.subject)) == ["east", "west"])
            #expect(untold.allSatisfy { $0.severity == .warning && $0.remedy.contains("kafka-acls.sh") })
            #expect(untold.contains { $0.remedy.contains("--list --principal 'User:ANONYMOUS'") })
        }
    }
}
