/// The compression of a batch's records; raw values are those of the attributes field.
public enum CompressionCodec: UInt8, CaseIterable, Sendable {
    case none, gzip, snappy, lz4, zstd

    /// Kafka's name, as in `compression.type`.
    public var name: String {
        switch self {
        case .none: "none"
        case .gzip: "gzip"
        case .snappy: "snappy"
        case .lz4: "lz4"
        case .zstd: "zstd"
        }
    }

    public init?(name: String) {
        guard let codec = Self.allCases.first(where: { $0.name == name }) else { return nil }
        self = codec
    }
}

extension CompressionCodec: CustomStringConvertible {
    public var description: String { name }
}

/// The origin of a record's timestamp: its producer, or the broker when it appends.
public enum TimestampType: UInt8, Sendable {
    case createTime, logAppendTime
}
