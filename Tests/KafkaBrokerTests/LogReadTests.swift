import KafkaBroker
import KafkaCompression
import KafkaWire
import NIOCore
import Testing

@Suite struct `Reading the log` {
    private static let now = LogHarness.now

    /// Ten batches of two records, two batches to a segment.
    private func filled(_ harness: LogHarness, _ configs: [String: String] = [:]) throws -> PartitionLog {
        let log = try harness.open(["segment.bytes": "190", "index.interval.bytes": "0"].merging(configs) { $1 })
        for index in 0..<10 { try log.append(TestBatch(values: ["\(10 + 2 * index)", "\(11 + 2 * index)"])) }
        return log
    }

    @Test(arguments: StorageKind.allCases) func `a read goes on across segments`(_ kind: StorageKind) throws {
        let harness = try LogHarness(kind)
        let log = try filled(harness)

        #expect(log.segmentCount == 5)
        for offset in 0..<Int64(20) {
            #expect(try log.records(from: offset).map(\.value) == (offset..<20).map { "\(10 + $0)" })
            #expect(try log.records(from: offset, maxBytes: 1).map(\.value) == (offset..<20).map { "\(10 + $0)" })
        }
    }

    @Test(arguments: StorageKind.allCases) func `a read keeps to whole batches and to its limit`(_ kind: StorageKind)
        throws
    {
        let harness = try LogHarness(kind)
        let log = try filled(harness)
        let size = log.size / 10

        for limit in 0..<(4 * size) {
            let slice = try log.read(from: 3, maxBytes: limit, minOneBatch: false, upTo: log.highWatermark)
            #expect(slice.records.readableBytes == limit / size * size)
            #expect(slice.nextOffset == (limit < size ? 3 : Int64(2 + 2 * (limit / size))))
        }
        let one = try log.read(from: 3, maxBytes: 1, minOneBatch: true, upTo: log.highWatermark)
        #expect(one.records.readableBytes == size && one.nextOffset == 4)
    }

    @Test(arguments: StorageKind.allCases) func `a read stops where its readers stop`(_ kind: StorageKind) throws {
        let harness = try LogHarness(kind)
        let log = try filled(harness)

        #expect(try log.read(from: 0, maxBytes: 1 << 20, minOneBatch: true, upTo: 6).nextOffset == 6)
        #expect(try log.read(from: 6, maxBytes: 1 << 20, minOneBatch: true, upTo: 6).isEmpty)
        #expect(try log.read(from: 8, maxBytes: 1 << 20, minOneBatch: true, upTo: 6).isEmpty)
    }

    @Test func `offsets outside the log are out of range and its end is empty`() throws {
        let log = try filled(try LogHarness(.memory))
        _ = try log.deleteRecords(before: 5)

        for offset: Int64 in [-1, 0, 4, 21] {
            let error = #expect(throws: LogReadError.self) {
                try log.read(from: offset, maxBytes: 1, minOneBatch: true, upTo: 20)
            }
            #expect(error?.code == .offsetOutOfRange)
        }
        #expect(try log.read(from: 20, maxBytes: 1, minOneBatch: true, upTo: 20).isEmpty)
    }

    @Test(arguments: StorageKind.allCases) func `what was read stays as it was while the log goes on`(
        _ kind: StorageKind
    ) throws {
        let harness = try LogHarness(kind)
        let log = try harness.open()
        try log.append(TestBatch(values: ["first"]))
        let slice = try log.read(from: 0, maxBytes: 1 << 20, minOneBatch: true, upTo: 1)
        let before = [UInt8](slice.records.contiguous.readableBytesView)

        for index in 0..<50 { try log.append(TestBatch(values: ["later \(index)"])) }

        #expect([UInt8](slice.records.contiguous.readableBytesView) == before)
    }

    @Test(arguments: StorageKind.allCases, [CompressionCodec.none, .lz4])
    func `a time finds the first record that is as new`(_ kind: StorageKind, _ codec: CompressionCodec) throws {
        let harness = try LogHarness(kind)
        let configs = ["segment.bytes": "190", "index.interval.bytes": "0"]
        var log = try harness.open(configs)
        let times: [[Int64]] = [[10, 20], [15, 40], [30, 35], [60, 50], [55, 70]]
        for pair in times {
            try log.append(TestBatch(values: ["a", "b"], timestamps: pair, codec: codec), leaderEpoch: 6)
        }
        if kind == .disk {
            try log.close(now: Self.now)
            log = try harness.open(configs)
        }

        let flat = times.flatMap { $0 }
        for time: Int64 in 0...75 {
            let expected = flat.firstIndex { $0 >= time }
            let found = try log.offset(forTimestamp: time)
            #expect(found?.offset == expected.map(Int64.init))
            #expect(found?.timestamp == expected.map { flat[$0] })
            #expect(found?.leaderEpoch == expected.map { _ in 6 })
        }
        let newest = try log.maxTimestampOffset()
        #expect(newest?.offset == 9 && newest?.timestamp == 70 && newest?.leaderEpoch == 6)
    }

    @Test func `the newest record may lie in the middle, and a log without times has none`() throws {
        let log = try LogHarness(.memory).open()
        #expect(try log.maxTimestampOffset() == nil)
        try log.append(TestBatch(values: ["a"], timestamps: [-1]))
        #expect(try log.maxTimestampOffset() == nil)

        try log.append(TestBatch(values: ["a", "b", "c"], timestamps: [5, 9, 9]))
        try log.append(TestBatch(values: ["d"], timestamps: [7]))

        #expect(try log.maxTimestampOffset()?.offset == 2)
    }

    @Test(arguments: StorageKind.allCases) func `a leader epoch ends where the next one begins`(_ kind: StorageKind)
        throws
    {
        let harness = try LogHarness(kind)
        var log = try harness.open()
        for epoch: Int32 in [2, 2, 5] { try log.append(TestBatch(values: ["a"]), leaderEpoch: epoch) }
        log.beginLeaderEpoch(7)

        #expect(log.endOffset(forLeaderEpoch: 1) == (1, 0))
        #expect(log.endOffset(forLeaderEpoch: 2) == (2, 2))
        #expect(log.endOffset(forLeaderEpoch: 3) == (2, 2))
        #expect(log.endOffset(forLeaderEpoch: 5) == (5, 3))
        #expect(log.endOffset(forLeaderEpoch: 7) == (7, 3))
        #expect(log.endOffset(forLeaderEpoch: 8) == (-1, -1))
        #expect(log.latestEpoch == 7 && log.leaderEpoch(of: 1) == 2)

        guard kind == .disk else { return }
        log = try harness.open()
        #expect(log.endOffset(forLeaderEpoch: 2) == (2, 2) && log.latestEpoch == 5)
    }
}
