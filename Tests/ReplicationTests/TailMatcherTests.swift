import KafkaWire
import NIOCore
import Replication
import TestSupport
import Testing

@Suite(.printsSeed) struct TailMatcherTests {
    /// A seeded world: what the source held, how much of it an earlier run wrote, what a cut and compaction have left.
    private struct World {
        var random: SeededGenerator
        let start: Int64 = 1_000
        let producerID: Int64 = 7
        var source: [Record] = []
        var written = 0
        /// The target's log was cut there, and so many records that were on their way landed behind it.
        var cut: (at: Int, landed: Int)?
        /// Numbers of the records that the target refused, and that were left out.
        var setAside: Set<Int> = []
        /// What was copied last was copied once more.
        var isDoubled = false
        /// The source's log was cut there, and has grown again. Of what it has held before, `old` are its numbers.
        var sourceCut: (at: Int, old: Range<Int>)?

        init(seed: UInt64, hasEquals: Bool = false, isCut: Bool = false, setsAside: Bool = false) {
            random = seeded(seed)
            let count = Int.random(in: 1...120, using: &random)
            let keys = Int.random(in: 1...40, using: &random)
            for number in 0..<count {
                source.append(
                    Record(
                        offset: start + Int64(number), timestamp: hasEquals ? 0 : Int64(number),
                        key: ByteBuffer(string: "k\(Int.random(in: 0..<keys, using: &random))"),
                        value: ByteBuffer(string: hasEquals ? "v" : "v\(number)")))
            }
            written = Int.random(in: 0...count, using: &random)
            if isCut, written < count {
                cut = (
                    at: Int.random(in: 0...written, using: &random),
                    landed: Int.random(in: 1...count - written, using: &random)
                )
            }
            if setsAside {
                let share = Int.random(in: 1...4, using: &random)
                setAside = Set((0..<count).filter { _ in Int.random(in: 0..<4, using: &random) < share })
            }
        }

        /// Cuts the source, lets it grow and some of that be copied. The numbers of what was there before go to the
        /// end.
        mutating func cutSource() {
            let at = Int.random(in: 0...written, using: &random)
            let new = (0..<Int.random(in: 0...40, using: &random)).map { number in
                Record(
                    offset: start + Int64(at + number), timestamp: Int64(number),
                    key: source[number % source.count].key,
                    value: ByteBuffer(string: "new \(number)"))
            }
            let old = source[at..<written]
            source = source[..<at] + new + old
            sourceCut = (at: at, old: at + new.count..<at + new.count + old.count)
            written = at + Int.random(in: 0...new.count, using: &random)
        }

        /// The numbers of the records that the target's log was made of, in its order.
        var copied: [Int] {
            if isDoubled { return Array(0..<written) + (Int(written / 3)..<written) }
            if let sourceCut { return Array(0..<sourceCut.at) + sourceCut.old + (sourceCut.at..<written) }
            guard let cut else { return (0..<written).filter { !setAside.contains($0) } }
            return Array(0..<cut.at) + (written..<written + cut.landed)
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
        mutating func batches(_ records: [Record]) throws -> [RecordBatch] {
            var batches: [RecordBatch] = []
            var first: Int64 = 0
            let end = Int64(copied.count)
            let seam = Int64(cut?.at ?? 0)
            while first < end {
                let until = first < seam ? seam : end
                let next = min(until, first + Int64.random(in: 1...15, using: &random))
                let inside = records.filter { (first..<next).contains($0.offset) }
                if !inside.isEmpty {
                    var builder = RecordBatchBuilder(
                        baseOffset: first, producerID: producerID, producerEpoch: 0, baseSequence: 0)
                    for record in inside {
                        builder.append(
                            timestamp: record.timestamp, key: record.key, value: record.value,
                            offsetDelta: Int32(record.offset - first))
                    }
                    batches.append(try builder.finish().spanning(to: next - 1, leaderEpoch: first < seam ? 3 : 4))
                }
                first = next
            }
            return batches
        }
    }

