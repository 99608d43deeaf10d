import NIOCore

/// The steps of reading fields.
extension WireCoder {
    /// Bytes read so far.
    var position: Int { buffer.readerIndex - origin }
    var remaining: Int { buffer.readableBytes }

    mutating func readInteger<Value: FixedWidthInteger>(_ type: Value.Type) throws(WireError) -> Value {
        guard let value = buffer.readInteger(as: type) else {
            throw .truncated(at: position, needed: MemoryLayout<Value>.size - remaining)
        }
        return value
    }

    mutating func readSlice(_ length: Int) throws(WireError) -> ByteBuffer {
        guard let slice = buffer.readSlice(length: length) else {
            throw .truncated(at: position, needed: length - remaining)
        }
        return slice
    }

    /// A length or an element count; nil for null. Not yet compared with what the frame holds.
    mutating func readCount() throws(WireError) -> Int? {
        let at = position
        let count = isFlexible ? Int(try unsignedVarint()) - 1 : Int(try readInteger(Int32.self))
        guard count != -1 else { return nil }
        guard count >= 0 else { throw .invalidLength(at: at, length: count) }
        return count
    }

    /// Seven bits a byte, least significant first; at most five bytes.
    mutating func unsignedVarint() throws(WireError) -> UInt32 {
        let at = position
        var value: UInt64 = 0
        for shift in stride(from: UInt64(0), to: 35, by: 7) {
            let byte = try readInteger(UInt8.self)
            value |= UInt64(byte & 0x7F) << shift
            guard byte & 0x80 != 0 else {
                guard let narrow = UInt32(exactly: value) else { throw .invalidVarint(at: at) }
                return narrow
            }
        }
        throw .invalidVarint(at: at)
    }
}
