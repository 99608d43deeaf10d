import CLZ4
import KafkaWire
import NIOCore

/// lz4 in its frame format. Written with independent blocks of 64 KiB, as Kafka's `Lz4BlockOutputStream` does: its
/// reader takes nothing else. Any frame is read.
enum LZ4Frame {
    static func compress(_ input: ByteBuffer, into output: inout ByteBuffer) throws(CompressionError) {
        var preferences = LZ4F_preferences_t()
        preferences.frameInfo.blockSizeID = LZ4F_max64KB
        preferences.frameInfo.blockMode = LZ4F_blockIndependent
        let isWritten = input.withUnsafeReadableBytes { input in
            let bound = LZ4F_compressFrameBound(input.count, &preferences)
            return output.appendCompressed(bound: bound) { free in
                let length = LZ4F_compressFrame(free, bound, input.baseAddress, input.count, &preferences)
                return LZ4F_isError(length) == 0 ? length : -1
            }
        }
        guard isWritten else { throw .failed(codec: .lz4, reason: "library error") }
    }

    static func decompress(_ input: ByteBuffer, limit: OutputLimit) throws(CompressionError) -> ByteBuffer {
        let output = try decompressors.withContext { decompressor throws(CompressionError) in
            try decompressor.decompress(input, limit: limit)
        }
        guard let output else { throw .failed(codec: .lz4, reason: "out of memory") }
        return output
    }

    /// The frame with a header checksum that fits: the first Kafka clients computed it over the wrong bytes, and all
    /// messages of magic 0 have it wrong since. Java skips the check for magic 0; the library does not, but its own
    /// parser tells which of the 256 values it would take.
    static func mendingHeaderChecksum(_ input: ByteBuffer) -> ByteBuffer {
        // Not one of the pool: an accepted header's content size stays in the context (seen in lz4 1.9.4).
        guard let length = headerLength(input), let probe = LZ4Decompressor(),
            var header = input.getSlice(at: input.readerIndex, length: length)
        else { return input }
        let last = header.readerIndex + length - 1
        if probe.accepts(header: header) { return input }
        for checksum in UInt8.min...UInt8.max {
            header.setInteger(checksum, at: last)
            guard !probe.accepts(header: header) else {
                var mended = input
                mended.setInteger(checksum, at: mended.readerIndex + length - 1)
                return mended
            }
        }
        return input
    }

    private static func headerLength(_ input: ByteBuffer) -> Int? {
        let length = input.withUnsafeReadableBytes { LZ4F_headerSize($0.baseAddress, $0.count) }
        return LZ4F_isError(length) == 0 && length <= input.readableBytes ? length : nil
    }

    private static let decompressors = ContextPool(create: { LZ4Decompressor() })
}

/// Owns a decompression context.
///
/// Unchecked, but Sendable: the pointer is never changed, nobody else has it, and the pool lends this object to one
/// caller at a time; the library ties nothing to threads.
private final class LZ4Decompressor: @unchecked Sendable {
    private let context: OpaquePointer

    init?() {
        var created: OpaquePointer?
        guard LZ4F_isError(LZ4F_createDecompressionContext(&created, UInt32(LZ4F_VERSION))) == 0, let created else {
            return nil
        }
        context = created
    }

    deinit {
        LZ4F_freeDecompressionContext(context)
    }

    func accepts(header: ByteBuffer) -> Bool {
        LZ4F_resetDecompressionContext(context)
        var info = LZ4F_frameInfo_t()
        var length = header.readableBytes
        return header.withUnsafeReadableBytes {
            LZ4F_isError(LZ4F_getFrameInfo(context, &info, $0.baseAddress, &length)) == 0
        }
    }

    /// Decompresses all frames, one after the other.
    func decompress(_ input: ByteBuffer, limit: OutputLimit) throws(CompressionError) -> ByteBuffer {
        LZ4F_resetDecompressionContext(context)
        var output = OutputBuffer(codec: .lz4, limit: limit, expected: 4 * input.readableBytes)
        try input.readableBytesSpan.withUnsafeBytes { input throws(CompressionError) in
            var consumed = 0
            var hint = 1
            while consumed < input.count || hint != 0 {
                let before = consumed
                let produced = output.fill { free in
                    var read = input.count - consumed
                    var written = free.count
                    hint = LZ4F_decompress(
                        context, free.baseAddress, &written, input.baseAddress?.advanced(by: consumed), &read, nil)
                    guard LZ4F_isError(hint) == 0 else { return 0 }
                    consumed += read
                    return written
                }
                guard LZ4F_isError(hint) == 0 else {
                    throw .corrupt(codec: .lz4, reason: String(cString: LZ4F_getErrorName(hint)))
                }
                try output.checkLimit()
                guard hint == 0 || produced > 0 || consumed > before else {
                    throw .corrupt(codec: .lz4, reason: "unexpected end")
                }
            }
        }
        return output.buffer
    }
}
