import KafkaCompression
import KafkaWire
import NIOCore
import Testing

@Suite struct LegacyMessageTests {
    @Test(arguments: GoldenBatch.messageSets)
    func `foreign message sets are read`(golden: GoldenBatch) throws {
        let entries = try golden.bytes.legacyEntries()

        #expect(try entries.flatMap { try $0.records() } == golden.records)
        for entry in entries {
            #expect(entry.isChecksumValid)
            #expect(entry.magic == golden.magic)
            #expect(entry.codec == golden.codec)
            #expect(entry.timestampType == (golden.fields.isLogAppendTime == true ? .logAppendTime : .createTime))
        }
    }

    @Test(arguments: [0, 1] as [Int8], [CompressionCodec.none, .gzip, .snappy, .lz4])
    func `what is written is read back`(magic: Int8, codec: CompressionCodec) throws {
        let time: Int64 = magic == 0 ? -1 : 1000
        let records = [
            Record(offset: 500, timestamp: time, key: ByteBuffer(string: "a"), value: ByteBuffer(string: "one")),
            Record(offset: 502, timestamp: time, key: nil, value: ByteBuffer(string: "two")),
            Record(offset: 504, timestamp: time, key: ByteBuffer(), value: nil),
        ]
        var writer = LegacyMessageWriter(magic: magic)
        for record in records { writer.append(record) }

        let entries = try writer.messageSet(codec: codec).legacyEntries()

        #expect(entries.count == (codec == .none ? 3 : 1))
        #expect(entries.allSatisfy { $0.isChecksumValid && $0.codec == codec })
        #expect(entries.last?.offset == 504)
        #expect(try entries.flatMap { try $0.records() } == records)
    }

    @Test func `headers are dropped and zstd is refused`() throws {
        var writer = LegacyMessageWriter(magic: 1)
        writer.append(
            Record(offset: 1, timestamp: 2, key: nil, value: nil, headers: [RecordHeader(name: "h", value: nil)]))
        let written = writer
        #expect(try writer.messageSet.legacyEntries().first?.record.headers == [])
        #expect(throws: CompressionError.unknownCodec(attributes: 4)) { try written.messageSet(codec: .zstd) }
    }

    @Test func `a changed byte fails the checksum`() throws {
        for golden in GoldenBatch.messageSets where golden.codec == .none {
            var bytes = golden.bytes
            // The first byte of the first key.
            bytes.setInteger(UInt8(0x55), at: bytes.readerIndex + (golden.magic == 0 ? 22 : 30))
            #expect(try bytes.legacyEntries().first?.isChecksumValid == false)
        }
    }

    @Test func `a wrapper's offset is that of its last message`() throws {
        let golden = try #require(GoldenBatch.messageSets.first { $0.name == "kafka-python: magic 1, gzip, as stored" })
        let entry = try #require(try golden.bytes.legacyEntries().first)
        #expect(entry.offset == 1003)
        #expect(try entry.records().map(\.offset) == [1000, 1001, 1002, 1003])
    }

    @Test func `a wrapper's offset smaller than its messages' is an error`() throws {
        let golden = try #require(GoldenBatch.messageSets.first { $0.name == "kafka-python: magic 1, gzip, as stored" })
        var bytes = golden.bytes
        bytes.setInteger(Int64(2), at: bytes.readerIndex)
        let entry = try #require(try bytes.legacyEntries().first)
        #expect(throws: CompressionError.self) { try entry.records() }
    }

    @Test func `sets inside sets, other formats inside and cut sets are errors`() throws {
        var plain = LegacyMessageWriter(magic: 1)
        plain.append(offset: 0, timestamp: 1, key: nil, value: ByteBuffer(string: "inner"))
        let entry = try #require(try plain.messageSet.legacyEntries().first)
        var other = LegacyMessageWriter(magic: 0)
        other.append(offset: 0, timestamp: 1, key: nil, value: nil)
        var cut = plain.messageSet
        cut.moveWriterIndex(to: cut.writerIndex - 1)
        let batch = try ControlRecord.markerBatch(
            .abort, producerID: 1, producerEpoch: 1, coordinatorEpoch: 1, timestamp: 1)

        for inner in [try plain.messageSet(codec: .gzip), other.messageSet, cut, batch.bytes, ByteBuffer()] {
            #expect(throws: WireError.self) { try entry.records(innerSet: inner) }
        }
        #expect(try entry.records(innerSet: plain.messageSet).count == 1)
    }
}

extension ByteBuffer {
    /// The entries of a message set; a test of other formats fails.
    fileprivate func legacyEntries() throws -> [LegacyEntry] {
        var reader = LogEntryReader(self)
        var entries: [LegacyEntry] = []
        while let entry = try reader.next() {
            guard case .legacy(let message) = entry else {
                Issue.record("record batch in a message set")
                continue
            }
            entries.append(message)
        }
        #expect(reader.partialBytes == 0)
        return entries
    }
}
