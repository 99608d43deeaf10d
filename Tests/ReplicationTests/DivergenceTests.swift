import KafkaClient
import KafkaWire
import NIOCore
import Replication
import TestSupport
import Testing

/// A source that holds other records than those that were copied, and says nothing of it.
@Suite(.printsSeed) struct DivergenceTests {
    /// A map with holes and others' records between.
    private func map(using random: inout some RandomNumberGenerator) -> OffsetMap {
        var map = OffsetMap(start: Int64.random(in: 0...20, using: &random))
        var (source, target) = (map.start, Int64.random(in: 0...20, using: &random))
        for _ in 0..<Int.random(in: 1...60, using: &random) {
            if Bool.random(using: &random) { source += Int64.random(in: 0...5, using: &random) }
            if Bool.random(using: &random) { target += Int64.random(in: 0...5, using: &random) }
            let count = Int64.random(in: 1...9, using: &random)
            map.append(SourceRuns(source..<source + count), at: target)
            (source, target) = (source + count, target + count)
        }
        map.pass(source + Int64.random(in: 0...5, using: &random))
        return map
    }

    @Test func `the first other record is found in few steps, and nothing before it`() {
        for seed in 0..<400 {
            var random = seeded(UInt64(seed))
            let map = map(using: &random)
            let place = Int64.random(in: map.start..<map.passed, using: &random)
            var search = DivergenceSearch(from: map.start, to: map.passed)
            var steps = 0
            while let pair = search.next(in: map), steps < 100 {
                steps += 1
                #expect(map.first(fromSource: pair.source) == pair)
                search.compared(pair, isSame: pair.source < place)
            }
            // No copied record from there on is left out, and none that is the same comes again.
            #expect(search.found <= map.first(fromSource: place)?.source ?? map.passed, "seed \(seed)")
            if let first = map.first(fromSource: search.found), first.source < map.passed {
                #expect(first.source >= place, "seed \(seed), place \(place), found \(search.found)")
            }
            #expect(steps <= 12, "seed \(seed)")
        }
    }

    @Test func `what the logs no longer reach back to is not searched`() {
        var map = OffsetMap(start: 0)
        map.append(SourceRuns(0..<1_000), at: 0)
        var search = DivergenceSearch(from: 0, to: 1_000)
        search.begins(at: 600)
        while let pair = search.next(in: map) {
            #expect(pair.source >= 600)
            search.compared(pair, isSame: pair.source < 700)
        }
        #expect(search.found == 700)
    }

    private func sample(_ copies: [RecordBatch]) -> CopySample {
        var sample = CopySample(OffsetSegment(source: 100, target: 0, length: 10))
        for copy in copies { sample.takeCopies(copy.bytes, ours: [PartitionDriver.producerID], hadRoom: true) }
        return sample
    }

    private func copy(
        _ offset: Int64, _ count: Int, of source: Int64, by producer: Int64 = PartitionDriver.producerID
    ) throws -> RecordBatch {
        try PartitionDriver.batch(offset, count: count, source: source, producerID: producer, epoch: 0, sequence: 0)
    }

    @Test func `copies are compared with the records in their places, as far as both are there`() throws {
        let sample = sample([try copy(0, 10, of: 100)])
        #expect(sample.nextTarget == nil)
        let same = sample.compare(try PartitionDriver.batch(100, count: 12).bytes)
        #expect((same.differsAt, same.same, same.next) == (nil, 10, 112))
        let other = sample.compare(try PartitionDriver.batch(100, count: 12, source: 500).bytes)
        #expect(other.differsAt == 100)
        var mixed = try PartitionDriver.batch(100, count: 4).bytes
        mixed.writeImmutableBuffer(try PartitionDriver.batch(104, count: 9, source: 500).bytes)
        #expect(sample.compare(mixed).differsAt == 104)
        // Compacted away at the source.
        let later = sample.compare(try PartitionDriver.batch(115, count: 3, source: 500).bytes)
        #expect((later.differsAt, later.same, later.next) == (nil, 0, 118))
    }

    @Test func `what others wrote on the target is no copy`() throws {
        #expect(sample([try copy(0, 10, of: 500, by: 99)]).isEmpty)
        let partly = sample([try copy(0, 5, of: 100), try copy(5, 5, of: 500, by: 99)])
        let comparison = partly.compare(try PartitionDriver.batch(100, count: 10).bytes)
        #expect((comparison.differsAt, comparison.same) == (nil, 5))
    }

