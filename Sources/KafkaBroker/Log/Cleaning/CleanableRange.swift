/// The part of a log that may be cleaned, and how much it needs it (Kafka's `LogToClean`).
struct CleanableRange {
    /// From the first offset that was never cleaned to where cleaning must stop, at the end of a segment.
    let offsets: Range<Int64>
    let cleanBytes: Int
    let dirtyBytes: Int
    /// `max.compaction.lag.ms` has passed for the oldest dirty segment.
    let isOverdue: Bool

    /// The share of the log that cleaning would look at again.
    var dirtyRatio: Double { Double(dirtyBytes) / Double(max(cleanBytes + dirtyBytes, 1)) }
}

extension PartitionLog {
    /// The offsets that cleaning may touch: closed segments before the last stable offset, older than
    /// `min.compaction.lag.ms`. Nil if there is nothing.
    func cleanableRange(now: Int64) throws(LogError) -> CleanableRange? {
        let start = max(firstDirtyOffset, segments[0].baseOffset)
        let first = segmentIndex(of: start) ?? 0
        var end = segmentIndex(of: min(lastStableOffset, activeSegment.baseOffset)) ?? 0
        guard first < end else { return nil }
        if config.minCompactionLagMs > 0 {
            let limit = now &- config.minCompactionLagMs
            end = segments[first..<end].firstIndex { $0.largestTimestamp > limit } ?? end
        }
        let dirty = segments[first..<end]
        guard !dirty.isEmpty else { return nil }
        return CleanableRange(
            offsets: start..<segments[end].baseOffset, cleanBytes: segments[..<first].reduce(0) { $0 + $1.size },
            dirtyBytes: dirty.reduce(0) { $0 + $1.size }, isOverdue: try isOverdue(dirty, now: now))
    }

    private func isOverdue(_ dirty: ArraySlice<LogSegment>, now: Int64) throws(LogError) -> Bool {
        guard config.maxCompactionLagMs < .max else { return false }
        let limit = now &- config.maxCompactionLagMs
        for segment in dirty {
            if let first = try segment.firstBatchTimestamp(), first > 0, first < limit { return true }
        }
        return false
    }

    /// Closes the active segment and cleans all that may be cleaned, however little it is.
    ///
    /// - Parameter keyCapacity: how many different keys are looked at in one round.
    package func compact(keyCapacity: Int, now: Int64) throws(LogError) {
        try guarded { () throws(LogError) in try roll(now: now) }
        while let range = try guarded({ () throws(LogError) in try cleanableRange(now: now) }) {
            let round = LogCleaning(self, range.offsets, keyCapacity: keyCapacity, now: now)
            while try round.advance(budget: .max) {}
        }
    }

    /// The range, if the topic is compacted and it is time.
    func dueCleaning(now: Int64) throws(LogError) -> CleanableRange? {
        guard config.isCompacted, offlineReason == nil else { return nil }
        return try guarded { () throws(LogError) in
            guard let range = try cleanableRange(now: now), range.dirtyBytes > 0 else { return nil }
            return range.isOverdue || range.dirtyRatio > config.minCleanableDirtyRatio ? range : nil
        }
    }
}
