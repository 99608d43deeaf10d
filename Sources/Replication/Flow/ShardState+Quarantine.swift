internal import KafkaClient
internal import KafkaCompression
internal import KafkaWire

// Records that the target never takes are set aside one by one; those around them go on.
extension ShardState {
    /// The target refuses the oldest batch for good.
    ///
    /// - Parameter isWhole: its records cannot be told apart, so that all of it is set aside.
    mutating func refuse(_ index: Int, _ reason: String, isWhole: Bool) {
        partitions[index].refusal = reason
        partitions[index].refusesWhole = isWhole
    }

    /// Halves the refused batch, or sets it aside when it is a single record. Whoever is at fault is found in
    /// logarithmically many attempts.
    mutating func takeApartIfRefused(_ index: Int) {
        guard let reason = partitions[index].refusal, partitions[index].window.answersOutstanding == 0,
            let oldest = partitions[index].window.oldest?.batch
        else { return }
        partitions[index].refusal = nil
        if !partitions[index].refusesWhole, let halves = try? oldest.halves() {
            let pieces = halves.map { (batch: $0, recordCount: Int32($0.recordCount)) }
            guard partitions[index].window.replaceOldest(with: pieces) != nil else { return }
            partitions[index].bufferedBytes += halves.reduce(-oldest.sizeInBytes) { $0 + $1.sizeInBytes }
            return
        }
        guard let gone = partitions[index].window.replaceOldest(with: []) else { return }
        let count = Int64(gone.recordCount)
        partitions[index].accounting.skip(gone.skipped)
        partitions[index].accounting.skip([.quarantined: count])
        partitions[index].metrics.skipped(count, .quarantined)
        partitions[index].passed = gone.nextSourceOffset
        partitions[index].bufferedBytes -= gone.sizeInBytes
        giveBack(gone)
        setAside(gone.sources.first.lowerBound..<gone.sources.end, reason, index)
        settlePassed(index)
        noteChange(index)
    }
}

extension OutgoingBatch {
    /// Two batches with the same records; nil for a single record.
    ///
    /// - Throws: `WireError` or `CompressionError` when the batch cannot be read.
    func halves() throws -> [OutgoingBatch]? {
        guard recordCount > 1 else { return nil }
        var reader = try records.records()
        let offsets = sources.ranges.flatMap { $0 }
        let codec = records.header.codec ?? .none
        var halves: [OutgoingBatch] = []
        var rest: [SkipReason: Int64] = [:]
        for range in [0..<recordCount / 2, recordCount / 2..<recordCount] {
            var builder = RecordBatchBuilder()
            for _ in range { if let record = try reader.nextRaw() { builder.append(record) } }
            var runs = SourceRuns(offsets[range.lowerBound]..<offsets[range.lowerBound] + 1)
            for offset in offsets[range].dropFirst() { runs.append(offset) }
            let isLast = range.upperBound == recordCount
            let batch = try builder.batch(codec: codec)
            var half = OutgoingBatch(
                records: batch, sources: runs, nextSourceOffset: isLast ? nextSourceOffset : runs.end,
                recordCount: range.count, maxTimestamp: batch.header.maxTimestamp, fetchedAt: fetchedAt,
                producerID: producerID)
            let behind = nextSourceOffset - runs.end - Int64(recordCount - range.upperBound)
            half.skipped = isLast ? rest : skipped.removing(behind, into: &rest)
            half.isPiece = true
            half.frames = isLast ? frames : []
            halves.append(half)
        }
        return halves
    }
}

extension [SkipReason: Int64] {
    /// What is left without `count` of them, holes first; those go into `removed`.
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
