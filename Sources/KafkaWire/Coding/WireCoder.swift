public import NIOCore

/// One coder for the whole protocol: it reads, writes, samples or traces the fields that a message names.
///
/// Methods are named after wire types, one name per type. Whether a length is compact follows from
/// ``isFlexible``, so a message says only what its fields are and since which version.
public struct WireCoder {
    enum Direction: UInt8 { case read, write, sample, trace }

    /// The message's version, for `if wire.version >= n` around fields that came later.
    public let version: Int16
    /// Compact lengths and tag sections (KIP-482).
    public let isFlexible: Bool
    let direction: Direction

    /// Input when reading, the piece being written when writing.
    private var buffer: ByteBuffer
    /// Pieces already finished when writing; record bytes are referenced here, never copied.
    private var pieces: [ByteBuffer] = []
    private var bytesRead: Int { buffer.readerIndex - origin }
    private let origin: Int
    var sampleSource = SampleSource(seed: 0)
    private var traced: [String] = []

    init(reading buffer: ByteBuffer, version: Int16, isFlexible: Bool) {
        self.init(version: version, isFlexible: isFlexible, direction: .read, buffer: buffer)
    }

    init(writingVersion version: Int16, isFlexible: Bool, into buffer: ByteBuffer = ByteBuffer()) {
        self.init(version: version, isFlexible: isFlexible, direction: .write, buffer: buffer)
    }

    init(samplingFrom source: SampleSource, version: Int16, isFlexible: Bool) {
        self.init(version: version, isFlexible: isFlexible, direction: .sample, buffer: ByteBuffer())
        sampleSource = source
    }

    init(tracingVersion version: Int16, isFlexible: Bool) {
        self.init(version: version, isFlexible: isFlexible, direction: .trace, buffer: ByteBuffer())
    }

    private init(version: Int16, isFlexible: Bool, direction: Direction, buffer: ByteBuffer) {
        self.version = version
        self.isFlexible = isFlexible
        self.direction = direction
        self.buffer = buffer
        self.origin = buffer.readerIndex
    }
}

// MARK: - Fixed-width fields

extension WireCoder {
    @inline(never)
    public mutating func bool(_ value: inout Bool) throws(WireError) {
        switch direction {
        case .read: value = try readInteger(UInt8.self) != 0
        case .write: buffer.writeInteger(value ? 1 : 0, as: UInt8.self)
        case .sample: value = sampleSource.next() & 1 == 0
        case .trace: trace("bool")
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
    public mutating func uint32(_ value: inout UInt32) throws(WireError) { try integer(&value, "uint32") }

    @inline(never)
    public mutating func int64(_ value: inout Int64) throws(WireError) { try integer(&value, "int64") }

    @inline(never)
    public mutating func float64(_ value: inout Double) throws(WireError) {
        switch direction {
        case .read: value = Double(bitPattern: try readInteger(UInt64.self))
        case .write: buffer.writeInteger(value.bitPattern)
        case .sample: value = Double(Int32(truncatingIfNeeded: sampleSource.next()))
        case .trace: trace("float64")
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
        case .sample:
            value = KafkaUUID(high: sampleSource.next(), low: sampleSource.next())
        case .trace: trace("uuid")
        }
    }

    private mutating func integer<Value: FixedWidthInteger & Sendable>(
        _ value: inout Value, _ name: String
    ) throws(WireError) {
        switch direction {
        case .read: value = try readInteger(Value.self)
        case .write: buffer.writeInteger(value)
        case .sample: value = sampleSource.integer(Value.self)
        case .trace: trace(name)
        }
    }
}

// MARK: - Strings and bytes

extension WireCoder {
    @inline(never)
    public mutating func string(_ value: inout String) throws(WireError) {
        switch direction {
        case .read:
            let at = position
            guard let read = try readString() else { throw .unexpectedNull(at: at) }
            value = read
        case .write: try writeString(value)
        case .sample: value = sampleSource.string()
        case .trace: trace("string")
        }
    }

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
        case .sample: value = sampleNull() ? nil : sampleSource.string()
        case .trace: trace("string?")
        }
    }

    @inline(never)
    public mutating func bytes(_ value: inout ByteBuffer) throws(WireError) {
        switch direction {
        case .read:
            let at = position
            guard let length = try readLength() else { throw .unexpectedNull(at: at) }
            value = try readSlice(length)
        case .write:
            try writeLength(value.readableBytes)
            writeBytes(value)
        case .sample: value = ByteBuffer(bytes: sampleSource.bytes())
        case .trace: trace("bytes")
        }
    }

    @inline(never)
    public mutating func nullableBytes(_ value: inout ByteBuffer?) throws(WireError) {
        switch direction {
        case .read: value = try readLength().map { length throws(WireError) in try readSlice(length) }
        case .write:
            try writeLength(value?.readableBytes)
            if let value { writeBytes(value) }
        case .sample: value = sampleNull() ? nil : ByteBuffer(bytes: sampleSource.bytes())
        case .trace: trace("bytes?")
        }
    }