    /// A partition of an earlier run at source offset 110 and target offset 10, with its map.
    private func restored(_ edit: (inout FlowPolicies) -> Void = { _ in }) throws -> PartitionDriver {
        let before = try PartitionDriver.streaming().partition
        let checkpoint = try #require(before.checkpoint)
        var driver = PartitionDriver(position: 110, map: before.map, edit)
        driver.event { $0.restore(checkpoint) }
        return driver
    }

    @Test func `the first fetch begins with the originals of the last copies, and goes on behind them`() throws {
        var driver = try restored()
        try driver.recover(end: 10, log: [try copy(0, 10, of: 100)])
        #expect(driver.partition.fetchWish(limit: 1 << 20)?.offset == 100)
        var answer = SourceAnswer(fetchOffset: 100)
        answer.highWatermark = 120
        answer.records = RecordBytes(try PartitionDriver.batch(100, count: 20).bytes)
        driver.fetch(answer)
        #expect(driver.partition.cursor.position == 120)
        #expect(driver.partition.fetchWish(limit: 1 << 20)?.offset == 120)
        driver.send()
        driver.answer(baseOffset: 10)
        #expect(driver.partition.completedOffset == 120)
        #expect(driver.partition.accounting.imbalance(passed: 120) == 0)
    }

    @Test func `copies that the target has lost are no sample any more`() throws {
        var driver = try restored()
        try driver.recover(end: 10, log: [try copy(0, 10, of: 100)])
        var answer = SourceAnswer(fetchOffset: 100)
        answer.highWatermark = 120
        answer.records = RecordBytes(try PartitionDriver.batch(100, count: 5).bytes)
        driver.fetch(answer)
        #expect(driver.partition.nextFetchOffset == 105)

        driver.event { $0.targetDescribed(topicID: PartitionDriver.targetID, leader: 2, epoch: 1) }
        let rest = [try copy(0, 3, of: 100)]
        try driver.recover(end: 3, epoch: 1, log: rest)
        driver.event { $0.checkpointed() }
        try driver.recover(end: 3, epoch: 1, log: rest)
        #expect(driver.partition.cursor.position == 103)
        #expect(driver.partition.nextFetchOffset <= 103)

        answer.fetchOffset = driver.partition.nextFetchOffset
        answer.records = RecordBytes(try PartitionDriver.batch(100, count: 20).bytes)
        driver.fetch(answer)
        driver.send()
        driver.answer(baseOffset: 3)
        #expect(driver.partition.completedOffset == 120)
        #expect(driver.partition.accounting.skipped == [:])
    }

    @Test(arguments: [LossPolicy.stop, .continue])
    func `originals that are others stop the partition, or are searched for, by policy`(policy: LossPolicy) throws {
        var driver = try restored { $0.truncated = policy }
        let log = [try copy(0, 10, of: 100)]
        try driver.recover(end: 10, log: log)
        var answer = SourceAnswer(fetchOffset: 100)
        answer.highWatermark = 120
        let others = try PartitionDriver.batch(100, count: 20, source: 500)
        answer.records = RecordBytes(others.bytes)
        driver.fetch(answer)
        guard policy == .continue else {
            #expect(!driver.partition.isActive)
            #expect(driver.partition.completedOffset == 110)
            return
        }
        #expect(driver.partition.recoveryIsDue)
        try driver.recover(end: 10, log: log, sourceLog: [others], hasCopy: false)
        try driver.recover(end: 10, log: log, sourceLog: [others])
        #expect(driver.partition.isStreaming)
        #expect(driver.partition.fetchWish(limit: 1 << 20)?.offset == 100)
        #expect(driver.partition.accounting.imbalance(passed: 100) == 0)
    }

    @Test func `a log that does not reach back to the originals any more is read from the position on`() throws {
        var driver = try restored()
        try driver.recover(end: 10, log: [try copy(0, 10, of: 100)])
        var answer = SourceAnswer(fetchOffset: 100)
        answer.errorCode = .offsetOutOfRange
        driver.fetch(answer)
        #expect(driver.partition.fetchWish(limit: 1 << 20)?.offset == 110)
        #expect(!driver.partition.isOutOfRange)
    }
}
