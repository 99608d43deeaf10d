import KafkaBroker
import KafkaCompression
import KafkaWire
import NIOCore
import Testing

@Suite struct `What an append stores` {
    private static let now = LogHarness.now

    @Test(arguments: StorageKind.allCases, CompressionCodec.allCases)
    func `offsets and the leader epoch are assigned, the payload stays byte for byte`(
        _ kind: StorageKind, _ codec: CompressionCodec
    ) throws {
        let harness = try LogHarness(kind)
        let log = try harness.open()
        let sent = try TestBatch(values: ["c", "d"], codec: codec).batch
        try log.append(TestBatch(values: ["a", "b"]), leaderEpoch: 4)

        let result = try log.append(
            RecordBytes(sent.bytes), leaderEpoch: 5, produceVersion: 9, now: Self.now)

        let slice = try log.read(from: 2, maxBytes: 1 << 20, minOneBatch: true, upTo: log.highWatermark)
        let stored = try RecordBatch(slice.records.contiguous)
        #expect(result.baseOffset == 2 && result.lastOffset == 3 && result.logAppendTime == -1)
        #expect(stored.header.baseOffset == 2 && stored.header.partitionLeaderEpoch == 5)
        #expect(stored.header.checksum == sent.header.checksum)
        #expect(stored.payload == sent.payload)
        #expect(try log.records().map(\.offset) == [0, 1, 2, 3])
    }

    @Test(arguments: [CompressionCodec.none, .zstd])
    func `LogAppendTime is written by the broker under a matching checksum`(_ codec: CompressionCodec) throws {
        let log = try LogHarness(.memory).open(["message.timestamp.type": "LogAppendTime"])

        let result = try log.append(
            TestBatch(values: ["a", "b"], timestamps: [1, 2], codec: codec), now: Self.now + 5)

        let header = try #require(try log.records().first?.batch)
        #expect(result.logAppendTime == Self.now + 5)
        #expect(header.timestampType == .logAppendTime && header.maxTimestamp == Self.now + 5)
    }

    @Test func `a batch marked LogAppendTime loses the mark on a CreateTime topic`() throws {
        let log = try LogHarness(.memory).open()
        let bytes = try TestBatch(values: ["a"]).edited {
            $0.timestampType = .logAppendTime
            $0.maxTimestamp = Self.now - 3
        }

        _ = try log.append(bytes, leaderEpoch: 0, produceVersion: 9, now: Self.now)

        let header = try #require(try log.records().first?.batch)
        #expect(header.timestampType == .createTime && header.maxTimestamp == Self.now - 3)
    }

    @Test func `a wrong maximum timestamp is put right from the records`() throws {
        let log = try LogHarness(.memory).open()
        let bytes = try TestBatch(values: ["a", "b"], timestamps: [50, 20]).edited { $0.maxTimestamp = 999 }

        _ = try log.append(bytes, leaderEpoch: 0, produceVersion: 9, now: Self.now)

        #expect(try log.records().first?.batch.maxTimestamp == 50)
    }

    @Test(arguments: CompressionCodec.allCases, ["uncompressed", "gzip", "snappy", "lz4", "zstd"])
    func `a topic's own codec replaces the producer's`(_ codec: CompressionCodec, _ type: String) throws {
        let log = try LogHarness(.memory).open(["compression.type": type])
        let sent = TestBatch(
            values: ["a", "b"], timestamps: [3, 4], codec: codec, producerID: 9, epoch: 2, sequence: 0)

        try log.append(sent)

        let records = try log.records()
        #expect(records.map(\.value) == ["a", "b"])
        #expect(records[0].batch.codec?.name == (type == "uncompressed" ? "none" : type))
        #expect(records[0].batch.producerID == 9 && records[0].batch.producerEpoch == 2)
        #expect(records[0].batch.baseSequence == 0 && records[0].batch.maxTimestamp == 4)
    }

    @Test(arguments: [CompressionCodec.gzip, .none])
    func `records whose offset deltas are all zero are numbered afresh if compressed and kept as they are if not`(
        _ codec: CompressionCodec
    ) throws {
        let log = try LogHarness(.memory).open()
        let plain = try TestBatch(values: ["a", "b", "c"]).batch
        var payload = plain.payload
        // Each record is 13 bytes: length, attributes, timestamp delta, offset delta, …
        let recordSize = payload.readableBytes / 3
        for index in 0..<3 { payload.setInteger(UInt8(0), at: payload.readerIndex + index * recordSize + 3) }
        let stored = try codec.compress(payload)
        var header = plain.header
        header.codec = codec
        header.batchLength = Int32(49 + stored.readableBytes)
        var bytes = ByteBuffer()
        header.encode(into: &bytes)
        bytes.writeImmutableBuffer(stored)
        header.checksum = CRC32C.checksum(of: try #require(bytes.getSlice(at: 21, length: bytes.readableBytes - 21)))
        bytes.clear()
        header.encode(into: &bytes)
        bytes.writeImmutableBuffer(stored)

        let result = try log.append(RecordBytes(bytes), leaderEpoch: 0, produceVersion: 9, now: Self.now)

        #expect(result.lastOffset == 2)
        #expect(try log.records().map(\.value) == ["a", "b", "c"])
        #expect(try log.records().map(\.offset) == (codec == .none ? [0, 0, 0] : [0, 1, 2]))
    }

    @Test(arguments: [Int8(0), 1]) func `messages of the old formats are stored as one batch`(_ magic: Int8) throws {
        let log = try LogHarness(.memory).open()
        var bytes = try legacyMessage(magic: magic, value: "a", timestamp: 5)
        bytes.append(try legacyMessage(magic: magic, value: "b", timestamp: 7, offset: 1).contiguous)

        let result = try log.append(bytes, leaderEpoch: 1, produceVersion: 2, now: Self.now)

        let records = try log.records()
        #expect(result.lastOffset == 1)
        #expect(records.map(\.value) == ["a", "b"])
        #expect(records[0].batch.magic == 2 && records[0].batch.maxTimestamp == (magic == 0 ? -1 : 7))
    }

    @Test(arguments: [Int8(0), 1], [CompressionCodec.gzip, .snappy, .lz4])
    func `a compressed message set is stored as a batch of its codec`(_ magic: Int8, _ codec: CompressionCodec) throws {
        let log = try LogHarness(.memory).open()

        _ = try log.append(
            try legacySet(magic: magic, values: ["a", "b", "c"], codec: codec), leaderEpoch: 1, produceVersion: 1,
            now: Self.now)

        let records = try log.records()
        #expect(records.map(\.value) == ["a", "b", "c"] && records.map(\.offset) == [0, 1, 2])
        #expect(records[0].batch.codec == codec)
    }
}
