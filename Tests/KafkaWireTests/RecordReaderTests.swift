import KafkaCompression
import KafkaWire
import NIOCore
import TestSupport
import Testing

@Suite(.printsSeed) struct RecordReaderTests {
    @Test(arguments: GoldenBatch.batches)
    func `the records of a foreign batch are read`(golden: GoldenBatch) throws {
        var reader = try golden.batch.records()
        #expect(try reader.readAll() == golden.records)
        #expect(try reader.next() == nil)
    }

    @Test(arguments: GoldenBatch.uncompressedBatches)
    func `keys and values are slices of the batch`(golden: GoldenBatch) throws {
        let batch = try golden.batch
        var reader = RecordReader(payload: batch.payload, header: batch.header)
        while let record = try reader.next() {
            guard let value = record.value, value.readableBytes > 0 else { continue }
            let isInside = batch.bytes.withUnsafeReadableBytes { whole in
                value.withUnsafeReadableBytes { part in
                    guard let start = whole.baseAddress, let first = part.baseAddress else { return false }
                    return first >= start && first + part.count <= start + whole.count
                }
            }
            #expect(isInside)
        }
    }

    @Test(arguments: GoldenBatch.batches)
    func `rebuilding a foreign batch gives the same records`(golden: GoldenBatch) throws {
        var builder = RecordBatchBuilder()
        for record in golden.records { builder.append(record) }
        #expect(builder.recordCount == golden.records.count)

        let batch = try builder.finish()

        #expect(batch.isChecksumValid)
        var reader = try batch.records()
        #expect(try reader.readAll() == golden.records)
        if golden.codec == .none, golden.fields.producerID == nil {
            // The same bytes, but for the leader epoch: producers write 0 or -1 there.
            #expect(batch.payload == (try golden.batch.payload))
            #expect(batch.header.checksum == (try golden.batch.header.checksum))
        }
    }

    @Test(arguments: GoldenBatch.batches)
    func `raw copies keep everything and add a header`(golden: GoldenBatch) throws {
        let added = RecordHeader(name: "__replicator", value: ByteBuffer(string: "origin"))
        var reader = try golden.batch.records()
        var builder = RecordBatchBuilder()
        while let raw = try reader.nextRaw() {
            let record = golden.records[builder.recordCount]
            #expect(try raw.headers == record.headers)
            #expect((raw.offset, raw.timestamp) == (record.offset, record.timestamp))
            #expect(raw.key == record.key && raw.value == record.value)
            builder.append(raw, adding: added)
        }

        var copies = try builder.finish().records()

        let expected = golden.records.map { record in
            var record = record
            record.headers.append(added)
            return record
        }
        #expect(try copies.readAll() == expected)
    }

    @Test(arguments: GoldenBatch.batches, [0, 3, 11])
    func `a stamp is the header with its number`(golden: GoldenBatch, numberPosition: Int) throws {
        let batch = try golden.batch
        let template = RecordHeader(key: ByteBuffer(string: "stamp"), value: ByteBuffer(repeating: 0xA5, count: 19))
        let stamp = HeaderStamp(template, numberAt: numberPosition)
        var stamped = RecordBatchBuilder()
        var extended = RecordBatchBuilder()
        var reader = try batch.records()
        while let raw = try reader.nextRaw() {
            let number = raw.offset &* 0x0102_0304_0506_0708
            var header = template
            header.value?.setInteger(number, at: numberPosition)
            #expect(stamp.header(number) == header)
            stamped.append(raw, adding: stamp, number)
            extended.append(raw, adding: header)
        }
        #expect(stamp.sizeInBytes == 1 + 5 + 1 + 19)
        #expect(try stamped.finish() == extended.finish())
    }

