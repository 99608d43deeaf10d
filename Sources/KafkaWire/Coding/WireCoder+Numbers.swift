import NIOCore

/// Fields of fixed width, big-endian.
extension WireCoder {
    /// One byte; any value but 0 reads as true.
    @inline(never)
    public mutating func bool(_ value: inout Bool) throws(WireError) {
        switch direction {
        case .read: value = try readInteger(UInt8.self) != 0
        case .write: buffer.writeInteger(value ? 1 : 0, as: UInt8.self)
        case .sample: value = generator.next() & 1 == 0
        case .trace: trace("bool", initially: value, unless: false)
        }
    }

    @inline(never)
    public mutating func int8(_ value: inout Int8) throws(WireError) { try integer(&value, "int8") }

    @inline(never)
    public mutating func int16(_ value: inout Int16) throws(WireError) { try integer(&value, "int16") }

    @inline(never)
    public mutating func uint16(_ value: inout UInt16) throws(WireError) { try integer(&value, "uint16") }

    @inline(never)
    public mutating func int32(_ value: inout Int32) throws(WireError) { try integer(&value, "int32") }

    @inline(never)
    public mutating func int64(_ value: inout Int64) throws(WireError) { try integer(&value, "int64") }

    /// An IEEE 754 double.
    @inline(never)
    public mutating func float64(_ value: inout Double) throws(WireError) {
        switch direction {
        case .read: value = Double(bitPattern: try readInteger(UInt64.self))
        case .write: buffer.writeInteger(value.bitPattern)
        case .sample: value = Double(Int32(truncatingIfNeeded: generator.next()))
        case .trace: trace("float64", initially: value, unless: 0)
        }
    }

    @inline(never)
    public mutating func uuid(_ value: inout KafkaUUID) throws(WireError) {
        switch direction {
        case .read:
            value.high = try readInteger(UInt64.self)
            value.low = try readInteger(UInt64.self)
        case .write:
            buffer.writeInteger(value.high)
            buffer.writeInteger(value.low)
        case .sample: value = KafkaUUID(high: generator.next(), low: generator.next())
        case .trace: trace("uuid")
        }
    }

    private mutating func integer<Value: FixedWidthInteger & Sendable>(
        _ value: inout Value, _ name: String
    ) throws(WireError) {
        switch direction {
        case .read: value = try readInteger(Value.self)
        case .write: buffer.writeInteger(value)
        case .sample: value = generator.integer(Value.self)
        case .trace: trace(name, initially: value, unless: 0)
        }
    }
}
