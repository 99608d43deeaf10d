import Replication
import ReplicationTools
import TestSupport
import Testing

/// Logs that have lost what logs lose, cut to windows, against a model that knows which copy is whose.
@Suite(.printsSeed) struct CopyAlignmentModelTests {
    private struct Original {
        var content: Int
        var timestamp: Int64
    }

    private struct Copy {
        var content: Int
        var timestamp: Int64
        /// Nil for records of others.
        var origin: Int?
    }

    /// A source, a copier that is killed and run again, and both logs after compaction, retention and a look at their ends.
    private struct World: CustomStringConvertible {
        enum Times { case kept, equal, stamped, overridden }

        var source: [Original] = []
        var target: [Copy] = []
        /// Offsets that are left.
        var ours: [Int] = []
        var theirs: [Int] = []
        /// First offsets of the windows.
        var cut = (source: 0, target: 0)
        let times: Times
        var isCompacted = false
        var expired = (source: 0, target: 0)

        init(_ random: inout some RandomNumberGenerator) {
            func chance(_ part: Int, _ whole: Int) -> Bool { Int.random(in: 0..<whole, using: &random) < part }
            func pick<T>(_ values: [T]) -> T { values[Int.random(in: values.indices, using: &random)] }
            times = pick([.kept, .kept, .equal, .stamped, .overridden])
            let count = Int.random(in: 1...120, using: &random)
            let share = Int.random(in: 3...10, using: &random)
            for index in 0..<count {
                source.append(
                    Original(
                        content: chance(share, 10) ? 1_000 + index : Int.random(in: 1...4, using: &random),
                        timestamp: times == .kept ? 100 + Int64(index) : 5))
            }
            copy(&random, leavesOut: pick([0, 0, 1, 4]))
            ours = Array(source.indices)
            theirs = Array(target.indices)
            lose(&random)
        }

        private mutating func copy(_ random: inout some RandomNumberGenerator, leavesOut rate: Int) {
            func chance(_ part: Int, _ whole: Int) -> Bool { Int.random(in: 0..<whole, using: &random) < part }
            var place = chance(1, 2) ? 0 : Int.random(in: source.indices, using: &random)
            for _ in 0..<Int.random(in: 1...6, using: &random) {
                for _ in 0..<Int.random(in: 0...50, using: &random) where place < source.count {
                    let original = source[place]
                    // One of several equal records that is left out cannot be told from a copier that is behind.
                    let isTold = times == .kept || original.content >= 1_000
                    if !isTold || !chance(rate, 30) { add(original.content, original.timestamp, place) }
                    place += 1
                    if chance(1, 20) { add(9_000 + target.count, 1_000_000 + Int64(target.count), nil) }
                }
                place = max(0, place - Int.random(in: 0...15, using: &random))
            }
        }

        private mutating func add(_ content: Int, _ timestamp: Int64, _ origin: Int?) {
            let isOwn = times == .stamped || times == .overridden
            target.append(
                Copy(content: content, timestamp: isOwn ? 50_000 + Int64(target.count) : timestamp, origin: origin))
        }

        private mutating func lose(_ random: inout some RandomNumberGenerator) {
            func chance(_ part: Int, _ whole: Int) -> Bool { Int.random(in: 0..<whole, using: &random) < part }
            // Without times of their own records that were removed leave equal ones that cannot be told apart.
            if times == .kept, chance(1, 3) {
                isCompacted = true
                if chance(2, 3) { ours = ours.filter { $0 == source.count - 1 || !chance(1, 4) } }
                if chance(2, 3) { theirs = theirs.filter { $0 == target.count - 1 || !chance(1, 4) } }
            }
            if chance(1, 3) { expired.source = Int.random(in: 0..<source.count, using: &random) }
            if chance(1, 3), !target.isEmpty { expired.target = Int.random(in: 0..<target.count, using: &random) }
            ours = ours.filter { $0 >= expired.source }
            theirs = theirs.filter { $0 >= expired.target }
            cut = expired
            if chance(1, 3) { cut.source = max(cut.source, source.count - Int.random(in: 1...80, using: &random)) }
            if chance(1, 3) { cut.target = max(cut.target, target.count - Int.random(in: 1...80, using: &random)) }
        }

        func find() -> Result<CopyAlignment, CopyAlignment.Doubt> {
            func evidence(_ offset: Int, _ content: Int, _ timestamp: Int64) -> CopyEvidence {
                CopyEvidence(
                    offset: Int64(offset), content: UInt64(content) &* 0x9E37_79B9_7F4A_7C15,
                    timestamp: times == .stamped ? 0 : timestamp)
            }
            let ours = CopyWindow(
                ours.filter { $0 >= cut.source }.map { evidence($0, source[$0].content, source[$0].timestamp) },
                range: Int64(cut.source)..<Int64(source.count), isWhole: cut.source == expired.source,
                hasLost: isCompacted || expired.source > 0)
            let theirs = CopyWindow(
                theirs.filter { $0 >= cut.target }.map { evidence($0, target[$0].content, target[$0].timestamp) },
                range: Int64(cut.target)..<Int64(target.count), isWhole: cut.target == expired.target,
                hasLost: isCompacted || expired.target > 0)
            return CopyAlignment.find(source: ours, target: theirs, stampsRecords: times == .stamped)
        }

