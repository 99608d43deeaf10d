import KafkaClient
import NIOCore
import Replication
import ReplicationTools
import Testing

/// A flow that keeps offsets continues at the end of a copy that another program has made with equal offsets.
@Suite(.serialized, .timeLimit(.minutes(5))) struct PreservedAdoptionTests {
    private static let copy = "east.orders"

    private static func preserving(_ settings: inout FlowSettings) {
        settings.offsets = .preserve
    }

    /// 23 offsets on both sides, as products inside brokers leave them: records in their places, holes between.
    private static func fill(_ world: Replicated) async throws {
        try await world.createTopic("orders")
        try await world.createCopy(copy)
        for (topic, client) in [("orders", world.sourceClient), (copy, world.targetClient)] {
            try await world.produce(0..<10, to: topic, client: client)
            try await world.mark(topic, count: 3, at: client)
            try await world.produce(10..<20, to: topic, client: client)
        }
    }

    @Test func `equal ends are gone on with, and groups have their positions as they are`() async throws {
        try await Replicated.run { world in
            try await Self.fill(world)
            try await world.mark("orders", count: 2, at: world.sourceClient)
            try await world.produce(20..<30, to: "orders")
            try await world.commit("readers", ["orders": [0: 5]])

            let report = try await world.adoption(try world.flow(Self.preserving))

            let found = try #require(report.partitions.first)
            #expect(report.isRecorded)
            #expect(found.state == .aligned)
            #expect(found.position == 23)
            #expect(found.matched == 20)
            #expect(found.behind == 12)
            try await world.running(try world.flow(Self.preserving)) {
                try await world.sameOffsets("orders", Self.copy)
                try await world.produce(30..<40, to: "orders")
                try await world.sameOffsets("orders", Self.copy)
                try await world.committed("readers", Self.copy, [0: 5])
            }
            #expect(try await world.checkpoint().accounting?.imbalance(passed: 45) == 0)
        }
    }

    @Test func `without adoption the flow does not start, and names the command`() async throws {
        try await Replicated.run { world in
            try await Self.fill(world)
            let flow = try world.flow(Self.preserving)
            let error = await #expect(throws: FlowError.self) { try await flow.prepare() }
            await flow.close()

            #expect("\(error.map { "\($0)" } ?? "")".contains("replicator adopt --flow 'east-to-west'"))
            #expect(try await world.log(Self.copy, at: world.targetClient).end == 23)
        }
    }

    @Test func `the first offset that differs is named, and nothing is recorded`() async throws {
        try await Replicated.run { world in
            try await world.createTopic("orders")
            try await world.createCopy(Self.copy)
            try await world.produce(0..<20, to: "orders")
            for numbers in [0..<7, 900..<901, 8..<20] {
                try await world.produce(numbers, to: Self.copy, client: world.targetClient)
            }

            let report = try await world.adoption(try world.flow(Self.preserving))

            #expect(!report.isRecorded)
            #expect(report.refused.first?.reason?.contains("the records at offset 7 ") == true)
            #expect(report.refused.first?.reason?.contains("differ in key, value, timestamp") == true)
        }
    }

    @Test func `a record where the other side has none is a difference, whichever side it is`() async throws {
        try await Replicated.run { world in
            try await world.createTopic("orders")
            try await world.createCopy(Self.copy)
            try await world.produce(0..<5, to: "orders")
            try await world.mark("orders", at: world.sourceClient)
            try await world.produce(5..<10, to: "orders")
            try await world.produce(0..<9, to: Self.copy, client: world.targetClient)

            let report = try await world.adoption(try world.flow(Self.preserving))

            #expect(
                report.refused.first?.reason?.contains("has a record at offset 5, and orders-0 on east has none")
                    == true)
        }
    }

    @Test func `a target that ends beyond its source is refused`() async throws {
        try await Replicated.run { world in
            try await Self.fill(world)
            try await world.mark(Self.copy, at: world.targetClient)

            let report = try await world.adoption(try world.flow(Self.preserving))

            #expect(!report.isRecorded)
            #expect(
                report.refused.first?.reason?.contains("ends at offset 24, beyond the end of orders-0 on east at")
                    == true)
        }
    }

    @Test func `copies of our own whose memory is lost are gone on with`() async throws {
        try await Replicated.run { world in
            try await world.createTopic("orders")
            try await world.produce(0..<10, to: "orders")
            try await world.mark("orders", count: 4, at: world.sourceClient)
            try await world.running(try world.flow(Self.preserving)) {
                try await world.sameOffsets("orders", Self.copy)
            }
            for (_, outcome) in await world.targetClient.deleteTopics([Replicated.progress]) { try outcome.get() }
            try await world.produce(10..<20, to: "orders")

            let report = try await world.adoption(try world.flow(Self.preserving))

            #expect(report.isRecorded)
            #expect(report.partitions.first?.position == 14)
            try await world.running(try world.flow(Self.preserving)) {
                try await world.sameOffsets("orders", Self.copy)
            }
        }
    }

    @Test func `what lies before the records that are looked at is not compared, unless everything is`() async throws {
        try await Replicated.run { world in
            try await world.createTopic("orders")
            try await world.createCopy(Self.copy)
            try await world.produce(0..<100, to: "orders")
            for numbers in [900..<901, 1..<100] {
                try await world.produce(numbers, to: Self.copy, client: world.targetClient)
            }

            let part = try await world.adoption(try world.flow(Self.preserving)) {
                $0.depth = 50
                $0.isRehearsal = true
            }
            let all = try await world.adoption(try world.flow(Self.preserving)) { $0.all = true }

            #expect(part.partitions.first?.state == .aligned)
            #expect(part.partitions.first?.isWhole == false)
            #expect(all.refused.first?.reason?.contains("the records at offset 0 ") == true)
        }
    }
}
