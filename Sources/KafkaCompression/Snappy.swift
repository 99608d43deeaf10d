import CSnappy
import KafkaWire
import NIOCore

/// snappy: raw blocks, and the framing of the Java library (xerial) that Kafka's own clients use.
///
/// ```
/// 0x82 "SNAPPY" 0x00 | version int32 | compatible version int32 | for each chunk: length int32 | raw block
/// ```
enum Snappy {
    private static let magic: UInt64 = 0x8253_4E41_5050_5900
    private static let magicStart = Int32(bitPattern: 0x8253_4E41)
    private static let version: Int32 = 1
    private static let headerLength = 16
    /// Uncompressed bytes in a chunk: `SnappyOutputStream`'s default.
    private static let chunkLength = 32 << 10
    /// The format's best case: a copy of 64 bytes takes three.
    private static let largestRatio = 22

    static func compress(_ input: ByteBuffer, into output: inout ByteBuffer) throws(CompressionError) {
        output.writeMultipleIntegers(magic, version, version)
        var rest = input
        while let chunk = rest.readSlice(length: min(chunkLength, rest.readableBytes)), chunk.readableBytes > 0 {
            let lengthIndex = output.writerIndex
            output.writeInteger(Int32(0))
            let isWritten = chunk.withUnsafeReadableBytes { chunk in
                var length = snappy_max_compressed_length(chunk.count)
                return output.appendCompressed(bound: length) { free in
                    let status = snappy_compress(
                        chunk.baseAddress?.assumingMemoryBound(to: CChar.self), chunk.count,
                        free.assumingMemoryBound(to: CChar.self), &length)
                    return status == SNAPPY_OK ? length : -1
                }
            }
            guard isWritten else { throw .failed(codec: .snappy, reason: "library error") }
            output.setInteger(Int32(output.writerIndex - lengthIndex - 4), at: lengthIndex)
        }
    }

    static func decompress(_ input: ByteBuffer, limit: OutputLimit) throws(CompressionError) -> ByteBuffer {
        var output = ByteBuffer()
        guard input.getInteger(at: input.readerIndex, as: UInt64.self) == magic else {
            try appendBlock(input, to: &output, limit: limit)
            return output
        }
        var rest = input
        while rest.readableBytes > 0 {
            guard let length = rest.getInteger(at: rest.readerIndex, as: Int32.self) else { throw truncated }
            // Each stream begins with a header, and streams may follow one another.
            if length == magicStart {
                guard let (magic, _, _) = rest.readMultipleIntegers(as: (UInt64, Int32, Int32).self) else {
                    throw truncated
                }
                // The versions are not looked at: there is only one, and Redpanda writes it in the other byte order.
                guard magic == Self.magic else { throw .corrupt(codec: .snappy, reason: "unknown framing") }
                continue
            }
            rest.moveReaderIndex(forwardBy: 4)
            guard length >= 0, let block = rest.readSlice(length: Int(length)) else { throw truncated }
            try appendBlock(block, to: &output, limit: limit)
        }
        return output
    }

    private static var truncated: CompressionError { .corrupt(codec: .snappy, reason: "unexpected end") }

    /// Decompresses one raw block. It announces its size; memory is only taken for what its bytes can amount to.
    private static func appendBlock(
        _ block: ByteBuffer, to output: inout ByteBuffer, limit: OutputLimit
    ) throws(CompressionError) {
        var size = 0
        var status = block.withUnsafeReadableBytes { block in
            snappy_uncompressed_length(block.baseAddress?.assumingMemoryBound(to: CChar.self), block.count, &size)
        }
        guard status == SNAPPY_OK, size <= largestRatio * block.readableBytes else {
            throw .corrupt(codec: .snappy, reason: "impossible size")
        }
        guard size <= limit.bytes - output.readableBytes else {
            throw .outputTooLarge(codec: .snappy, limit: limit.bytes)
        }
        output.writeWithUnsafeMutableBytes(minimumWritableBytes: max(size, 1)) { free in
            status = block.withUnsafeReadableBytes { block in
                snappy_uncompress(
                    block.baseAddress?.assumingMemoryBound(to: CChar.self), block.count,
                    free.baseAddress?.assumingMemoryBound(to: CChar.self), &size)
            }
            return status == SNAPPY_OK ? size : 0
        }
        guard status == SNAPPY_OK else { throw .corrupt(codec: .snappy, reason: "invalid block") }
    }
}
