/// Reads the fields of records from bytes in place; every read is checked against the end.
///
/// For use inside `withUnsafeBytes` only: it must not outlive the bytes.
struct ByteCursor {
    private let bytes: UnsafeRawBufferPointer
    private(set) var position: Int
    /// Nothing at or after this position is read.
    private(set) var end: Int

    init(_ bytes: UnsafeRawBufferPointer, at position: Int) {
        self.bytes = bytes
        self.position = position
        self.end = bytes.count
    }

    var remaining: Int { end - position }

    @inline(__always)
    mutating func byte() throws(WireError) -> UInt8 {
        guard position < end else { throw .truncated(at: position, needed: 1) }
        defer { position += 1 }
        // In bounds: 0 <= position < end <= bytes.count.
        return bytes.load(fromByteOffset: position, as: UInt8.self)
    }

    @inline(__always)
    mutating func skip(_ count: Int) throws(WireError) {
        guard count <= remaining else { throw .truncated(at: end, needed: count - remaining) }
        position += count
    }

    /// A zig-zag varint of up to 32 bits.
    @inline(__always)
    mutating func varint() throws(WireError) -> Int32 {
        let first = try byte()
        guard first & 0x80 != 0 else { return Int32(first >> 1) ^ -Int32(first & 1) }
        position -= 1
        let at = position
        let value = try longVarint(maximumBytes: 5)
        guard let narrow = UInt32(exactly: value) else { throw .invalidVarint(at: at) }
        return Int32(bitPattern: narrow >> 1) ^ -Int32(bitPattern: narrow & 1)
    }

    /// A zig-zag varint of up to 64 bits.
    @inline(__always)
    mutating func varlong() throws(WireError) -> Int64 {
        let first = try byte()
        guard first & 0x80 != 0 else { return Int64(first >> 1) ^ -Int64(first & 1) }
        position -= 1
        let value = try longVarint(maximumBytes: 10)
        return Int64(bitPattern: value >> 1) ^ -Int64(bitPattern: value & 1)
    }

    private mutating func longVarint(maximumBytes: Int) throws(WireError) -> UInt64 {
        let at = position
        var value: UInt64 = 0
        for index in 0..<maximumBytes {
            let byte = try byte()
            // The tenth byte of a 64-bit varint has room for one bit.
            guard index < 9 || byte <= 1 else { throw .invalidVarint(at: at) }
            value |= UInt64(byte & 0x7F) << UInt64(7 * index)
            if byte & 0x80 == 0 { return value }
        }
        throw .invalidVarint(at: at)
    }
}
