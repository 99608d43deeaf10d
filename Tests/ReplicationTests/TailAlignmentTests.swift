import KafkaWire
import NIOCore
import Replication
import Testing

@Suite struct TailAlignmentTests {
    /// A seeded world: what the source held, how much of it an earlier run wrote, what compaction has left of both.
    private struct World {
        var random: SeededGenerator
        let start: Int64 = 1_000
        let producerID: Int64 = 7
        var source: [Record] = []
        var written = 0

        init(seed: UInt64) {
            random = SeededGenerator(seed: seed)
            let count = Int.random(in: 1...120, using: &random)
            let keys = Int.random(in: 1...40, using: &random)
            for number in 0..<count {
                source.append(
                    Record(
                        offset: start + Int64(number), timestamp: Int64(number),
                        key: ByteBuffer(string: "k\(Int.random(in: 0..<keys, using: &random))"),
                        value: ByteBuffer(string: "v\(number)")))
            }
            written = Int.random(in: 0...count, using: &random)
        }

        /// What a cleaner leaves that has come up to `end`: of each key the last record before it.
        mutating func cleaned(_ records: [Record]) -> [Record] {
            let end = Int.random(in: 0...records.count, using: &random)
            var last: [ByteBuffer?: Int] = [:]
            for (index, record) in records[..<end].enumerated() { last[record.key] = index }
            return records.enumerated().filter { $0.offset >= end || last[$0.element.key] == $0.offset }
                .map(\.element)
        }

        /// Batches as a log holds them: each spans what it spanned before; empty ones may be gone.
        mutating func batches(_ records: [Record], span: Range<Int64>) throws -> [RecordBatch] {
            var batches: [RecordBatch] = []
            var first = span.lowerBound
            while first < span.upperBound {
                let next = min(span.upperBound, first + Int64.random(in: 1...15, using: &random))
                let inside = records.filter { (first..<next).contains($0.offset) }
                if !inside.isEmpty {
                    var builder = RecordBatchBuilder(
                        baseOffset: first, producerID: producerID, producerEpoch: 0, baseSequence: 0)
                    for record in inside {
                        builder.append(
                            timestamp: record.timestamp, key: record.key, value: record.value,
                            offsetDelta: Int32(record.offset - first))
                    }
                    batches.append(try builder.finish().spanning(to: next - 1))
                }
                first = next
            }
            return batches
        }
    }

    /// Walks as the engine does and says where it would go on.
    private func position(_ world: inout World, source: [Record], target: [Record]) throws -> Int64 {
        let end = Int64(world.written)
        var tail = TargetTail(from: 0, ours: [world.producerID])
        for batch in try world.batches(target, span: 0..<end) {
            try tail.take(batch.bytes, until: end)
        }
        tail.close(at: end)
        var alignment = TailAlignment(start: world.start, tail: tail)
        var before = world.start
        for group in source.chunked(by: 7) {
            guard !alignment.isDone, let last = group.last else { break }
            var builder = RecordBatchBuilder()
            for record in group { builder.append(record) }
            let sources = group.map { $0.offset..<$0.offset + 1 }
            let hasHole = last.offset + 1 - before > Int64(group.count)
            try alignment.take(builder.finish(), sources: sources, hasHole: hasHole, next: last.offset + 1)
            before = last.offset + 1
        }
        return alignment.position
    }

    private func check(_ seed: UInt64, compactsSource: Bool, compactsTarget: Bool) throws {
        var world = World(seed: seed)
        let source = compactsSource ? world.cleaned(world.source) : world.source
        var copies = world.source.prefix(world.written).enumerated().map { index, record in
            var copy = record
            copy.offset = Int64(index)
            return copy
        }
        if compactsTarget { copies = world.cleaned(copies) }

        let position = try position(&world, source: source, target: copies)

        // Nothing that was written comes again, nothing that was not is left out.
        let end = world.start + Int64(world.written)
        let again = source.filter { $0.offset >= position && $0.offset < end }
        let lost = source.filter { $0.offset < position && $0.offset >= end }
        #expect(again.isEmpty && lost.isEmpty, "seed \(seed): again \(again.count), lost \(lost.count)")
    }

    @Test func `without holes counting finds the place`() throws {
        for seed in 0..<200 { try check(UInt64(seed), compactsSource: false, compactsTarget: false) }
    }

    @Test func `a source compacted since the crash loses nothing and doubles nothing`() throws {
        for seed in 0..<400 { try check(UInt64(seed), compactsSource: true, compactsTarget: false) }
    }

    @Test func `a target compacted since the crash loses nothing and doubles nothing`() throws {
        for seed in 0..<400 { try check(UInt64(seed), compactsSource: false, compactsTarget: true) }
    }

    @Test func `both compacted since the crash lose nothing and double nothing`() throws {
        for seed in 0..<400 { try check(UInt64(seed), compactsSource: true, compactsTarget: true) }
    }
}

extension Array {
    fileprivate func chunked(by size: Int) -> [ArraySlice<Element>] {
        stride(from: 0, to: count, by: size).map { self[$0..<Swift.min($0 + size, count)] }
    }
}

extension RecordBatch {
    /// As compaction leaves it: the batch ends where it did, though its last records are gone.
    fileprivate func spanning(to lastOffset: Int64) throws -> RecordBatch {
        let base = header.baseOffset
        return try RecordBatch(rewritingHeader { $0.lastOffsetDelta = Int32(lastOffset - base) }.contiguous)
    }
}

/// SplitMix64: the same numbers for the same seed, on every machine.
struct SeededGenerator: RandomNumberGenerator {
    private var state: UInt64

    init(seed: UInt64) {
        state = seed
    }

    mutating func next() -> UInt64 {
        state &+= 0x9E37_79B9_7F4A_7C15
        var z = state
        z = (z ^ (z >> 30)) &* 0xBF58_476D_1CE4_E5B9
        z = (z ^ (z >> 27)) &* 0x94D0_49BB_1331_11EB
        return z ^ (z >> 31)
    }
}
