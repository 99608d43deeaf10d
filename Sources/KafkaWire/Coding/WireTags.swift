import NIOCore

/// The tagged fields of one structure (KIP-482), in whichever direction its coder works.
///
/// Name them in ascending order. A field that equals its default is not written; a tag that this side does not know
/// is passed over.
public struct WireTags {
    /// The message's version, for `if tags.version >= n` around fields that came later.
    public var version: Int16 { wire.version }

    /// Points to the next tag when reading; has the section without its count when writing.
    fileprivate var wire: WireCoder
    /// Tags still to come when reading, tags written when writing.
    fileprivate var count: UInt32 = 0
    /// The last tag passed when reading.
    private var last: UInt32?

    fileprivate init(_ wire: WireCoder) {
        self.wire = wire
    }

    public mutating func bool(_ tag: UInt32, _ value: inout Bool, default: Bool = false) throws(WireError) {
        let isDefault = value == `default`
        try field(tag, isDefault) { wire throws(WireError) in try wire.bool(&value) }
    }

    public mutating func int16(_ tag: UInt32, _ value: inout Int16, default: Int16 = 0) throws(WireError) {
        let isDefault = value == `default`
        try field(tag, isDefault) { wire throws(WireError) in try wire.int16(&value) }
    }

    public mutating func int64(_ tag: UInt32, _ value: inout Int64, default: Int64 = 0) throws(WireError) {
        let isDefault = value == `default`
        try field(tag, isDefault) { wire throws(WireError) in try wire.int64(&value) }
    }

    public mutating func errorCode(_ tag: UInt32, _ value: inout ErrorCode) throws(WireError) {
        let isDefault = value == .none
        try field(tag, isDefault) { wire throws(WireError) in try wire.errorCode(&value) }
    }

    public mutating func uuid(_ tag: UInt32, _ value: inout KafkaUUID) throws(WireError) {
        let isDefault = value == .zero
        try field(tag, isDefault) { wire throws(WireError) in try wire.uuid(&value) }
    }

    public mutating func nullableString(_ tag: UInt32, _ value: inout String?) throws(WireError) {
        let isDefault = value == nil
        try field(tag, isDefault) { wire throws(WireError) in try wire.nullableString(&value) }
    }

    public mutating func structure<Value: WireStruct>(_ tag: UInt32, _ value: inout Value) throws(WireError) {
        let isDefault = value == Value()
        try field(tag, isDefault) { wire throws(WireError) in try wire.structure(&value) }
    }

    public mutating func nullableStructure<Value: WireStruct>(_ tag: UInt32, _ value: inout Value?) throws(WireError) {
        let isDefault = value == nil
        try field(tag, isDefault) { wire throws(WireError) in try wire.nullableStructure(&value) }
    }

    public mutating func array<Value: WireStruct>(_ tag: UInt32, _ values: inout [Value]) throws(WireError) {
        let isDefault = values.isEmpty
        try field(tag, isDefault) { wire throws(WireError) in try wire.array(&values) }
    }
}

extension WireTags {
    private mutating func field(
        _ tag: UInt32, _ isDefault: Bool, _ body: (inout WireCoder) throws(WireError) -> Void
    ) throws(WireError) {
        switch wire.direction {
        case .read:
            guard let value = try next(upTo: tag) else { return }
            var inner = WireCoder(
                reading: value, version: version, isFlexible: true, position: wire.position - value.readableBytes)
            try body(&inner)
            guard inner.remaining == 0 else { throw .invalidTag(at: inner.position) }
        case .write:
            guard !isDefault else { return }
            var inner = WireCoder(writingVersion: version, isFlexible: true)
            try body(&inner)
            let bytes = inner.writtenContiguously()
            count += 1
            wire.writeUnsignedVarint(tag)
            wire.writeUnsignedVarint(UInt32(bytes.readableBytes))
            wire.buffer.writeImmutableBuffer(bytes)
        case .sample:
            try body(&wire)
        case .trace:
            var inner = WireCoder(tracingVersion: version, isFlexible: true)
            try body(&inner)
            wire.trace("\(tag):\(inner.traceText)")
        }
    }

    /// The value of `wanted`, if the section has it; tags before it are unknown and passed over.
    ///
    /// Ascending order makes one pass enough, however many tags a peer sends, and shows a tag that comes twice.
    fileprivate mutating func next(upTo wanted: UInt32) throws(WireError) -> ByteBuffer? {
        while count > 0 {
            let (position, start) = (wire.position, wire.buffer.readerIndex)
            let tag = try wire.unsignedVarint()
            if let last, tag <= last { throw .invalidTag(at: position) }
            guard tag <= wanted else {
                wire.buffer.moveReaderIndex(to: start)
                return nil
            }
            last = tag
            count -= 1
            let value = try wire.readSlice(Int(try wire.unsignedVarint()))
            if tag == wanted { return value }
        }
        return nil
    }
}

extension WireCoder {
    /// Codes the tag section that ends every structure of a flexible version.
    mutating func tagSection<Value: WireStruct>(of value: inout Value) throws(WireError) {
        switch direction {
        case .read:
            let count = try unsignedVarint()
            guard count > 0 else { return }
            try readTags(count) { tags throws(WireError) in try value.codeTags(&tags) }
        case .write:
            var tags = WireTags(WireCoder(writingVersion: version, isFlexible: true))
            try value.codeTags(&tags)
            writeUnsignedVarint(tags.count)
            if tags.count > 0 { buffer.writeImmutableBuffer(tags.wire.buffer) }
        case .sample:
            var tags = WireTags(self)
            try value.codeTags(&tags)
            generator = tags.wire.generator
        case .trace:
            var tags = WireTags(WireCoder(tracingVersion: version, isFlexible: true))
            try value.codeTags(&tags)
            if !tags.wire.traced.isEmpty { trace("<\(tags.wire.traceText)>") }
        }
    }

    /// Reads past a tag section none of whose tags are known.
    mutating func skipTagSection() throws(WireError) {
        let count = try unsignedVarint()
        try readTags(count) { _ throws(WireError) in }
    }

    private mutating func readTags(
        _ count: UInt32, _ body: (inout WireTags) throws(WireError) -> Void
    ) throws(WireError) {
        var tags = WireTags(self)
        tags.count = count
        try body(&tags)
        // The rest is unknown, and no tag number is higher.
        _ = try tags.next(upTo: .max)
        guard tags.count == 0 else { throw .invalidTag(at: tags.wire.position) }
        buffer = tags.wire.buffer
    }
}