    /// Walks as the engine does.
    private func walk(_ world: inout World, source: [Record], target: [Record]) throws -> TailMatcher {
        let end = Int64(world.copied.count)
        var tail = TargetTail(from: 0, ours: [world.producerID], leaderEpoch: world.cut == nil ? 4 : 3)
        for batch in try world.batches(target) {
            try tail.take(batch.bytes, until: end)
        }
        tail.close(at: end)
        var alignment = TailMatcher(start: world.start, tail: tail)
        if let cut = world.sourceCut { alignment.sourceEpochEnded(at: world.start + Int64(cut.at)) }
        var before = world.start
        for group in source.chunked(by: 7) {
            guard !alignment.isDone, let last = group.last else { break }
            var builder = RecordBatchBuilder()
            for record in group { builder.append(record) }
            let sources = group.map { $0.offset..<$0.offset + 1 }
            let hasHole = last.offset + 1 - before > Int64(group.count)
            try alignment.take(builder.finish(), sources: sources, hasHole: hasHole)
            before = last.offset + 1
        }
        if !alignment.isDone { alignment.sourceEnded() }
        alignment.end()
        return alignment
    }

    /// What is left of both logs, and what was found out from that.
    private struct Outcome {
        var world: World
        var source: [Record]
        var target: [Record]
        var alignment: TailMatcher

        /// Numbers of the source's records that are still to be written.
        var rest: [Int] { source.filter { $0.offset >= alignment.position }.map { Int($0.offset - world.start) } }
    }

    private func outcome(_ world: World, compactsSource: Bool, compactsTarget: Bool) throws -> Outcome {
        var world = world
        let present = world.source.prefix(world.sourceCut?.old.lowerBound ?? world.source.count)
        let source = compactsSource ? world.cleaned(Array(present)) : Array(present)
        var copies = world.copied.enumerated().map { offset, number in
            var copy = world.source[number]
            copy.offset = Int64(offset)
            return copy
        }
        if compactsTarget { copies = world.cleaned(copies) }
        let alignment = try walk(&world, source: source, target: copies)
        return Outcome(world: world, source: source, target: copies, alignment: alignment)
    }

