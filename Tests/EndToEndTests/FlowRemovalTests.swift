import KafkaBroker
import KafkaClient
import KafkaWire
import NIOCore
import NIOPosix
import Replication
import ReplicationTools
import Synchronization
import Testing

/// What `flows` and `forget` claim about a flow's memory.
@Suite(.serialized, .timeLimit(.minutes(5))) struct FlowRemovalTests {
    private final class Flag: Sendable {
        private let state = Mutex(false)

        func raise() { state.withLock { $0 = true } }
        var isRaised: Bool { state.withLock { $0 } }
    }

    private func removal(
        _ world: Replicated, patience: Duration = .seconds(60), wallClock: @escaping @Sendable () -> Int64 = { .max }
    ) -> FlowRemoval {
        var settings = Replicated.settings("west", world.target)
        settings.operationTimeout = patience
        return FlowRemoval(
            on: settings, eventLoop: world.group.next(), logger: Replicated.quiet, wallClock: wallClock)
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

    @Test func `a flow runs, whether all brokers tell of their groups or not`() async throws {
        try await Replicated.run { world in
            try await world.createTopic("orders")
            let flow = try world.flow()
            try await world.running(flow) {
                try await eventually("the flow to be a member") {
                    await flow.status().membership?.state == .member
                }
                world.target.intercept(.listGroups, times: .max, .disconnect)
                await #expect(throws: FlowIsShared.self) { try await removal(world).examine("east-to-west") }
                world.target.removeInterceptions()
            }
        }
    }

    @Test func `a flow whose group cannot be looked at is not removed`() async throws {
        try await Replicated.run { world in
            try await world.createTopic("orders")
            try await world.produce(0..<10, to: "orders")
            try await world.copy(until: 10)
            world.target.intercept(.describeGroups, times: .max, .error(.coordinatorNotAvailable))

            let error = await #expect(throws: UnknownWhetherFlowIsShared.self) {
                try await removal(world, patience: .seconds(1)).examine("east-to-west")
            }

            #expect(error?.group == "__replicator.east-to-west")
            #expect(error?.reason.contains("COORDINATOR_NOT_AVAILABLE") == true, "\(error?.reason ?? "")")
            world.target.removeInterceptions()
            #expect(try await removal(world).examine("east-to-west") != nil)
        }
    }

    /// It is in no group yet, and may write.
    @Test func `an instance that has claimed the start is waited for`() async throws {
        try await Replicated.run { world in
            try await world.createTopic("orders")
            try await world.produce(0..<10, to: "orders")
            try await world.copy(until: 10)
            let clock: @Sendable () -> Int64 = { 1_700_000_000_000 }
            let store = ProgressStore(flow: "east-to-west", target: world.targetClient, wallClock: clock)
            try await store.open()
            #expect(try await store.claimStart("beginner"))
            let isReleased = Flag()

            let releasing = Task {
                try await Task.sleep(for: .seconds(1))
                isReleased.raise()
                try await store.releaseStart("beginner")
            }
            await #expect(throws: FlowIsRunning.self) {
                try await removal(world, wallClock: clock).examine("east-to-west")
            }
            #expect(isReleased.isRaised)
            try await releasing.value
        }
    }
}
