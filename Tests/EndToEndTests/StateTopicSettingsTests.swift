import KafkaBroker
import KafkaClient
import KafkaWire
import Replication
import Testing

/// Settings of the topics that flows keep their state in.
@Suite(.serialized, .timeLimit(.minutes(5))) struct StateTopicSettingsTests {
    private static let progress = "__replicator.east-to-west.progress"
    private static let origins = "__replicator_origins"

    private func settings(of topic: String, _ client: ClusterClient) async throws -> [String: String?] {
        let resource = ConfigResource.topic(topic)
        let found = try #require(await client.describeConfigs([resource])[resource]).get()
        return found.mapValues(\.value)
    }

    private func runOnce(_ world: Replicated) async throws {
        try await world.createTopic("orders")
        try await world.produce(0..<10, to: "orders")
        try await world.copy(until: 10)
    }

    @Test(arguments: [progress, origins]) func `a state topic is made so that the log cleaner keeps it small`(
        topic: String
    ) async throws {
        try await Replicated.run { world in
            try await runOnce(world)

            let found = try await settings(of: topic, world.targetClient)
            #expect(found["cleanup.policy"] == "compact")
            #expect(found["segment.bytes"] == "\(16 << 20)")
            #expect(found["segment.ms"] == "3600000")
            #expect(found["min.cleanable.dirty.ratio"] == "0.1")
        }
    }

    @Test(arguments: [progress, origins], ["delete", "compact,delete"])
    func `a state topic whose records would go with time is mended at the start`(
        topic: String, policy: String
    ) async throws {
        try await Replicated.run { world in
            let wanted = NewTopic(
                topic, partitions: 1, replicationFactor: 1,
                configs: ["cleanup.policy": policy, "segment.ms": "7200000"])
            for (_, outcome) in await world.targetClient.createTopics([wanted]) { _ = try outcome.get() }

            try await runOnce(world)

            let found = try await settings(of: topic, world.targetClient)
            #expect(found["cleanup.policy"] == "compact")
            #expect(found["segment.ms"] == "7200000", "what was set by hand stays")
        }
    }
}
