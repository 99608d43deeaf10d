public import KafkaWire
public import NIOCore

extension LegacyEntry {
    /// The messages that a compressed entry holds, as they lie in it: to read one after the other. An entry that is not
    /// compressed is its own set.
    public func innerSet(limit: OutputLimit = .default) throws(CompressionError) -> ByteBuffer {
        guard let codec else { throw .unknownCodec(attributes: Int16(attributes)) }
        return codec == .none ? bytes : try innerSet(codec: codec, limit: limit)
    }
}
