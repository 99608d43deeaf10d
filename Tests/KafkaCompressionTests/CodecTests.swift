import KafkaCompression
import KafkaWire
import NIOCore
import TestSupport
import Testing

/// All codecs that change bytes.
let realCodecs: [CompressionCodec] = [.gzip, .snappy, .lz4, .zstd]

@Suite(.printsSeed) struct CodecTests {
    private static let sizes = [0, 1, 2, 100, 32_767, 32_768, 32_769, 65_535, 65_536, 65_537, 200_000, 1_500_000]

    @Test(arguments: CompressionCodec.allCases, sizes)
    func `what is compressed decompresses to itself`(codec: CompressionCodec, size: Int) throws {
        for input in [Sample.noise(size), Sample.text(size), ByteBuffer(repeating: 0, count: size)] {
            let compressed = try codec.compress(input)
            #expect(try codec.decompress(compressed, limit: OutputLimit(bytes: size)) == input)
        }
    }

    @Test(arguments: realCodecs)
    func `repetitive input shrinks`(codec: CompressionCodec) throws {
        #expect(try codec.compress(Sample.text(100_000)).readableBytes < 40_000)
    }

    @Test(arguments: realCodecs)
    func `input may lie anywhere in its buffer`(codec: CompressionCodec) throws {
        var padded = ByteBuffer(string: "before")
        padded.writeImmutableBuffer(try codec.compress(Sample.text(1000)))
        padded.writeString("after")
        let part = try #require(padded.getSlice(at: 6, length: padded.readableBytes - 11))
        #expect(try codec.decompress(part, limit: .default) == Sample.text(1000))
    }

    @Test(arguments: [CompressionCodec.gzip, .lz4, .zstd])
    func `streams may follow one another`(codec: CompressionCodec) throws {
        var both = try codec.compress(ByteBuffer(string: "first, "))
        both.writeImmutableBuffer(try codec.compress(ByteBuffer(string: "second")))
        #expect(try codec.decompress(both, limit: .default) == ByteBuffer(string: "first, second"))

        // A size announced at the end is that of the last stream alone.
        var long = try codec.compress(Sample.text(300_000))
        long.writeImmutableBuffer(try codec.compress(ByteBuffer(string: "!")))
        #expect(try codec.decompress(long, limit: OutputLimit(bytes: 300_001)).readableBytes == 300_001)
    }

    @Test(arguments: realCodecs)
    func `contexts are shared by any number of threads`(codec: CompressionCodec) async throws {
        try await withThrowingTaskGroup { group in
            for index in 0..<64 {
                group.addTask {
                    let input = Sample.text(1000 * (index + 1))
                    return try codec.decompress(codec.compress(input), limit: .default) == input
                }
            }
            for try await isSame in group { #expect(isSame) }
        }
    }

    @Test func `names are Kafka's`() {
        #expect(CompressionCodec.allCases.map(\.name) == ["none", "gzip", "snappy", "lz4", "zstd"])
        #expect(CompressionCodec(name: "lz4") == .lz4)
        #expect(CompressionCodec(name: "producer") == nil)
    }
}

@Suite(.printsSeed) struct CodecFormatTests {
    private static let fox = ByteBuffer(string: String(repeating: "the quick brown fox ", count: 5))

    @Test func `snappy is written in the framing of the Java library`() throws {
        let compressed = try CompressionCodec.snappy.compress(ByteBuffer(repeating: 7, count: 40_000))

        var rest = compressed
        #expect(rest.readBytes(length: 8) == [0x82] + Array("SNAPPY".utf8) + [0])
        #expect(rest.readMultipleIntegers(as: (Int32, Int32).self).map { [$0, $1] } == [1, 1])
        var chunks = 0
        while let length = rest.readInteger(as: Int32.self) {
            #expect(rest.readSlice(length: Int(length)) != nil)
            chunks += 1
        }
        #expect(chunks == 2)
        #expect(rest.readableBytes == 0)
    }

    @Test func `raw snappy blocks are read`() throws {
        // As librdkafka writes them: 5 bytes, one literal.
        let raw = ByteBuffer(bytes: [5, 4 << 2] + Array("hello".utf8))
        #expect(try CompressionCodec.snappy.decompress(raw, limit: .default) == ByteBuffer(string: "hello"))
        #expect(try CompressionCodec.snappy.decompress(ByteBuffer(bytes: [0]), limit: .default) == ByteBuffer())
    }

    @Test func `snappy framing versions in the wrong byte order are read`() throws {
        var compressed = try CompressionCodec.snappy.compress(Self.fox)
        compressed.setInteger(Int32(1), at: 8, endianness: .little)
        compressed.setInteger(Int32(1), at: 12, endianness: .little)
        #expect(try CompressionCodec.snappy.decompress(compressed, limit: .default) == Self.fox)
    }

