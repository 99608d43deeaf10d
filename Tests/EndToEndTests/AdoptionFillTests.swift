import KafkaBroker
import KafkaClient
import KafkaWire
import NIOCore
import Replication
import ReplicationTools
import Testing

/// Records that copies lack are appended behind them, each once.
@Suite(.serialized, .timeLimit(.minutes(5))) struct AdoptionFillTests {
    private static let copy = Replicated.adopted

    /// A source of 100 records, and copies up to the 60th that lack five and have some twice.
    private func prepare(_ world: Replicated, to topic: String = copy) async throws {
        try await world.createTopic("orders")
        try await world.produce(0..<100, to: "orders")
        try await world.createCopy(topic)
        try await world.copyByHand([0..<20, 25..<60, 40..<60], to: topic)
    }

    private static let copied = expectedValues(0..<20) + expectedValues(25..<60) + expectedValues(40..<60)

    @Test(arguments: [TopicNaming.prefix(alias: "east", separator: "."), .identical])
    func `missing records come behind the copies, and the accounts say so`(naming: TopicNaming) async throws {
        try await Replicated.run { world in
            let topic = naming.targetName(of: "orders")
            try await prepare(world, to: topic)

            let report = try await world.adopt {
                $0.naming = naming
            } options: {
                $0.fills = true
            }

            let found = try #require(report.partitions.first)
            #expect(report.isRecorded)
            #expect(found.position == 60)
            #expect(found.missing == 0)
            #expect(found.filled == 5)
            #expect(found.doubled == 20)
            #expect(try await world.targetValues(topic) == Self.copied + expectedValues(20..<25))
            let flow = try world.flow { $0.naming = naming }
            try await world.running(flow) {
                try await world.caughtUp(flow, records: 100)
                let status = try #require(await flow.status().partitions.first)
                #expect(status.adopted?.filled == 5)
                #expect(status.adopted?.doubled == 20)
                #expect(status.adopted?.missing == 0)
                #expect(status.written == 40)
            }
            let all = try await StateTopic(topic, client: world.targetClient).readAll()
            #expect(
                try await world.targetValues(topic)
                    == Self.copied + expectedValues(20..<25) + expectedValues(60..<100))
            #expect(try await world.checkpoint().accounting?.imbalance(passed: 100) == 0)
            // Where names are the same, an opposite flow knows them for copies.
            let marked = all.dropFirst(75).prefix(5).count { $0.headers.contains { $0.key == LoopHeader.keyBytes } }
            #expect(marked == (naming == .identical ? 5 : 0))
        }
    }

    @Test func `a rehearsal says how many there are, and appends none`() async throws {
        try await Replicated.run { world in
            try await prepare(world)

            let report = try await world.adopt(options: {
                $0.fills = true
                $0.isRehearsal = true
            })

            #expect(report.partitions.first?.toFill == 5)
            #expect(report.partitions.first?.missing == 5)
            #expect(report.partitions.first?.missingOffsets == Array(20..<25))
            #expect(try await world.targetValues(Self.copy) == Self.copied)
        }
    }

    @Test func `without being asked for none is appended`() async throws {
        try await Replicated.run { world in
            try await prepare(world)

            let report = try await world.adopt()

            #expect(report.isRecorded)
            #expect(report.partitions.first?.missing == 5)
            #expect(report.partitions.first?.toFill == nil)
            #expect(try await world.targetValues(Self.copy) == Self.copied)
            #expect(try await world.checkpoint().accounting?.adopted?.missing == 5)
        }
    }

    /// Records of which two fill a batch, `value <n>` with padding.
    private func produceLarge(
        _ numbers: [Int], to topic: String, _ client: ClusterClient
    ) async throws {
        let padding = String(repeating: "x", count: 70_000)
        for number in numbers {
            try await StateTopic(topic, client: client).append([
                Record(
                    offset: 0, timestamp: 1_700_000_000_000 + Int64(number), key: ByteBuffer(string: "\(number)"),
                    value: ByteBuffer(string: "\(number) \(padding)"))
            ])
        }
    }

    private func numbers(_ topic: String, _ client: ClusterClient) async throws -> [Int] {
        try await StateTopic(topic, client: client).readAll().compactMap { $0.key.flatMap { Int(String(buffer: $0)) } }
    }

    /// Each death at a request that appends a batch of missing records, before it was handled and after.
    @Test(arguments: [0, 1, 2], [true, false])
    func `killed while it appends, it continues where it was`(request: Int, isHandled: Bool) async throws {
        try await Replicated.run { world in
            try await world.createTopic("orders")
            try await produceLarge(Array(0..<20), to: "orders", world.sourceClient)
            try await world.createCopy()
            let copied = [0, 1, 2, 4, 6, 8, 9, 12, 13, 14]
            try await produceLarge(copied, to: Self.copy, world.targetClient)
            let missing = [3, 5, 7, 10, 11]

            let dead = try await world.adoptUntilKilled(at: request, of: Self.copy, isHandled: isHandled) {
                _ in
            } options: {
                $0.fills = true
            }

            #expect(dead == nil)
            #expect(try await world.recorded().identity == nil)
            // Whether the last request was handled or not.
            let then = try await numbers(Self.copy, world.targetClient)
            #expect(then == copied + missing.prefix(min(5, (request + (isHandled ? 1 : 0)) * 2)))
            let report = try await world.adopt(options: { $0.fills = true })
            #expect(report.isRecorded)
            #expect(report.partitions.first?.position == 15)
            #expect(report.partitions.first?.filled == 5)
            let flow = try world.flow()
            try await world.running(flow) { try await world.caughtUp(flow, records: 20) }
            #expect(try await numbers(Self.copy, world.targetClient) == copied + missing + Array(15..<20))
            #expect(try await world.checkpoint().accounting?.imbalance(passed: 20) == 0)
        }
    }

    @Test func `what was appended is no copy of an equal record further on`() async throws {
        try await Replicated.run { world in
            try await world.createTopic("orders")
            try await world.createCopy()
            let beat = Record(offset: 0, timestamp: 5, key: nil, value: nil)
            let source = StateTopic("orders", client: world.sourceClient)
            let target = StateTopic(Self.copy, client: world.targetClient)
            try await world.produce(0..<10, to: "orders")
            try await source.append([beat])
            try await world.produce(10..<20, to: "orders")
            try await source.append([beat])
            try await world.copyByHand([0..<10, 10..<20])

            // It dies when it has appended.
            _ = try await world.adoptUntilKilled(at: 0, of: Self.copy, isHandled: true) { _ in
            } options: {
                $0.fills = true
            }
            #expect(try await target.readAll().count == 21)

            let report = try await world.adopt(options: { $0.fills = true })

            #expect(report.partitions.first?.position == 21)
            #expect(report.partitions.first?.filled == 1)
            let flow = try world.flow()
            try await world.running(flow) { try await world.caughtUp(flow, records: 22) }
            #expect(
                try await world.targetValues(Self.copy) == expectedValues(0..<20) + ["null", "null"])
        }
    }

    @Test func `where copies may have been removed it is refused`() async throws {
        try await Replicated.run { world in
            try await prepare(world)
            for (_, outcome) in await world.targetClient.deleteRecords(before: [TopicPartition(Self.copy, 0): 5]) {
                _ = try outcome.get()
            }

            let report = try await world.adopt(options: { $0.fills = true })

            #expect(!report.isRecorded)
            #expect(report.refused.first?.reason?.contains("begins at offset 5") == true)
            #expect(try await world.targetValues(Self.copy).count == 70)
            let without = try await world.adopt()
            #expect(without.isRecorded)
            #expect(without.partitions.first?.missing == 5)
        }
    }

    @Test func `no record of a compacted topic takes the place of a newer one`() async throws {
        try await Replicated.run { world in
            try await world.createTopic("orders", configs: ["cleanup.policy": "compact"])
            try await world.produce(0..<100, to: "orders")
            try await world.createCopy(configs: ["cleanup.policy": "compact"])
            try await world.copyByHand([0..<20, 25..<60])

            let report = try await world.adopt(options: { $0.fills = true })

            #expect(report.isRecorded)
            #expect(report.partitions.first?.missing == 5)
            #expect(report.partitions.first?.unfillable?.contains("removed by key") == true)
            #expect(try await world.targetValues(Self.copy).count == 55)
        }
    }

    @Test func `loops that are told by producer ids leave no way to append`() async throws {
        try await Replicated.run { world in
            try await prepare(world, to: "orders")

            await #expect(throws: AdoptionError.self) {
                try await world.adopt {
                    $0.naming = .identical
                    $0.loopPrevention = .producerIds
                } options: {
                    $0.fills = true
                }
            }
        }
    }
}
