package import KafkaWire

/// Decides about a batch from its 61-byte header alone.
package struct BatchPlanner: Sendable {
    package var compression: CompressionChoice
    /// Set in identical naming with `loopPrevention: headers`: every record must be decoded.
    package var addsLoopHeader: Bool

    package init(compression: CompressionChoice, addsLoopHeader: Bool) {
        self.compression = compression
        self.addsLoopHeader = addsLoopHeader
    }

    /// - Parameters:
    ///   - position: the next source offset wanted; the batch reaches beyond it.
    ///   - isAborted: the batch belongs to a transaction that did not commit.
    ///   - looksInside: records may carry loop headers that tell of clusters they have been on.
    package func plan(
        _ batch: RecordBatchHeader, position: Int64, isAborted: Bool, looksInside: Bool = false
    ) -> BatchPlan {
        if let reason = skipReason(batch, isAborted: isAborted) { return .skip(reason) }
        return route(batch, position: position, looksInside: looksInside)
    }

    /// The reason why no record of a batch is copied, wherever they came from; nil when they are.
    func skipReason(_ batch: RecordBatchHeader, isAborted: Bool) -> SkipReason? {
        if batch.isControl { return .control }
        if isAborted { return .aborted }
        // Log cleaners leave the header of a batch. One that counts no records and holds some is looked into.
        return batch.recordCount == 0 && batch.sizeInBytes <= RecordBatchHeader.length ? .compacted : nil
    }

    /// Forward or rewrite, for a batch that is copied.
    func route(_ batch: RecordBatchHeader, position: Int64, looksInside: Bool) -> BatchPlan {
        if batch.timestampType == .logAppendTime { return .rewrite(.logAppendTime) }
        if batch.baseOffset < position { return .rewrite(.startsBeforePosition) }
        if !batch.isDense { return .rewrite(.holes) }
        if addsLoopHeader || looksInside { return .rewrite(.loopHeader) }
        // No target takes a codec that nobody has defined: the attempt to read it says so.
        guard let codec = batch.codec else { return .rewrite(.codec) }
        if case .codec(let wanted) = compression, codec != wanted { return .rewrite(.codec) }
        return .forward
    }
}
