import Foundation
import KafkaClient
import KafkaWire
import NIOCore
import Replication
import TestSupport
import Testing

@Suite(.printsSeed) struct OffsetMapTests {
    @Test func `a source without holes is one segment however long it is`() {
        var map = OffsetMap(start: 100)
        for batch in 0..<1_000 {
            let source = 100 + Int64(batch) * 50
            map.append(SourceRuns(source..<source + 50), at: 7 + Int64(batch) * 50)
        }

        #expect(map.edge.open == [100, 7, 50_000])
        #expect(map.stored.isEmpty)
        #expect(map.translate(25_000) == .record(pair(25_000, 24_907)))
        #expect(map.first(fromTarget: 24_907) == pair(25_000, 24_907))
    }

    @Test func `an offset without a record is that of the next record`() {
        var map = OffsetMap(start: 0)
        var runs = SourceRuns(0..<3)
        runs.append(5..<6)
        map.append(runs, at: 10)
        map.pass(9)

        #expect(map.translate(3) == .record(pair(5, 13)))
        #expect(map.translate(4) == .record(pair(5, 13)))
        #expect(map.translate(5) == .record(pair(5, 13)))
    }

    @Test func `behind the last record it is the end, and beyond what has passed it is refused`() {
        var map = OffsetMap(start: 0)
        map.append(SourceRuns(0..<3), at: 10)
        map.pass(9)

        #expect(map.translate(3) == .end(target: 13))
        #expect(map.translate(9) == .end(target: 13))
        #expect(map.translate(11) == .ahead(by: 2, target: 13))
    }

    @Test func `what lies before the start is refused`() {
        let map = OffsetMap(start: 5)

        #expect(map.translate(4) == .beforeStart(5))
        #expect(map.translate(5) == .end(target: -1))
    }

    @Test func `what may have been copied to an unknown place is refused until a known record`() {
        var map = OffsetMap(start: 0)
        map.append(SourceRuns(0..<3), at: 0)
        map.lose(upTo: 6)
        map.append(SourceRuns(6..<8), at: 9)

        #expect(map.translate(2) == .record(pair(2, 2)))
        #expect(map.translate(3) == .lost(3..<6))
        #expect(map.translate(5) == .lost(3..<6))
        #expect(map.translate(6) == .record(pair(6, 9)))
    }

    @Test func `a target that was cut among copies in unknown places may have lost all of them`() {
        var map = OffsetMap(start: 0)
        map.append(SourceRuns(0..<3), at: 0)
        map.lose(upTo: 6)
        map.append(SourceRuns(6..<8), at: 9)

        #expect(map.firstGone(fromTarget: 2) == (2, 0))
        #expect(map.firstGone(fromTarget: 3) == (3, 3))
        #expect(map.firstGone(fromTarget: 8) == (3, 3))
        #expect(map.firstGone(fromTarget: 9) == (6, 0))
        #expect(map.firstGone(fromTarget: 10) == (7, 0))
        #expect(map.firstGone(fromTarget: 11) == (8, 0))
    }

    @Test func `a target that went backwards takes its copies with it until they are made again`() {
        var map = OffsetMap(start: 0)
        map.append(SourceRuns(0..<10), at: 0)
        map.append(SourceRuns(10..<12), at: 6)

        #expect(map.translate(5) == .record(pair(5, 5)))
        #expect(map.translate(6) == .lost(6..<10))
        #expect(map.translate(10) == .record(pair(10, 6)))

        map.pass(6)
        map.append(SourceRuns(6..<12), at: 6)
        #expect(map.translate(8) == .record(pair(8, 8)))
        #expect(map.lost.isEmpty)
    }

    @Test func `transactions of one size are one segment`() {
        var map = OffsetMap(start: 0)
        for transaction in 0..<10_000 {
            let source = Int64(transaction) * 11
            map.append(SourceRuns(source..<source + 10), at: Int64(transaction) * 10)
            map.pass(source + 11)
        }

        #expect(map.stored.map(\.block.segments.count) == [1])
        #expect(map.translate(11 * 7_000 + 10) == .record(pair(11 * 7_001, 10 * 7_001)))
        #expect(map.first(fromTarget: 70_003) == pair(11 * 7_000 + 3, 70_003))
    }

    @Test func `trimming forgets what the target no longer has`() {
        var random = seeded(3)
        var (map, _) = irregular(20_000, using: &random)
        let before = map.estimatedBytes
        map.trim(belowTarget: map.targetEnd - 100)

        #expect(map.estimatedBytes < before / 5)
        #expect(map.translate(0) == .beforeStart(map.start))
        #expect(map.first(fromTarget: map.targetEnd - 1)?.target == map.targetEnd - 1)
    }

