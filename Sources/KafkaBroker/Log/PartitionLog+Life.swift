package import KafkaWire

/// Flushing, closing and deleting.
extension PartitionLog {
    /// Waits until everything appended so far is on the disk.
    package func flush(now: Int64) throws(LogError) {
        try guarded { () throws(LogError) in try flushSegments(now: now) }
    }

    /// Returns true if `flush.ms` asks for a ``flush(now:)``.
    package func isFlushDue(now: Int64) -> Bool {
        unflushedRecords > 0 && config.flushMs < .max && now &- lastFlush >= config.flushMs
    }

    func flushSegments(now: Int64) throws(LogError) {
        lastFlush = now
        unflushedRecords = 0
        guard let place, recoveryPoint < logEndOffset else { return }
        for segment in segments[(segmentIndex(of: recoveryPoint) ?? 0)...] { try segment.data.flush() }
        if hasNewFiles {
            try FileSystem.flushDirectory(place.directory)
            try FileSystem.flushDirectory(place.root)
            hasNewFiles = false
        }
        recoveryPoint = logEndOffset
        try saveCheckpoint()
    }

    /// Ends the log's use in order: the next opening checks nothing. A log in doubt is left for its recovery.
    package func close(now: Int64) throws(LogError) {
        guard let place, offlineReason == nil, !isMarkedClean else { return }
        try guarded { () throws(LogError) in
            try flushSegments(now: now)
            try activeSegment.saveIndex(faults: place.faults)
            try saveProducers()
            try epochs.save(in: place.directory, faults: place.faults)
            try saveCheckpoint(closing: true)
            isMarkedClean = true
        }
    }

    /// Removes the log and all of its files. It cannot be used after that.
    /// - Parameter topicID: what the journal knows the deleted topic by.
    package func delete(topicID: KafkaUUID = .zero) throws(LogError) {
        guard let place else {
            try removeFirstSegments(segments.count - 1)
            return try activeSegment.delete()
        }
        // In one step out of the way, so that a crash leaves nothing that looks like a log.
        let doomed = "\(place.root)/\(LogDirectoryName.deleted(name, topicID))"
        try FileSystem.rename(place.directory, to: doomed)
        try FileSystem.removeDirectory(doomed)
    }

    // Small files

    /// Called before the first change after opening: from here on the log is not closed in order.
    func markDirty() throws(LogError) {
        guard isMarkedClean else { return }
        isMarkedClean = false
        try saveCheckpoint()
    }

    func saveCheckpoint(closing: Bool = false) throws(LogError) {
        guard let place else { return }
        var checkpoint = LogCheckpoint()
        checkpoint.logStartOffset = logStartOffset
        checkpoint.recoveryPoint = recoveryPoint
        checkpoint.firstDirtyOffset = firstDirtyOffset
        if closing {
            checkpoint.cleanEnd = .init(logEndOffset: logEndOffset, activeSegmentSize: activeSegment.size)
        }
        // Waits for the disk only where the file says what the segments do not.
        let isNeeded = logStartOffset > segments[0].baseOffset
        try checkpoint.save(in: place.directory, flushed: isNeeded, faults: place.faults)
    }

    /// A history that could not be written is built again from the batches after a crash, and written again on closing.
    func saveEpochs() {
        guard let place else { return }
        try? epochs.save(in: place.directory, faults: place.faults)
    }
}
