import KafkaCompression
import KafkaWire
import NIOCore
import TestSupport
import Testing

@Suite(.printsSeed) struct RecordBatchTests {
    @Test(arguments: GoldenBatch.batches)
    func `the header of a foreign batch is read`(golden: GoldenBatch) throws {
        let header = try golden.batch.header

        #expect(header.magic == 2)
        #expect(header.codec == golden.codec)
        #expect(header.recordCount == Int32(golden.records.count))
        #expect(header.lastOffset == golden.records.last?.offset)
        #expect(header.isDense)
        #expect(header.baseTimestamp == golden.records.first?.timestamp)
        #expect(header.maxTimestamp == golden.records.map(\.timestamp).max())
        #expect(header.producerID == golden.fields.producerID ?? -1)
        #expect(header.producerEpoch == golden.fields.producerEpoch ?? -1)
        #expect(header.baseSequence == golden.fields.baseSequence ?? -1)
        #expect(header.isTransactional == golden.fields.isTransactional ?? false)
        #expect(header.timestampType == .createTime)
        #expect(!header.isControl && !header.hasDeleteHorizon)
        #expect(try golden.batch.isChecksumValid)
    }

    @Test(arguments: GoldenBatch.batches)
    func `a header is written as it was read`(golden: GoldenBatch) throws {
        let batch = try golden.batch

        var written = ByteBuffer()
        batch.header.encode(into: &written)

        #expect(written == batch.bytes.getSlice(at: batch.bytes.readerIndex, length: RecordBatchHeader.length))
        #expect(written.readableBytes + batch.payload.readableBytes == batch.sizeInBytes)
    }

    @Test func `attributes are independent of each other`() {
        var header = RecordBatchHeader()
        header.codec = .zstd
        header.timestampType = .logAppendTime
        header.isTransactional = true
        header.isControl = true
        header.hasDeleteHorizon = true
        #expect(header.attributes == 0b111_1100)

        header.codec = .gzip
        header.isControl = false
        #expect(header.attributes == 0b101_1001)

        header.attributes = 7
        #expect(header.codec == nil)
    }

    @Test(
        arguments: [(0, 0, 0), (5, 3, 8), (.max, 0, .max), (.max, 1, 0), (.max - 1, 4, 2), (-1, 4, -1)]
            as [(Int32, Int32, Int32)])
    func `sequences wrap to zero`(base: Int32, delta: Int32, last: Int32) {
        var header = RecordBatchHeader()
        header.baseSequence = base
        header.lastOffsetDelta = delta
        #expect(header.lastSequence == last)
    }

    @Test func `a batch of another size, magic, negative counts or overflowing offsets is refused`() throws {
        let batch = try GoldenBatch.batches[0].batch
        func refused(_ edit: (inout ByteBuffer) -> Void) {
            var bytes = batch.bytes
            edit(&bytes)
            #expect(throws: WireError.self) { try RecordBatch(bytes) }
        }
        refused { $0.writeInteger(UInt8(0)) }
        refused { $0.moveWriterIndex(to: $0.writerIndex - 1) }
        refused { $0.moveWriterIndex(to: $0.readerIndex + 60) }
        refused { $0.setInteger(Int8(1), at: $0.readerIndex + 16) }
        refused { $0.setInteger(Int32(-1), at: $0.readerIndex + 57) }
        refused { $0.setInteger(Int32(-2), at: $0.readerIndex + 23) }
        refused { $0.setInteger(Int64.max - 1, at: $0.readerIndex) }
    }

    @Test func `a marker batch says who ended what`() throws {
        let batch = try ControlRecord.markerBatch(
            .commit, producerID: 77, producerEpoch: 4, coordinatorEpoch: 9, timestamp: 1234, baseOffset: 50,
            partitionLeaderEpoch: 2)

        #expect(batch.sizeInBytes == 78)
        #expect(batch.header.isControl && batch.header.isTransactional)
        #expect((batch.header.producerID, batch.header.producerEpoch, batch.header.baseSequence) == (77, 4, -1))
        #expect(batch.isChecksumValid)
        var reader = try batch.records()
        let record = try #require(try reader.next())
        #expect((record.offset, record.timestamp) == (50, 1234))
        #expect(record.key?.hex == "00000001")
        #expect(record.value?.hex == "000000000009")
        #expect(try ControlRecord(record) == ControlRecord(kind: .commit, coordinatorEpoch: 9))
    }