    @Test func `the first target offset that holds none of our copies`() {
        var map = OffsetMap(start: 0)
        map.append(SourceRuns(0..<3), at: 0)
        map.append(SourceRuns(4..<6), at: 3)
        map.append(SourceRuns(6..<7), at: 8)

        #expect(map.firstForeign(fromTarget: 0) == 5)
        #expect(map.firstForeign(fromTarget: 4) == 5)
        #expect(map.firstForeign(fromTarget: 6) == 6)
        #expect(map.firstForeign(fromTarget: 8) == 9)
        #expect(map.firstForeign(fromTarget: 20) == 20)
    }

    @Test(arguments: 0..<40) func `it agrees with a plain list of pairs`(seed: Int) throws {
        var random = seeded(UInt64(seed))
        var model = ModelMap()
        var map = OffsetMap(start: 0)
        var stored = StoredBlocks()
        var saved: (edge: OffsetMap.Edge, passed: Int64, model: ModelMap)?
        for _ in 0..<200 {
            Step.random(using: &random).apply(to: &map, &model, using: &random)
            if Int.random(in: 0..<20, using: &random) == 0 {
                for change in stored.changes(to: [Self.partition: map]) {
                    stored.take(change.partition, change.number, change.block)
                }
                saved = (map.edge, map.passed, model)
            }
            if Int.random(in: 0..<25, using: &random) == 0, let saved {
                // A restart: what came after the checkpoint is known no more.
                map = OffsetMap(blocks: stored[Self.partition], edge: saved.edge, passed: saved.passed)
                model = saved.model
            }
            if Int.random(in: 0..<10, using: &random) == 0 { model.check(map, seed, using: &random) }
        }
        model.check(map, seed, using: &random)
    }

    @Test(arguments: 0..<20) func `blocks newer than the checkpoint do no harm`(seed: Int) {
        var random = seeded(UInt64(seed) &+ 1_000)
        var (map, model) = irregular(Int.random(in: 1...600, using: &random), using: &random)
        var stored = StoredBlocks()
        let edge = map.edge
        let atCheckpoint = model
        for _ in 0..<Int.random(in: 1...600, using: &random) {
            let step: Step = Bool.random(using: &random) ? .copy : .copyRegular
            step.apply(to: &map, &model, using: &random)
        }
        for change in stored.changes(to: [Self.partition: map]) {
            stored.take(change.partition, change.number, change.block)
        }

        let restored = OffsetMap(blocks: stored[Self.partition], edge: edge, passed: atCheckpoint.passed)
        #expect(restored.start == 0)
        atCheckpoint.check(restored, seed, using: &random)
        // And what is written next removes what is too new.
        for change in stored.changes(to: [Self.partition: restored]) {
            stored.take(change.partition, change.number, change.block)
        }
        #expect(stored[Self.partition].count == restored.stored.count)
    }

    @Test(arguments: 0..<20) func `a block that was written reads back the same`(seed: Int) throws {
        var random = seeded(UInt64(seed))
        let (map, _) = irregular(600, using: &random)

        for entry in map.stored {
            #expect(try OffsetBlock(decoding: entry.block.bytes) == entry.block)
            #expect(try OffsetBlock(decoding: entry.block.bytes).segments == OffsetBlock(entry.block.segments).segments)
        }
    }

    @Test func `what the progress topic holds of a map makes the same map again`() throws {
        var random = seeded(11)
        let (map, model) = irregular(900, using: &random)
        let edge = String(decoding: try JSONEncoder().encode(map.edge), as: UTF8.self)
        let json =
            "{\"sourceOffset\":\(map.passed),\"targetOffset\":\(map.targetEnd),\"sourceLeaderEpoch\":-1,"
            + "\"sourceTopicID\":\"\",\"map\":\(edge)}"
        let checkpoint = try #require(
            try ProgressRecord(key: ByteBuffer(string: "partition/orders/3"), value: ByteBuffer(string: json)))
        let changes = StoredBlocks().changes(to: [Self.partition: map])
        // An older block under a number that is gone by now.
        let outdated = try #require(changes.first?.block)
        var records: [ProgressRecord] = [.segments(Self.partition, 9_999, outdated)]
        records += changes.map { .segments($0.partition, $0.number, $0.block) }
        records += [checkpoint, .segments(Self.partition, 9_999, nil)]

