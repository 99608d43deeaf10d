package import KafkaCompression
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
    /// Empty records that only take offsets; see ``Filler``.
    var isFiller = false
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
    /// Bytes that a piece stands for at most: a batch that stands for more is divided into several at once.
    private static let largestPiece = 1_000_000

    /// Smaller batches with the same records, two unless they are large; nil for a single record.
    ///
    /// - Parameter limit: see ``RecordStream``.
    /// - Throws: `WireError` or `CompressionError` when the batch cannot be read.
    package func pieces(limit: OutputLimit) throws -> [OutgoingBatch]? {
        guard recordCount > 1 else { return nil }
        return try pieces(cutAfter: recordCount / 2, largest: Self.largestPiece, limit: limit)
    }

    /// Two batches with the same records, the first with so many of them.
    ///
    /// - Throws: as ``pieces(limit:)``.
    func divided(after count: Int, limit: OutputLimit) throws -> (OutgoingBatch, OutgoingBatch) {
        let pieces = try pieces(cutAfter: count, largest: .max, limit: limit)
        guard pieces.count == 2 else { throw WireError.invalidRecords(reason: "there is nothing to divide") }
        return (pieces[0], pieces[1])
    }

    /// Number of leading batches whose source offsets follow on each other.
    static func adjoining(_ batches: [OutgoingBatch]) -> Int {
        var count = 0
        for batch in batches {
            if count > 0, batch.sources.first.lowerBound != batches[count - 1].sources.end { break }
            count += 1
        }
        return count
    }

    private func pieces(cutAfter cut: Int, largest: Int, limit: OutputLimit) throws -> [OutgoingBatch] {
        var stream = try RecordStream(records, limit: limit)
        let codec = records.header.codec ?? .none
        var offsets = sources.offsets
        var pieces: [OutgoingBatch] = []
        var builder = RecordBatchBuilder()
        var runs: SourceRuns?
        var left = recordCount
        func close() throws {
            guard let sources = runs else { return }
            pieces.append(
                OutgoingBatch(
                    records: try builder.batch(codec: codec), sources: sources,
                    nextSourceOffset: left == 0 ? nextSourceOffset : sources.end, fetchedAt: fetchedAt,
                    producerID: producerID))
            runs = nil
        }
        while let record = try stream.nextRaw(), let offset = offsets.next() {
            if recordCount - left == cut || builder.sizeInBytes + record.sizeBound > largest { try close() }
            builder.append(record)
            left -= 1
            if runs == nil { runs = SourceRuns(offset..<offset + 1) } else { runs?.append(offset) }
        }
        try close()
        guard left == 0, pieces.count > 1 else {
            throw WireError.invalidRecords(reason: "\(recordCount) records were expected, \(recordCount - left) came")
        }
        distributeSkips(over: &pieces)
        return pieces
    }

    /// Offsets without a record belong to the piece in front of which they lie.
    private func distributeSkips(over pieces: inout [OutgoingBatch]) {
        var left = skipped
        for index in pieces.indices.reversed() {
            pieces[index].isPiece = true
            pieces[index].isFiller = isFiller
            guard index > 0 else {
                pieces[index].skipped = left
                break
            }
            let inside = pieces[index].nextSourceOffset - pieces[index - 1].nextSourceOffset
            left = left.removing(inside - Int64(pieces[index].recordCount), into: &pieces[index].skipped)
        }
        if let last = pieces.indices.last { pieces[last].frames = frames }
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
