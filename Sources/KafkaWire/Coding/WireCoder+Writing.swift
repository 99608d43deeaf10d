import NIOCore

/// The steps of writing fields.
extension WireCoder {
    /// A length or an element count; nil writes null.
    mutating func writeCount(_ count: Int?) throws(WireError) {
        guard let number = Int32(exactly: count ?? -1), number < .max else {
            throw .tooLong(length: count ?? -1, limit: Int(Int32.max) - 1)
        }
        if isFlexible { writeUnsignedVarint(UInt32(number + 1)) } else { buffer.writeInteger(number) }
    }

    mutating func writeUnsignedVarint(_ value: UInt32) {
        var rest = value
        while rest >= 0x80 {
            buffer.writeInteger(UInt8(truncatingIfNeeded: rest) | 0x80)
            rest >>= 7
        }
        buffer.writeInteger(UInt8(rest))
    }

    /// Everything written, in order, without copying referenced slices.
    consuming func writtenPieces() -> [ByteBuffer] {
        if buffer.readableBytes > 0 { pieces.append(buffer) }
        return pieces
    }

    /// Everything written, in one buffer.
    consuming func writtenContiguously() -> ByteBuffer {
        guard !pieces.isEmpty else { return buffer }
        var all = ByteBuffer()
        all.reserveCapacity(pieces.reduce(buffer.readableBytes) { $0 + $1.readableBytes })
        for piece in pieces { all.writeImmutableBuffer(piece) }
        all.writeImmutableBuffer(buffer)
        return all
    }
}
