public import KafkaWire

/// The reason why bytes could not be compressed or decompressed.
public enum CompressionError: Error, Hashable, Sendable {
    /// Decompression would produce more than the limit that was given.
    case outputTooLarge(codec: CompressionCodec, limit: Int)
    /// The compressed bytes are not what the codec writes; `reason` is the library's own.
    case corrupt(codec: CompressionCodec, reason: String)
    /// The library refused to compress.
    case failed(codec: CompressionCodec, reason: String)
    /// The attributes name a codec that nobody has defined, or that the message format does not have.
    case unknownCodec(attributes: Int16)
    /// The input or output is not a well-formed batch or message set.
    case malformed(WireError)
}

extension CompressionError: CustomStringConvertible {
    public var description: String {
        switch self {
        case .outputTooLarge(let codec, let limit):
            "\(codec) data decompresses to more than the limit of \(limit) bytes"
        case .corrupt(let codec, let reason): "corrupt \(codec) data: \(reason)"
        case .failed(let codec, let reason): "\(codec) compression failed: \(reason)"
        case .unknownCodec(let attributes): "unknown compression codec \(attributes & 7)"
        case .malformed(let error): "\(error)"
        }
    }
}