    @Test func `snappy streams may follow one another`() throws {
        var both = try CompressionCodec.snappy.compress(Self.fox)
        both.writeImmutableBuffer(try CompressionCodec.snappy.compress(ByteBuffer(string: "!")))
        let expected = ByteBuffer(string: String(buffer: Self.fox) + "!")
        #expect(try CompressionCodec.snappy.decompress(both, limit: .default) == expected)
    }

    @Test func `lz4 is written as Kafka's own reader needs it`() throws {
        let compressed = try CompressionCodec.lz4.compress(Sample.text(200_000))
        #expect(compressed.getInteger(at: 0, endianness: .little, as: UInt32.self) == 0x184D_2204)
        // Version 1, independent blocks, no block checksum, no content size, no content checksum, no dictionary.
        #expect(compressed.getInteger(at: 4, as: UInt8.self) == 0b0110_0000)
        // Blocks of 64 KiB.
        #expect(compressed.getInteger(at: 5, as: UInt8.self) == 0x40)
    }

    @Test func `lz4 frames with linked blocks, size and checksum are read`() throws {
        // Python's lz4.frame: 70,000 times "a", then the fox.
        let frame = try Sample.hex(
            "04224d184c40d411010000000000410b0100001f610100" + String(repeating: "ff", count: 256)
                + "e7506161616161340000000f0100" + String(repeating: "ff", count: 17)
                + "6eff0574686520717569636b2062726f776e20666f78201400385020666f78200000000076b88d78")

        var expected = ByteBuffer(repeating: UInt8(ascii: "a"), count: 70_000)
        expected.writeImmutableBuffer(Self.fox)
        #expect(try CompressionCodec.lz4.decompress(frame, limit: .default) == expected)

        // lz4 1.9.4 does not forget the content size of a frame that it gave up.
        let cut = try #require(frame.getSlice(at: 0, length: 100))
        let next = try CompressionCodec.lz4.compress(Self.fox)
        for _ in 0..<20 {
            #expect(throws: CompressionError.self) { try CompressionCodec.lz4.decompress(cut, limit: .default) }
            #expect(try CompressionCodec.lz4.decompress(next, limit: .default) == Self.fox)
        }
    }

    @Test func `zstd frames without a content size are read`() throws {
        let frame = try Sample.hex("28b52ffd0058dd0000a074686520717569636b2062726f776e20666f78200100fad0c904")
        #expect(try CompressionCodec.zstd.decompress(frame, limit: .default) == Self.fox)
    }

    @Test func `zstd windows of 128 MiB are read, larger ones refused`() throws {
        func frame(windowLog: UInt8) throws -> ByteBuffer {
            // Magic, no content size, window; then one raw block of 100 bytes, the last.
            var frame = try Sample.hex("28b52ffd00")
            frame.writeInteger((windowLog - 10) << 3)
            frame.writeBytes([0x21, 0x03, 0x00])
            frame.writeImmutableBuffer(Self.fox)
            return frame
        }
        #expect(try CompressionCodec.zstd.decompress(frame(windowLog: 27), limit: .default) == Self.fox)
        let tooLarge = try frame(windowLog: 28)
        #expect(throws: CompressionError.self) { try CompressionCodec.zstd.decompress(tooLarge, limit: .default) }
    }

    @Test func `a batch of an unknown codec is refused`() throws {
        var builder = RecordBatchBuilder()
        builder.append(timestamp: 0, key: nil, value: nil)
        let batch = try RecordBatch(builder.finish().rewritingHeader { $0.attributes |= 6 }.contiguous)
        #expect(throws: CompressionError.unknownCodec(attributes: 6)) { try batch.records() }
    }
}

enum Sample {
    /// Incompressible bytes, the same each time.
    static func noise(_ count: Int) -> ByteBuffer {
        var random = seeded(UInt64(count))
        var bytes = ByteBuffer()
        for _ in 0...count / 8 { bytes.writeInteger(random.next()) }
        return bytes.readSlice(length: count) ?? ByteBuffer()
    }

    /// Compressible bytes with some variety.
    static func text(_ count: Int) -> ByteBuffer {
        var bytes = ByteBuffer()
        var line = 0
        while bytes.readableBytes < count {
            bytes.writeString("{\"id\":\(line),\"name\":\"replicator\",\"tags\":[\"a\",\"b\"]}\n")
            line += 1
        }
        return bytes.readSlice(length: count) ?? ByteBuffer()
    }

    static func hex(_ digits: String) throws -> ByteBuffer {
        var buffer = ByteBuffer()
        var rest = digits[...]
        while !rest.isEmpty {
            buffer.writeInteger(try #require(UInt8(rest.prefix(2), radix: 16)))
            rest = rest.dropFirst(2)
        }
        return buffer
    }
}