        var flow = RecordedFlow()
        for record in records {
            try flow.take(
                Record(offset: 0, timestamp: 0, key: record.key, value: try record.value(), headers: []))
        }
        let restored = try #require(flow.map(of: Self.partition))
        #expect(changes.count > 5)
        #expect(restored.passed == map.passed && restored.edge == map.edge)
        #expect(restored.stored == map.stored)
        model.check(restored, 11, using: &random)
    }

    @Test func `damaged blocks are errors, never traps`() throws {
        var random = seeded(5)
        let (map, _) = irregular(3_000, using: &random)
        let bytes = try #require(map.stored.first).block.bytes
        for length in 0..<bytes.readableBytes {
            #expect(throws: DamagedOffsets.self) { try OffsetBlock(decoding: bytes.getSlice(at: 0, length: length)!) }
        }
        for _ in 0..<20_000 {
            var mutated = bytes
            for _ in 0..<Int.random(in: 1...4, using: &random) {
                mutated.setInteger(
                    UInt8.random(in: 0...255, using: &random),
                    at: Int.random(in: 0..<bytes.readableBytes, using: &random))
            }
            _ = try? OffsetBlock(decoding: mutated).segments
        }
    }

    @Test func `a checkpoint without a map knows nothing from before it`() {
        let map = OffsetMap(blocks: [:], edge: nil, passed: 70)

        #expect(map.translate(69) == .beforeStart(70))
        #expect(map.translate(70) == .end(target: -1))
    }

    /// Figures of Docs/Architecture.md.
    @Test func `a million records take few bytes`() {
        var random = seeded(1)
        let million: Int64 = 1_000_000
        func bytes(_ next: (inout OffsetMap, Int64, Int64) -> (Int64, Int64)) -> (stored: Int, memory: Int) {
            var map = OffsetMap(start: 0)
            var source: Int64 = 0
            var target: Int64 = 0
            while target < million { (source, target) = next(&map, source, target) }
            return (map.stored.reduce(0) { $0 + $1.block.bytes.readableBytes }, map.estimatedBytes)
        }
        let clean = bytes { map, source, target in
            map.append(SourceRuns(source..<source + 1_000), at: target)
            return (source + 1_000, target + 1_000)
        }
        let compacted = bytes { map, source, target in
            // Every second record survives, at random.
            let length = Int64(1 + (random.next() % 2 == 0 ? 0 : random.next() % 3))
            map.append(SourceRuns(source..<source + length), at: target)
            return (source + length + 1 + Int64(random.next() % 3), target + length)
        }
        let regular = bytes { map, source, target in
            map.append(SourceRuns(source..<source + 10), at: target)
            return (source + 11, target + 10)
        }
        let transactional = bytes { map, source, target in
            let length = Int64(1 + random.next() % 20)
            map.append(SourceRuns(source..<source + length), at: target)
            return (source + length + 1, target + length)
        }
        print(
            "bytes per million records (stored, in memory):",
            "clean", clean, "compacted", compacted, "transactions of 10", regular, "of 1 to 20", transactional)

        #expect(clean.stored == 0 && clean.memory < 1_000)
        #expect(regular.stored < 100)
        #expect(compacted.stored < 1_500_000 && compacted.memory < 2_000_000)
        #expect(transactional.stored < 250_000 && transactional.memory < 400_000)
    }

    static let partition = TopicPartition("orders", 3)

    private func pair(_ source: Int64, _ target: Int64) -> OffsetSegment.Pair {
        OffsetSegment.Pair(source: source, target: target)
    }

    private func irregular(_ pieces: Int, using random: inout SeededGenerator) -> (OffsetMap, ModelMap) {
        var map = OffsetMap(start: 0)
        var model = ModelMap()
        for _ in 0..<pieces { Step.copy.apply(to: &map, &model, using: &random) }
        return (map, model)
    }
}

/// What an engine may do with a map.
private enum Step: CaseIterable {
    case copy, copyRegular, skip, foreign, rewind, targetBackwards, lose

    static func random(using random: inout SeededGenerator) -> Step {
        // Mostly copies, or nothing would ever grow.
        switch Int.random(in: 0..<100, using: &random) {
        case 0..<45: .copy
        case 45..<75: .copyRegular
        case 75..<87: .skip
        case 87..<94: .foreign
        case 94..<96: .rewind
        case 96..<97: .targetBackwards
        default: .lose
        }
    }

