import CZstd
import KafkaWire
import NIOCore

/// zstd frames, with or without their content size.
enum Zstd {
    /// Kafka's default, `CompressionType.ZSTD.defaultLevel()`.
    static let level: Int32 = 3
    /// 128 MiB, as in every other Kafka client; what a larger window needs is refused.
    static let largestWindowLog: Int32 = 27

    static func compress(_ input: ByteBuffer, into output: inout ByteBuffer) throws(CompressionError) {
        let isWritten = compressors.withContext { $0.compress(input, into: &output) }
        guard isWritten == true else { throw .failed(codec: .zstd, reason: "library error") }
    }

    static func decompress(_ input: ByteBuffer, limit: OutputLimit) throws(CompressionError) -> ByteBuffer {
        let output = try decompressors.withContext { decompressor throws(CompressionError) in
            try decompressor.decompress(input, limit: limit)
        }
        guard let output else { throw .failed(codec: .zstd, reason: "out of memory") }
        return output
    }

    private static let compressors = ContextPool(create: { ZstdCompressor() })
    private static let decompressors = ContextPool(
        create: { ZstdDecompressor() }, isWorthKeeping: { $0.size <= 16 << 20 })
}

/// Owns a compression context.
///
/// Unchecked, but Sendable: the pointer is never changed, nobody else has it, and the pool lends this object to one
/// caller at a time; the library ties nothing to threads.
private final class ZstdCompressor: @unchecked Sendable {
    private let context: OpaquePointer

    init?() {
        guard let context = ZSTD_createCCtx() else { return nil }
        self.context = context
        ZSTD_CCtx_setParameter(context, ZSTD_c_compressionLevel, Zstd.level)
    }

    deinit {
        ZSTD_freeCCtx(context)
    }

    func compress(_ input: ByteBuffer, into output: inout ByteBuffer) -> Bool {
        input.withUnsafeReadableBytes { input in
            let bound = ZSTD_compressBound(input.count)
            return output.appendCompressed(bound: bound) { free in
                let length = ZSTD_compress2(context, free, bound, input.baseAddress, input.count)
                return ZSTD_isError(length) == 0 ? length : -1
            }
        }
    }
}

/// Owns a decompression context.
///
/// Unchecked, but Sendable: the pointer is never changed, nobody else has it, and the pool lends this object to one
/// caller at a time; the library ties nothing to threads.
private final class ZstdDecompressor: @unchecked Sendable {
    private let context: OpaquePointer

    init?() {
        guard let context = ZSTD_createDCtx() else { return nil }
        self.context = context
        ZSTD_DCtx_setParameter(context, ZSTD_d_windowLogMax, Zstd.largestWindowLog)
    }

    deinit {
        ZSTD_freeDCtx(context)
    }

    /// Bytes it holds, its window included.
    var size: Int { ZSTD_sizeof_DCtx(context) }

    /// Decompresses all frames, one after the other.
    func decompress(_ input: ByteBuffer, limit: OutputLimit) throws(CompressionError) -> ByteBuffer {
        ZSTD_DCtx_reset(context, ZSTD_reset_session_only)
        var output = OutputBuffer(codec: .zstd, limit: limit, expected: expectedSize(of: input))
        try input.readableBytesSpan.withUnsafeBytes { input throws(CompressionError) in
            var source = ZSTD_inBuffer(src: input.baseAddress, size: input.count, pos: 0)
            var hint = 1
            while source.pos < source.size || hint != 0 {
                let before = source.pos
                let produced = output.fill { free in
                    var target = ZSTD_outBuffer(dst: free.baseAddress, size: free.count, pos: 0)
                    hint = ZSTD_decompressStream(context, &target, &source)
                    return target.pos
                }
                guard ZSTD_isError(hint) == 0 else {
                    throw .corrupt(codec: .zstd, reason: String(cString: ZSTD_getErrorName(hint)))
                }
                try output.checkLimit()
                guard hint == 0 || produced > 0 || source.pos > before else {
                    throw .corrupt(codec: .zstd, reason: "unexpected end")
                }
            }
        }
        return output.buffer
    }

    /// The announced size if there is one; a hint for the first piece of memory, nothing more.
    private func expectedSize(of input: ByteBuffer) -> Int {
        let announced = input.withUnsafeReadableBytes { ZSTD_getFrameContentSize($0.baseAddress, $0.count) }
        // The two largest values stand for "unknown" and "not a frame".
        return announced < UInt64(Int32.max) ? Int(announced) : 4 * input.readableBytes
    }
}
