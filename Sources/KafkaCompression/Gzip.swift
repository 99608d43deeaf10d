import CDeflate
import CZlib
import KafkaWire
import NIOCore

/// gzip: libdeflate compresses, which is fast on whole buffers; zlib decompresses, which can stop at a limit.
enum Gzip {
    static func compress(_ input: ByteBuffer, into output: inout ByteBuffer) throws(CompressionError) {
        let isWritten = compressors.withContext { compressor in
            compressor.compress(input, into: &output)
        }
        guard isWritten == true else { throw .failed(codec: .gzip, reason: "out of memory") }
    }

    static func decompress(_ input: ByteBuffer, limit: OutputLimit) throws(CompressionError) -> ByteBuffer {
        let output = try inflaters.withContext { inflater throws(CompressionError) in
            try inflater.inflate(input, limit: limit)
        }
        guard let output else { throw .failed(codec: .gzip, reason: "out of memory") }
        return output
    }

    private static let compressors = ContextPool(create: { GzipCompressor() })
    private static let inflaters = ContextPool(create: { GzipInflater() })
}

/// Owns a libdeflate compressor.
///
/// Unchecked, but Sendable: the pointer is never changed, nobody else has it, and the pool lends this object to one
/// caller at a time; libdeflate ties nothing to threads.
private final class GzipCompressor: @unchecked Sendable {
    private let compressor: OpaquePointer
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

/// Owns a zlib stream that inflates.
///
/// Unchecked, but Sendable: nobody else has the stream and the pool lends this object to one caller at a time; zlib
/// ties nothing to threads.
private final class GzipInflater: @unchecked Sendable {
    /// Allocated once: zlib's state points back to it, so that it must not move.
    private let stream: UnsafeMutablePointer<z_stream>
    /// 15 for the largest window, 16 for the gzip format alone.
    private static let windowBits: Int32 = 15 + 16

    init?() {
        stream = .allocate(capacity: 1)
        stream.initialize(to: z_stream())
        guard inflateInit2_(stream, Self.windowBits, ZLIB_VERSION, Int32(MemoryLayout<z_stream>.size)) == Z_OK else {
            stream.deallocate()
            return nil
        }
    }

    deinit {
        inflateEnd(stream)
        stream.deallocate()
    }

    /// Inflates all members, one after the other, as Java's GZIPInputStream does.
    func inflate(_ input: ByteBuffer, limit: OutputLimit) throws(CompressionError) -> ByteBuffer {
        var output = OutputBuffer(codec: .gzip, limit: limit, expected: 4 * input.readableBytes)
        try input.readableBytesSpan.withUnsafeBytes { input throws(CompressionError) in
            var consumed = 0
            repeat {
                inflateReset2(stream, Self.windowBits)
                consumed = try inflateMember(input, from: consumed, into: &output)
            } while consumed < input.count
        }
        return output.buffer
    }

    /// Returns where the member ends.
    private func inflateMember(
        _ input: UnsafeRawBufferPointer, from start: Int, into output: inout OutputBuffer
    ) throws(CompressionError) -> Int {
        var consumed = start
        while true {
            var status = Z_OK
            let produced = output.fill { free in
                // zlib counts in 32 bits; what does not fit is left to the next turn.
                let available = min(input.count - consumed, Int(Int32.max))
                let room = min(free.count, Int(Int32.max))
                stream.pointee.next_in = UnsafeMutablePointer(
                    mutating: input.baseAddress?.advanced(by: consumed).assumingMemoryBound(to: UInt8.self))
                stream.pointee.avail_in = UInt32(available)
                stream.pointee.next_out = free.baseAddress?.assumingMemoryBound(to: UInt8.self)
                stream.pointee.avail_out = UInt32(room)
                status = CZlib.inflate(stream, Z_NO_FLUSH)
                consumed += available - Int(stream.pointee.avail_in)
                return room - Int(stream.pointee.avail_out)
            }
            try output.checkLimit()
            switch status {
            case Z_STREAM_END: return consumed
            case Z_OK where produced > 0 || consumed < input.count: continue
            case Z_OK, Z_BUF_ERROR: throw .corrupt(codec: .gzip, reason: "unexpected end")
            default:
                let reason = stream.pointee.msg.map { String(cString: $0) } ?? "zlib error \(status)"
                throw .corrupt(codec: .gzip, reason: reason)
            }
        }
    }
}
