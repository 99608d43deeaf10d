import KafkaCompression
import KafkaWire
import NIOCore

/// Decides what becomes of one batch when its log is cleaned (Kafka's `Cleaner.cleanInto` and `MemoryRecords.filterTo`).
///
/// What stays keeps its offsets: a batch that loses records keeps its first and last offset, so that the holes are real.
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
            return isDiscarded && !header.hasDeleteHorizon ? .replace(try rewritten(batch, try all(batch))) : .keep
        }
        let records = try all(batch)
        let retained = records.filter { record in
            if record.offset > keys.latestOffset { return true }
            guard let key = record.key, keys.isLatest(key, at: record.offset) else { return false }
            return record.value != nil || !isExpired
        }
        guard !retained.isEmpty else { return try emptied(batch) }
        let needsHorizon = !header.hasDeleteHorizon && retained.contains { $0.value == nil }
        guard retained.count < records.count || needsHorizon else { return .keep }
        return .replace(try rewritten(batch, retained, needsHorizon: needsHorizon))
    }

    private func all(_ batch: RecordBatch) throws(CompressionError) -> [RawRecord] {
        var reader = try batch.records()
        var records: [RawRecord] = []
        do throws(WireError) {
            while let record = try reader.nextRaw() { records.append(record) }
        } catch {
            throw .malformed(error)
        }
        return records
    }

    /// The time at which tombstones and markers may go takes the place of the base timestamp (KIP-534).
    private func rewritten(
        _ batch: RecordBatch, _ records: [RawRecord], needsHorizon: Bool = true
    ) throws(CompressionError) -> RecordBatch {
        let header = batch.header
        let horizon: Int64? =
            if needsHorizon { now &+ deleteRetentionMs } else { header.hasDeleteHorizon ? header.baseTimestamp : nil }
        var builder = RecordBatchBuilder(
            baseOffset: header.baseOffset, partitionLeaderEpoch: header.partitionLeaderEpoch,
            timestampType: header.timestampType, producerID: header.producerID, producerEpoch: header.producerEpoch,
            baseSequence: header.baseSequence, isTransactional: header.isTransactional, isControl: header.isControl,
            deleteHorizon: horizon)
        for record in records {
            builder.append(record, offsetDelta: Int32(truncatingIfNeeded: record.offset - header.baseOffset))
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
