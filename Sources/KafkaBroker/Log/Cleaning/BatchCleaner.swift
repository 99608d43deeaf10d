import KafkaCompression
import KafkaWire
import NIOCore

/// Decides what becomes of one batch when its log is cleaned (Kafka's `Cleaner.cleanInto` and `MemoryRecords.filterTo`).
///
/// Records that stay keep their offsets: a batch that loses records keeps its first and last offset, so that the holes are real.
struct BatchCleaner {
    enum Outcome {
        case keep
        case replace(RecordBatch)
        case drop
    }

    let keys: KeyOffsets
    /// The last batch of each producer that is remembered: it stays, if only as a header, to say which sequence number
    /// comes next.
    let lastOfProducers: [Int64: LastOfProducer]
    /// The offset after this round: the batch before it stays, if only as a header.
    let end: Int64
    let now: Int64
    let deleteRetentionMs: Int64

    enum LastOfProducer {
        case data(offset: Int64)
        /// Only a marker is known of the producer: the last of this epoch fences older ones.
        case marker(epoch: Int16)
    }

    /// - Parameter isDiscarded: an aborted batch, or a marker that nothing depends on.
    func clean(_ batch: RecordBatch, isDiscarded: Bool) throws(CompressionError) -> Outcome {
        let header = batch.header
        let isExpired = header.hasDeleteHorizon && header.baseTimestamp <= now
        if isDiscarded, !header.isControl || isExpired { return try emptied(batch) }
        guard header.recordCount > 0 else { return try emptied(batch) }
        guard !header.isControl else {
            guard isDiscarded, !header.hasDeleteHorizon else { return .keep }
            return .replace(try rewritten(batch, try batch.records(), needsHorizon: true) { _ in true })
        }
        let reader = try batch.records()
        let isRetained = { (record: RawRecord) -> Bool in
            if record.offset > keys.latestOffset { return true }
            guard let key = record.key, keys.isLatest(key, at: record.offset) else { return false }
            return record.value != nil || !isExpired
        }
        var (count, retained, hasTombstone) = (0, 0, false)
        try forEachRecord(reader) { record in
            count += 1
            guard isRetained(record) else { return }
            retained += 1
            if !hasTombstone { hasTombstone = record.value == nil }
        }
        guard retained > 0 else { return try emptied(batch) }
        let needsHorizon = !header.hasDeleteHorizon && hasTombstone
        guard retained < count || needsHorizon else { return .keep }
        return .replace(try rewritten(batch, reader, needsHorizon: needsHorizon, isRetained))
    }

    /// Reads the records one after the other, once to decide and once to copy: none is kept.
    private func forEachRecord(_ reader: RecordReader, _ body: (RawRecord) -> Void) throws(CompressionError) {
        var reader = reader
        do throws(WireError) {
            while let record = try reader.nextRaw() { body(record) }
        } catch {
            throw .malformed(error)
        }
    }

    /// The time at which tombstones and markers may go takes the place of the base timestamp (KIP-534).
    private func rewritten(
        _ batch: RecordBatch, _ records: RecordReader, needsHorizon: Bool, _ isRetained: (RawRecord) -> Bool
    ) throws(CompressionError) -> RecordBatch {
        let header = batch.header
        let horizon: Int64? =
            if needsHorizon { now &+ deleteRetentionMs } else { header.hasDeleteHorizon ? header.baseTimestamp : nil }
        var builder = RecordBatchBuilder(
            baseOffset: header.baseOffset, partitionLeaderEpoch: header.partitionLeaderEpoch,
            timestampType: header.timestampType, producerID: header.producerID, producerEpoch: header.producerEpoch,
            baseSequence: header.baseSequence, isTransactional: header.isTransactional, isControl: header.isControl,
            deleteHorizon: horizon)
        try forEachRecord(records) { record in
            guard isRetained(record) else { return }
            builder.append(record, offsetDelta: Int32(truncatingIfNeeded: record.offset &- header.baseOffset))
        }
        return try builder.batch(codec: header.codec ?? .none, lastOffsetDelta: header.lastOffsetDelta)
    }

    /// Nothing of the batch is left but perhaps its header.
    private func emptied(_ batch: RecordBatch) throws(CompressionError) -> Outcome {
        let header = batch.header
        guard header.nextOffset == end || isLastOfProducer(header) else { return .drop }
        guard header.recordCount > 0 else { return .keep }
        var empty = header
        empty.hasDeleteHorizon = false
        empty.baseTimestamp = -1
        do throws(WireError) {
            return .replace(try RecordBatch(withoutRecords: empty))
        } catch {
            throw .malformed(error)
        }
    }

    private func isLastOfProducer(_ header: RecordBatchHeader) -> Bool {
        guard header.producerID >= 0 else { return false }
        switch lastOfProducers[header.producerID] {
        case .data(let offset): return header.lastOffset == offset
        case .marker(let epoch): return header.isControl && header.producerEpoch == epoch
        case nil: return false
        }
    }
}
