import KafkaCompression
import KafkaWire
import NIOCore

/// Builds batches that no client writes, but a producer may: whatever is said here is what they say, under a checksum
/// that fits.
struct OddBatch {
    var baseOffset: Int64 = 0
    var deltas: [Int32] = [0]
    var codec = CompressionCodec.none
    /// Claims of the header, where they are not the truth.
    var count: Int32?
    var lastOffsetDelta: Int32?
    var attributes: Int16 = 0
    var baseTimestamp: Int64 = 1_000
    var maxTimestamp: Int64 = 1_000
    var producerID: Int64 = -1
    var value: (Int) -> ByteBuffer = { ByteBuffer(string: "value \($0)") }

    init(_ edit: (inout OddBatch) -> Void = { _ in }) {
        edit(&self)
    }

    func bytes() throws -> ByteBuffer {
        var payload = ByteBuffer()
        for (number, delta) in deltas.enumerated() {
            var body = ByteBuffer()
            body.writeInteger(UInt8(0))
            Self.write(varint: 0, to: &body)
            Self.write(varint: Int64(delta), to: &body)
            Self.write(varint: -1, to: &body)
            let value = value(number)
            Self.write(varint: Int64(value.readableBytes), to: &body)
            body.writeImmutableBuffer(value)
            Self.write(varint: 0, to: &body)
            Self.write(varint: Int64(body.readableBytes), to: &payload)
            payload.writeImmutableBuffer(body)
        }
        return try Self.bytes(codec == .none ? payload : codec.compress(payload)) { header in
            header.baseOffset = baseOffset
            header.attributes = attributes
            header.codec = codec
            if attributes & 7 > 4 { header.attributes = attributes }
            header.lastOffsetDelta = lastOffsetDelta ?? deltas.max() ?? 0
            header.baseTimestamp = baseTimestamp
            header.maxTimestamp = maxTimestamp
            header.producerID = producerID
            header.recordCount = count ?? Int32(deltas.count)
        }
    }

    /// A batch of these payload bytes.
    static func bytes(_ payload: ByteBuffer, _ edit: (inout RecordBatchHeader) -> Void) throws -> ByteBuffer {
        var header = RecordBatchHeader()
        edit(&header)
        header.batchLength = Int32(49 + payload.readableBytes)
        var bytes = ByteBuffer()
        header.encode(into: &bytes)
        bytes.writeImmutableBuffer(payload)
        let covered = bytes.getSlice(at: bytes.readerIndex + 21, length: bytes.readableBytes - 21) ?? ByteBuffer()
        bytes.setInteger(CRC32C.checksum(of: covered), at: bytes.readerIndex + 17)
        return bytes
    }

    private static func write(varint value: Int64, to buffer: inout ByteBuffer) {
        var rest = UInt64(bitPattern: (value << 1) ^ (value >> 63))
        while rest >= 0x80 {
            buffer.writeInteger(UInt8(truncatingIfNeeded: rest) | 0x80)
            rest >>= 7
        }
        buffer.writeInteger(UInt8(rest))
    }
}
