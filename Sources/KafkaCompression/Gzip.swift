import CDeflate
import KafkaWire
import NIOCore

/// gzip, both ways by libdeflate, which is twice as fast as zlib on whole buffers.
enum Gzip {
    static func compress(_ input: ByteBuffer, into output: inout ByteBuffer) throws(CompressionError) {
        let isWritten = compressors.withContext { compressor in
            compressor.compress(input, into: &output)
        }
        guard isWritten == true else { throw .failed(codec: .gzip, reason: "out of memory") }
    }

    static func decompress(_ input: ByteBuffer, limit: OutputLimit) throws(CompressionError) -> ByteBuffer {
        let output = try decompressors.withContext { decompressor throws(CompressionError) in
            try decompressor.decompress(input, limit: limit)
        }
        guard let output else { throw .failed(codec: .gzip, reason: "out of memory") }
        return output
    }

    private static let compressors = ContextPool(create: { GzipCompressor() })
    private static let decompressors = ContextPool(create: { GzipDecompressor() })
}

/// Owns a libdeflate compressor.
///
/// Unchecked, but Sendable: the pointer is never changed, nobody else has it, and the pool lends this object to one
/// caller at a time; libdeflate ties nothing to threads.
private final class GzipCompressor: @unchecked Sendable {
    private let compressor: OpaquePointer
    /// The default of gzip, and of Java's GZIPOutputStream.
    private static let level: Int32 = 6

    init?() {
        guard let compressor = libdeflate_alloc_compressor(Self.level) else { return nil }
        self.compressor = compressor
    }

    deinit {
        libdeflate_free_compressor(compressor)
    }

    func compress(_ input: ByteBuffer, into output: inout ByteBuffer) -> Bool {
        input.withUnsafeReadableBytes { input in
            let bound = libdeflate_gzip_compress_bound(compressor, input.count)
            return output.appendCompressed(bound: bound) { free in
                libdeflate_gzip_compress(compressor, input.baseAddress, input.count, free, bound)
            }
        }
    }
}

/// Owns a libdeflate decompressor.
///
/// Unchecked, but Sendable: the pointer is never changed, nobody else has it, and the pool lends this object to one
/// caller at a time; libdeflate ties nothing to threads.
private final class GzipDecompressor: @unchecked Sendable {
    private let decompressor: OpaquePointer
    /// The most bytes that deflate can make of one.
    private static let largestRatio = 1032

    init?() {
        guard let decompressor = libdeflate_alloc_decompressor() else { return nil }
        self.decompressor = decompressor
    }

    deinit {
        libdeflate_free_decompressor(decompressor)
    }

    /// Decompresses all members, one after the other, as Java's GZIPInputStream does.
    func decompress(_ input: ByteBuffer, limit: OutputLimit) throws(CompressionError) -> ByteBuffer {
        var output = ByteBuffer()
        var rest = input
        repeat {
            let length = try decompressMember(rest, to: &output, limit: limit)
            rest.moveReaderIndex(forwardBy: length)
        } while rest.readableBytes > 0
        return output
    }

    /// Appends one member and returns its compressed length.
    ///
    /// The library wants room for the whole of it. The last four bytes announce how much; they are right but for
    /// several members and for liars, for whom the room grows fourfold until the limit says no.
    private func decompressMember(
        _ input: ByteBuffer, to output: inout ByteBuffer, limit: OutputLimit
    ) throws(CompressionError) -> Int {
        // One byte more than the limit allows tells "too much" from "exactly the limit".
        let largest = limit.bytes - output.readableBytes + 1
        let announced = input.getInteger(at: input.writerIndex - 4, endianness: .little, as: UInt32.self) ?? 0
        var room = min(Int(announced) + 1, largest, Self.largestRatio * input.readableBytes + 1)
        while true {
            var consumed = 0
            var produced = 0
            var status = LIBDEFLATE_BAD_DATA
            output.writeWithUnsafeMutableBytes(minimumWritableBytes: room) { free in
                status = input.withUnsafeReadableBytes { input in
                    libdeflate_gzip_decompress_ex(
                        decompressor, input.baseAddress, input.count, free.baseAddress, room, &consumed, &produced)
                }
                return status == LIBDEFLATE_SUCCESS ? produced : 0
            }
            switch status {
            case LIBDEFLATE_SUCCESS where produced < largest: return consumed
            case LIBDEFLATE_INSUFFICIENT_SPACE where room < largest: room = min(4 * room + 1024, largest)
            case LIBDEFLATE_SUCCESS, LIBDEFLATE_INSUFFICIENT_SPACE:
                throw .outputTooLarge(codec: .gzip, limit: limit.bytes)
            default: throw .corrupt(codec: .gzip, reason: "invalid or incomplete")
            }
        }
    }
}
