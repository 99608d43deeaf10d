internal import KafkaCompression
internal import KafkaWire
internal import NIOCore

/// Puts small batches together that have gathered while requests were under way.
///
/// Brokers take one batch per partition and request (research P1), so that batches of a record or two would make the
/// round trip the limit. Large batches are never touched, and neither are those that stand for much: a few compressed
/// bytes can stand for gigabytes.
package enum BatchMerger {
    /// Sizes in bytes that decide about merging.
    package struct Sizes: Sendable {
        /// A batch up to this size is small.
        package var small: Int
        /// Size of what is put together at most.
        package var limit: Int

        /// To a target nearby: what is not tiny costs less as it is.
        package static let nearby = Sizes(small: 16 << 10, limit: 256 << 10)
        /// Over a distance, where a partition has five batches on their way, whatever their size.
        package static let far = Sizes(small: 256 << 10, limit: BatchMerger.decompressedLimit)
    }

    /// Size of what is put together at most once it is decompressed.
    package static let decompressedLimit = 1_000_000

    /// Batches that were put together.
    package struct Merged: Sendable {
        package var batch: OutgoingBatch
        /// Number of batches that it was made of.
        package var count: Int
    }

    package static func size(_ batch: OutgoingBatch, _ sizes: Sizes = .nearby) -> Int? {
        batch.sizeInBytes <= sizes.small && !batch.isPiece && !batch.isFiller ? batch.sizeInBytes : nil
    }

    /// - Parameter largestBatch: bytes that the target takes in one batch.
    /// - Returns: as many of the first batches as go together, which leaves out those of another codec, that stand for
    ///   too much, or that cannot be read: they stay as they are, for the target to refuse. Nil for less than two.
    package static func merge(_ batches: [OutgoingBatch], largestBatch: Int = .max) -> Merged? {
        guard let first = batches.first, batches.count > 1 else { return nil }
        let codec = first.records.header.codec ?? .none
        var builder = RecordBatchBuilder(reserving: batches.reduce(0) { $0 + $1.sizeInBytes })
        var sources = first.sources
        var skipped: [SkipReason: Int64] = [:]
        var count = 0
        for batch in batches {
            // A new checksum would hide damage.
            guard batch.records.header.codec == codec, batch.records.isChecksumValid,
                let records = records(of: batch.records, codec, limit: decompressedLimit - builder.sizeInBytes)
            else { break }
            guard append(records, to: &builder) else {
                return merge(Array(batches.prefix(count)), largestBatch: largestBatch)
            }
            if count > 0 { sources.append(contentsOf: batch.sources) }
            skipped.merge(batch.skipped) { $0 + $1 }
            count += 1
        }
        guard count > 1, let records = try? builder.batch(codec: codec), records.sizeInBytes <= largestBatch else {
            return nil
        }
        var merged = OutgoingBatch(
            records: records, sources: sources, nextSourceOffset: batches[count - 1].nextSourceOffset,
            fetchedAt: first.fetchedAt, producerID: first.producerID)
        merged.skipped = skipped
        merged.frames = batches.prefix(count).flatMap(\.frames)
        return Merged(batch: merged, count: count)
    }

    private static func records(of batch: RecordBatch, _ codec: CompressionCodec, limit: Int) -> RecordReader? {
        guard let payload = try? codec.decompress(batch.payload, limit: OutputLimit(bytes: limit)) else { return nil }
        return RecordReader(payload: payload, header: batch.header)
    }

    private static func append(_ records: RecordReader, to builder: inout RecordBatchBuilder) -> Bool {
        do {
            var records = records
            while let record = try records.nextRaw() { builder.append(record) }
            return true
        } catch {
            return false
        }
    }
}
