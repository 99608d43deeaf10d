import CLZ4
import CZstd
import KafkaWire
import NIOCore

/// Decompression that produces a part at a time, for data that stands for more than anybody wants to hold at once.
///
/// zstd and lz4 only: gzip's library wants all of it at once, and snappy cannot make more than 22 bytes of one.
final class PartialDecompression {
    private enum Context {
        case zstd(OpaquePointer)
        case lz4(OpaquePointer)
    }

    private let context: Context
    private let codec: CompressionCodec
    private let input: ByteBuffer
    private var consumed = 0
    private var hint = 1
    private var produced = 0
    /// Bytes produced in all, at most.
    private let limit: Int
    /// The same for data that needs a window larger than this to be decompressed: the window keeps what was produced.
    private let windowLimit: Int

    /// Size of a part.
    static let part = 1 << 20
    /// Memory that a context needs besides its window, generously.
    private static let contextOverhead = 1 << 20

    /// Nil for other codecs, or when the library cannot make a context.
    init?(_ input: ByteBuffer, codec: CompressionCodec, limit: OutputLimit, windowLimit: OutputLimit) {
        switch codec {
        case .zstd:
            guard let created = ZSTD_createDCtx() else { return nil }
            ZSTD_DCtx_setParameter(created, ZSTD_d_windowLogMax, Zstd.largestWindowLog)
            context = .zstd(created)
        case .lz4:
            var created: OpaquePointer?
            guard LZ4F_isError(LZ4F_createDecompressionContext(&created, UInt32(LZ4F_VERSION))) == 0, let created else {
                return nil
            }
            context = .lz4(created)
        case .none, .gzip, .snappy: return nil
        }
        self.input = input
        self.codec = codec
        self.limit = limit.bytes
        self.windowLimit = windowLimit.bytes
    }

    deinit {
        switch context {
        case .zstd(let context): ZSTD_freeDCtx(context)
        case .lz4(let context): LZ4F_freeDecompressionContext(context)
        }
    }

    /// The next bytes; nil once all of the input is decompressed.
    func nextPart() throws(CompressionError) -> ByteBuffer? {
        var part = ByteBuffer()
        part.reserveCapacity(Self.part)
        while part.readableBytes < Self.part, consumed < input.readableBytes || hint != 0 {
            let before = consumed
            let written = try step(into: &part)
            produced += written
            guard produced <= limit, produced <= windowLimit || windowSize <= windowLimit else {
                throw .outputTooLarge(codec: codec, limit: min(limit, produced > limit ? limit : windowLimit))
            }
            guard hint == 0 || written > 0 || consumed > before else {
                throw .corrupt(codec: codec, reason: "unexpected end")
            }
        }
        return part.readableBytes > 0 ? part : nil
    }

    /// Bytes that the library keeps of what it has produced.
    private var windowSize: Int {
        switch context {
        case .zstd(let context): ZSTD_sizeof_DCtx(context) - Self.contextOverhead
        case .lz4: 0
        }
    }

    private func step(into part: inout ByteBuffer) throws(CompressionError) -> Int {
        var failure: String?
        // In bounds: no more than `room` bytes are offered, and as many are reserved.
        let room = Self.part - part.readableBytes
        let written = part.writeWithUnsafeMutableBytes(minimumWritableBytes: room) { free in
            input.withUnsafeReadableBytes { input in
                switch context {
                case .zstd(let context):
                    var source = ZSTD_inBuffer(src: input.baseAddress, size: input.count, pos: consumed)
                    var target = ZSTD_outBuffer(dst: free.baseAddress, size: room, pos: 0)
                    hint = ZSTD_decompressStream(context, &target, &source)
                    if ZSTD_isError(hint) != 0 { failure = String(cString: ZSTD_getErrorName(hint)) }
                    consumed = source.pos
                    return target.pos
                case .lz4(let context):
                    var read = input.count - consumed
                    var written = room
                    hint = LZ4F_decompress(
                        context, free.baseAddress, &written, input.baseAddress?.advanced(by: consumed), &read, nil)
                    guard LZ4F_isError(hint) == 0 else {
                        failure = String(cString: LZ4F_getErrorName(hint))
                        return 0
                    }
                    consumed += read
                    return written
                }
            }
        }
        if let failure { throw .corrupt(codec: codec, reason: failure) }
        return written
    }
}
