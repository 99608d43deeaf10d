import KafkaWire
import Replication
import TestSupport
import Testing

@Suite(.printsSeed) struct GroupPositionTests {
    @Test func `between a flow and its opposite a group neither re-reads nor misses a record`() throws {
        for seed in 0..<300 {
            var random = seeded(UInt64(seed))
            var world = TwoLogs(seed: seed)
            // A group at the source, the target idle: what a standby is.
            for _ in 0..<Int.random(in: 0...60, using: &random) { world.step(writesAtTarget: false, using: &random) }
            world.settle()
            let offset = Int64.random(in: 0...Int64(world.east.count), using: &random)
            let there = try world.position(eastOffset: offset)
            #expect(world.unread(west: there.target) == world.unread(east: offset), "seed \(seed)")

            // It goes on at the target, where records of its own are written now, and back again.
            for _ in 0..<Int.random(in: 0...60, using: &random) { world.stepAfterFailover(using: &random) }
            world.settle()
            let next = Int64.random(in: there.target...Int64(world.west.count), using: &random)
            let back = try world.position(westOffset: next)
            #expect(world.unread(east: back.target) == world.unread(west: next), "seed \(seed)")
        }
    }

    @Test func `whatever both sides write and however far the flows are, nothing is missed`() throws {
        for seed in 0..<400 {
            var random = seeded(UInt64(seed) &+ 10_000)
            var world = TwoLogs(seed: seed)
            for _ in 0..<Int.random(in: 0...120, using: &random) { world.step(writesAtTarget: true, using: &random) }
            for offset in 0...Int64(world.east.count) {
                guard let position = try? world.position(eastOffset: offset) else { continue }
                let missed = world.unread(east: offset).intersection(world.read(west: position.target))
                #expect(missed.isEmpty, "seed \(seed), offset \(offset): \(position) misses \(missed)")
            }
            world.settle()
            for offset in 0...Int64(world.east.count) {
                let position = try world.position(eastOffset: offset)
                let unread = world.unread(east: offset)
                #expect(unread.isDisjoint(with: world.read(west: position.target)), "seed \(seed), offset \(offset)")
                // As far as one number can say it: the next record is one that was not read.
                let next = world.west.dropFirst(Int(position.target)).first { $0 != nil } ?? nil
                #expect(next.map { unread.contains($0) } ?? true, "seed \(seed), offset \(offset), \(position)")
            }
        }
    }

    @Test func `an exact position re-reads nothing, however far the opposite flow is`() throws {
        var exact = 0
        var cautious = 0
        for seed in 0..<300 {
            var random = seeded(UInt64(seed) &+ 40_000)
            var world = TwoLogs(seed: seed)
            for _ in 0..<Int.random(in: 0...60, using: &random) {
                world.step(writesAtTarget: false, using: &random)
                // The fence of a takeover.
                if Int.random(in: 0..<12, using: &random) == 0 { world.west.append(nil) }
            }
            for offset in 0...Int64(world.east.count) {
                guard let position = try? world.position(eastOffset: offset), position.aheadBy == 0 else { continue }
                guard !position.isCautious else {
                    cautious += 1
                    continue
                }
                exact += 1
                let again = world.read(east: offset).intersection(
                    world.west.dropFirst(Int(position.target)).compactMap(\.self))
                #expect(again.isEmpty, "seed \(seed), offset \(offset): \(position) reads \(again) again")
            }
        }
        #expect(exact > 100)
        #expect(cautious > 100)
    }

    @Test func `syncing back what came from the other side changes nothing`() throws {
        for seed in 0..<200 {
            var random = seeded(UInt64(seed) &+ 20_000)
            var world = TwoLogs(seed: seed)
            for _ in 0..<80 { world.step(writesAtTarget: true, using: &random) }
            world.settle()
            var east = Int64.random(in: 0...Int64(world.east.count), using: &random)
            var west: Int64 = 0
            for round in 0..<4 {
                let there = max(west, try world.position(eastOffset: east).target)
                let back = max(east, try world.position(westOffset: there).target)
                #expect(round < 2 || (there, back) == (west, east), "seed \(seed)")
                (west, east) = (there, back)
            }
        }
    }

    @Test func `a group ahead of the flow is held at the end of what has passed`() throws {
        var map = OffsetMap(start: 0)
        map.append(SourceRuns(0..<10), at: 100)
        let offsets = PartitionOffsets(forward: map, backward: nil, knowsAllCopies: false)

        #expect(try offsets.position(of: 15, targetEnd: nil) == GroupPosition(target: 110, aheadBy: 5))
    }

