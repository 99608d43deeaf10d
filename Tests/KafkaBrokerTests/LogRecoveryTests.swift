import Foundation
import KafkaBroker
import KafkaWire
import NIOCore
import TestSupport
import Testing

@Suite struct `Opening a log again` {
    private static let now = LogHarness.now

    private func truncateFile(_ path: String, to size: Int) throws {
        let file = try #require(FileHandle(forWritingAtPath: path))
        try file.truncate(atOffset: UInt64(size))
        try file.close()
    }

    private func overwrite(_ path: String, at offset: Int, _ byte: UInt8) throws {
        let file = try #require(FileHandle(forUpdatingAtPath: path))
        try file.seek(toOffset: UInt64(offset))
        try file.write(contentsOf: Data([byte]))
        try file.close()
    }

    private func size(_ path: String) throws -> Int {
        try #require(try FileManager.default.attributesOfItem(atPath: path)[.size] as? Int)
    }

    @Test func `aborted transactions in closed segments are known after a crash`() throws {
        let harness = try LogHarness(.disk)
        let configs = ["segment.bytes": "300"]
        let log = try harness.open(configs)
        for transaction in Int32(0)..<8 {
            try log.append(
                TestBatch(
                    values: ["t\(transaction)"], producerID: 7, epoch: 0, sequence: transaction, isTransactional: true))
            _ = try log.appendControlMarker(
                producerID: 7, epoch: 0, commit: transaction % 2 == 1, coordinatorEpoch: 0, leaderEpoch: 0,
                now: LogHarness.now)
            // Some of it is on the disk for good: only what follows is checked.
            if transaction == 3 { try log.flush(now: LogHarness.now) }
        }
        let expected = log.abortedTransactions(in: 0..<16)
        #expect(expected.map(\.firstOffset) == [0, 4, 8, 12] && log.segmentCount > 3)

        let again = try harness.open(configs)

        #expect(again.abortedTransactions(in: 0..<16) == expected)
        #expect(again.producers() == log.producers())
    }

    @Test func `a log cut at any byte of its last two batches loses the torn tail and nothing else`() throws {
        let log = "00000000000000000000.log"
        let reference = try LogHarness(.disk)
        let original = try reference.open()
        var ends: [Int] = [0]
        for index in 0..<4 {
            let batch = TestBatch(values: ["\(index)", "x"], producerID: 5, epoch: 0, sequence: Int32(2 * index))
            ends.append(ends[index] + (try original.append(batch).sizeInBytes))
        }
        try original.flush(now: Self.now)

        for cut in ends[2]...ends[4] {
            let harness = try LogHarness(.disk)
            try FileManager.default.copyItem(atPath: reference.file(""), toPath: harness.file(""))
            try truncateFile(harness.file(log), to: cut)

            let reopened = try harness.open()

            let whole = ends.lastIndex { $0 <= cut } ?? 0
            #expect(reopened.logEndOffset == Int64(2 * whole))
            #expect(try size(harness.file(log)) == ends[whole])
            let next = TestBatch(values: ["n", "n"], producerID: 5, epoch: 0, sequence: Int32(2 * whole))
            #expect(try reopened.append(next).baseOffset == Int64(2 * whole))
            #expect(try reopened.records().count == 2 * whole + 2)
            #expect(try harness.open().records().count == 2 * whole + 2)
        }
    }

