internal import NIOCore

/// Whole numbers in as few bytes as they need: seven bits per byte, the lowest first.
extension ByteBuffer {
    /// - Parameter value: not negative.
    mutating func writeVariable(_ value: Int64) {
        var rest = UInt64(value)
        while rest >= 0x80 {
            writeInteger(UInt8(truncatingIfNeeded: rest) | 0x80)
            rest >>= 7
        }
        writeInteger(UInt8(rest))
    }

    /// Nil for what is not whole, or too large for an `Int64`.
    mutating func readVariableNumber() -> Int64? {
        var value: UInt64 = 0
        for shift in stride(from: 0, to: 63, by: 7) {
            guard let byte = readInteger(as: UInt8.self) else { return nil }
            value |= UInt64(byte & 0x7F) << UInt64(shift)
            if byte & 0x80 == 0 { return Int64(value) }
        }
        return nil
    }
}
