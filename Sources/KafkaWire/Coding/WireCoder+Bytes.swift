public import NIOCore

/// Opaque bytes behind their length: an `int32`, or a compact varint in flexible versions.
extension WireCoder {
    /// Codes bytes; those that are read are a slice that keeps the whole frame alive.
    @inline(never)
    public mutating func bytes(_ value: inout ByteBuffer) throws(WireError) {
        switch direction {
        case .read:
            let at = position
            guard let read = try readBytes() else { throw .unexpectedNull(at: at) }
            value = read
        case .write:
            try writeCount(value.readableBytes)
            buffer.writeImmutableBuffer(value)
        case .sample: value = ByteBuffer(bytes: generator.bytes())
        case .trace: trace("bytes")
        }
    }

    /// Record batches: slices of the frame when read; referenced, not copied, when written.
    @inline(never)
    public mutating func records(_ value: inout RecordBytes?) throws(WireError) {
        switch direction {
        case .read: value = try readBytes().map { RecordBytes($0) }
        case .write:
            try writeCount(value?.readableBytes)
            if let value { value.forEachSlice { reference($0) } }
        case .sample: value = sampleNull() ? nil : RecordBytes(ByteBuffer(bytes: generator.bytes()))
        case .trace: trace("records?")
        }
    }

    private mutating func readBytes() throws(WireError) -> ByteBuffer? {
        let at = position
        guard let length = try readCount() else { return nil }
        guard length <= remaining else { throw .truncated(at: at, needed: length - remaining) }
        return try readSlice(length)
    }

    /// Record bytes smaller than this are copied: a reference and an extra write cost more.
    private static let smallestReferencedSlice = 4096
    /// Reserved for a piece when it is begun: without it a buffer grows in steps from its first byte.
    static let pieceCapacity = 256

    private mutating func reference(_ slice: ByteBuffer) {
        guard slice.readableBytes >= Self.smallestReferencedSlice else {
            buffer.writeImmutableBuffer(slice)
            return
        }
        if buffer.readableBytes > 0 { pieces.append(buffer) }
        pieces.append(slice)
        buffer = ByteBuffer()
        buffer.reserveCapacity(Self.pieceCapacity)
    }
}