    @Test func `control records of unknown type are kept apart, broken ones refused`() throws {
        func record(_ key: String?, _ value: String?) throws -> Record {
            Record(
                offset: 0, timestamp: 0, key: try key.map { try ByteBuffer(hex: $0) },
                value: try value.map { try ByteBuffer(hex: $0) })
        }
        #expect(try ControlRecord(record("00000002", nil)).kind.rawValue == 2)
        #expect(try ControlRecord(record("0001000000ff", "000100000003ff")).coordinatorEpoch == 3)
        for (key, value) in [(nil, nil), ("000000", nil), ("ffff0000", nil), ("00000000", nil), ("00000001", "0000")]
            as [(String?, String?)]
        {
            let broken = try record(key, value)
            #expect(throws: WireError.self) { try ControlRecord(broken) }
        }
    }
}

@Suite(.printsSeed) struct BatchHeaderPatchTests {
    private static let patch = BatchHeaderPatch(
        baseOffset: 0, producerID: 1 << 50, producerEpoch: 12, baseSequence: 99, isTransactional: false)

    @Test(arguments: GoldenBatch.batches)
    func `a patched batch has the checksum of a full computation`(golden: GoldenBatch) throws {
        let batch = try golden.batch

        let patched = try RecordBatch(Self.patch.apply(to: batch).contiguous)

        #expect(patched.isChecksumValid)
        #expect(patched.payload == batch.payload)
        var expected = batch.header
        expected.partitionLeaderEpoch = -1
        expected.producerID = 1 << 50
        expected.producerEpoch = 12
        expected.baseSequence = 99
        expected.isTransactional = false
        expected.checksum = patched.header.checksum
        #expect(patched.header == expected)
    }

    @Test(arguments: 0..<100 as Range<UInt64>)
    func `any patch on any payload has the checksum of a full computation`(seed: UInt64) throws {
        var random = seeded(seed)
        var builder = RecordBatchBuilder(
            baseOffset: Int64(random.next() >> 2), producerID: Int64(random.next() >> 1), producerEpoch: 1)
        builder.append(
            timestamp: 5, key: nil,
            value: ByteBuffer(bytes: random.randomBytes(Int.random(in: 0...3000, using: &random))))
        let patch = BatchHeaderPatch(
            baseOffset: Int64(random.next() >> 2), partitionLeaderEpoch: Int32(truncatingIfNeeded: random.next()),
            producerID: Int64(bitPattern: random.next()), producerEpoch: Int16(truncatingIfNeeded: random.next()),
            baseSequence: Int32(truncatingIfNeeded: random.next()), isTransactional: random.next() & 1 == 0)

        let patched = try RecordBatch(patch.apply(to: builder.finish()).contiguous)

        #expect(patched.isChecksumValid)
        #expect(patched.header.producerID == patch.producerID)
    }

