import Foundation
import KafkaBroker
import KafkaWire
import TestSupport
import Testing

/// Retention against what it promises, over random logs: what goes is old or too much, and nothing stays that should go.
@Suite(.printsSeed) struct RetentionPropertyTests {
    private struct Written {
        let offset: Int64
        let value: String
        let timestamp: Int64
    }

    private static func write(_ log: PartitionLog, _ dice: inout SeededGenerator, _ now: inout Int64) throws
        -> [Written]
    {
        var written: [Written] = []
        for _ in 0..<Int.random(in: 1...40, using: &dice) {
            now += Int64.random(in: 0...200, using: &dice)
            // Producers' clocks differ, and some records come late.
            let timestamps = (0..<Int.random(in: 1...4, using: &dice)).map { _ in
                now - Int64.random(in: 0...600, using: &dice)
            }
            let values = timestamps.map { _ in
                String(repeating: "x", count: Int.random(in: 0...80, using: &dice))
            }
            let result = try log.append(TestBatch(values: values, timestamps: timestamps), now: now)
            for (index, (value, timestamp)) in zip(values, timestamps).enumerated() {
                written.append(Written(offset: result.baseOffset + Int64(index), value: value, timestamp: timestamp))
            }
        }
        return written
    }

    /// First offset and size of each segment, the first one first.
    private static func segments(_ harness: LogHarness) throws -> [(base: Int64, size: Int)] {
        try harness.fileNames(".log").map { name in
            let size = try FileManager.default.attributesOfItem(atPath: harness.file(name))[.size] as? Int
            return (Int64(name.dropLast(4)) ?? -1, size ?? 0)
        }
    }

    private static func checkWhole(_ log: PartitionLog, _ written: [Written], _ comment: Comment) throws {
        let expected = written.filter { $0.offset >= log.logStartOffset }
        let found = try log.records()
        #expect(found.map(\.offset) == expected.map(\.offset), comment)
        #expect(found.map(\.value) == expected.map(\.value), comment)
    }

    @Test(arguments: [UInt64](1...8))
    func `by time only segments go that are old as a whole, and all of those at the front`(seed: UInt64) throws {
        var dice = seeded(seed)
        var now = LogHarness.now
        let retention = Int64.random(in: 500...3000, using: &dice)
        let harness = try LogHarness(.disk)
        let configs = ["segment.bytes": "600", "retention.ms": "\(retention)"]
        var log = try harness.open(configs)
        var written: [Written] = []
        for round in 0..<6 {
            written += try Self.write(log, &dice, &now)

            try log.applyRetention(now: now)

            let comment: Comment = "seed \(seed), round \(round)"
            try Self.checkWhole(log, written, comment)
            #expect(log.logEndOffset == written.count, comment)
            let gone = written.filter { $0.offset < log.logStartOffset }
            #expect(gone.allSatisfy { now - $0.timestamp > retention }, comment)
            let segments = try Self.segments(harness)
            let second = segments.count > 1 ? segments[1].base : log.logEndOffset
            let front = written.filter { $0.offset >= log.logStartOffset && $0.offset < second }
            #expect(front.isEmpty || front.contains { now - $0.timestamp <= retention }, comment)
            if round % 2 == 0 {
                log = try harness.open(configs, now: now)
                try Self.checkWhole(log, written, comment)
            }
        }
    }

    @Test(arguments: [UInt64](1...8))
    func `by size the log keeps what it may, less one segment at most`(seed: UInt64) throws {
        var dice = seeded(seed)
        var now = LogHarness.now
        let limit = Int.random(in: 500...4000, using: &dice)
        let harness = try LogHarness(.disk)
        let log = try harness.open(["segment.bytes": "600", "retention.ms": "-1", "retention.bytes": "\(limit)"])
        var written: [Written] = []
        for round in 0..<6 {
            written += try Self.write(log, &dice, &now)
            let before = log.size

            let removed = try log.applyRetention(now: now)

            let comment: Comment = "seed \(seed), round \(round)"
            try Self.checkWhole(log, written, comment)
            #expect(removed == 0 || log.size >= limit, comment)
            #expect(removed == 0 ? log.size == before : log.size < before, comment)
            let segments = try Self.segments(harness)
            #expect(segments.map(\.size).reduce(0, +) == log.size, comment)
            #expect(log.size - segments[0].size < limit, "\(comment): another segment could go")
        }
    }
}
