import KafkaBroker
import KafkaClient
import KafkaWire
import NIOCore
import NIOPosix
import Replication
import ReplicationTools
import Testing

/// What `flows` and `forget` claim about a flow's memory.
@Suite(.serialized, .timeLimit(.minutes(5))) struct FlowRemovalTests {
    private func removal(_ world: Replicated) -> FlowRemoval {
        FlowRemoval(
            on: Replicated.settings("west", world.target), eventLoop: world.group.next(), logger: Replicated.quiet,
            wallClock: { .max })
    }

    private func catalog(_ world: Replicated) -> FlowCatalog {
        FlowCatalog(
            Replicated.settings("west", world.target), eventLoop: world.group.next(), logger: Replicated.quiet,
            wallClock: { 0 })
    }

    @Test func `a memory that was read and not understood is no memory that is in order`() async throws {
        try await Replicated.run { world in
            try await world.createTopic("orders")
            try await world.produce(0..<10, to: "orders")
            try await world.copy(until: 10)
            let catalog = catalog(world)
            #expect(try await catalog.flows().map(\.problem) == [nil])
            try await StateTopic(Replicated.progress, client: world.targetClient).append([
                Record(
                    offset: 0, timestamp: 0, key: ByteBuffer(string: "partition/orders/0"),
                    value: ByteBuffer(string: "not json"), headers: [])
            ])

            let problem = try await catalog.flows().first?.problem ?? ""

            #expect(problem.contains("the newest checkpoint of orders-0 cannot be understood"), "\(problem)")
            await catalog.close()
        }
    }

    @Test func `a flow of which nobody can tell when it last recorded something is not removed`() async throws {
        try await Replicated.run { world in
            try await world.createTopic("orders")
            try await world.produce(0..<10, to: "orders")
            try await world.copy(until: 10)
            world.target.intercept(.fetch, times: .max, .error(.topicAuthorizationFailed))

            let error = await #expect(throws: UnknownWhetherFlowRuns.self) {
                _ = try await removal(world).examine("east-to-west")
            }

            #expect(error?.topic == Replicated.progress)
            #expect(error?.reason.contains("TOPIC_AUTHORIZATION_FAILED") == true, "\(error?.reason ?? "")")
            world.target.removeInterceptions()
            #expect(try await removal(world).examine("east-to-west")?.partitions == 1)
            #expect(try await removal(world).remove("east-to-west") == [Replicated.progress])
            let topics = try await world.targetClient.metadata(.all).topics
            #expect(topics[Replicated.progress] == nil)
        }
    }
}
