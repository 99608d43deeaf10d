import KafkaWire

extension PartitionLog {
    /// Removes the segments that `retention.ms` and `retention.bytes` let go, if the topic's policy is to delete, and
    /// those before the log's start. Returns how many; Kafka looks every five minutes.
    @discardableResult
    package func applyRetention(now: Int64) throws(LogError) -> Int {
        try guarded { () throws(LogError) in
            var removed = try removeSegments(before: logStartOffset)
            guard config.isDeleted else { return removed }
            if config.retentionBytes >= 0 { removed += try removeOversize(now: now) }
            if config.retentionMs >= 0 { removed += try removeExpired(now: now) }
            return removed
        }
    }

    private func removeExpired(now: Int64) throws(LogError) -> Int {
        let count = segments.prefix { isHole($0) || (!$0.isEmpty && now &- $0.largestTimestamp > config.retentionMs) }
            .count
        return try removeWholeSegments(count, now: now)
    }

    private func removeOversize(now: Int64) throws(LogError) -> Int {
        var excess = size - Int(clamping: config.retentionBytes)
        let count = segments.prefix { segment in
            guard !segment.isEmpty || isHole(segment), excess >= segment.size else { return false }
            excess -= segment.size
            return true
        }.count
        return try removeWholeSegments(count, now: now)
    }

    /// Returns true if compaction left nothing of a closed segment.
    private func isHole(_ segment: LogSegment) -> Bool {
        segment.isEmpty && segment !== activeSegment
    }

    /// The active segment may be among them: an empty one follows it then, so that offsets continue.
    private func removeWholeSegments(_ count: Int, now: Int64) throws(LogError) -> Int {
        guard count > 0 else { return 0 }
        try markDirty()
        if count == segments.count { try roll(now: now) }
        try moveStart(to: segments[count].baseOffset)
        try removeFirstSegments(count)
        return count
    }

    private func removeSegments(before offset: Int64) throws(LogError) -> Int {
        let count = segments.dropFirst().prefix { $0.baseOffset <= offset }.count
        try removeFirstSegments(count)
        return count
    }

    private func moveStart(to offset: Int64) throws(LogError) {
        guard offset > logStartOffset else { return }
        logStartOffset = offset
        epochs.truncateStart(to: offset)
        saveEpochs()
        try saveCheckpoint()
    }

    /// Makes `offset` the log's start, -1 for the high watermark (DeleteRecords). Returns the start after that.
    ///
    /// - Throws: POLICY_VIOLATION unless the topic's policy includes delete, OFFSET_OUT_OF_RANGE beyond the high
    ///   watermark.
    package func deleteRecords(before offset: Int64) throws(LogReadError) -> Int64 {
        guard config.isDeleted else {
            throw LogReadError(
                .policyViolation,
                "Records of partition \(name) can not be deleted due to the configured policy: "
                    + "cleanup.policy must include delete")
        }
        let target = offset == -1 ? highWatermark : offset
        guard target >= 0, target <= highWatermark else {
            throw LogReadError(
                .offsetOutOfRange,
                "Cannot increment the log start offset to \(offset) of partition \(name) since it is larger than the "
                    + "high watermark \(highWatermark)")
        }
        try expire(before: target)
        return logStartOffset
    }

    /// Removes the records below `offset`, whatever the topic's policy is: the log's start moves there, but never back
    /// and never beyond the high watermark.
    package func expire(before offset: Int64) throws(LogReadError) {
        try reading { () throws(LogError) in
            try markDirty()
            try moveStart(to: min(offset, highWatermark))
            _ = try removeSegments(before: logStartOffset)
        }
    }

    /// Removes all batches that end at or after `offset`; the next record gets the first offset that they had, but none
    /// before the log's start. For faults: a leader that lost its tail.
    package func truncate(to offset: Int64, now: Int64) throws(LogError) {
        guard offset < logEndOffset, offset >= 0 else { return }
        try guarded { () throws(LogError) in
            try markDirty()
            for segment in segments[((segmentIndex(of: offset) ?? 0) + 1)...].reversed() {
                try segment.delete()
                segments.removeLast()
            }
            var end = offset
            if offset >= activeSegment.baseOffset {
                try activeSegment.reopen(indexIntervalBytes: config.indexIntervalBytes)
                end = try activeSegment.truncate(to: offset, indexIntervalBytes: config.indexIntervalBytes)
            }
            logStartOffset = min(logStartOffset, offset)
            try finishTruncation(at: max(end, logStartOffset), now: now)
        }
    }

    private func finishTruncation(at end: Int64, now: Int64) throws(LogError) {
        logEndOffset = end
        highWatermark = min(highWatermark, end)
        recoveryPoint = min(recoveryPoint, end)
        firstDirtyOffset = min(firstDirtyOffset, end)
        if activeSegment.isEmpty || activeSegment.baseOffset > end { try beginAfresh(at: end, now: now) }
        epochs.truncateEnd(to: end)
        saveEpochs()
        try rebuildProducers(now: now, notingAbortedFrom: .max)
        try saveCheckpoint()
    }

    /// Puts an empty segment for the log's end in the place of the active one, which holds nothing that can be read.
    func beginAfresh(at end: Int64, now: Int64) throws(LogError) {
        guard activeSegment.baseOffset != end || !activeSegment.isEmpty else { return }
        let fresh = try makeSegment(at: end, now: now)
        try segments.removeLast().delete()
        segments.append(fresh)
    }
}