    @Test(arguments: GoldenBatch.batches)
    func `the walk that builds nothing sees the same records`(golden: GoldenBatch) throws {
        let summary = try golden.batch.records().validateDense()

        let times = golden.records.map(\.timestamp)
        #expect(summary.recordCount == Int32(golden.records.count))
        #expect(summary.minTimestamp == times.min())
        #expect(summary.maxTimestamp == times.max())
        #expect(summary.offsetOfMaxTimestamp == golden.records.first { $0.timestamp == times.max() }?.offset)
        #expect(summary.firstNullKey == golden.records.firstIndex { $0.key == nil }.map(Int32.init))
    }

    @Test func `holes left by compaction are read but not dense`() throws {
        var builder = RecordBatchBuilder(baseOffset: 100)
        for delta in [0, 3, 9] as [Int32] {
            builder.append(timestamp: 1, key: nil, value: ByteBuffer(integer: delta), offsetDelta: delta)
        }
        let batch = try builder.finish()

        var reader = try batch.records()
        #expect(try reader.readAll().map(\.offset) == [100, 103, 109])
        #expect(!batch.header.isDense)
        #expect(batch.header.nextOffset == 110)
        let validator = try batch.records()
        #expect(throws: WireError.self) { try validator.validateDense() }
    }

    @Test func `offset deltas that skip or repeat are not dense, whatever the counts say`() throws {
        // Two records, both with delta 1: "0e 00 00 02 01 02 61 00" is 7 bytes, attributes, times, delta 1, null key, "a".
        let payload = try ByteBuffer(hex: "0e000002010261000e00000201026100")
        var header = RecordBatchHeader()
        header.recordCount = 2
        header.lastOffsetDelta = 1
        let reader = RecordReader(payload: payload, header: header)
        #expect(throws: WireError.invalidRecords(reason: "record 0 has offset delta 1")) { try reader.validateDense() }
    }

    @Test(arguments: [
        ("empty", ""),
        ("length beyond the end", "10000000010261 00"),
        ("negative length", "0100000001026100"),
        ("length longer than the fields", "1000000001026100 00"),
        ("length shorter than the fields", "0c00000001026100"),
        ("key beyond the record", "0e000000400261 00"),
        ("value beyond the record", "0e00000001400000"),
        ("negative header count", "0e00000001026101"),
        ("more headers than bytes", "0e00000001026104"),
        ("header key of negative length", "12000000010261020100"),
        ("header value beyond the end", "1200000001026102000e"),
        ("offset delta beyond the last", "0e00000201026100"),
        ("negative offset delta", "0e00000101026100"),
        ("endless varint", "ffffffffffffffffff"),
        ("varint of 33 bits", "8e80808040"),
        ("bytes left over", "0e0000000102610000"),
        ("more records than announced", "0e000000010261000e00000001026100"),
    ])
    func `a malformed payload is an error`(what: String, hex: String) throws {
        let payload = try ByteBuffer(hex: hex.filter { $0 != " " })
        var header = RecordBatchHeader()
        header.recordCount = 1
        let reader = RecordReader(payload: payload, header: header)

        #expect(throws: WireError.self, "\(what)") {
            var reader = reader
            _ = try reader.readAll()
        }
        #expect(throws: WireError.self, "\(what)") { try reader.validateDense() }
    }

    @Test func `a well-formed payload is not`() throws {
        var header = RecordBatchHeader()
        header.recordCount = 1
        var reader = RecordReader(payload: try ByteBuffer(hex: "0e00000001026100"), header: header)
        #expect(try reader.readAll() == [Record(offset: 0, timestamp: -1, key: nil, value: ByteBuffer(string: "a"))])
    }

    @Test func `fewer records than announced is an error`() throws {
        var header = RecordBatchHeader()
        header.recordCount = .max
        header.lastOffsetDelta = .max - 1
        let reader = RecordReader(payload: try ByteBuffer(hex: "0e00000001026100"), header: header)
        #expect(throws: WireError.self) {
            var reader = reader
            _ = try reader.readAll()
        }
        #expect(throws: WireError.self) { try reader.validateDense() }
    }
}

