import Foundation
import KafkaBroker
import KafkaCompression
import KafkaWire
import NIOCore
import TestSupport
import Testing

@Suite(.printsSeed, .timeLimit(.minutes(3))) struct CompactionTests {
    @Test(arguments: StorageKind.allCases, [UInt64](1...6))
    func `a cleaned log holds the last value of each key, in place, whatever came when`(
        kind: StorageKind, seed: UInt64
    ) throws {
        let harness = try LogHarness(kind)
        var log = try harness.open(CompactionRun.configs)
        var run = CompactionRun(seed: seed)
        for round in 0..<8 {
            for _ in 0..<25 { try run.step(log) }
            let (end, stable, producers) = (log.logEndOffset, log.lastStableOffset, log.producers())

            // Now and then there is no room for all keys at once: more rounds come to the same.
            try run.compact(log, keyCapacity: round % 3 == 2 ? 7 : 1000)

            try run.check(log, comment: "seed \(seed), round \(round)")
            #expect(log.logEndOffset == end && log.lastStableOffset == stable)
            #expect(log.producers() == producers)
            if kind == .disk, round % 2 == 1 {
                if round % 4 == 1 { try log.close(now: run.now) }
                log = try harness.open(CompactionRun.configs, now: run.now)
                try run.check(log, comment: "seed \(seed), opened again after round \(round)")
                #expect(log.logEndOffset == end && log.lastStableOffset == stable)
                #expect(log.producers() == producers, "seed \(seed), round \(round)")
            }
        }
        try run.endAll(log)
        #expect(try CompactionRun.table(of: log) == run.model.table)
    }

    @Test(arguments: [UInt64](1...2))
    func `a crash at any step of cleaning loses nothing`(seed: UInt64) throws {
        let origin = try TemporaryDirectory().path
        var run = CompactionRun(seed: seed)
        do {
            let log = try Self.open(origin, nil, now: run.now)
            for _ in 0..<45 { try run.step(log) }
            try run.endAll(log)
            try log.flush(now: run.now)
        }
        let table = run.model.table
        var steps = 0
        var hasSucceeded = false
        while !hasSucceeded {
            let copy = try TemporaryDirectory().path + "/copy"
            try FileManager.default.copyItem(atPath: origin, toPath: copy)
            let faults = DiskFaults()
            let log = try Self.open(copy, faults, now: run.now)
            let (end, producers) = (log.logEndOffset, log.producers())
            if steps % 2 == 0 {
                faults.failSteps(after: steps / 2, errno: EIO)
            } else {
                faults.failWrites(after: steps * 61, errno: ENOSPC)
            }
            do {
                try log.compact(keyCapacity: 1000, now: run.now)
                hasSucceeded = steps % 2 == 0
            } catch {}

            let again = try Self.open(copy, nil, now: run.now)

            #expect(again.logEndOffset == end && again.producers() == producers, "seed \(seed), step \(steps)")
            #expect(try CompactionRun.table(of: again) == table, "seed \(seed), step \(steps)")
            var after = run
            try after.compact(again)
            try after.check(again, comment: "seed \(seed), step \(steps)")
            let leftovers = try FileManager.default.contentsOfDirectory(atPath: copy + "/orders-3")
                .filter { $0.hasSuffix(".cleaned") || $0.hasSuffix(".swap") }
            #expect(leftovers.isEmpty)
            steps += 1
        }
        #expect(steps > 10, "there are steps to crash at")
    }

    private static func open(_ path: String, _ faults: DiskFaults?, now: Int64) throws -> PartitionLog {
        try PartitionLog(
            topic: "orders", partition: 3, config: LogConfig(CompactionRun.configs),
            storage: .directory(path, faults: faults), now: now)
    }

    @Test func `tombstones stay for their time, in a batch that says until when`() throws {
        let log = try LogHarness(.memory).open(CompactionRun.configs)
        try log.append(TestBatch(values: ["1", nil], keys: ["a", "b"]))
        let start = LogHarness.now

        try log.compact(keyCapacity: 10, now: start)
        let first = try log.records()
        try log.append(TestBatch(values: ["2"], keys: ["c"]))
        try log.compact(keyCapacity: 10, now: start + 999)
        let second = try log.records()
        try log.append(TestBatch(values: ["3"], keys: ["d"]))
        try log.compact(keyCapacity: 10, now: start + 1000)

        #expect(first.map(\.value) == ["1", nil] && second.map(\.value) == ["1", nil, "2"])
        #expect(first[0].batch.hasDeleteHorizon && first[0].batch.baseTimestamp == start + 1000)
        #expect(second[0].batch.baseTimestamp == start + 1000, "set once")
        #expect(try log.records().map(\.value) == ["1", "2", "3"])
    }

    @Test func `an emptied batch stays where it says what comes next`() throws {
        let log = try LogHarness(.memory).open(CompactionRun.configs)
        try log.append(TestBatch(values: ["1", "2"], keys: ["a", "b"], producerID: 5, epoch: 0, sequence: 0))
        try log.append(TestBatch(values: ["3", "4"], keys: ["a", "b"]))

        try log.compact(keyCapacity: 10, now: LogHarness.now)

        let slice = try log.read(from: 0, maxBytes: 10_000, minOneBatch: true, upTo: 4)
        var entries = LogEntryReader(slice.records.contiguous)
        guard case .batch(let empty) = try entries.next() else {
            Issue.record("there is an empty batch")
            return
        }
        #expect((empty.header.recordCount, empty.header.baseOffset, empty.header.lastOffset) == (0, 0, 1))
        #expect((empty.header.producerID, empty.header.lastSequence) == (5, 1))
        #expect(empty.isChecksumValid)
        let next = try log.append(TestBatch(values: ["5"], keys: ["a"], producerID: 5, epoch: 0, sequence: 2))
        #expect(next.baseOffset == 4)
    }

    @Test func `what is young, undecided or in the active segment is not touched`() throws {
        let configs = CompactionRun.configs.merging(["min.compaction.lag.ms": "500"]) { _, given in given }
        let log = try LogHarness(.memory).open(configs)
        let start = LogHarness.now
        try log.append(TestBatch(values: ["1"], keys: ["a"], timestamps: [start]))
        try log.append(TestBatch(values: ["2"], keys: ["a"], timestamps: [start]))

        try log.compact(keyCapacity: 10, now: start + 499)
        #expect(try log.values() == ["1", "2"])
        try log.compact(keyCapacity: 10, now: start + 500)
        #expect(try log.values() == ["2"])

        let open = TestBatch(
            values: ["3"], keys: ["a"], timestamps: [start], producerID: 1, epoch: 0, sequence: 0, isTransactional: true
        )
        try log.append(open)
        try log.append(TestBatch(values: ["4"], keys: ["a"], timestamps: [start]))
        try log.compact(keyCapacity: 10, now: start + 1000)
        #expect(try log.values() == ["2", "3", "4"], "the transaction is open")
    }
}