    /// Record batches: slices of the frame when read; referenced, not copied, when written.
    @inline(never)
    public mutating func records(_ value: inout RecordBytes?) throws(WireError) {
        switch direction {
        case .read: value = try readLength().map { length throws(WireError) in RecordBytes(try readSlice(length)) }
        case .write:
            try writeLength(value?.readableBytes)
            if let value { value.forEachSlice { reference($0) } }
        case .sample: value = sampleNull() ? nil : RecordBytes(ByteBuffer(bytes: sampleSource.bytes()))
        case .trace: trace("records")
        }
    }
}

// MARK: - Structures and arrays

extension WireCoder {
    /// A structure in place, with its tag section in flexible versions.
    @inline(__always)
    public mutating func structure<Value: WireStruct>(_ value: inout Value) throws(WireError) {
        try value.code(&self)
        if isFlexible { try tagSection(of: &value) }
    }

    /// A structure that may be absent: one byte, -1 for null, then the structure (KIP-848's form).
    public mutating func nullableStructure<Value: WireStruct>(_ value: inout Value?) throws(WireError) {
        switch direction {
        case .read:
            guard try readInteger(Int8.self) >= 0 else {
                value = nil
                return
            }
            var read = Value()
            try structure(&read)
            value = read
        case .write:
            buffer.writeInteger(value == nil ? -1 : 1, as: Int8.self)
            if var written = value { try structure(&written) }
        case .sample:
            guard !sampleNull() else {
                value = nil
                return
            }
            var sampled = Value()
            try structure(&sampled)
            value = sampled
        case .trace:
            trace("{")
            var example = Value()
            try structure(&example)
            trace("}?")
        }
    }

    public mutating func array<Value: WireStruct>(_ values: inout [Value]) throws(WireError) {
        try plainArray(&values, Value()) { wire, value throws(WireError) in try wire.structure(&value) }
    }

    public mutating func nullableArray<Value: WireStruct>(
        _ values: inout [Value]?, since: Int16 = 0
    ) throws(WireError) {
        try array(&values, Value(), nullable: version >= since) { wire, value throws(WireError) in try wire.structure(&value) }
    }

    public mutating func int8Array(_ values: inout [Int8]) throws(WireError) {
        try plainArray(&values, 0) { wire, value throws(WireError) in try wire.int8(&value) }
    }

    public mutating func int16Array(_ values: inout [Int16]) throws(WireError) {
        try plainArray(&values, 0) { wire, value throws(WireError) in try wire.int16(&value) }
    }

    public mutating func int32Array(_ values: inout [Int32]) throws(WireError) {
        try plainArray(&values, 0) { wire, value throws(WireError) in try wire.int32(&value) }
    }

    public mutating func int64Array(_ values: inout [Int64]) throws(WireError) {
        try plainArray(&values, 0) { wire, value throws(WireError) in try wire.int64(&value) }
    }

    public mutating func uuidArray(_ values: inout [KafkaUUID]) throws(WireError) {
        try plainArray(&values, .zero) { wire, value throws(WireError) in try wire.uuid(&value) }
    }

    public mutating func stringArray(_ values: inout [String]) throws(WireError) {
        try plainArray(&values, "") { wire, value throws(WireError) in try wire.string(&value) }
    }

    public mutating func nullableInt32Array(_ values: inout [Int32]?, since: Int16 = 0) throws(WireError) {
        try array(&values, 0, nullable: version >= since) { wire, value throws(WireError) in try wire.int32(&value) }
    }

    public mutating func nullableStringArray(_ values: inout [String]?, since: Int16 = 0) throws(WireError) {
        try array(&values, "", nullable: version >= since) { wire, value throws(WireError) in try wire.string(&value) }
    }

    private mutating func plainArray<Value>(
        _ values: inout [Value], _ initial: Value,
        _ element: (inout WireCoder, inout Value) throws(WireError) -> Void
    ) throws(WireError) {
        var optional: [Value]? = direction == .write ? values : nil
        try array(&optional, initial, nullable: false, element)
        if direction != .write { values = optional ?? [] }
    }

    private mutating func array<Value>(
        _ values: inout [Value]?, _ initial: Value, nullable: Bool,
        _ element: (inout WireCoder, inout Value) throws(WireError) -> Void
    ) throws(WireError) {
        switch direction {
        case .read:
            let at = position
            guard let count = try readCount() else {
                guard nullable else { throw .unexpectedNull(at: at) }
                values = nil
                return
            }
            var read: [Value] = []
            // Memory follows the bytes that came: a count alone reserves little.
            read.reserveCapacity(min(count, 1024))
            for _ in 0..<count {
                var value = initial
                try element(&self, &value)
                read.append(value)
            }
            values = read
        case .write:
            try writeCount(nullable ? values?.count : values?.count ?? 0)
            for value in values ?? [] {
                var written = value
                try element(&self, &written)
            }
        case .sample:
            guard !(nullable && sampleNull()) else {
                values = nil
                return
            }
            var sampled: [Value] = []
            for _ in 0..<sampleSource.count() {
                var value = initial
                try element(&self, &value)
                sampled.append(value)
            }
            values = sampled
        case .trace:
            trace("[")
            var example = initial
            try element(&self, &example)
            trace(nullable ? "]?" : "]")
            values = []
        }
    }
}

