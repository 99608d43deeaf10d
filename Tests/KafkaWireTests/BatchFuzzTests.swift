import KafkaCompression
import KafkaWire
import NIOCore
import TestSupport
import Testing

/// Seeded mutations of all golden batches through every decoder of records. A decoder may refuse anything and may
/// return anything well-formed; it may not trap, and it may not produce more than its limit.
/// ``FuzzSeeds`` says how many.
@Suite(.printsSeed) struct BatchFuzzTests {
    private static let limit = OutputLimit(bytes: 4 << 20)

    @Test func `mutated batches are refused or read, never more`() {
        let originals = GoldenBatch.all.map(\.bytes)
        var read = 0
        var refused = 0

        var inputs = 0
        for seed in FuzzSeeds(count: 20_000) {
            inputs += 1
            if seed % 10_000 == 0 { FuzzSeeds.say("fuzzing batches from seed \(seed)") }
            var random = seeded(seed)
            let log = random.mutation(of: originals)
            do {
                read += try Self.decode(log)
            } catch {
                refused += 1
            }
        }

        // Mutations that only ever failed at the first check would prove nothing.
        FuzzSeeds.report("batches", inputs: inputs)
        #expect(read > inputs / 10 && refused > inputs / 10, "\(read) records read, \(refused) refused")
    }

    /// Reads everything that can be read; the number of records.
    private static func decode(_ log: ByteBuffer) throws -> Int {
        var entries = LogEntryReader(log)
        var count = 0
        while let entry = try entries.next() {
            _ = entry.isChecksumValid
            switch entry {
            case .batch(let batch):
                _ = BatchHeaderPatch(producerID: 1).apply(to: batch)
                let reader = try batch.records(limit: limit)
                let isDense = Result { try reader.validateDense() }
                var records = reader
                var raw = reader
                var builder = RecordBatchBuilder()
                let all = try records.readAll()
                while let record = try raw.nextRaw() {
                    _ = try record.headers
                    builder.append(record)
                }
                #expect(builder.recordCount == all.count)
                if case .success(let summary) = isDense { #expect(Int(summary.recordCount) == all.count) }
                if batch.header.isControl { for record in all { _ = try ControlRecord(record) } }
                count += all.count
            case .legacy(let message):
                count += try message.records(limit: limit).count
            }
        }
        return count
    }
}

extension SeededGenerator {
    /// One to three originals, some bytes changed, some bytes cut out or doubled, lengths and counts preferred.
    fileprivate mutating func mutation(of originals: [ByteBuffer]) -> ByteBuffer {
        var log: [UInt8] = []
        for _ in 0...(next() % 3) { log += originals[Int(next() % UInt64(originals.count))].readableBytesView }
        for _ in 0..<(next() % 6) where !log.isEmpty { mutate(&log) }
        if next() % 2 == 0 { mendLength(&log) }
        return ByteBuffer(bytes: log)
    }

    private mutating func mutate(_ log: inout [UInt8]) {
        // Half of the changes go where headers are.
        let reach = next() % 2 == 0 ? min(log.count, 100) : log.count
        let at = Int(next() % UInt64(reach))
        switch next() % 8 {
        case 0: log[at] ^= 1 << UInt8(next() % 8)
        case 1: log[at] = UInt8(truncatingIfNeeded: next())
        case 2: log[at] = [0, 1, 0x7F, 0x80, 0xFF][Int(next() % 5)]
        case 3: log.removeSubrange(at..<min(log.count, at + Int(next() % 16)))
        case 4: log.insert(contentsOf: log[at..<min(log.count, at + Int(next() % 32))], at: at)
        case 5: log.removeSubrange(at...)
        case 6 where log.count >= at + 4:
            let values: [UInt32] = [0, 1, .max, 0x7FFF_FFFF, 0x8000_0000, UInt32(truncatingIfNeeded: next())]
            let value = values[Int(next() % 6)]
            for byte in 0..<4 { log[at + byte] = UInt8(truncatingIfNeeded: value >> (24 - 8 * UInt32(byte))) }
        default: log.append(UInt8(truncatingIfNeeded: next()))
        }
    }

    /// Makes the first entry's size fit, so that the mutation reaches what lies behind that check.
    private mutating func mendLength(_ log: inout [UInt8]) {
        guard log.count > 17 else { return }
        let length = UInt32(log.count - 12)
        for byte in 0..<4 { log[8 + byte] = UInt8(truncatingIfNeeded: length >> (24 - 8 * UInt32(byte))) }
    }
}
