import NIOCore

/// Structures within structures.
extension WireCoder {
    /// A structure in place, with its tag section in flexible versions.
    @inline(__always)
    public mutating func structure<Value: WireStruct>(_ value: inout Value) throws(WireError) {
        try value.code(&self)
        if isFlexible { try tagSection(of: &value) }
    }

    /// A structure that may be absent: one byte, negative for null, then the structure (KIP-893).
    public mutating func nullableStructure<Value: WireStruct>(_ value: inout Value?) throws(WireError) {
        switch direction {
        case .read:
            value = nil
            guard try readInteger(Int8.self) >= 0 else { return }
            value = try structure()
        case .write:
            buffer.writeInteger(value == nil ? -1 : 1, as: Int8.self)
            if var written = value { try structure(&written) }
        case .sample: value = sampleNull() ? nil : try structure()
        case .trace:
            trace("{")
            let _: Value = try structure()
            trace("}?", initially: value == nil ? "null" : "", unless: "")
        }
    }

    private mutating func structure<Value: WireStruct>() throws(WireError) -> Value {
        var value = Value()
        try structure(&value)
        return value
    }
}