// MARK: - Reading

extension WireCoder {
    var position: Int { bytesRead }
    var remaining: Int { buffer.readableBytes }

    mutating func readInteger<Value: FixedWidthInteger>(_ type: Value.Type) throws(WireError) -> Value {
        guard let value = buffer.readInteger(as: type) else {
            throw .truncated(at: position, needed: MemoryLayout<Value>.size)
        }
        return value
    }

    mutating func readSlice(_ length: Int) throws(WireError) -> ByteBuffer {
        guard let slice = buffer.readSlice(length: length) else { throw .truncated(at: position, needed: length) }
        return slice
    }

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

    private mutating func readString() throws(WireError) -> String? {
        let at = position
        let announced: Int
        if isFlexible {
            announced = Int(try unsignedVarint()) - 1
        } else {
            announced = Int(try readInteger(Int16.self))
        }
        guard announced >= 0 else {
            guard announced == -1 else { throw .invalidLength(at: at, length: announced) }
            return nil
        }
        let slice = try readSlice(announced)
        guard let string = slice.withUnsafeReadableBytes({ String(validating: $0, as: UTF8.self) }) else {
            throw .invalidString(at: at)
        }
        return string
    }

    /// The length of a byte field; nil for null. Never more than the bytes that are left.
    private mutating func readLength() throws(WireError) -> Int? {
        let at = position
        let length = isFlexible ? Int(try unsignedVarint()) - 1 : Int(try readInteger(Int32.self))
        guard length >= 0 else {
            guard length == -1 else { throw .invalidLength(at: at, length: length) }
            return nil
        }
        guard length <= remaining else { throw .truncated(at: at, needed: length - remaining) }
        return length
    }

    /// The element count of an array. Each element takes at least a byte, which bounds what a liar can announce.
    private mutating func readCount() throws(WireError) -> Int? {
        let at = position
        let count = isFlexible ? Int(try unsignedVarint()) - 1 : Int(try readInteger(Int32.self))
        guard count >= 0 else {
            guard count == -1 else { throw .invalidLength(at: at, length: count) }
            return nil
        }
        guard count <= remaining else { throw .invalidLength(at: at, length: count) }
        return count
    }
}

// MARK: - Writing

extension WireCoder {
    /// Record bytes smaller than this are copied: a reference and an extra write cost more.
    private static let smallestReferencedSlice = 4096

    mutating func writeUnsignedVarint(_ value: UInt32) {
        var rest = value
        while rest >= 0x80 {
            buffer.writeInteger(UInt8(truncatingIfNeeded: rest) | 0x80)
            rest >>= 7
        }
        buffer.writeInteger(UInt8(rest))
    }

    mutating func writeBytes(_ bytes: ByteBuffer) {
        buffer.writeImmutableBuffer(bytes)
    }

    /// Everything written, in order, without copying referenced slices.
    mutating func writtenPieces() -> [ByteBuffer] {
        pieces + (buffer.readableBytes > 0 ? [buffer] : [])
    }

    func writtenContiguously() -> ByteBuffer {
        guard !pieces.isEmpty else { return buffer }
        var all = ByteBuffer()
        all.reserveCapacity(pieces.reduce(buffer.readableBytes) { $0 + $1.readableBytes })
        for piece in pieces { all.writeImmutableBuffer(piece) }
        all.writeImmutableBuffer(buffer)
        return all
    }

    private mutating func reference(_ slice: ByteBuffer) {
        guard slice.readableBytes >= Self.smallestReferencedSlice else {
            writeBytes(slice)
            return
        }
        if buffer.readableBytes > 0 { pieces.append(buffer) }
        pieces.append(slice)
        buffer = ByteBuffer()
    }

    private mutating func writeString(_ value: String?) throws(WireError) {
        guard let value else {
            if isFlexible { writeUnsignedVarint(0) } else { buffer.writeInteger(-1, as: Int16.self) }
            return
        }
        let length = value.utf8.count
        if isFlexible {
            writeUnsignedVarint(UInt32(length) + 1)
        } else {
            guard let short = Int16(exactly: length) else { throw .tooLong(length: length, limit: Int(Int16.max)) }
            buffer.writeInteger(short)
        }
        buffer.writeString(value)
    }

    private mutating func writeLength(_ length: Int?) throws(WireError) {
        try writeCount(length)
    }

    private mutating func writeCount(_ count: Int?) throws(WireError) {
        guard let number = Int32(exactly: count ?? -1) else {
            throw .tooLong(length: count ?? -1, limit: Int(Int32.max))
        }
        if isFlexible { writeUnsignedVarint(UInt32(number + 1)) } else { buffer.writeInteger(number) }
    }
}

// MARK: - Sampling and tracing

extension WireCoder {
    private mutating func sampleNull() -> Bool {
        sampleSource.next() % 3 == 0
    }

    mutating func trace(_ part: String) {
        traced.append(part)
    }

    var traceText: String { traced.joined(separator: " ") }
}