    func apply(to map: inout OffsetMap, _ model: inout ModelMap, using random: inout SeededGenerator) {
        switch self {
        case .copy:
            let first = model.passed + Int64.random(in: 0...2, using: &random)
            var runs = SourceRuns(first..<first + Int64.random(in: 1...4, using: &random))
            for _ in 0..<Int.random(in: 0...5, using: &random) {
                let next = runs.end + Int64.random(in: 0...3, using: &random)
                runs.append(next..<next + Int64.random(in: 1...4, using: &random))
            }
            map.append(runs, at: model.targetEnd)
            model.append(runs, at: model.targetEnd)
        case .copyRegular:
            for _ in 0..<Int.random(in: 2...30, using: &random) {
                let runs = SourceRuns(model.passed..<model.passed + 2)
                map.append(runs, at: model.targetEnd)
                model.append(runs, at: model.targetEnd)
                map.pass(model.passed + 1)
                model.passed += 1
            }
        case .skip:
            model.passed += Int64.random(in: 1...5, using: &random)
            map.pass(model.passed)
        case .foreign: model.targetEnd += Int64.random(in: 1...3, using: &random)
        case .rewind:
            let offset = max(0, model.passed - Int64.random(in: 0...800, using: &random))
            map.pass(offset)
            model.rewind(to: offset)
        case .targetBackwards:
            let runs = SourceRuns(model.passed..<model.passed + 1)
            let target = max(0, model.targetEnd - Int64.random(in: 1...300, using: &random))
            map.append(runs, at: target)
            model.loseCopies(from: target)
            model.append(runs, at: target)
        case .lose:
            let offset = model.passed + Int64.random(in: 1...4, using: &random)
            map.lose(upTo: offset)
            model.lost.append(model.passed..<offset)
            model.passed = offset
        }
    }
}

/// The same by brute force.
private struct ModelMap {
    var pairs: [(source: Int64, target: Int64)] = []
    var lost: [Range<Int64>] = []
    var passed: Int64 = 0
    var targetEnd: Int64 = 0

    mutating func append(_ runs: SourceRuns, at target: Int64) {
        var target = target
        for range in runs.ranges {
            for source in range {
                pairs.append((source, target))
                target += 1
            }
        }
        targetEnd = target
        passed = runs.end
    }

    mutating func rewind(to offset: Int64) {
        pairs.removeLast(pairs.count - firstIndex { $0.source >= offset })
        lost = lost.compactMap { $0.lowerBound >= offset ? nil : $0.lowerBound..<min($0.upperBound, offset) }
        passed = offset
    }

    mutating func loseCopies(from target: Int64) {
        let index = firstIndex { $0.target >= target }
        guard index < pairs.count else { return }
        lost.append(pairs[index].source..<passed)
        pairs.removeLast(pairs.count - index)
    }

    /// Compares at random offsets and at the last ones.
    func check(_ map: OffsetMap, _ seed: Int, using random: inout SeededGenerator) {
        #expect(map.passed == passed, "seed \(seed)")
        let sources = (0..<40).map { _ in Int64.random(in: 0...passed, using: &random) }
        for offset in sources + Array(max(0, passed - 20)...passed) {
            let expected = translation(of: offset, start: map.start)
            guard case .lost(let range) = map.translate(offset) else {
                #expect(map.translate(offset) == expected, "seed \(seed), source offset \(offset)")
                continue
            }
            #expect(expected == .lost(0..<0), "seed \(seed), source offset \(offset), \(range)")
        }
        let targets = (0..<40).map { _ in Int64.random(in: 0...targetEnd, using: &random) }
        for target in targets + Array(max(0, targetEnd - 20)...targetEnd) {
            let index = firstIndex { $0.target >= target }
            let expected = index < pairs.count ? pairs[index] : nil
            let found = map.first(fromTarget: target)
            #expect(
                found?.source == expected?.source && found?.target == expected?.target,
                "seed \(seed), target offset \(target)")
            let before = index > 0 ? pairs[index - 1].source : -1
            let known = expected?.source ?? passed
            let unknown = lost.filter {
                expected?.target != target && $0.upperBound > map.start && $0.lowerBound > before
                    && $0.lowerBound < known
            }
            #expect(
                map.firstGone(fromTarget: target).source == unknown.map(\.lowerBound).min() ?? known,
                "seed \(seed), target offset \(target)")
            var foreign = target
            var next = index
            while next < pairs.count, pairs[next].target == foreign {
                foreign += 1
                next += 1
            }
            #expect(map.firstForeign(fromTarget: target) == foreign, "seed \(seed), target offset \(target)")
        }
    }

    /// Index of the first pair for which `holds`, which holds for all that follow.
    private func firstIndex(where holds: ((source: Int64, target: Int64)) -> Bool) -> Int {
        var low = 0
        var high = pairs.count
        while low < high {
            let middle = (low + high) / 2
            if holds(pairs[middle]) { high = middle } else { low = middle + 1 }
        }
        return low
    }

    /// Any lost range stands for the one that it is.
    private func translation(of offset: Int64, start: Int64) -> OffsetTranslation {
        if offset < start { return .beforeStart(start) }
        let index = firstIndex { $0.source >= offset }
        let found = index < pairs.count ? pairs[index] : nil
        let until = found?.source ?? passed
        if lost.contains(where: { $0.upperBound > offset && $0.lowerBound < until }) { return .lost(0..<0) }
        guard let found else { return .end(target: pairs.last.map { $0.target + 1 } ?? -1) }
        return .record(OffsetSegment.Pair(source: found.source, target: found.target))
    }
}
