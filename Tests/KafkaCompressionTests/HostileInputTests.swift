import KafkaCompression
import KafkaWire
import NIOCore
import TestSupport
import Testing

@Suite(.printsSeed) struct HostileInputTests {
    private static let mebibyte = 1 << 20

    @Test(arguments: realCodecs)
    func `a decompression bomb is refused at the limit`(codec: CompressionCodec) throws {
        let bomb = try codec.compress(ByteBuffer(repeating: 0, count: 64 * Self.mebibyte))

        let refusal = #expect(throws: CompressionError.outputTooLarge(codec: codec, limit: Self.mebibyte)) {
            try codec.decompress(bomb, limit: OutputLimit(bytes: Self.mebibyte))
        }
        #expect(refusal?.description == "\(codec) data decompresses to more than the limit of 1048576 bytes")
    }

    @Test(arguments: realCodecs)
    func `a bomb of many streams is refused at the limit`(codec: CompressionCodec) throws {
        let stream = try codec.compress(ByteBuffer(repeating: 0, count: 100_000))
        var bomb = ByteBuffer()
        for _ in 0..<100 { bomb.writeImmutableBuffer(stream) }
        let streams = bomb
        #expect(throws: CompressionError.outputTooLarge(codec: codec, limit: Self.mebibyte)) {
            try codec.decompress(streams, limit: OutputLimit(bytes: Self.mebibyte))
        }
    }

    @Test(arguments: CompressionCodec.allCases)
    func `the limit itself is allowed, one byte more is not`(codec: CompressionCodec) throws {
        for size in [1, 1000, 65_536, 300_000] {
            let compressed = try codec.compress(ByteBuffer(repeating: 1, count: size))
            #expect(try codec.decompress(compressed, limit: OutputLimit(bytes: size)).readableBytes == size)
            #expect(throws: CompressionError.outputTooLarge(codec: codec, limit: size - 1)) {
                try codec.decompress(compressed, limit: OutputLimit(bytes: size - 1))
            }
        }
    }

    @Test(arguments: realCodecs)
    func `every truncation is an error`(codec: CompressionCodec) throws {
        let whole = try codec.compress(Sample.text(3000))
        for length in 0..<whole.readableBytes {
            let cut = try #require(whole.getSlice(at: 0, length: length))
            // Streams may follow one another, none included: a snappy stream that ends behind its header is whole.
            if codec == .snappy, length == 16 { continue }
            #expect(throws: CompressionError.self, "\(length) of \(whole.readableBytes) bytes") {
                try codec.decompress(cut, limit: .default)
            }
        }
    }

    @Test(arguments: realCodecs)
    func `bytes after the end are an error`(codec: CompressionCodec) throws {
        var longer = try codec.compress(Sample.text(500))
        longer.writeString("rest")
        let input = longer
        #expect(throws: CompressionError.self) { try codec.decompress(input, limit: .default) }
    }

    @Test(arguments: realCodecs)
    func `mutations are refused or bounded, and later input is not affected`(codec: CompressionCodec) throws {
        let limit = OutputLimit(bytes: 100_000)
        let original = try codec.compress(Sample.text(5000))
        for seed in 0..<3000 as Range<UInt64> {
            var random = seeded(seed)
            var mutant = original
            for _ in 0...(random.next() % 4) {
                let at = Int(random.next() % UInt64(random.next() % 2 == 0 ? 24 : mutant.readableBytes))
                mutant.setInteger(UInt8(truncatingIfNeeded: random.next()), at: at)
            }
            if let output = try? codec.decompress(mutant, limit: limit) {
                #expect(output.readableBytes <= limit.bytes)
            }
        }
        // The same contexts served all of them.
        #expect(try codec.decompress(original, limit: limit) == Sample.text(5000))
    }

    @Test(arguments: realCodecs)
    func `noise is refused or bounded`(codec: CompressionCodec) {
        let limit = OutputLimit(bytes: 10_000)
        for size in 0..<2000 {
            if let output = try? codec.decompress(Sample.noise(size), limit: limit) {
                #expect(output.readableBytes <= limit.bytes)
            }
        }
    }

    @Test func `an announced size takes no memory`() throws {
        // snappy: 4 GiB from six bytes. zstd: a content size of 2^62 in front of one byte.
        let snappy = ByteBuffer(bytes: [0xFF, 0xFF, 0xFF, 0xFF, 0x0F, 0x00])
        #expect(throws: CompressionError.corrupt(codec: .snappy, reason: "impossible size")) {
            try CompressionCodec.snappy.decompress(snappy, limit: OutputLimit(bytes: .max - 1))
        }
        let zstd = try Sample.hex("28b52ffd" + "c0" + "0000000000000000".replacingLast("40") + "08" + "090000" + "41")
        #expect(throws: CompressionError.self) { try CompressionCodec.zstd.decompress(zstd, limit: .default) }
    }
}

extension String {
    fileprivate func replacingLast(_ tail: String) -> String {
        dropLast(tail.count) + tail
    }
}