    @Test func `a damaged byte in any place of the tail ends the log before it`() throws {
        let reference = try LogHarness(.disk)
        let original = try reference.open()
        let first = try original.append(TestBatch(values: ["kept"])).sizeInBytes
        let second = try original.append(TestBatch(values: ["damaged"])).sizeInBytes
        try original.append(TestBatch(values: ["after it"]))

        for offset in first..<(first + second) {
            let harness = try LogHarness(.disk)
            try FileManager.default.copyItem(atPath: reference.file(""), toPath: harness.file(""))
            try overwrite(harness.file("00000000000000000000.log"), at: offset, 0xA5)

            let values = try harness.open().values()

            // Not under the checksum: the low bytes of the base offset and the leader epoch, as in Kafka.
            let isChecked = !(5..<8).contains(offset - first) && !(12..<16).contains(offset - first)
            if isChecked { #expect(values == ["kept"]) }
            #expect(values.first == "kept")
        }
    }

    @Test(arguments: [true, false]) func `many segments come back as they were`(_ inOrder: Bool) throws {
        let harness = try LogHarness(.disk)
        let configs = ["segment.bytes": "2000", "index.interval.bytes": "100"]
        var log = try harness.open(configs)
        for index in 0..<200 {
            try log.append(TestBatch(values: ["\(index)"], timestamps: [Int64(index)]), leaderEpoch: Int32(index / 50))
        }
        let before = try log.records()
        if inOrder { try log.close(now: Self.now) }

        log = try harness.open(configs)

        #expect(try log.records() == before)
        for offset in 0..<Int64(200) {
            #expect(try log.records(from: offset, maxBytes: 300).first?.offset == offset)
            #expect(try log.offset(forTimestamp: offset)?.offset == offset)
        }
        #expect(log.endOffset(forLeaderEpoch: 1) == (1, 100))
        #expect(try log.append(TestBatch(values: ["next"])).baseOffset == 200)
    }

    @Test(arguments: [".index", ".timeindex", ".snapshot", "log-checkpoint", "leader-epoch-checkpoint"], [0, 3])
    func `index and state files that are damaged or gone are built again`(_ suffix: String, _ size: Int) throws {
        let harness = try LogHarness(.disk)
        let configs = ["segment.bytes": "2000", "index.interval.bytes": "100"]
        var log = try harness.open(configs)
        for index in 0..<60 {
            try log.append(
                TestBatch(
                    values: ["\(index)"], timestamps: [Int64(index)], producerID: 4, epoch: 0, sequence: Int32(index)),
                leaderEpoch: 3)
        }
        try log.close(now: 100)
        for name in try harness.fileNames(suffix) {
            size == 0
                ? try FileManager.default.removeItem(atPath: harness.file(name))
                : try truncateFile(harness.file(name), to: size)
        }

        log = try harness.open(configs, now: 100)

        #expect(try log.values() == (0..<60).map { "\($0)" })
        for offset in 0..<Int64(60) { #expect(try log.offset(forTimestamp: offset)?.offset == offset) }
        #expect(log.producers().map(\.lastSequence) == [59])
        #expect(log.latestEpoch == 3)
        #expect(try log.append(TestBatch(producerID: 4, epoch: 0, sequence: 59), now: 100).isDuplicate)
    }

    @Test func `a log written to after it was closed in order is checked`() throws {
        let harness = try LogHarness(.disk)
        var log = try harness.open()
        try log.append(TestBatch(values: ["a"]))
        try log.close(now: Self.now)
        log = try harness.open()
        let size = try log.append(TestBatch(values: ["b"])).sizeInBytes
        try truncateFile(harness.file("00000000000000000000.log"), to: 2 * size - 1)

        #expect(try harness.open().values() == ["a"])
    }

    @Test func `closing twice and opening without a change leave the log as it was`() throws {
        let harness = try LogHarness(.disk)
        let log = try harness.open()
        try log.append(TestBatch(values: ["a"]))
        try log.close(now: Self.now)
        try log.close(now: Self.now)
        let files = try harness.fileNames("")

        let again = try harness.open()
        try again.close(now: Self.now)

        #expect(try harness.fileNames("") == files)
        #expect(try harness.open().values() == ["a"])
    }

    @Test func `a deleted log leaves nothing behind`() throws {
        let harness = try LogHarness(.disk)
        let log = try harness.open(["segment.bytes": "100"])
        for _ in 0..<5 { try log.append(TestBatch()) }

        try log.delete()

        #expect(try FileManager.default.contentsOfDirectory(atPath: try #require(harness.directory).path).isEmpty)
        #expect(try harness.open().logEndOffset == 0)
    }
}

@Suite struct `A disk that fails` {
    private static let now = LogHarness.now

    @Test func `a full disk refuses the append at any byte, and the next one follows whole`() throws {
        let size = try TestBatch(values: ["big"]).batch.sizeInBytes
        for room in 0..<size {
            let harness = try LogHarness(.disk)
            let log = try harness.open()
            try log.append(TestBatch(values: ["a"]))

            harness.faults.failWrites(after: room, errno: ENOSPC)
            let error = #expect(throws: ProduceRefusal.self) { try log.append(TestBatch(values: ["big"])) }
            harness.faults.heal()
            try log.append(TestBatch(values: ["b"]))

            #expect(error?.code == .kafkaStorageError)
            #expect(try log.values() == ["a", "b"])
            #expect(try harness.open().values() == ["a", "b"])
        }
    }

    @Test func `a segment that cannot be begun leaves the old one at work`() throws {
        let harness = try LogHarness(.disk)
        let log = try harness.open(["segment.bytes": "100"])
        try log.append(TestBatch(values: ["a"]))

        harness.faults.failWrites(after: 0, errno: ENOSPC)
        #expect(throws: ProduceRefusal.self) { try log.append(TestBatch(values: ["lost"])) }
        harness.faults.heal()
        try log.append(TestBatch(values: ["b"]))

        #expect(try log.values() == ["a", "b"] && log.segmentCount == 2)
        #expect(try harness.open().values() == ["a", "b"])
    }

    @Test func `a torn batch that cannot be cut off puts the log out of use until it is opened again`() throws {
        let harness = try LogHarness(.disk)
        let log = try harness.open()
        try log.append(TestBatch(values: ["a"]))

        harness.faults.failWrites(after: 30, errno: EIO)
        harness.faults.failTruncation(errno: EIO)
        #expect(throws: ProduceRefusal.self) { try log.append(TestBatch(values: ["torn"])) }
        harness.faults.heal()

        #expect(log.offlineReason != nil)
        let refused = #expect(throws: ProduceRefusal.self) { try log.append(TestBatch(values: ["b"])) }
        let unread = #expect(throws: LogReadError.self) {
            try log.read(from: 0, maxBytes: 1, minOneBatch: true, upTo: 1)
        }
        #expect(refused?.code == .kafkaStorageError && unread?.code == .kafkaStorageError)
        #expect(try harness.open().values() == ["a"])
    }

    @Test func `a flush that fails puts the log out of use`() throws {
        let harness = try LogHarness(.disk)
        let log = try harness.open(["flush.messages": "2"])
        try log.append(TestBatch(values: ["a"]))

        harness.faults.failFlushes(errno: EIO)
        let error = #expect(throws: ProduceRefusal.self) { try log.append(TestBatch(values: ["b"])) }

        #expect(error?.code == .kafkaStorageError && log.offlineReason != nil)
    }

    @Test func `flush ms asks for a flush after its time`() throws {
        let log = try LogHarness(.disk).open(["flush.ms": "1000"])
        #expect(!log.isFlushDue(now: Self.now + 5_000))
        try log.append(TestBatch())

        #expect(!log.isFlushDue(now: Self.now + 999) && log.isFlushDue(now: Self.now + 1_000))
        try log.flush(now: Self.now + 1_000)
        #expect(!log.isFlushDue(now: Self.now + 9_000))
    }
}