        /// True if the target's log may hold copies of later records before the window: then more of it is read.
        func mayHideCopies(_ found: CopyAlignment) -> Bool {
            let window = CopyWindow(
                ours.filter { $0 >= cut.source }.map {
                    CopyEvidence(offset: Int64($0), content: 0, timestamp: source[$0].timestamp)
                }, range: 0..<1, isWhole: true, hasLost: false)
            guard let time = found.earliestCopyBehind(window) else { return false }
            return theirs.contains { $0 < cut.target && target[$0].timestamp >= time }
        }

        /// Offsets of the last copy that is left of each source record.
        var lastCopies: [Int: Int] {
            var last: [Int: Int] = [:]
            for offset in theirs { if let origin = target[offset].origin { last[origin] = offset } }
            return last
        }

        func isTold(_ place: Int) -> Bool { times == .kept || source[place].content >= 1_000 }

        var description: String {
            let originals = ours.map { "\($0):\(source[$0].content)" }.joined(separator: " ")
            let copies = theirs.map { "\($0):\(target[$0].content)(\(target[$0].origin.map { "\($0)" } ?? "-"))" }
                .joined(separator: " ")
            return "times \(times), windows from \(cut), expired \(expired), source \(originals), target \(copies)"
        }
    }

    @Test(arguments: 0..<40 as Range<UInt64>)
    func `a position skips nothing that the copy lacks and repeats nothing that it has`(seed: UInt64) {
        var random = seeded(seed)
        for round in 0..<300 {
            let world = World(&random)
            guard let found = try? world.find().get(), !world.mayHideCopies(found) else { continue }
            let tale = "seed \(seed), round \(round), position \(found.position): \(world)"
            checkPosition(found, world, tale)
            checkMissing(found, world, tale)
            checkMap(found, world, tale)
        }
    }

    private func checkPosition(_ found: CopyAlignment, _ world: World, _ tale: String) {
        let copies = world.lastCopies
        let position = Int(found.position)
        for place in world.ours where place >= position && world.isTold(place) {
            #expect(copies[place] == nil, "\(place) would come twice: \(tale)")
        }
        guard let last = world.ours.last(where: { $0 < position }) else {
            Issue.record("nothing lies before the position: \(tale)")
            return
        }
        if world.isTold(last) {
            #expect(copies[last] != nil, "\(last) would be left out: \(tale)")
        } else {
            let equals = world.theirs.contains { world.target[$0].content == world.source[last].content }
            #expect(equals, "\(last) would be left out: \(tale)")
        }
    }

    /// Records that would be appended are nowhere on the target, where all of it was seen.
    private func checkMissing(_ found: CopyAlignment, _ world: World, _ tale: String) {
        guard world.cut.target == 0, !world.isCompacted else { return }
        let copies = world.lastCopies
        for range in found.missing.ranges {
            for place in world.ours where range.contains(Int64(place)) {
                #expect(copies[place] == nil, "\(place) is not missing: \(tale)")
            }
        }
        let counted = world.ours.count { place in found.missing.ranges.contains { $0.contains(Int64(place)) } }
        #expect(counted == found.missing.count, "\(tale)")
    }

    /// Each translation leads to the record's copy, or an equal one, behind which lie the last copies of all that follow.
    private func checkMap(_ found: CopyAlignment, _ world: World, _ tale: String) {
        let copies = world.lastCopies
        var limit = Int.max
        for place in (0..<Int(found.position)).reversed() where place >= found.start {
            if world.isTold(place), world.ours.contains(place) { limit = min(limit, copies[place] ?? .max) }
            guard case .record(let pair) = found.map.translate(Int64(place)) else { continue }
            let copy = world.target[Int(pair.target)]
            let isSame =
                world.isTold(Int(pair.source))
                ? copy.origin == Int(pair.source) : copy.content == world.source[Int(pair.source)].content
            #expect(isSame, "\(place) is not at \(pair): \(tale)")
            #expect(Int(pair.target) <= limit, "\(place) at \(pair) skips one that follows: \(tale)")
        }
    }

    @Test func `the model is aligned often enough to say something`() {
        var random = seeded(99)
        var aligned = 0
        var isMissing = 0
        var isCut = 0
        for _ in 0..<1_000 {
            let world = World(&random)
            guard let found = try? world.find().get(), !world.mayHideCopies(found) else { continue }
            aligned += 1
            if world.cut.target > world.expired.target { isCut += 1 }
            if found.missing.count > 0 { isMissing += 1 }
        }

        #expect(aligned > 300)
        #expect(isMissing > 50)
        #expect(isCut > 20)
    }
}
