import KafkaBroker
import KafkaClient
import KafkaWire
import NIOCore
import NIOPosix
import Replication
import ReplicationTools
import Testing

/// Topics that keep state, with records in them that no flow has written.
@Suite(.serialized, .timeLimit(.minutes(5))) struct StrangeStateTests {
    private static let origins = "__replicator_origins"

    private func append(_ key: String?, _ value: String?, to topic: String, _ client: ClusterClient) async throws {
        try await StateTopic(topic, client: client).append([
            Record(
                offset: 0, timestamp: 0, key: key.map { ByteBuffer(string: $0) },
                value: value.map { ByteBuffer(string: $0) }, headers: [])
        ])
    }

    private func create(_ topic: String, _ client: ClusterClient) async throws {
        for (_, outcome) in await client.createTopics([NewTopic(topic, partitions: 1, replicationFactor: 1)]) {
            _ = try outcome.get()
        }
    }

    private static func identity(from source: String, to target: String) -> String {
        #"{"version":1,"sourceClusterID":"\#(source)","targetClusterID":"\#(target)","naming":"identical","#
            + #""startFrom":"earliest"}"#
    }

    private static let checkpoint =
        #"{"sourceOffset":10,"targetOffset":10,"sourceLeaderEpoch":0,"sourceTopicID":"","#
        + #""map":{"start":0,"open":[1,0,9223372036854775807]}}"#

    /// Flow, plan and offsets over a source with a topic that is named like an opposite flow's memory.
    @Test(arguments: ["edge", "garbage", "segments", "unknown"])
    func `a stranger's topic on the source stops neither records nor groups nor tools`(kind: String) async throws {
        try await Replicated.run { world in
            let topic = "__replicator.evil.progress"
            try await world.createTopic("orders")
            try await world.produce(0..<20, to: "orders")
            let committed = [TopicPartition("orders", 0): CommittedOffset(offset: 5)]
            for (_, outcome) in await world.sourceClient.commitOffsets(of: "g", committed) { try outcome.get() }
            try await create(topic, world.sourceClient)
            let here = try await world.sourceClient.clusterID()
            let there = try await world.targetClient.clusterID()
            switch kind {
            case "edge":
                try await append("flow", Self.identity(from: there, to: here), to: topic, world.sourceClient)
                try await append("partition/orders/0", Self.checkpoint, to: topic, world.sourceClient)
                try await append("partition/users/0", Self.checkpoint, to: topic, world.sourceClient)
            case "garbage": try await append("flow", "not json", to: topic, world.sourceClient)
            case "segments":
                try await append("segments/orders/0/0", "\u{1}\u{7F}\u{7F}", to: topic, world.sourceClient)
                try await append("producer/5", "x", to: topic, world.sourceClient)
            default: try await append(nil, "x", to: topic, world.sourceClient)
            }
            let flow = try world.flow()
            try await world.running(flow) {
                try await world.caughtUp(flow, records: 20)
                #expect(try await flow.synchronizeGroups())
                let names = await flow.status().groups.map(\.group)
                #expect(names == ["g"])
            }
            #expect(try await world.targetValues("east.orders") == expectedValues(0..<20))
            let plan = try await world.plan()
            // These clusters have no authorizer; that is all there is to say.
            #expect(plan.notes.allSatisfy { $0.kind == "noAuthorizer" }, "\(plan.notes)")
            let inspector = OffsetInspector(
                await flow.settings, eventLoop: world.group.next(), logger: Replicated.quiet)
            #expect(try await inspector.inspect(group: "g")?.partitions.count == 1)
            await inspector.close()
        }
    }

    @Test(arguments: [LoopPrevention.headers, .producerIds])
    func `a registration that cannot be understood, on either side, keeps nobody else's records back`(
        setting: LoopPrevention
    ) async throws {
        try await Replicated.run { world in
            try await world.createTopic("orders")
            try await world.produce(0..<20, to: "orders")
            for client in [world.sourceClient, world.targetClient] {
                try await create(Self.origins, client)
                for key in ["9000", "notanumber", "9223372036854775807", nil] {
                    try await append(key, "not json", to: Self.origins, client)
                }
            }
            let flow = try world.flow {
                $0.naming = .identical
                $0.loopPrevention = setting
            }
            try await world.running(flow) { try await world.caughtUp(flow, records: 20) }
            #expect(try await world.targetValues("orders") == expectedValues(0..<20))
        }
    }

    @Test func `records of a producer id whose registration is damaged wait, the others do not`() async throws {
        try await Replicated.run { world in
            try await world.createTopic("orders")
            try await world.createTopic("users")
            try await world.produce(0..<20, to: "orders")
            try await world.produce(0..<20, to: "users")
            let first = try await world.sourceClient.read(
                FetchPosition(topic: "orders", partition: 0, fetchOffset: 0))
            var entries = LogEntryReader(try #require(first.records).contiguous)
            guard case .batch(let batch)? = try entries.next() else { throw NeverHappened(description: "no batch") }
            let id = batch.header.producerID
            try await create(Self.origins, world.sourceClient)
            try await append("\(id)", "not json", to: Self.origins, world.sourceClient)
            let flow = try world.flow { $0.naming = .identical }
            try await world.running(flow) {
                try await eventually("the other topic") { (try? await world.targetValues("users").count) == 20 }
                #expect(try await world.targetValues("orders").isEmpty)
                // As the explanation says.
                try await append("\(id)", nil, to: Self.origins, world.sourceClient)
                try await world.caughtUp(flow, records: 40)
            }
            #expect(try await world.targetValues("orders") == expectedValues(0..<20))
        }
    }

    @Test func `a stranger's topic that says a flow writes here does not stop those that do`() async throws {
        try await Replicated.run { world in
            try await world.createTopic("orders")
            try await world.produce(0..<20, to: "orders")
            try await create("__replicator.ghost.progress", world.sourceClient)
            let registration =
                #"{"version":1,"flow":"ghost","sourceClusterID":"a","targetClusterID":"b","originClusterID":"a","#
                + #""chain":["a"],"carriesHeaders":false,"registered":5}"#
            try await append(
                "flow", Self.identity(from: "a", to: "b"), to: "__replicator.ghost.progress", world.sourceClient)
            try await append("producer/77", registration, to: "__replicator.ghost.progress", world.sourceClient)
            let flow = try world.flow { $0.naming = .identical }
            try await world.running(flow) { try await world.caughtUp(flow, records: 20) }
            #expect(try await world.targetValues("orders") == expectedValues(0..<20))
        }
    }

    // The flow's own memory

    @Test func `a damaged checkpoint behind a good one loses and doubles nothing`() async throws {
        try await Replicated.run { world in
            try await world.createTopic("orders")
            try await world.produce(0..<100, to: "orders")
            try await world.copy(until: 100)
            try await append("partition/orders/0", Self.checkpoint, to: Replicated.progress, world.targetClient)
            try await append("flow", "x", to: Replicated.progress, world.targetClient)
            try await append("config/orders", "x", to: Replicated.progress, world.targetClient)
            try await world.produce(100..<150, to: "orders")
            let flow = try world.flow()
            try await world.running(flow) { try await world.caughtUp(flow, records: 150) }
            #expect(try await world.targetValues("east.orders") == expectedValues(0..<150))
        }
    }

    @Test func `without any checkpoint that can be understood the partition stops, and only that`() async throws {
        try await Replicated.run { world in
            try await world.createTopic("orders")
            try await world.createTopic("users")
            try await world.produce(0..<100, to: "orders")
            try await world.copy(until: 100)
            try await append("partition/orders/0", nil, to: Replicated.progress, world.targetClient)
            try await append("partition/orders/0", Self.checkpoint, to: Replicated.progress, world.targetClient)
            try await world.produce(0..<30, to: "users")
            let flow = try world.flow()
            try await world.running(flow) {
                try await eventually("the other topic") { (try? await world.targetValues("east.users").count) == 30 }
                let partition = await flow.status().partitions.first { $0.topic == "orders" }
                #expect(partition?.state == .failed)
                #expect(partition?.reason?.contains("partition/orders/0") == true, "\(partition?.reason ?? "")")
            }
            #expect(try await world.targetValues("east.orders") == expectedValues(0..<100))
        }
    }

    @Test func `a flow whose identity is damaged does not start, and says what to do`() async throws {
        try await Replicated.run { world in
            try await world.createTopic("orders")
            try await create(Replicated.progress, world.targetClient)
            try await append("flow", "x", to: Replicated.progress, world.targetClient)
            let flow = try world.flow()
            let error = await #expect(throws: FlowError.self) { try await flow.prepare() }
            #expect("\(error.map { "\($0)" } ?? "")".contains("delete this topic"))
            await #expect(throws: (any Error).self) {
                try await RecordedMaps.read(flow: "east-to-west", from: world.targetClient)
            }
        }
    }
}
