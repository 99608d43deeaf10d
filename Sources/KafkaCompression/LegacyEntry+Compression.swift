public import KafkaWire
public import NIOCore

extension LegacyEntry {
    /// The records of the entry: one, or those of its compressed set.
    public func records(limit: OutputLimit = .default) throws(CompressionError) -> [Record] {
        guard let codec else { throw .unknownCodec(attributes: Int16(attributes)) }
        guard codec != .none else { return [record] }
        let innerSet = try innerSet(codec: codec, limit: limit)
        do throws(WireError) { return try records(innerSet: innerSet) } catch { throw .malformed(error) }
    }

    /// The compressed set, decompressed.
    func innerSet(codec: CompressionCodec, limit: OutputLimit) throws(CompressionError) -> ByteBuffer {
        guard var compressed = value else {
            throw .malformed(.invalidRecords(reason: "compressed message set without a value"))
        }
        if codec == .lz4, magic == 0 { compressed = LZ4Frame.mendingHeaderChecksum(compressed) }
        return try codec.decompress(compressed, limit: limit)
    }
}

extension LegacyMessageWriter {
    /// The message set as one compressed entry, or as plain messages for `none`.
    ///
    /// - Throws: `.unknownCodec` for zstd, which these formats do not have (brokers answer UNSUPPORTED_COMPRESSION_TYPE).
    public func messageSet(codec: CompressionCodec) throws(CompressionError) -> ByteBuffer {
        guard codec != .zstd else { throw .unknownCodec(attributes: Int16(codec.rawValue)) }
        guard codec != .none, recordCount > 0 else { return messageSet }
        return wrapper(codec: codec, compressed: try codec.compress(innerSet))
    }
}
