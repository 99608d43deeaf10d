import KafkaBroker
import KafkaClient
import KafkaWire
import NIOCore
import Replication
import Testing

/// The topics that hold a flow's state are deleted, or emptied, while it runs.
@Suite(.serialized, .timeLimit(.minutes(5))) struct LostProgressTests {
    enum Loss: CaseIterable {
        case deleted
        /// Deleted, and created again by somebody else.
        case recreated
        /// The same topic with nothing in it, as on clusters without topic ids.
        case emptied
    }

    private func lose(_ topic: String, _ loss: Loss, _ world: Replicated) async throws {
        switch loss {
        case .deleted:
            for (_, outcome) in await world.targetClient.deleteTopics([topic]) { try outcome.get() }
        case .recreated: _ = try await world.target.recreateTopic(topic)
        case .emptied: try await world.target.truncate(topic: topic, partition: 0, to: 0)
        }
    }

    @Test(arguments: Loss.allCases)
    func `a progress topic that vanishes is written again, and a restart finds everything`(loss: Loss) async throws {
        try await Replicated.run { world in
            for topic in ["orders", "idle"] {
                try await world.createTopic(topic, configs: ["retention.ms": "1000000000"])
                try await world.produce(0..<50, to: topic)
            }
            // Somebody else's records between ours: a map of several segments.
            try await world.occupyTarget("east.orders", partitions: 1, records: 3)
            let log = LogLines()
            let flow = try world.flow(logger: log.logger)
            try await world.running(flow) {
                try await world.caughtUp(flow, records: 100)
                try await world.produceForeign(to: "east.orders", records: 2)
                try await world.produce(50..<60, to: "orders")
                try await world.caughtUp(flow, records: 110)
                try await eventually("everything to be recorded") {
                    let recorded = try await world.recorded()
                    return recorded.checkpoints[Replicated.orders]?.sourceOffset == 60
                        && recorded.checkpoints[TopicPartition("idle", 0)]?.sourceOffset == 50
                }
                try await lose(Replicated.progress, loss, world)
                if loss == .emptied {
                    // It shows with the next record that is written.
                    try await world.produce(60..<61, to: "orders")
                }
                try await eventually("it to be written again") {
                    let known = try? await world.recorded()
                    return known?.identity != nil && known?.checkpoints.count == 2 && known?.producers.isEmpty == false
                }
                try await eventually("the log to say so") {
                    log.count(
                        "the flow's progress was lost: the topic was deleted or emptied; everything is recorded there again"
                    ) == 1
                }
                let settings = await world.targetClient.describeConfigs([.topic(Replicated.progress)])
                #expect(try settings[.topic(Replicated.progress)]?.get()["cleanup.policy"]?.value == "compact")
                let records = try await StateTopic(Replicated.progress, client: world.targetClient).readAll()
                #expect(records.contains { $0.key == ByteBuffer(string: "config/orders") })
            }
            try await world.produce(61..<70, to: "orders")
            try await world.produce(50..<60, to: "idle")
            try await world.commit("lagging", ["orders": [0: 10]])
            try await world.commit("leading", ["orders": [0: 52]])
            let second = try world.flow()
            try await world.running(second) {
                try await eventually("it to go on") { try await world.targetValues("east.idle").count == 60 }
                try await eventually("it to be through") {
                    await second.status().partitions.allSatisfy { $0.lag == 0 }
                }
                try await world.committed("lagging", "east.orders", [0: 13])
                let copies = try await StateTopic("east.orders", client: world.targetClient).readAll()
                let leading = try #require(copies.first { $0.value == ByteBuffer(string: "value 52") }).offset
                try await world.committed("leading", "east.orders", [0: leading])
            }
            let values = try await world.targetValues("east.orders").filter { $0.hasPrefix("value") }
            #expect(values == expectedValues(0..<60) + (loss == .emptied ? ["value 60"] : []) + expectedValues(61..<70))
            #expect(try await world.targetValues("east.idle") == expectedValues(0..<60))
        }
    }

    @Test func `the record of a failover is written again too`() async throws {
        try await Replicated.run { world in
            try await world.createTopic("orders")
            try await world.produce(0..<10, to: "orders")
            let first = try world.flow()
            try await world.running(first) { try await world.caughtUp(first, records: 10) }
            let topic = StateTopic(Replicated.progress, client: world.targetClient)
            let remembered = Record(
                offset: 0, timestamp: 0, key: ByteBuffer(string: "failover"),
                value: ByteBuffer(string: #"{"kind":"planned","started":1}"#), headers: [])
            try await topic.append([remembered])
            let second = try world.flow()
            try await world.running(second) {
                try await world.caughtUp(second, records: 10)
                try await lose(Replicated.progress, .deleted, world)
                try await eventually("it to be written again") {
                    let records = try? await StateTopic(Replicated.progress, client: world.targetClient).readAll()
                    return records?.contains { $0.key == remembered.key && $0.value == remembered.value } == true
                }
            }
        }
    }

    @Test func `a stop right after the loss leaves everything recorded`() async throws {
        try await Replicated.run { world in
            try await world.createTopic("orders")
            try await world.produce(0..<50, to: "orders")
            // So long a pause that no look falls between.
            let flow = try world.flow { $0.sync.interval = .seconds(100_000) }
            try await world.running(flow) {
                try await world.caughtUp(flow, records: 50)
                try await eventually("a checkpoint") {
                    try await world.recorded().checkpoints[Replicated.orders]?.sourceOffset == 50
                }
                try await lose(Replicated.progress, .deleted, world)
            }
            #expect(try await world.checkpoint().sourceOffset == 50)
            #expect(try await world.recorded().identity != nil)
        }
    }

    @Test(arguments: [Loss.deleted, .recreated])
    func `registrations that vanish are made again while the flow runs`(loss: Loss) async throws {
        try await Replicated.run { world in
            let origins = "__replicator_origins"
            func registered() async throws -> Set<String> {
                let records = try? await StateTopic(origins, client: world.targetClient).readAll()
                return Set((records ?? []).compactMap { $0.key.map { String(buffer: $0) } })
            }
            try await world.createTopic("orders")
            try await world.produce(0..<10, to: "orders")
            let log = LogLines()
            let flow = try world.flow(logger: log.logger)
            try await world.running(flow) {
                try await world.caughtUp(flow, records: 10)
                let before = try await registered()
                #expect(!before.isEmpty)
                try await lose(origins, loss, world)
                try await eventually("the ids to be registered again") { try await registered() == before }
                try await eventually("the log to say so") {
                    log.count(
                        "producer ids of this flow were no longer registered: the topic was deleted or emptied; they are again"
                    ) == 1
                }
                try await world.produce(10..<20, to: "orders")
                try await world.caughtUp(flow, records: 20)
            }
            #expect(try await world.targetValues("east.orders") == expectedValues(0..<20))
        }
    }
}
