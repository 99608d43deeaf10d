import NIOCore

/// UTF-8 text behind its length in bytes: an `int16`, or a compact varint in flexible versions.
extension WireCoder {
    @inline(never)
    public mutating func string(_ value: inout String) throws(WireError) {
        switch direction {
        case .read:
            let at = position
            guard let read = try readString() else { throw .unexpectedNull(at: at) }
            value = read
        case .write: try writeString(value)
        case .sample: value = generator.string()
        case .trace: trace("string", initially: value, unless: "")
        }
    }

    /// - Parameter since: the first version that allows null; before it null is written as the empty string.
    @inline(never)
    public mutating func nullableString(_ value: inout String?, since: Int16 = 0) throws(WireError) {
        guard version >= since else {
            var present = value ?? ""
            try string(&present)
            value = present
            return
        }
        switch direction {
        case .read: value = try readString()
        case .write: try writeString(value)
        case .sample: value = sampleNull() ? nil : generator.string()
        case .trace: trace("string?", initially: value ?? "null", unless: "")
        }
    }

    /// In bytes. A compact length could carry more; Kafka's generated codec refuses that in both directions.
    private static let longestString = Int(Int16.max)

    private mutating func readString() throws(WireError) -> String? {
        let at = position
        let length = isFlexible ? Int(try unsignedVarint()) - 1 : Int(try readInteger(Int16.self))
        guard length != -1 else { return nil }
        guard (0...Self.longestString).contains(length) else { throw .invalidLength(at: at, length: length) }
        guard length <= remaining else { throw .truncated(at: at, needed: length - remaining) }
        // The bytes were just counted, so the prefix lies within the buffer.
        let text = buffer.withUnsafeReadableBytes { String(validating: $0.prefix(length), as: UTF8.self) }
        guard let text else { throw .invalidString(at: at) }
        buffer.moveReaderIndex(forwardBy: length)
        return text
    }

    private mutating func writeString(_ value: String?) throws(WireError) {
        guard let value else {
            if isFlexible { writeUnsignedVarint(0) } else { buffer.writeInteger(-1, as: Int16.self) }
            return
        }
        let length = value.utf8.count
        guard length <= Self.longestString else { throw .tooLong(length: length, limit: Self.longestString) }
        if isFlexible { writeUnsignedVarint(UInt32(length) + 1) } else { buffer.writeInteger(Int16(length)) }
        buffer.writeString(value)
    }
}
