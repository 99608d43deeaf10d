import KafkaBroker
import KafkaClient
import KafkaWire
import NIOCore
import Replication
import Testing

@Suite(.serialized, .timeLimit(.minutes(5))) struct MirrorTests {
    @Test func `every partition arrives whole, in order and in place`() async throws {
        try await Replicated.run(nodes: 3) { world in
            try await world.createTopic("orders", partitions: 3)
            for partition in 0..<3 {
                for start in stride(from: 0, to: 500, by: 50) {
                    try await world.produce(start..<start + 50, to: "orders", partition: Int32(partition))
                }
            }
            let flow = try world.flow()
            try await world.running(flow) { try await world.caughtUp(flow, records: 1_500) }

            for partition in 0..<3 {
                #expect(
                    try await world.targetValues("east.orders", partition: Int32(partition)) == expectedValues(0..<500))
            }
        }
    }

    @Test func `records keep key, value, headers and timestamp`() async throws {
        try await Replicated.run { world in
            try await world.createTopic("orders")
            let records = [
                Record(
                    offset: 0, timestamp: 1_600_000_000_000, key: ByteBuffer(string: "k"),
                    value: ByteBuffer(string: "v"),
                    headers: [
                        RecordHeader(name: "a", value: ByteBuffer(string: "1")), RecordHeader(name: "a", value: nil),
                        RecordHeader(key: ByteBuffer(bytes: [0xFF, 0xFE]), value: ByteBuffer()),
                    ]),
                Record(offset: 1, timestamp: 1_600_000_000_001, key: nil, value: ByteBuffer(), headers: []),
                Record(offset: 2, timestamp: 1_600_000_000_002, key: ByteBuffer(), value: nil, headers: []),
            ]
            try await StateTopic("orders", client: world.sourceClient).append(records)
            let flow = try world.flow()
            try await world.running(flow) { try await world.caughtUp(flow, records: 3) }

            #expect(try await StateTopic("east.orders", client: world.targetClient).readAll() == records)
        }
    }

    @Test func `a second start goes on where the first stopped`() async throws {
        try await Replicated.run { world in
            try await world.createTopic("orders")
            try await world.produce(0..<100, to: "orders")
            let first = try world.flow()
            try await world.running(first) { try await world.caughtUp(first, records: 100) }
            try await world.produce(100..<200, to: "orders")

            let second = try world.flow()
            try await world.running(second) { try await world.caughtUp(second, records: 200) }

            #expect(try await world.targetValues("east.orders") == expectedValues(0..<200))
        }
    }

    @Test func `latest leaves out what was there before, and topics that appear later are copied whole`() async throws {
        try await Replicated.run { world in
            try await world.createTopic("orders")
            try await world.produce(0..<10, to: "orders")
            let flow = try world.flow { $0.startFrom = .latest }
            try await world.running(flow) {
                try await eventually("the flow to run") { await flow.status().state == .running }
                try await world.produce(10..<20, to: "orders")
                try await world.createTopic("clicks")
                try await world.produce(0..<5, to: "clicks")
                try await eventually("both topics") {
                    let partitions = await flow.status().partitions
                    return partitions.count == 2 && partitions.allSatisfy { $0.lag == 0 && $0.sourceOffset > 0 }
                        && partitions.contains { $0.topic == "orders" && $0.sourceOffset == 20 }
                }
            }
            #expect(try await world.targetValues("east.orders") == expectedValues(10..<20))
            #expect(try await world.targetValues("east.clicks") == expectedValues(0..<5))
        }
    }

    @Test func `partitions that the source gains are copied from their first record`() async throws {
        try await Replicated.run { world in
            try await world.createTopic("orders")
            let flow = try world.flow { $0.startFrom = .latest }
            try await world.running(flow) {
                try await eventually("the flow to run") { await flow.status().state == .running }
                for (_, outcome) in await world.sourceClient.createPartitions(["orders": 2]) { _ = try outcome.get() }
                try await world.produce(0..<7, to: "orders", partition: 1)
                try await eventually("the new partition") {
                    await flow.status().partitions.contains { $0.partition == 1 && $0.sourceOffset == 7 }
                }
            }
            #expect(try await world.targetValues("east.orders", partition: 1) == expectedValues(0..<7))
        }
    }

    @Test func `the target topic has the source's partitions and settings`() async throws {
        try await Replicated.run { world in
            try await world.createTopic(
                "orders", partitions: 5,
                configs: ["cleanup.policy": "compact", "min.insync.replicas": "1", "retention.ms": "1234567"])
            let flow = try world.flow()
            try await world.running(flow) {
                try await eventually("the flow to run") { await flow.status().state == .running }
            }
            let metadata = try await world.targetClient.metadata(.named(["east.orders"]))
            let configs = try #require(
                await world.targetClient.describeConfigs([.topic("east.orders")])[.topic("east.orders")]
            ).get()

            #expect(metadata.topics["east.orders"]?.partitions.count == 5)
            #expect(configs["cleanup.policy"]?.value == "compact")
            #expect(configs["retention.ms"]?.value == "1234567")
            #expect(configs["min.insync.replicas"]?.source != .topic)
        }
    }

    @Test(arguments: CompressionCodec.allCases) func `the configured codec is what the target stores`(
        codec: CompressionCodec
    ) async throws {
        try await Replicated.run { world in
            try await world.createTopic("orders")
            try await world.produce(0..<100, to: "orders")
            let flow = try world.flow { $0.compression = .codec(codec) }
            try await world.running(flow) { try await world.caughtUp(flow, records: 100) }

            #expect(try await world.targetValues("east.orders") == expectedValues(0..<100))
        }
    }

    @Test func `identical naming in both directions copies each record once`() async throws {
        try await Replicated.run { world in
            try await world.createTopic("orders")
            try await world.produce(0..<50, to: "orders")
            let there = try world.flow { $0.naming = .identical }
            let back = try world.flow(from: ("west", world.target), to: ("east", world.source)) {
                $0.naming = .identical
            }
            try await world.running(there, back) {
                try await world.caughtUp(there, records: 50)
                try await world.produce(50..<60, to: "orders", client: world.targetClient)
                try await world.caughtUp(back, records: 60)
                try await world.caughtUp(there, records: 60)
            }
            let all = Set(expectedValues(0..<60))
            let east = try await Replicated.values("orders", at: world.sourceClient)
            let west = try await world.targetValues("orders")

            #expect(east.count == 60)
            #expect(Set(east) == all)
            #expect(west.count == 60)
            #expect(Set(west) == all)
        }
    }
}