    @Test func `a topic that only the opposite flow copies is translated through its map in reverse`() throws {
        var map = OffsetMap(start: 0)
        map.append(SourceRuns(5..<10), at: 0)
        map.pass(12)
        let offsets = PartitionOffsets(forward: nil, backward: map, knowsAllCopies: false)

        #expect(try offsets.position(of: 2, targetEnd: nil).target == 7)
        #expect(try offsets.position(of: 5, targetEnd: nil).target == 12)
    }

    @Test func `before anything is copied the end that the target had before is the place`() throws {
        let offsets = PartitionOffsets(forward: OffsetMap(start: 0), backward: nil, knowsAllCopies: false)

        #expect(try offsets.position(of: 0, targetEnd: 30).target == 30)
        #expect(throws: TranslationRefusal.nothingCopied) { try offsets.position(of: 0, targetEnd: nil) }
    }
}

/// Two logs and the flows between them. Records are numbers; nil is a transaction marker.
private struct TwoLogs {
    var east: [Int?] = []
    var west: [Int?] = []
    private var bornEast: Set<Int> = []
    private var bornWest: Set<Int> = []
    private var forward = OffsetMap(start: 0)
    private var backward = OffsetMap(start: 0)
    private var savedForward = OffsetMap(start: 0)
    private var savedBackward = OffsetMap(start: 0)
    private var isForwardSaved = true
    private var next = 0
    let seed: Int

    init(seed: Int) { self.seed = seed }

    mutating func step(writesAtTarget: Bool, using random: inout SeededGenerator) {
        switch Int.random(in: 0..<12, using: &random) {
        case 0..<4: writeEast(using: &random)
        case 4..<7: if writesAtTarget { writeWest(using: &random) }
        case 7, 8: copyForward()
        case 9: copyBackward()
        case 10: savedBackward = backward
        default: savedForward = forward
        }
    }

    mutating func stepAfterFailover(using random: inout SeededGenerator) {
        switch Int.random(in: 0..<4, using: &random) {
        case 0, 1: writeWest(using: &random)
        case 2: copyBackward()
        default: copyForward()
        }
    }

    private mutating func writeEast(using random: inout SeededGenerator) {
        guard Int.random(in: 0..<4, using: &random) > 0 else { return east.append(nil) }
        bornEast.insert(next)
        east.append(next)
        next += 1
    }

    private mutating func writeWest(using random: inout SeededGenerator) {
        guard Int.random(in: 0..<4, using: &random) > 0 else { return west.append(nil) }
        bornWest.insert(next)
        west.append(next)
        next += 1
    }

    private mutating func copyForward() {
        Self.copy(east, born: bornEast, to: &west, &forward)
    }

    private mutating func copyBackward() {
        Self.copy(west, born: bornWest, to: &east, &backward)
    }

    private static func copy(_ from: [Int?], born: Set<Int>, to: inout [Int?], _ map: inout OffsetMap) {
        let offset = map.passed
        guard offset < from.count else { return }
        if let record = from[Int(offset)], born.contains(record) {
            map.append(SourceRuns(offset..<offset + 1), at: Int64(to.count))
            to.append(record)
        }
        map.pass(offset + 1)
    }

    /// Both flows come to rest.
    mutating func settle() {
        while forward.passed < east.count || backward.passed < west.count {
            copyForward()
            copyBackward()
        }
        savedForward = forward
        savedBackward = backward
    }

    func position(eastOffset: Int64) throws -> GroupPosition {
        let offsets = PartitionOffsets(
            forward: savedForward, backward: savedBackward, knowsAllCopies: savedForward.passed >= east.count)
        return try offsets.position(of: eastOffset, targetEnd: 0)
    }

    func position(westOffset: Int64) throws -> GroupPosition {
        let offsets = PartitionOffsets(
            forward: savedBackward, backward: savedForward, knowsAllCopies: savedBackward.passed >= west.count)
        return try offsets.position(of: westOffset, targetEnd: 0)
    }

    private var all: Set<Int> { Set(0..<next) }

    func read(east offset: Int64) -> Set<Int> { Set(east.prefix(Int(offset)).compactMap(\.self)) }
    func read(west offset: Int64) -> Set<Int> { Set(west.prefix(Int(offset)).compactMap(\.self)) }
    func unread(east offset: Int64) -> Set<Int> { all.subtracting(read(east: offset)) }
    func unread(west offset: Int64) -> Set<Int> { all.subtracting(read(west: offset)) }
}
