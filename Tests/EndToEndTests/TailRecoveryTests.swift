import KafkaBroker
import KafkaClient
import KafkaWire
import NIOCore
import Replication
import Testing

/// A flow that died with records behind its last checkpoint, and logs that were cleaned before it started again: by the
/// broker's own cleaner, not a model of it.
@Suite(.serialized, .timeLimit(.minutes(5))) struct TailRecoveryTests {
    enum Cleaned: CaseIterable {
        case target, source, both
    }

    /// Where the cleaner had no hand in it, so that some of the tail goes whole.
    enum Expired: CaseIterable {
        case partOfTheTail, allOfTheTail
    }

    /// Records in batches of different sizes, over so few keys that most of them are overwritten. Offset, number and
    /// value of a record are one: `value <n>` lies at source offset n.
    private func overwrite(_ numbers: Range<Int>, keys: Int, _ world: Replicated) async throws {
        let topic = StateTopic("orders", client: world.sourceClient)
        var rest = numbers
        var size = 1
        while !rest.isEmpty {
            try await topic.append(
                rest.prefix(size).map { number in
                    Record(
                        offset: 0, timestamp: 1_700_000_000_000 + Int64(number),
                        key: ByteBuffer(string: "key \(number * 7 % keys)"),
                        value: ByteBuffer(string: "value \(number)"))
                })
            rest = rest.dropFirst(size)
            size = size % 9 + 2
        }
    }

    /// Copies, dies behind a checkpoint of record 60 when 150 are written, and starts again after `meanwhile`.
    ///
    /// - Parameter meanwhile: returns how many records there are at the source by then.
    private func restart(
        keys: Int, compression: CompressionChoice = .keep, configs: [String: String],
        meanwhile: (Replicated, Checkpoint) async throws -> Int,
        check: (Replicated, _ found: [Record], _ after: [Record]) async throws -> Void
    ) async throws {
        try await Replicated.run { world in
            try await world.createTopic("orders", configs: configs)
            try await overwrite(0..<60, keys: keys, world)
            let early = try await world.copy(until: 60) { $0.compression = compression }
            try await overwrite(60..<150, keys: keys, world)
            try await world.copy(until: 150) { $0.compression = compression }
            try await world.restore(early)
            let count = try await meanwhile(world, early)
            try await overwrite(count..<200, keys: keys, world)
            let copies = StateTopic("east.orders", client: world.targetClient)
            let found = try await copies.readAll()

            let last = try await world.copy(until: 200) { $0.compression = compression }

            try await check(world, found, try await copies.readAll())
            #expect(last.accounting?.imbalance(passed: last.sourceOffset) == 0)
            try await expectExact(try #require(try await world.recorded().map(of: Replicated.orders)), world)
        }
    }

    /// What the map says is so, and it knows all that is left on both sides: no offset stands for another record's.
    private func expectExact(_ map: OffsetMap, _ world: Replicated) async throws {
        let originals = Set(try await Replicated.values("orders", at: world.sourceClient))
        for record in try await StateTopic("east.orders", client: world.targetClient).readAll() {
            let value = String(buffer: try #require(record.value))
            let pair = map.first(fromTarget: record.offset)
            if let pair, pair.target == record.offset {
                #expect(value == "value \(pair.source)", "target offset \(pair.target)")
            } else {
                #expect(!originals.contains(value), "target offset \(record.offset)")
            }
        }
        #expect(map.lost.isEmpty)
    }

    private func values(_ records: [Record]) -> [String] {
        records.map { $0.value.map { String(buffer: $0) } ?? "null" }
    }

    @Test(arguments: zip(Cleaned.allCases + [.both], [5, 40, 5, 100]))
    func `logs compacted between the crash and the restart lose nothing and double nothing`(
        cleaned: Cleaned, keys: Int
    ) async throws {
        try await restart(keys: keys, configs: ["cleanup.policy": "compact"]) { world, _ in
            if cleaned != .source { try await world.target.compact(topic: "east.orders", partition: 0) }
            if cleaned != .target { try await world.source.compact(topic: "orders", partition: 0) }
            return 150
        } check: { world, found, after in
            #expect(values(after) == values(found) + expectedValues(150..<200))
        }
    }

    @Test func `a target compacted in the midst of a tail whose batches were cut otherwise than the source's`()
        async throws
    {
        try await restart(keys: 20, compression: .codec(.zstd), configs: ["cleanup.policy": "compact"]) { world, _ in
            try await world.target.compact(topic: "east.orders", partition: 0)
            try await overwrite(150..<170, keys: 20, world)
            try await world.source.compact(topic: "orders", partition: 0)
            return 170
        } check: { world, found, after in
            // Of what came in between the cleaner has left the newest of each key.
            let wanted = Set(expectedValues(150..<200))
            let left = try await Replicated.values("orders", at: world.sourceClient).filter(wanted.contains)
            #expect(values(after) == values(found) + left)
        }
    }

    @Test(arguments: Expired.allCases)
    func `a tail that expired on the target is not written again but where nothing of it is left`(
        expired: Expired
    ) async throws {
        try await restart(keys: 200, configs: [:]) { world, early in
            let end = await world.targetClient.offsets([TopicPartition("east.orders", 0): .latest])
            let offset = try #require(try end.values.first?.get().offset)
            try await world.target.expire(
                topic: "east.orders", partition: 0,
                before: expired == .allOfTheTail ? offset : early.targetOffset + 40)
            return 150
        } check: { world, found, after in
            // With nothing left to compare, nobody can tell what had been written: what is not there is copied again.
            let more = expired == .allOfTheTail ? 60..<200 : 150..<200
            #expect(values(after) == values(found) + expectedValues(more))
        }
    }

    @Test func `copies of the topic before, behind the checkpoint, are not taken for those of one created anew`()
        async throws
    {
        try await Replicated.run { world in
            try await world.createTopic("orders")
            try await overwrite(0..<10, keys: 200, world)
            let early = try await world.copy(until: 10)
            try await overwrite(10..<31, keys: 200, world)
            try await world.copy(until: 31)
            try await world.restore(early)
            _ = try await world.source.recreateTopic("orders")
            try await overwrite(100..<160, keys: 200, world)
            let copies = StateTopic("east.orders", client: world.targetClient)

            try await world.copy(until: 60) { $0.policies.recreated = .continue }
            #expect(values(try await copies.readAll()) == expectedValues(0..<31) + expectedValues(100..<160))

            // Nor is anything of the new one written again when that is forgotten, too.
            try await world.restore(early)
            try await overwrite(160..<170, keys: 200, world)
            try await world.copy(until: 70) { $0.policies.recreated = .continue }
            #expect(values(try await copies.readAll()) == expectedValues(0..<31) + expectedValues(100..<170))
        }
    }

    @Test func `records that a run copied again since it did not look are not counted twice by one that does`()
        async throws
    {
        try await Replicated.run { world in
            try await world.createTopic("orders")
            try await world.produce(0..<10, to: "orders")
            let early = try await world.copy(until: 10)
            for start in [10, 20] { try await world.produce(start..<start + 10, to: "orders") }
            try await world.copy(until: 30)
            try await world.restore(early)
            try await world.copy(until: 30) { $0.delivery = .atLeastOnce }
            try await world.restore(early)
            for start in [30, 40] { try await world.produce(start..<start + 10, to: "orders") }

            try await world.copy(until: 50)

            #expect(
                try await world.targetValues("east.orders") == expectedValues(0..<30) + expectedValues(10..<50))
        }
    }
}
