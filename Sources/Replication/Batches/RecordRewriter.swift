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
    /// Ceiling for what one batch may decompress to, in bytes.
    package var limit: OutputLimit
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
    /// - Throws: `WireError` or `CompressionError` when the batch cannot be read, ``ForeignLoopHeader``.
    package func rewrite(
        _ batch: RecordBatch, from position: Int64, cameThrough chain: [String] = []
    ) throws -> Result {
        // A new checksum would hide damage: a batch is checked before it is taken apart.
        guard batch.isChecksumValid else { throw WireError.invalidRecords(reason: "the checksum does not match") }
        let first = max(position, batch.header.baseOffset)
        return try rebuild(
            try batch.records(limit: limit), first..<batch.header.nextOffset, chain, codec: batch.header.codec ?? .none,
            sourceSize: batch.sizeInBytes)
    }

    /// The same for a message set of format 0 or 1.
    package func rewrite(_ entry: LegacyEntry, from position: Int64) throws -> Result {
        let records = try entry.records(limit: limit)
        var modern = RecordBatchBuilder(baseOffset: records.first?.offset ?? 0)
        for record in records {
            modern.append(
                timestamp: record.timestamp, key: record.key, value: record.value,
                offsetDelta: Int32(clamping: record.offset - (records.first?.offset ?? 0)))
        }
        return try rebuild(
            try modern.finish().records(limit: limit), position..<entry.offset + 1, [], codec: entry.codec ?? .none,
            sourceSize: entry.bytes.readableBytes)
    }

    private func rebuild(
        _ records: RecordReader, _ range: Range<Int64>, _ chain: [String], codec: CompressionCodec, sourceSize: Int
    ) throws -> Result {
        let chosen = if case .codec(let wanted) = compression { wanted } else { codec }
        let ceiling = max(sourceSize, Self.smallestPiece)
        let pieces = chosen == .none ? ceiling : max(ceiling, Self.smallestPieceCompressed)
        let result = try rebuild(
            records, range, chain, codec: chosen, sourceSize: sourceSize, pieces: pieces, ceiling: ceiling)
        guard pieces > ceiling, result.batches.contains(where: { $0.records.sizeInBytes > ceiling }) else {
            return result
        }
        // The codec made less of it than hoped for.
        return try rebuild(
            records, range, chain, codec: chosen, sourceSize: sourceSize, pieces: ceiling, ceiling: ceiling)
    }

    /// - Parameters:
    ///   - records: the source's, from the first on.
    ///   - pieces: bytes of records gathered for one batch, before compression.
    ///   - ceiling: what a batch should not exceed in the end.
    private func rebuild(
        _ records: RecordReader, _ range: Range<Int64>, _ chain: [String], codec chosen: CompressionCodec,
        sourceSize: Int, pieces: Int, ceiling: Int
    ) throws -> Result {
        var records = records
        var result = Result()
        var builder = RecordBatchBuilder(reserving: min(pieces, sourceSize + sourceSize / 8))
        var sources: SourceRuns?
        var inside: [SkipReason: Int64] = [:]
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
            result.batches.append(Rewritten(records: batch, nextSourceOffset: from.end, sources: from, skipped: inside))
            sources = nil
            inside = [:]
        }
        while let record = try records.nextRaw() {
            guard record.offset >= range.lowerBound else { continue }
            skip(record.offset - expected, .compacted)
            expected = record.offset + 1
            let verdict = try loopGuard?.verdict(on: record.headers, cameThrough: chain) ?? .keep
            let growth: Int
            switch verdict {
            case .drop:
                skip(1, .loop)
                continue
            case .foreign: throw ForeignLoopHeader(offset: record.offset)
            case .keep: growth = 0
            case .stamp: growth = loopGuard?.stamp.sizeInBytes ?? 0
            case .add(let header): growth = RecordBatchBuilder.sizeBound(of: [header])
            case .replace(let headers): growth = RecordBatchBuilder.sizeBound(of: headers)
            }
            if !builder.isEmpty, builder.sizeInBytes + record.sizeBound + growth > pieces {
                try close()
            }
            switch verdict {
            case .stamp: loopGuard?.stamp(record, into: &builder)
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
                sources = SourceRuns(record.offset..<record.offset + 1)
            } else {
                sources?.append(record.offset)
            }
        }
        try close()
        skip(range.upperBound - expected, .compacted)
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
