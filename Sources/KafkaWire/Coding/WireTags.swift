internal import NIOCore

/// The tagged fields of one structure (KIP-482), in whichever direction its coder works.
///
/// A field that equals its default is not written; a tag that this side does not know is passed over.
public struct WireTags {
    public let version: Int16
    fileprivate var mode: Mode

    fileprivate enum Mode {
        case read(fields: [(tag: UInt32, value: ByteBuffer)], position: Int)
        case write([(tag: UInt32, value: ByteBuffer)])
        case sample(SampleSource)
        case trace([String])
    }

    fileprivate init(version: Int16, mode: Mode) {
        self.version = version
        self.mode = mode
    }

    public mutating func bool(_ tag: UInt32, _ value: inout Bool, default: Bool = false) throws(WireError) {
        let isDefault = value == `default`
        try field(tag, isDefault) { wire throws(WireError) in try wire.bool(&value) }
    }

    public mutating func int16(_ tag: UInt32, _ value: inout Int16, default: Int16 = 0) throws(WireError) {
        let isDefault = value == `default`
        try field(tag, isDefault) { wire throws(WireError) in try wire.int16(&value) }
    }

    public mutating func int32(_ tag: UInt32, _ value: inout Int32, default: Int32 = 0) throws(WireError) {
        let isDefault = value == `default`
        try field(tag, isDefault) { wire throws(WireError) in try wire.int32(&value) }
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

    public mutating func string(_ tag: UInt32, _ value: inout String) throws(WireError) {
        let isDefault = value.isEmpty
        try field(tag, isDefault) { wire throws(WireError) in try wire.string(&value) }
    }

    public mutating func nullableString(_ tag: UInt32, _ value: inout String?) throws(WireError) {
        let isDefault = value == nil
        try field(tag, isDefault) { wire throws(WireError) in try wire.nullableString(&value) }
    }

    public mutating func structure<Value: WireStruct>(_ tag: UInt32, _ value: inout Value) throws(WireError) {
        let isDefault = value == Value()
        try field(tag, isDefault) { wire throws(WireError) in try wire.structure(&value) }
    }

    public mutating func array<Value: WireStruct>(_ tag: UInt32, _ values: inout [Value]) throws(WireError) {
        let isDefault = values.isEmpty
        try field(tag, isDefault) { wire throws(WireError) in try wire.array(&values) }
    }

    public mutating func nullableArray<Value: WireStruct>(_ tag: UInt32, _ values: inout [Value]?) throws(WireError) {
        let isDefault = values == nil
        try field(tag, isDefault) { wire throws(WireError) in try wire.nullableArray(&values) }
    }

    private mutating func field(
        _ tag: UInt32, _ isDefault: Bool, _ body: (inout WireCoder) throws(WireError) -> Void
    ) throws(WireError) {
        switch mode {
        case .read(let fields, let position):
            guard let found = fields.first(where: { $0.tag == tag }) else { return }
            var wire = WireCoder(reading: found.value, version: version, isFlexible: true)
            try body(&wire)
            guard wire.remaining == 0 else { throw .invalidTag(at: position) }
        case .write(var fields):
            guard !isDefault else { return }
            var wire = WireCoder(writingVersion: version, isFlexible: true)
            try body(&wire)
            fields.append((tag, wire.writtenContiguously()))
            mode = .write(fields)
        case .sample(let source):
            var wire = WireCoder(samplingFrom: source, version: version, isFlexible: true)
            try body(&wire)
            mode = .sample(wire.sampleSource)
        case .trace(var parts):
            var wire = WireCoder(tracingVersion: version, isFlexible: true)
            try body(&wire)
            parts.append("\(tag):\(wire.traceText)")
            mode = .trace(parts)
        }
    }
}

extension WireCoder {
    /// Codes the tag section that ends every structure of a flexible version.
    mutating func tagSection<Value: WireStruct>(of value: inout Value) throws(WireError) {
        switch direction {
        case .read:
            let count = try unsignedVarint()
            guard count > 0 else { return }
            guard Int(count) <= remaining else { throw .invalidLength(at: position, length: Int(count)) }
            var fields: [(tag: UInt32, value: ByteBuffer)] = []
            for _ in 0..<count {
                let start = position
                let tag = try unsignedVarint()
                if let last = fields.last, last.tag >= tag { throw .invalidTag(at: start) }
                fields.append((tag, try readSlice(Int(try unsignedVarint()))))
            }
            var tags = WireTags(version: version, mode: .read(fields: fields, position: position))
            try value.codeTags(&tags)
        case .write:
            var tags = WireTags(version: version, mode: .write([]))
            try value.codeTags(&tags)
            guard case .write(var fields) = tags.mode else { preconditionFailure("a tag section keeps its direction") }
            fields.sort { $0.tag < $1.tag }
            writeUnsignedVarint(UInt32(fields.count))
            for (tag, bytes) in fields {
                writeUnsignedVarint(tag)
                writeUnsignedVarint(UInt32(bytes.readableBytes))
                writeBytes(bytes)
            }
        case .sample:
            var tags = WireTags(version: version, mode: .sample(sampleSource))
            try value.codeTags(&tags)
            if case .sample(let advanced) = tags.mode { sampleSource = advanced }
        case .trace:
            var tags = WireTags(version: version, mode: .trace([]))
            try value.codeTags(&tags)
            guard case .trace(let traced) = tags.mode, !traced.isEmpty else { return }
            trace("<" + traced.joined(separator: " ") + ">")
        }
    }
}
