import KafkaCompression
import KafkaWire
import NIOCore

/// Bounds on what a compressed batch may stand for. Kafka has none: eleven kilobytes can hold seventeen million records.
package enum BatchLimits {
    /// Bytes that a batch may decompress to.
    package static let decompressedBytes = 128 << 20
    /// Records of a compressed batch: as many as ``decompressedBytes`` hold at 64 bytes each.
    package static let records: Int32 = 2 << 20
}

/// Work that one request may still make the broker do: many small parts of a request must not add up to what no single
/// one may cost.
package final class WorkBudget {
    /// Bytes that may still be decompressed.
    private var decompressedBytes: Int
    /// Faulty records that may still be named one by one.
    var recordErrors = 1000

    /// - Parameter requestSize: the request's bytes; what is compressed as ordinary data is always within the budget.
    package init(requestSize: Int = 0) {
        decompressedBytes = max(2 * BatchLimits.decompressedBytes, 16 * requestSize)
    }

    var isSpent: Bool { decompressedBytes <= 0 }

    /// A reader over the uncompressed records of a batch.
    func records(of batch: RecordBatch) throws(CompressionError) -> RecordReader {
        let header = batch.header
        guard let codec = header.codec else { throw .unknownCodec(attributes: header.attributes) }
        guard codec != .none else { return try batch.records() }
        return RecordReader(
            payload: try spend { (limit) throws(CompressionError) in
                try codec.decompress(batch.payload, limit: limit)
            }, header: header)
    }

    /// The messages of a compressed entry of the old formats.
    func innerSet(of entry: LegacyEntry) throws(CompressionError) -> LogEntryReader {
        LogEntryReader(
            try spend { (limit) throws(CompressionError) in try entry.innerSet(limit: limit) })
    }

    private func spend(
        _ decompress: (OutputLimit) throws(CompressionError) -> ByteBuffer
    ) throws(CompressionError) -> ByteBuffer {
        let limit = OutputLimit(bytes: min(BatchLimits.decompressedBytes, max(decompressedBytes, 0)))
        do throws(CompressionError) {
            let bytes = try decompress(limit)
            decompressedBytes -= bytes.readableBytes
            return bytes
        } catch {
            // Work up to the limit was done all the same.
            if case .outputTooLarge = error { decompressedBytes -= limit.bytes }
            throw error
        }
    }
}
