package import KafkaCompression
package import KafkaWire
internal import NIOCore

/// The slow path: takes a batch apart and builds dense ones from the records that are copied.
///
/// One batch comes out of one, unless it has grown: headers were added, or a weaker codec was asked for. The source
/// took a batch of the size it had, and the target's topic has the same limit, so a larger one is split.
package struct RecordRewriter: Sendable {
    package var compression: CompressionChoice
    package var loopGuard: LoopGuard?
    /// Bytes that one record may decompress to, and what a ``RecordStream`` makes of that.
    package var limit: OutputLimit
    /// Bytes that the target takes in one batch, as far as that is known.
    package var largestBatch = Int.max
    /// A batch ends in front of a hole, so that each record can have its source's offset on the target.
    package var keepsOffsets = false
    /// Records below this source offset are copied also where they have been on the target.
    package var refillsBelow: Int64 = 0
    /// Batches smaller than this are not split further, in bytes: far below the 1 MB that brokers take unless told
    /// otherwise, and large enough to be worth a request.
    private static let smallestPiece = 256 << 10
    /// The same for records that will be compressed, measured before: small pieces compress badly.
    private static let smallestPieceCompressed = 1_000_000

    package init(compression: CompressionChoice, loopGuard: LoopGuard?, limit: OutputLimit) {
        self.compression = compression
        self.loopGuard = loopGuard
        self.limit = limit
    }

    /// Batches made of one source batch.
    package struct Result: Sendable {
        /// Empty when no record is copied.
        package var batches: [Rewritten] = []
        package var skipped: [SkipReason: Int64] = [:]
        /// The part of it behind the last record that is copied.
        package var trailing: [SkipReason: Int64] = [:]
        /// Source offset that the rewrite has come to: behind the source batch, unless there was no room for more.
        package var nextSourceOffset: Int64
        /// Bytes of records that were read.
        var readBytes = 0
        /// The source batch's records do not have the offsets that they say.
        var hasIrregularOffsets = false

        /// Bytes of ``batches``.
        var sizeInBytes: Int { batches.reduce(0) { $0 + $1.records.sizeInBytes } }
    }

    /// A batch for the target.
    package struct Rewritten: Sendable {
        package var records: RecordBatch
        /// Source offset behind its last record.
        package var nextSourceOffset: Int64
        /// Source offsets of its records.
        package var sources: SourceRuns
        /// Source offsets among and before its records, back to the batch before, that have none on the target.
        package var skipped: [SkipReason: Int64] = [:]
    }

    /// - Parameters:
    ///   - position: records before this source offset are not wanted and not counted.
    ///   - chain: clusters that the batch is known to have come through before the source.
    ///   - room: with so many bytes of new batches the rewrite stops between two records; one batch comes in any case.
    /// - Throws: `WireError` or `CompressionError` when the batch cannot be read, ``ForeignLoopHeader``.
    package func rewrite(
        _ batch: RecordBatch, from position: Int64, cameThrough chain: [String] = [], room: Int = .max
    ) throws -> Result {
        // A new checksum would hide damage: a batch is checked before it is taken apart.
        guard batch.isChecksumValid else { throw WireError.invalidRecords(reason: "the checksum does not match") }
        let first = max(position, batch.header.baseOffset)
        return try rebuild(
            first..<batch.header.nextOffset, chain, codec: batch.header.codec ?? .none, sourceSize: batch.sizeInBytes,
            room: room
        ) { try SourceRecords(batch, limit: limit) }
    }

    /// The same for a message set of format 0 or 1.
    package func rewrite(_ entry: LegacyEntry, from position: Int64, room: Int = .max) throws -> Result {
        guard entry.isChecksumValid else { throw WireError.invalidRecords(reason: "the checksum does not match") }
        return try rebuild(
            position..<entry.offset + 1, [], codec: entry.codec ?? .none, sourceSize: entry.bytes.readableBytes,
            room: room
        ) { try SourceRecords(entry, limit: limit) }
    }

    private func rebuild(
        _ range: Range<Int64>, _ chain: [String], codec: CompressionCodec, sourceSize: Int, room: Int,
        from records: () throws -> SourceRecords
    ) throws -> Result {
        let chosen = if case .codec(let wanted) = compression { wanted } else { codec }
        let ceiling = min(max(sourceSize, Self.smallestPiece), largestBatch)
        let pieces = chosen == .none ? ceiling : max(ceiling, Self.smallestPieceCompressed)
        let result = try rebuild(
            try records(), range, chain, codec: chosen, sourceSize: sourceSize, pieces: pieces, ceiling: ceiling,
            room: room)
        guard pieces > ceiling, result.batches.contains(where: { $0.records.sizeInBytes > ceiling }) else {
            return result
        }
        // The codec made less of it than hoped for.
        return try rebuild(
            try records(), range, chain, codec: chosen, sourceSize: sourceSize, pieces: ceiling, ceiling: ceiling,
            room: room)
    }

    /// - Parameters:
    ///   - records: the source's, from the first on.
    ///   - pieces: bytes of records gathered for one batch, before compression.
    ///   - ceiling: what a batch should not exceed in the end.
    private func rebuild(
        _ records: SourceRecords, _ range: Range<Int64>, _ chain: [String], codec chosen: CompressionCodec,
        sourceSize: Int, pieces: Int, ceiling: Int, room: Int
    ) throws -> Result {
        var records = records
        var result = Result(nextSourceOffset: range.lowerBound)
        var builder = RecordBatchBuilder(reserving: min(pieces, sourceSize + sourceSize / 8))
        var sources: SourceRuns?
        var inside: [SkipReason: Int64] = [:]
        var produced = 0
        var expected = range.lowerBound
        // Looked up once: what is touched for each record makes the cost of the whole.
        let loopGuard = loopGuard
        func skip(_ count: Int64, _ reason: SkipReason) {
            guard count > 0 else { return }
            result.trailing[reason, default: 0] += count
            result.skipped[reason, default: 0] += count
        }
        func close() throws(CompressionError) {
            guard let from = sources else { return }
            let batch = try seal(&builder, chosen, ceiling: ceiling)
            produced += batch.sizeInBytes
            result.batches.append(Rewritten(records: batch, nextSourceOffset: from.end, sources: from, skipped: inside))
            sources = nil
            inside = [:]
        }
        while let record = try records.next() {
            let offset = records.offset
            guard offset >= range.lowerBound else { continue }
            result.readBytes += record.sizeBound
            let verdict =
                try loopGuard?.verdict(on: record.headers, cameThrough: chain, refills: offset < refillsBelow) ?? .keep
            let growth: Int
            switch verdict {
            case .drop:
                skip(offset - expected, .compacted)
                skip(1, .loop)
                expected = offset + 1
                continue
            case .foreign: throw ForeignLoopHeader(offset: offset)
            case .keep: growth = 0
            case .stamp: growth = loopGuard?.stamp.sizeInBytes ?? 0
            case .add(let header): growth = RecordBatchBuilder.sizeBound(of: [header])
            case .replace(let headers): growth = RecordBatchBuilder.sizeBound(of: headers)
            }
            let isBehindHole = keepsOffsets && sources.map { $0.end != offset } ?? false
            if !builder.isEmpty, isBehindHole || builder.sizeInBytes + record.sizeBound + growth > pieces {
                try close()
                guard produced < room else {
                    result.nextSourceOffset = expected
                    return result
                }
            }
            skip(offset - expected, .compacted)
            expected = offset + 1
            switch verdict {
            case .stamp: loopGuard?.stamp(record, at: offset, into: &builder)
            case .add(let header): builder.append(record, adding: header)
            case .replace(let headers): builder.append(record, replacingHeaders: headers)
            case .keep, .drop, .foreign: builder.append(record)
            }
            // Offsets skipped since the record before it belong to the batch that completes them.
            if !result.trailing.isEmpty {
                inside.merge(result.trailing) { $0 + $1 }
                result.trailing = [:]
            }
            if sources == nil {
                sources = SourceRuns(offset..<offset + 1)
            } else {
                sources?.append(offset)
            }
        }
        try close()
        skip(range.upperBound - expected, .compacted)
        result.nextSourceOffset = range.upperBound
        result.hasIrregularOffsets = records.hasIrregularOffsets
        return result
    }

    /// Random bytes grow a little in every codec, and a record may fill the limit to its last byte: such a batch stays
    /// uncompressed.
    private func seal(
        _ builder: inout RecordBatchBuilder, _ codec: CompressionCodec, ceiling: Int
    ) throws(CompressionError) -> RecordBatch {
        guard codec != .none else { return try builder.batch(codec: .none) }
        var plain = builder
        let compressed = try builder.batch(codec: codec)
        guard compressed.sizeInBytes > ceiling, plain.sizeInBytes < compressed.sizeInBytes else { return compressed }
        return try plain.batch(codec: .none)
    }
}
