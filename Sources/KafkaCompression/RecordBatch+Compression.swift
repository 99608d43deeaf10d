public import KafkaWire
import NIOCore

extension RecordBatch {
    /// A reader of the batch's records, decompressed if need be.
    public func records(limit: OutputLimit = .default) throws(CompressionError) -> RecordReader {
        guard let codec = header.codec else { throw .unknownCodec(attributes: header.attributes) }
        return RecordReader(payload: try codec.decompress(payload, limit: limit), header: header)
    }
}

extension RecordBatchBuilder {
    /// The batch with its records compressed. Leaves the builder empty, with the same settings.
    ///
    /// - Parameter lastOffsetDelta: for batches that once had later records; by default that of the last one.
    public mutating func batch(
        codec: CompressionCodec, lastOffsetDelta: Int32? = nil
    ) throws(CompressionError) -> RecordBatch {
        var draft: RecordBatchDraft
        do throws(WireError) { draft = try takeDraft() } catch { throw .malformed(error) }
        if let lastOffsetDelta { draft.header.lastOffsetDelta = lastOffsetDelta }
        if codec != .none {
            draft = try draft.compressed(codec) { payload, output throws(CompressionError) in
                try codec.compress(payload, into: &output)
                output.releaseUnusedMemory()
            }
        }
        do throws(WireError) { return try (consume draft).sealed() } catch { throw .malformed(error) }
    }
}