@Suite(.printsSeed) struct RecordBatchBuilderTests {
    @Test func `a builder starts anew after each batch`() throws {
        var builder = RecordBatchBuilder(baseOffset: 7, producerID: 5, producerEpoch: 1, baseSequence: 0)
        builder.append(timestamp: 10, key: nil, value: ByteBuffer(string: "first"))
        builder.append(timestamp: 9, key: nil, value: nil)
        let first = try builder.finish()
        #expect(builder.isEmpty)
        builder.append(timestamp: 20, key: nil, value: ByteBuffer(string: "second"))
        let second = try builder.finish()

        #expect((first.header.recordCount, first.header.maxTimestamp) == (2, 10))
        #expect((second.header.recordCount, second.header.baseTimestamp, second.header.maxTimestamp) == (1, 20, 20))
        #expect(second.header.producerID == 5 && second.header.baseOffset == 7)
    }

    @Test func `the size is known as the batch grows`() throws {
        var builder = RecordBatchBuilder()
        #expect(builder.sizeInBytes == 61)
        for index in 0..<300 {
            let before = builder.sizeInBytes
            let value = ByteBuffer(repeating: 1, count: index)
            builder.append(timestamp: Int64(index), key: nil, value: value)
            #expect(builder.sizeInBytes - before <= RecordBatchBuilder.sizeBound(key: nil, value: value))
        }
        let size = builder.sizeInBytes
        #expect(try builder.finish().sizeInBytes == size)
    }

    @Test func `an empty batch and falling offsets are refused`() {
        var builder = RecordBatchBuilder()
        #expect(throws: WireError.self) { try builder.finish() }
        builder.append(timestamp: 0, key: nil, value: nil, offsetDelta: 4)
        builder.append(timestamp: 0, key: nil, value: nil, offsetDelta: 4)
        #expect(throws: WireError.self) { try builder.finish() }
        builder.append(timestamp: 0, key: nil, value: nil, offsetDelta: -1)
        #expect(throws: WireError.self) { try builder.finish() }
        #expect(builder.isEmpty)
    }

    @Test(arguments: CompressionCodec.allCases, 0..<20 as Range<UInt64>)
    func `what is built is read back`(codec: CompressionCodec, seed: UInt64) throws {
        var random = seeded(seed)
        let records = random.records(base: 1000)
        var builder = RecordBatchBuilder(baseOffset: 1000, partitionLeaderEpoch: 3)
        for record in records { builder.append(record) }

        let batch = try builder.batch(codec: codec)

        #expect(batch.isChecksumValid)
        #expect(batch.header.codec == codec)
        var reader = try batch.records()
        #expect(try reader.readAll() == records)
        let summary = try batch.records().validateDense()
        #expect(summary.maxTimestamp == batch.header.maxTimestamp)
    }
}

extension SeededGenerator {
    /// Records with contiguous offsets and everything else at random, edge values included.
    mutating func records(base: Int64) -> [Record] {
        (0..<Int64.random(in: 1...60, using: &self)).map { index in
            let headers = (0..<(next() % 4 == 0 ? Int(next() % 5) : 0)).map { _ in
                RecordHeader(key: ByteBuffer(bytes: randomBytes(Int(next() % 9))), value: nullableBytes())
            }
            let timestamps: [Int64] = [0, -1, .max, .min, Int64(truncatingIfNeeded: next()), 1_700_000_000_000]
            return Record(
                offset: base + index, timestamp: timestamps[Int(next() % 6)], key: nullableBytes(),
                value: nullableBytes(), headers: headers)
        }
    }

    private mutating func nullableBytes() -> ByteBuffer? {
        switch next() % 5 {
        case 0: nil
        case 1: ByteBuffer()
        case 2: ByteBuffer(repeating: UInt8(truncatingIfNeeded: next()), count: Int(next() % 20_000))
        default: ByteBuffer(bytes: randomBytes(Int(next() % 200)))
        }
    }
}