    @discardableResult
    private func check(
        _ seed: UInt64, _ world: World? = nil, compactsSource: Bool, compactsTarget: Bool
    ) throws -> Outcome {
        let outcome = try outcome(
            world ?? World(seed: seed), compactsSource: compactsSource, compactsTarget: compactsTarget)
        let (world, alignment) = (outcome.world, outcome.alignment)

        // Nothing that was written comes again, nothing that was not is left out. Only where the source was cut and the
        // target cleaned, what is not on the target any more may come again: the source has no more what made it go.
        let copied = world.copied
        let copiesLeft = Set(outcome.target.map { copied[Int($0.offset)] })
        let end = world.start + Int64(world.written)
        let again = outcome.source.filter {
            $0.offset >= alignment.position && $0.offset < end
                && (world.sourceCut == nil || copiesLeft.contains(Int($0.offset - world.start)))
        }
        let lost = outcome.source.filter { $0.offset < alignment.position && $0.offset >= end }
        #expect(again.isEmpty && lost.isEmpty, "seed \(seed): again \(again.count), lost \(lost.count)")
        // What is left on both sides has found each other.
        let left = copiesLeft.intersection(outcome.source.map { Int($0.offset - world.start) })
        let pairs = try pairs(#require(alignment.copies), world)
        #expect(pairs.allSatisfy { Int($0.source) == copied[Int($0.target)] }, "seed \(seed)")
        #expect(left.isSubset(of: pairs.map { Int($0.source) }), "seed \(seed)")
        return outcome
    }

    private func pairs(
        _ copies: [(sources: Range<Int64>, target: Int64)], _ world: World
    ) -> [(source: Int64, target: Int64)] {
        copies.flatMap { copy in
            copy.sources.map { ($0 - world.start, copy.target + $0 - copy.sources.lowerBound) }
        }
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

    @Test(arguments: [false, true])
    func `records that were set aside do not shift what comes behind them`(compactsTarget: Bool) throws {
        for seed in 0..<1_000 {
            let world = World(seed: UInt64(seed), setsAside: true)
            // Of those behind the last copy nothing tells: they are tried again.
            let last = world.copied.last ?? -1
            var known = world
            known.written = last + 1
            let outcome = try check(
                UInt64(seed), known, compactsSource: false, compactsTarget: compactsTarget)
            guard !compactsTarget else { continue }
            #expect(outcome.alignment.quarantined == world.setAside.filter { $0 < last }.count, "seed \(seed)")
        }
    }

    @Test(arguments: [false, true])
    func `records that were copied twice do not count twice`(compactsTarget: Bool) throws {
        for seed in 0..<1_000 {
            var world = World(seed: UInt64(seed))
            world.isDoubled = true
            let outcome = try outcome(world, compactsSource: false, compactsTarget: compactsTarget)
            #expect(outcome.rest == Array(world.written..<world.source.count), "seed \(seed)")
        }
    }

    @Test(arguments: [false, true], [false, true])
    func `what a source holds since it was cut is not taken for what it held before`(
        compactsSource: Bool, compactsTarget: Bool
    ) throws {
        var cuts = 0
        for seed in 0..<1_000 {
            var world = World(seed: UInt64(seed))
            world.cutSource()
            let outcome = try check(
                UInt64(seed), world, compactsSource: compactsSource, compactsTarget: compactsTarget)
            guard let cut = world.sourceCut, !compactsSource else { continue }
            let found = outcome.alignment.sourceTruncation(readTo: world.start + Int64(outcome.source.count))
            let gone = outcome.target.filter { cut.old.contains(world.copied[Int($0.offset)]) }.count
            #expect(found?.records == (gone > 0 ? Int64(gone) : nil), "seed \(seed)")
            guard let found else { continue }
            cuts += 1
            let offsets = (world.start + Int64(cut.at)...world.start + Int64(world.written))
            #expect(offsets.contains(found.offset), "seed \(seed)")
        }
        #expect(compactsSource || cuts > 500)
    }

    @Test(arguments: [false, true], [false, true])
    func `nothing is missing behind a cut that had records on their way`(
        compactsSource: Bool, compactsTarget: Bool
    ) throws {
        for seed in 0..<1_000 {
            let world = World(seed: UInt64(seed), isCut: true)
            guard let cut = world.cut else { continue }
            let outcome = try outcome(world, compactsSource: compactsSource, compactsTarget: compactsTarget)
            let rest = Set(outcome.rest)
            let missing = outcome.source.map { Int($0.offset - world.start) }.filter {
                $0 >= cut.at && !rest.contains($0)
            }
            // Where the cut took nothing, or the source has nothing of it any more, what landed may stay.
            let isInPlace = !outcome.source.contains { (cut.at..<world.written).contains(Int($0.offset - world.start)) }
            let landed = world.written..<world.written + cut.landed
            #expect(missing.allSatisfy { isInPlace && landed.contains($0) }, "seed \(seed): missing \(missing)")
            guard !compactsSource, !compactsTarget else { continue }
            // Nothing that stayed in front of the cut comes again.
            #expect(rest.allSatisfy { $0 >= cut.at }, "seed \(seed)")
            #expect(outcome.alignment.outOfOrder?.offset == (isInPlace ? nil : Int64(cut.at)), "seed \(seed)")
        }
    }

    @Test(arguments: [0, 1, 5])
    func `copies of a topic before are not taken for those of the one that has its name now`(
        written: Int
    ) throws {
        func batch(_ name: String, _ numbers: Range<Int>, at offset: Int64) throws -> RecordBatch {
            var builder = RecordBatchBuilder(baseOffset: offset, producerID: 7, producerEpoch: 0, baseSequence: 0)
            for number in numbers {
                builder.append(
                    timestamp: 1, key: nil, value: ByteBuffer(string: "\(name) \(number)"),
                    offsetDelta: Int32(number - numbers.lowerBound))
            }
            return try builder.finish()
        }
        var tail = TargetTail(from: 0, ours: [7])
        try tail.take(try batch("before", 0..<4, at: 0).bytes, until: 4)
        if written > 0 { try tail.take(try batch("now", 0..<written, at: 4).bytes, until: 4 + Int64(written)) }
        var alignment = TailMatcher(start: 0, tail: tail, isOtherLog: true)
        try alignment.take(try batch("now", 0..<10, at: 0), sources: [0..<10], hasHole: false)
        alignment.end()

        #expect(alignment.position == Int64(written))
        #expect(alignment.recovered == Int64(written))
        #expect(alignment.outOfOrder == nil)
    }

    /// Batches of two records each at an offset, in an epoch, with a sequence.
    private func tailOfPairs(
        following: [ProducerStamp] = [], _ batches: [(offset: Int64, epoch: Int16, sequence: Int32)]
    ) throws -> TargetTail {
        var tail = TargetTail(from: 10, ours: [7], following: following)
        for (offset, epoch, sequence) in batches {
            var builder = RecordBatchBuilder(
                baseOffset: offset, producerID: 7, producerEpoch: epoch, baseSequence: sequence)
            for place in 0..<2 {
                builder.append(
                    timestamp: 1, key: nil, value: ByteBuffer(string: "\(offset) \(place)"), offsetDelta: Int32(place))
            }
            try tail.take(builder.finish().bytes, until: offset + 2)
        }
        return tail
    }

    @Test func `what sequences leave out is a seam, unless it was cleaned away, sent twice, or of another epoch`()
        throws
    {
        let following = [ProducerStamp(id: 7, epoch: 3, sequence: 20)]
        func seams(_ batches: [(offset: Int64, epoch: Int16, sequence: Int32)]) throws -> [Int64] {
            let seams = try tailOfPairs(following: following, batches).discontinuities
            #expect(seams.allSatisfy { $0.kind == .sequenceGap })
            return seams.map(\.offset)
        }

        #expect(try seams([(10, 3, 20), (12, 3, 22), (14, 4, 0), (16, 4, 2)]).isEmpty)
        // In front of all, in the middle, at the beginning of an epoch.
        #expect(try seams([(10, 3, 22), (12, 3, 24)]) == [10])
        #expect(try seams([(10, 3, 20), (12, 3, 24), (14, 3, 26)]) == [12])
        #expect(try seams([(10, 3, 20), (12, 4, 2), (14, 4, 4)]) == [12])
        // The cleaner leaves the offsets: of all that is left out, or of a part of it.
        #expect(try seams([(10, 3, 20), (16, 3, 26)]).isEmpty)
        #expect(try seams([(10, 3, 20), (14, 3, 26)]) == [14])
        // Sent again, and taken for new.
        #expect(try seams([(10, 3, 20), (12, 3, 22), (14, 3, 20), (16, 3, 24)]).isEmpty)
        #expect(try seams([(10, 3, 20), (12, 2, 8), (14, 3, 22)]).isEmpty)
        // They begin again at 0 behind the last.
        #expect(try tailOfPairs(following: [], [(10, 3, .max - 1), (12, 3, 0)]).discontinuities.isEmpty)
        #expect(try tailOfPairs(following: [], [(10, 3, 40), (12, 3, 42)]).discontinuities.isEmpty)
    }

    @Test func `among equal records no copy is guessed`() throws {
        var certain = 0
        for seed in 0..<1_000 {
            let world = World(seed: UInt64(seed), hasEquals: true)
            let outcome = try outcome(world, compactsSource: seed % 2 == 0, compactsTarget: true)
            guard let copies = outcome.alignment.copies else { continue }
            certain += 1
            // What was not written yet passes for its equal that was, of which the source has nothing any more.
            let pairs = pairs(copies, world).filter { $0.source < world.written }
            #expect(pairs.allSatisfy { $0.source == $0.target }, "seed \(seed)")
        }
        #expect(certain > 0)
    }
}

extension RecordBatch {
    /// As compaction leaves it: the batch ends where it did, though its last records are gone.
    fileprivate func spanning(to lastOffset: Int64, leaderEpoch: Int32) throws -> RecordBatch {
        let base = header.baseOffset
        return try RecordBatch(
            rewritingHeader {
                $0.lastOffsetDelta = Int32(lastOffset - base)
                $0.partitionLeaderEpoch = leaderEpoch
            }.contiguous)
    }
}