    @Test(arguments: GoldenBatch.batches)
    func `a payload corrupted at the source is still corrupt for the target`(golden: GoldenBatch) throws {
        var bytes = golden.bytes
        let last = bytes.writerIndex - 1
        bytes.setInteger(try #require(bytes.getInteger(at: last, as: UInt8.self)) ^ 0x10, at: last)
        let corrupt = try RecordBatch(bytes)
        #expect(!corrupt.isChecksumValid)

        let patched = try RecordBatch(Self.patch.apply(to: corrupt).contiguous)

        #expect(!patched.isChecksumValid)
    }

    @Test func `the delete horizon is cleared`() throws {
        let batch = try RecordBatch(
            GoldenBatch.batches[0].batch.rewritingHeader { $0.hasDeleteHorizon = true }.contiguous)
        #expect(batch.isChecksumValid && batch.header.hasDeleteHorizon)

        let patched = try RecordBatch(BatchHeaderPatch().apply(to: batch).contiguous)

        #expect(patched.isChecksumValid && !patched.header.hasDeleteHorizon)
        #expect(patched.header.baseTimestamp == batch.header.baseTimestamp)
    }

    @Test func `a broker's offsets leave the checksum alone`() throws {
        let batch = try GoldenBatch.batches[0].batch

        let appended = try RecordBatch(batch.assigningOffsets(baseOffset: 12_345, leaderEpoch: 6).contiguous)

        #expect(appended.header.checksum == batch.header.checksum)
        #expect(appended.isChecksumValid)
        #expect((appended.header.baseOffset, appended.header.partitionLeaderEpoch) == (12_345, 6))
    }

    @Test func `with LogAppendTime all records have the broker's time`() throws {
        let golden = GoldenBatch.uncompressedBatches[0]

        let appended = try RecordBatch(
            golden.batch.assigningOffsets(baseOffset: 100, leaderEpoch: 1, logAppendTime: 999).contiguous)

        #expect(appended.isChecksumValid)
        var reader = try appended.records()
        let expected = golden.records.map {
            Record(offset: $0.offset + 100, timestamp: 999, key: $0.key, value: $0.value, headers: $0.headers)
        }
        #expect(try reader.readAll() == expected)
    }
}

@Suite(.printsSeed) struct LogEntryReaderTests {
    private static let entries = (
        GoldenBatch.batches[0].bytes, GoldenBatch.messageSets[0].bytes, GoldenBatch.batches[3].bytes
    )

    private static var log: ByteBuffer {
        var log = ByteBuffer(string: "before")
        log.moveReaderIndex(forwardBy: 6)
        for part in [entries.0, entries.1, entries.2] { log.writeImmutableBuffer(part) }
        return log
    }

    @Test func `entries of all formats follow one another`() throws {
        var reader = LogEntryReader(Self.log)
        var read = ByteBuffer()
        var legacy = 0
        while let entry = try reader.next() {
            #expect(entry.isChecksumValid)
            if case .legacy = entry { legacy += 1 }
            read.writeImmutableBuffer(entry.bytes)
        }

        #expect(read == Self.log)
        #expect(legacy == 4)
        #expect(reader.partialBytes == 0)
    }

    @Test func `a log cut anywhere ends with its last whole entry`() throws {
        let log = Self.log
        for length in 0..<log.readableBytes {
            var reader = LogEntryReader(try #require(log.getSlice(at: log.readerIndex, length: length)))
            var whole = 0
            while let entry = try reader.next() { whole += entry.bytes.readableBytes }
            #expect(whole + reader.partialBytes == length)
            #expect(try reader.next() == nil)
        }
    }

    @Test(arguments: [Int32.min, -1, 0, 13, 14, 48])
    func `a length too small for an entry is an error`(length: Int32) {
        var bytes = GoldenBatch.batches[0].bytes
        bytes.setInteger(length, at: bytes.readerIndex + 8)
        let log = bytes
        #expect(throws: WireError.self) {
            var reader = LogEntryReader(log)
            _ = try reader.next()
        }
    }

    @Test func `a length beyond the end is a partial entry`() throws {
        var bytes = GoldenBatch.batches[0].bytes
        bytes.setInteger(Int32.max, at: bytes.readerIndex + 8)
        var reader = LogEntryReader(bytes)
        #expect(try reader.next() == nil)
        #expect(reader.partialBytes == bytes.readableBytes)
    }

    @Test(arguments: [Int8(-1), 3, 127])
    func `an unknown magic is an error`(magic: Int8) {
        var bytes = GoldenBatch.batches[0].bytes
        bytes.setInteger(magic, at: bytes.readerIndex + 16)
        let log = bytes
        #expect(throws: WireError.invalidRecords(reason: "magic \(magic) is unknown")) {
            var reader = LogEntryReader(log)
            _ = try reader.next()
        }
    }
}
