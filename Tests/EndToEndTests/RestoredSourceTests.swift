import KafkaBroker
import KafkaClient
import KafkaCompression
import KafkaWire
import NIOCore
import Replication
import Testing

/// The source's disk is restored from an older copy and its log grows past the flow's position: leader epochs say nothing
/// of it, and the records are others.
@Suite(.serialized, .timeLimit(.minutes(5))) struct RestoredSourceTests {
    private static let copied = 200

    /// Copies records 0 to 199, then the source's log is cut in the same epoch and grows again with others.
    private func withRestored(
        at offset: Int, more: Int, _ body: (Replicated) async throws -> Void
    ) async throws {
        try await Replicated.run { world in
            try await world.createTopic("orders")
            for start in stride(from: 0, to: Self.copied, by: 5) {
                try await world.produce(start..<start + 5, to: "orders")
            }
            try await world.copy(until: Int64(Self.copied))
            try await world.source.truncate(topic: "orders", partition: 0, to: Int64(offset), keepsEpoch: true)
            try await world.produce(1_000..<1_000 + more, to: "orders")
            try await body(world)
        }
    }

    /// In front of what is compared, and among it.
    private static let places = [0, 35, 150, 190, 195]

    @Test(arguments: places)
    func `a log that is another one than the copied stops the partition`(offset: Int) async throws {
        try await withRestored(at: offset, more: 300) { world in
            let flow = try world.flow()
            try await world.running(flow) {
                try await eventually("it to stop") { await flow.status().partitions.first?.state == .failed }
                let reason = try #require(await flow.status().partitions.first?.reason)
                #expect(reason.contains("With policies: {truncated: continue}"), "\(reason)")
                #expect(reason.contains(offset >= 185 ? "was cut at offset \(offset)" : "restored from an older copy"))
                // Nor does it go on when it is tried again.
                _ = try await flow.retry(.flow)
                try await eventually("it to stop again") { await flow.status().partitions.first?.state == .failed }
            }
            #expect(try await world.targetValues("east.orders") == expectedValues(0..<Self.copied))
        }
    }

    @Test(arguments: places)
    func `by policy the first other record is found, and none is left out or copied twice`(offset: Int) async throws {
        try await withRestored(at: offset, more: 300) { world in
            let end = Int64(offset + 300)
            let flow = try world.flow { $0.policies.truncated = .continue }
            try await world.running(flow) {
                try await eventually("the flow to stand at \(end)") {
                    await flow.status().partitions.first.map { $0.sourceOffset == end && $0.lag == 0 } ?? false
                }
            }
            #expect(
                try await world.targetValues("east.orders")
                    == expectedValues(0..<Self.copied) + expectedValues(1_000..<1_300))
            #expect(try await world.checkpoint().accounting?.imbalance(passed: end) == 0)
            let map = try #require(try await world.recorded().map(of: Replicated.orders))
            for record in try await StateTopic("east.orders", client: world.targetClient).readAll().dropFirst(200) {
                let number = Int64(String(buffer: try #require(record.value)).dropFirst(6)) ?? 0
                #expect(map.first(fromTarget: record.offset)?.source == Int64(offset) + number - 1_000)
            }
        }
    }

    @Test func `the same when the last checkpoint is older than the copies`() async throws {
        try await Replicated.run { world in
            try await world.createTopic("orders")
            try await world.produce(0..<20, to: "orders")
            let early = try await world.copy(until: 20)
            try await world.produce(20..<30, to: "orders")
            try await world.copy(until: 30)
            try await world.restore(early)
            try await world.source.truncate(topic: "orders", partition: 0, to: 0, keepsEpoch: true)
            try await world.produce(100..<200, to: "orders")
            let flow = try world.flow()
            try await world.running(flow) {
                try await eventually("it to stop") { await flow.status().partitions.first?.state == .failed }
            }
            #expect(try await world.targetValues("east.orders") == expectedValues(0..<30))
            #expect(try await world.checkpoint().sourceOffset == 20)
        }
    }

    @Test(arguments: [0, 95, 100, 105])
    func `records that retention has taken since are no other log`(start: Int64) async throws {
        try await Replicated.run { world in
            try await world.createTopic("orders")
            for first in stride(from: 0, to: 100, by: 5) { try await world.produce(first..<first + 5, to: "orders") }
            try await world.copy(until: 100)
            try await world.produce(100..<110, to: "orders")
            try await world.source.expire(topic: "orders", partition: 0, before: start)
            try await world.copy(until: 110) { $0.policies.expired = .continue }
            #expect(
                try await world.targetValues("east.orders")
                    == expectedValues(0..<100) + expectedValues(max(100, Int(start))..<110))
        }
    }

    @Test func `copies that retention has taken, or others' records in their place, are no other log`() async throws {
        try await Replicated.run { world in
            try await world.createTopic("orders")
            try await world.produce(0..<100, to: "orders")
            try await world.copy(until: 100)
            try await world.produceForeign(to: "east.orders", records: 10)
            try await world.target.expire(topic: "east.orders", partition: 0, before: 105)
            try await world.produce(100..<110, to: "orders")
            try await world.copy(until: 110)
            #expect(try await world.targetValues("east.orders").suffix(10) == expectedValues(100..<110)[...])
        }
    }

    @Test(arguments: [LoopPrevention.headers, .producerIds])
    func `what the flow itself has added to records makes no difference`(prevention: LoopPrevention) async throws {
        try await Replicated.run(targetProperties: ["log.message.timestamp.type": "LogAppendTime"]) { world in
            func edit(_ settings: inout FlowSettings) {
                settings.naming = .identical
                settings.loopPrevention = prevention
                settings.compression = .codec(.zstd)
            }
            try await world.createTopic("orders")
            for round in 0..<4 {
                try await world.produce(round * 10..<round * 10 + 10, to: "orders", codec: .gzip)
                try await world.copy(until: Int64(round * 10 + 10), edit)
            }
            #expect(try await world.targetValues("orders") == expectedValues(0..<40))
        }
    }
}
