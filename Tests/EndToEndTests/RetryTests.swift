import KafkaBroker
import KafkaClient
import KafkaWire
import NIOCore
import Replication
import Testing

/// Partitions that have stopped are brought back while the flow runs.
@Suite(.serialized, .timeLimit(.minutes(5))) struct RetryTests {
    private func partition(_ flow: Flow, _ topic: String) async -> FlowStatus.Partition? {
        await flow.status().partitions.first { $0.topic == topic }
    }

    private func setMaximumMessage(_ bytes: Int, _ world: Replicated) async throws {
        let topic = ConfigResource.topic("east.large")
        let changes = [topic: ["max.message.bytes": ConfigChange.set("\(bytes)")]]
        try #require(await world.targetClient.alterConfigs(changes)[topic]).get()
    }

    @Test func `a partition goes on exactly where it stopped once the cause is gone, and the others do not notice`()
        async throws
    {
        try await Replicated.run { world in
            for topic in ["large", "small"] { try await world.createTopic(topic) }
            let flow = try world.flow { $0.sync.topicConfigs = false }
            try await world.running(flow) {
                try await eventually("both topics") { await flow.status().partitions.count == 2 }
                try await setMaximumMessage(2_000, world)
                try await world.produce(0..<20, to: "small")
                // Bytes that no codec makes smaller.
                var state: UInt64 = 1
                let bytes = (0..<10_000).map { _ in
                    state = state &* 6_364_136_223_846_793_005 &+ 1_442_695_040_888_963_407
                    return UInt8(truncatingIfNeeded: state >> 33)
                }
                try await StateTopic("large", client: world.sourceClient).append([
                    Record(offset: 0, timestamp: 1_700_000_000_000, key: nil, value: ByteBuffer(bytes: bytes))
                ])
                try await world.produce(0..<10, to: "large")
                try await eventually("the large record to stop its partition") {
                    await partition(flow, "large")?.state == .failed
                }
                #expect(try await flow.retry(.topic("small")) == 0)
                #expect(try await flow.retry(.flow) == 1)
                try await eventually("it to stop again, since nothing has changed") {
                    await partition(flow, "large")?.state == .failed
                }

                try await setMaximumMessage(1_000_000, world)
                #expect(try await flow.retry(.partition("large", 0)) == 1)
                try await eventually("everything") { await partition(flow, "large")?.sourceOffset == 11 }
                try await world.produce(10..<20, to: "large")
                try await eventually("what came later") { await partition(flow, "large")?.sourceOffset == 21 }
                #expect(await partition(flow, "large")?.state == .active)
            }
            let copies = try await world.targetValues("east.large")
            #expect(copies.count == 21)
            #expect(copies.dropFirst() == expectedValues(0..<20)[...])
            #expect(try await world.targetValues("east.small") == expectedValues(0..<20))
        }
    }

    @Test func `a policy that is changed while the flow runs brings a stopped partition on`() async throws {
        try await Replicated.run { world in
            try await world.createTopic("orders")
            let flow = try world.flow()
            try await world.running(flow) {
                try await eventually("the flow to run") { await flow.status().partitions.count == 1 }
                try await world.produce(0..<10, to: "orders")
                try await world.caughtUp(flow, records: 10)
                _ = try await world.source.recreateTopic("orders")
                try await world.produce(100..<110, to: "orders")
                try await eventually("it to stop") { await partition(flow, "orders")?.state == .failed }

                var settings = await flow.settings
                settings.policies.recreated = .continue
                await flow.reload(settings)
                #expect(try await flow.retry(.flow) == 1)
                try await eventually("the new topic") {
                    try await world.targetValues("east.orders") == expectedValues(0..<10) + expectedValues(100..<110)
                }
            }
        }
    }

    @Test func `what the flow does not have cannot be tried again`() async throws {
        try await Replicated.run { world in
            try await world.createTopic("orders")
            let flow = try world.flow()
            try await world.running(flow) {
                try await eventually("the flow to run") { await flow.status().partitions.count == 1 }
                await #expect(throws: FlowControlError.unknown(flow: "east-to-west", .topic("absent"))) {
                    try await flow.retry(.topic("absent"))
                }
            }
        }
    }
}
