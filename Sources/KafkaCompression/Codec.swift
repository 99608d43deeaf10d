public import KafkaWire
public import NIOCore

extension CompressionCodec {
    /// Compresses as Kafka's Java client does, so that every consumer can read it.
    public func compress(_ input: ByteBuffer) throws(CompressionError) -> ByteBuffer {
        var output = ByteBuffer()
        try compress(input, into: &output)
        output.releaseUnusedMemory()
        return output
    }

    /// Decompresses all of `input`. No more than `limit` bytes are ever produced, whatever the input announces.
    ///
    /// - Throws: `.outputTooLarge` beyond the limit, `.corrupt` for anything that is not whole and well-formed.
    public func decompress(_ input: ByteBuffer, limit: OutputLimit) throws(CompressionError) -> ByteBuffer {
        switch self {
        case .none:
            guard input.readableBytes <= limit.bytes else { throw .outputTooLarge(codec: self, limit: limit.bytes) }
            return input
        case .gzip: return try Gzip.decompress(input, limit: limit)
        case .snappy: return try Snappy.decompress(input, limit: limit)
        case .lz4: return try LZ4Frame.decompress(input, limit: limit)
        case .zstd: return try Zstd.decompress(input, limit: limit)
        }
    }

    /// Appends the compressed form of `input`.
    func compress(_ input: ByteBuffer, into output: inout ByteBuffer) throws(CompressionError) {
        switch self {
        case .none: output.writeImmutableBuffer(input)
        case .gzip: try Gzip.compress(input, into: &output)
        case .snappy: try Snappy.compress(input, into: &output)
        case .lz4: try LZ4Frame.compress(input, into: &output)
        case .zstd: try Zstd.compress(input, into: &output)
        }
    }
}

extension ByteBuffer {
    /// Libraries want room for the worst case, which would stay with a batch for as long as it waits.
    mutating func releaseUnusedMemory() {
        if capacity > 2 * writerIndex { shrinkBufferCapacity(to: writerIndex) }
    }

    /// Appends up to `bound` bytes that a library writes; 0 or less written is its failure.
    mutating func appendCompressed(bound: Int, _ write: (UnsafeMutableRawPointer) -> Int) -> Bool {
        var written = 0
        writeWithUnsafeMutableBytes(minimumWritableBytes: bound) { free in
            guard let start = free.baseAddress else { return 0 }
            written = write(start)
            return max(written, 0)
        }
        return written > 0
    }
}
