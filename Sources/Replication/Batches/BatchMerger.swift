internal import KafkaCompression
internal import KafkaWire

/// Puts small batches together that have gathered while requests were under way.
///
/// Brokers take one batch per partition and request (research P1), so that batches of a record or two would make the
/// round trip the limit. Large batches are never touched.
package enum BatchMerger {
    /// A batch up to this size is small, in bytes.
    package static let small = 16 << 10
    /// Size of what is put together at most, in bytes.
    package static let limit = 256 << 10

    package static func size(_ batch: OutgoingBatch) -> Int? {
        batch.sizeInBytes <= small && !batch.isPiece ? batch.sizeInBytes : nil
    }

    /// - Returns: nil for batches of different codecs, or when one of them cannot be read: it stays as it is, for the
    ///   target to refuse.
    package static func merge(_ batches: [OutgoingBatch]) -> OutgoingBatch? {
        guard let first = batches.first, let last = batches.last else { return nil }
        let codec = first.records.header.codec ?? .none
        var builder = RecordBatchBuilder(reserving: batches.reduce(0) { $0 + $1.sizeInBytes })
        var sources = first.sources
        var skipped: [SkipReason: Int64] = [:]
        for (number, batch) in batches.enumerated() {
            // A new checksum would hide damage.
            guard batch.records.header.codec == codec, batch.records.isChecksumValid,
                append(batch.records, to: &builder)
            else { return nil }
            if number > 0 { sources.append(contentsOf: batch.sources) }
            skipped.merge(batch.skipped) { $0 + $1 }
        }
        guard let records = try? builder.batch(codec: codec) else { return nil }
        var merged = OutgoingBatch(
            records: records, sources: sources, nextSourceOffset: last.nextSourceOffset,
            fetchedAt: first.fetchedAt, producerID: first.producerID)
        merged.skipped = skipped
        merged.frames = batches.flatMap(\.frames)
        return merged
    }

    private static func append(_ batch: RecordBatch, to builder: inout RecordBatchBuilder) -> Bool {
        do {
            var reader = try batch.records()
            while let record = try reader.nextRaw() { builder.append(record) }
            return true
        } catch {
            return false
        }
    }
}
