internal import KafkaCompression
package import KafkaWire
package import NIOCore

/// A batch on its way to the target.
package struct OutgoingBatch: Sendable {
    package let records: RecordBatch
    /// Source offsets of the records.
    package let sources: SourceRuns
    /// Everything of the source below this offset is completed once this batch is acknowledged.
    package let nextSourceOffset: Int64
    package let recordCount: Int
    /// Largest record timestamp, in milliseconds since 1970.
    let maxTimestamp: Int64
    let fetchedAt: NIODeadline
    /// The id that it is written under.
    package let producerID: Int64
    /// Source offsets before and among its records, back to the batch before, that have none on the target.
    package var skipped: [SkipReason: Int64] = [:]
    /// A part of a batch that the target has refused: merged again it would be refused again.
    package var isPiece = false
    /// Frames of the budget that the bytes came in.
    var frames: [Int] = []

    package init(
        records: RecordBatch, sources: SourceRuns, nextSourceOffset: Int64, fetchedAt: NIODeadline, producerID: Int64
    ) {
        self.records = records
        self.sources = sources
        self.nextSourceOffset = nextSourceOffset
        recordCount = Int(records.header.recordCount)
        maxTimestamp = records.header.maxTimestamp
        self.fetchedAt = fetchedAt
        self.producerID = producerID
    }

    package var sizeInBytes: Int { records.sizeInBytes }
}

extension OutgoingBatch {
    /// Two batches with the same records; nil for a single record.
    ///
    /// - Throws: `WireError` or `CompressionError` when the batch cannot be read.
    package func halves() throws -> [OutgoingBatch]? {
        guard recordCount > 1 else { return nil }
        var reader = try records.records()
        let offsets = sources.ranges.flatMap { $0 }
        let codec = records.header.codec ?? .none
        var halves: [OutgoingBatch] = []
        var behindFirst: [SkipReason: Int64] = [:]
        for range in [0..<recordCount / 2, recordCount / 2..<recordCount] {
            var builder = RecordBatchBuilder()
            for _ in range { if let record = try reader.nextRaw() { builder.append(record) } }
            var runs = SourceRuns(offsets[range.lowerBound]..<offsets[range.lowerBound] + 1)
            for offset in offsets[range].dropFirst() { runs.append(offset) }
            let isLast = range.upperBound == recordCount
            var half = OutgoingBatch(
                records: try builder.batch(codec: codec), sources: runs,
                nextSourceOffset: isLast ? nextSourceOffset : runs.end, fetchedAt: fetchedAt, producerID: producerID)
            let behind = nextSourceOffset - runs.end - Int64(recordCount - range.upperBound)
            half.skipped = isLast ? behindFirst : skipped.removing(behind, into: &behindFirst)
            half.isPiece = true
            half.frames = isLast ? frames : []
            halves.append(half)
        }
        return halves
    }
}

extension [SkipReason: Int64] {
    /// The counts without `count` of them, holes first; those go into `removed`.
    fileprivate func removing(_ count: Int64, into removed: inout [SkipReason: Int64]) -> [SkipReason: Int64] {
        var left = self
        var open = count
        for reason in [SkipReason.compacted] + SkipReason.allCases where open > 0 {
            let part = Swift.min(open, left[reason] ?? 0)
            guard part > 0 else { continue }
            left[reason]? -= part
            removed[reason, default: 0] += part
            open -= part
        }
        return left
    }
}
