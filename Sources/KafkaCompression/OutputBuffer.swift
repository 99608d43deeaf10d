import KafkaWire
import NIOCore

/// The buffer that a decompressor fills: it grows with what has been produced, up to the limit and one byte more, which
/// tells "exactly the limit" from "too much".
struct OutputBuffer {
    private(set) var buffer: ByteBuffer
    private let codec: CompressionCodec
    private let limit: Int
    /// Bytes that the next ``fill(_:)`` offers at least.
    private var step: Int

    private static let smallestStep = 16 << 10
    /// Never reserved for what is only expected to come.
    private static let largestFirstStep = 1 << 20

    init(codec: CompressionCodec, limit: OutputLimit, expected: Int) {
        self.codec = codec
        self.limit = limit.bytes
        step = min(max(expected, Self.smallestStep), Self.largestFirstStep)
        buffer = ByteBuffer()
    }

    /// Offers free memory to `produce`, which returns how much of it was written.
    mutating func fill<Failure: Error>(
        _ produce: (UnsafeMutableRawBufferPointer) throws(Failure) -> Int
    ) throws(Failure) -> Int {
        let produced = buffer.readableBytes
        let offered = min(step, limit - produced + 1)
        if buffer.writableBytes < offered { buffer.reserveCapacity(minimumWritableBytes: offered) }
        var result: Result<Int, Failure> = .success(0)
        buffer.writeWithUnsafeMutableBytes(minimumWritableBytes: offered) { free in
            result = Result { () throws(Failure) in
                try produce(UnsafeMutableRawBufferPointer(rebasing: free[..<min(free.count, limit - produced + 1)]))
            }
            guard case .success(let count) = result else { return 0 }
            return count
        }
        step = max(buffer.readableBytes, Self.smallestStep)
        return try result.get()
    }

    func checkLimit() throws(CompressionError) {
        guard buffer.readableBytes <= limit else { throw .outputTooLarge(codec: codec, limit: limit) }
    }
}
