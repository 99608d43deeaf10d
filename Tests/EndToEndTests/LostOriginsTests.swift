import KafkaBroker
import KafkaClient
import KafkaWire
import NIOCore
import Replication
import Testing

/// `__replicator_origins` is deleted: whose records are whose is known nowhere else to those who read them.
@Suite(.serialized, .timeLimit(.minutes(5))) struct LostOriginsTests {
    private static let origins = "__replicator_origins"

    private func deleteOrigins(_ client: ClusterClient) async throws {
        for (_, outcome) in await client.deleteTopics([Self.origins]) { try outcome.get() }
    }

    private func registered(_ client: ClusterClient) async throws -> Set<String> {
        let records = try await StateTopic(Self.origins, client: client).readAll()
        return Set(records.compactMap { $0.key.map { String(buffer: $0) } })
    }

    @Test(arguments: [false, true])
    func `what was written behind the last checkpoint is known as ours without the topic that says so`(
        isEmptied: Bool
    ) async throws {
        try await Replicated.run { world in
            try await world.createTopic("orders")
            try await world.produce(0..<100, to: "orders")
            let early = try await world.copy(until: 100)
            try await world.produce(100..<200, to: "orders")
            try await world.copy(until: 200)
            try await world.restore(early)
            let before = try await registered(world.targetClient)
            if isEmptied {
                _ = try await world.target.recreateTopic(Self.origins)
            } else {
                try await deleteOrigins(world.targetClient)
            }
            try await world.produce(200..<300, to: "orders")

            try await world.copy(until: 300)

            #expect(try await world.targetValues("east.orders") == expectedValues(0..<300))
            #expect(!before.isEmpty)
            #expect(try await registered(world.targetClient) == before)
        }
    }

    @Test(arguments: [
        [LoopPrevention.producerIds, .producerIds], [.headers, .producerIds],
    ])
    func `nothing goes round while a flow that lost its registrations has not started again`(
        settings: [LoopPrevention]
    ) async throws {
        try await Mesh.run(["a", "b"]) { mesh in
            let paths = [("a", "b", settings[0]), ("b", "a", settings[1])]
            try await mesh.produce(0, 20)
            try await mesh.world.running(mesh.flows(paths)) { try await mesh.settled(20) }
            // What comes now has not been read on b when the topic is deleted.
            try await mesh.world.produce(100_020..<100_040, to: "orders", client: mesh.client("a"))
            try await mesh.world.running(mesh.flows([paths[0]])) {
                try await eventually("b to hold it") { try await mesh.counts("b").count == 60 }
            }
            try await deleteOrigins(mesh.client("b"))

            let back = try mesh.flows([paths[1]])
            try await mesh.world.running(back) {
                try await mesh.world.produce(200_020..<200_040, to: "orders", client: mesh.client("b"))
                // It waits in front of the first batch that may have come from a, until the other flow says whose it is.
                try await eventually("the flow back to have met it") {
                    await back[0].status().partitions.first.map { $0.sourceEnd > $0.sourceOffset } ?? false
                }
                try await mesh.world.running(mesh.flows([paths[0]])) { try await mesh.settled(40) }
            }
            for name in ["a", "b"] { #expect(try await mesh.counts(name) == mesh.expected(40), "\(name)") }
        }
    }
}
