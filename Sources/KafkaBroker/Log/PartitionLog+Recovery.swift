import KafkaCompression
import KafkaWire
import NIOCore

/// Opening a log on disk: what was closed in order is taken as it is, everything after the recovery point is checked
/// batch by batch, and what does not hold is cut off.
extension PartitionLog {
    func open(_ place: LogPlace, now: Int64) throws(LogError) {
        try FileSystem.createDirectory(place.directory)
        try SegmentSwap.recover(place)
        let checkpoint = try LogCheckpoint(loadingFrom: place.directory)
        try openSegments(place, now: now, emptyAt: checkpoint.logStartOffset)

        let isClean = wasClosed(checkpoint.cleanEnd)
        if let end = checkpoint.cleanEnd, isClean {
            logEndOffset = end.logEndOffset
        }
        let firstChecked = isClean ? segments.count : firstSegment(toCheck: checkpoint.recoveryPoint)
        var firstUnknown = firstChecked < segments.count ? segments[firstChecked].baseOffset : .max
        for (index, segment) in segments.enumerated().prefix(firstChecked) {
            guard try !load(segment, isLast: index == segments.count - 1) else { continue }
            firstUnknown = min(firstUnknown, segment.baseOffset)
        }
        try loadEpochs(place, before: firstChecked)
        if !isClean { try recover(from: firstChecked) }

        if logEndOffset < checkpoint.logStartOffset {
            // All that was left of the log is gone; its offsets are not used a second time.
            try removeFirstSegments(segments.count - 1)
            logEndOffset = checkpoint.logStartOffset
            try beginAfresh(at: logEndOffset, now: now)
        }
        logStartOffset = max(checkpoint.logStartOffset, segments[0].baseOffset)
        highWatermark = logEndOffset
        recoveryPoint = isClean ? logEndOffset : min(checkpoint.recoveryPoint, logEndOffset)
        firstDirtyOffset = min(checkpoint.firstDirtyOffset, logEndOffset)
        isMarkedClean = isClean
        epochs.truncateEnd(to: logEndOffset)
        epochs.truncateStart(to: logStartOffset)
        for segment in segments where segment.baseOffset >= firstUnknown { segment.aborted = AbortedTransactions() }
        try rebuildProducers(now: now, notingAbortedFrom: firstUnknown)
        if !isClean { saveEpochs() }
    }

    private func openSegments(_ place: LogPlace, now: Int64, emptyAt offset: Int64) throws(LogError) {
        let names = try FileSystem.names(in: place.directory)
        let bases = Set(names.compactMap { SegmentFiles.offset(of: $0, suffix: ".log") })
        for name in names {
            let indexed = [".index", ".timeindex", ".txnindex"].lazy
                .compactMap { SegmentFiles.offset(of: name, suffix: $0) }.first
            // Drafts of files that were being replaced, and indexes whose segment is gone.
            guard name.hasSuffix(".tmp") || indexed.map({ !bases.contains($0) }) == true else { continue }
            try FileSystem.remove("\(place.directory)/\(name)")
        }
        for base in bases.sorted() {
            let files = place.files(base)
            let data = try FileSegmentData(path: files.log, creating: false, now: now, faults: place.faults)
            segments.append(LogSegment(baseOffset: base, data: data, files: files, now: now))
        }
        if segments.isEmpty { segments = [try makeSegment(at: offset, now: now)] }
        logEndOffset = segments[0].baseOffset
    }

    private func wasClosed(_ end: LogCheckpoint.CleanEnd?) -> Bool {
        guard let end else { return false }
        return end.activeSegmentSize == activeSegment.size && end.logEndOffset >= activeSegment.baseOffset
    }

    /// The segment that holds the recovery point is the first that may be damaged.
    private func firstSegment(toCheck recoveryPoint: Int64) -> Int {
        segmentIndex(of: recoveryPoint) ?? 0
    }

    /// Takes a sound segment; its index is built again if its files cannot be used.
    /// Returns false if its aborted transactions are not known: then the producers are replayed from there on.
    private func load(_ segment: LogSegment, isLast: Bool) throws(LogError) -> Bool {
        if try isLast ? segment.loadIndex() : segment.useIndexFiles() { return true }
        try segment.rebuildIndex(indexIntervalBytes: config.indexIntervalBytes)
        let isKnown = try segment.loadAborted()
        if !isLast { try segment.close(faults: place?.faults) }
        return isKnown
    }

    /// Without its file the history is built again from the segments that are not checked anyway.
    private func loadEpochs(_ place: LogPlace, before firstChecked: Int) throws(LogError) {
        if let loaded = try LeaderEpochHistory(loadingFrom: place.directory) {
            epochs = loaded
            return
        }
        for segment in segments.prefix(firstChecked) {
            var walker = BatchWalker(segment.data, from: 0, blockSize: 64 << 10)
            while let (header, _) = try walker.next() { noteEpoch(header) }
        }
    }

    private func noteEpoch(_ header: RecordBatchHeader) {
        guard header.partitionLeaderEpoch > epochs.latestEpoch ?? -1 else { return }
        _ = epochs.assign(header.partitionLeaderEpoch, at: header.baseOffset)
    }

    // Checking

    /// Checks every batch from a segment on. The first that does not hold ends the log.
    private func recover(from first: Int) throws(LogError) {
        for index in first..<segments.count {
            let segment = segments[index]
            logEndOffset = max(logEndOffset, segment.baseOffset)
            let sound = try check(segment)
            guard sound < segment.size else {
                if index < segments.count - 1 { try segment.close(faults: place?.faults) }
                continue
            }
            try segment.data.truncate(to: sound)
            for later in segments[(index + 1)...].reversed() { try later.delete() }
            segments.removeSubrange((index + 1)...)
            return
        }
    }

    /// Notes all batches that hold and returns where they end.
    private func check(_ segment: LogSegment) throws(LogError) -> Int {
        segment.resetIndex()
        var position = 0
        var block = ByteBuffer()
        while position < segment.size {
            if block.readableBytes < RecordBatchHeader.length {
                block = try segment.data.peek(at: position, count: Self.recoveryBlock)
            }
            guard let header = try? RecordBatchHeader(parsing: block),
                header.batchLength >= BatchWalker.smallestBatchLength,
                position + header.sizeInBytes <= segment.size
            else { break }
            if block.readableBytes < header.sizeInBytes {
                block = try segment.data.peek(at: position, count: max(Self.recoveryBlock, header.sizeInBytes))
            }
            guard let bytes = block.readSlice(length: header.sizeInBytes), let batch = try? RecordBatch(bytes),
                header.baseOffset >= logEndOffset, header.nextOffset > header.baseOffset,
                header.lastOffset - segment.baseOffset <= Int64(Int32.max),
                batch.isChecksumValid
            else { break }
            segment.addToIndex(header, at: position, indexIntervalBytes: config.indexIntervalBytes)
            noteEpoch(header)
            logEndOffset = header.nextOffset
            position += header.sizeInBytes
        }
        return position
    }

    private static let recoveryBlock = 1 << 20

    // Producers

    /// Takes the newest snapshot of the producers that holds and replays the batches after it.
    /// - Parameter firstRecovered: aborted transactions that end at or after it are noted in their segments, which takes
    ///   a snapshot of before.
    func rebuildProducers(now: Int64, notingAbortedFrom firstRecovered: Int64) throws(LogError) {
        producerTable = try loadProducers(upTo: min(firstRecovered, logEndOffset))
        var next = segmentIndex(of: producerTable.endOffset) ?? 0
        while next < segments.count {
            let segment = segments[next]
            next += 1
            guard let (_, position) = try segment.batch(reaching: producerTable.endOffset) else { continue }
            var walker = BatchWalker(segment.data, from: position, blockSize: 64 << 10)
            while let (header, position) = try walker.next() {
                guard header.baseOffset >= producerTable.endOffset else { continue }
                let marker = header.isControl ? try marker(of: header, at: position, in: segment) : nil
                guard let aborted = producerTable.append(header, marker: marker), aborted.lastOffset >= firstRecovered
                else { continue }
                segment.aborted.add(aborted)
            }
        }
        producerTable.expire(now: now, after: config.producerIDExpirationMs)
    }

    private func marker(
        of header: RecordBatchHeader, at position: Int, in segment: LogSegment
    ) throws(LogError) -> ControlRecord? {
        guard var reader = try? segment.read(header, at: position).records(), let record = try? reader.next() else {
            return nil
        }
        return try? ControlRecord(record)
    }

    private func loadProducers(upTo limit: Int64) throws(LogError) -> ProducerTable {
        guard let place else { return ProducerTable() }
        for offset in try snapshotOffsets(place).reversed() {
            let file = ProducerSnapshotFile(directory: place.directory, offset: offset)
            if offset <= limit, let states = try file.load() { return ProducerTable(states, endOffset: offset) }
            // Damaged, or of a tail that was cut off.
            if offset <= limit || offset > logEndOffset { try FileSystem.remove(file.path) }
        }
        return ProducerTable()
    }

    private func snapshotOffsets(_ place: LogPlace) throws(LogError) -> [Int64] {
        try FileSystem.names(in: place.directory).compactMap {
            SegmentFiles.offset(of: $0, suffix: ProducerSnapshotFile.suffix)
        }
    }

    /// Writes the producers as of the log's end. Of the older snapshots those stay that a recovery may begin with: the one
    /// before the first segment that is not on the disk for good and all after it, two at least.
    func saveProducers() throws(LogError) {
        guard let place else { return }
        let file = ProducerSnapshotFile(directory: place.directory, offset: logEndOffset)
        try file.save(producerTable.states.values, faults: place.faults)
        let offsets = try snapshotOffsets(place)
        let firstChecked = segments[segmentIndex(of: recoveryPoint) ?? 0].baseOffset
        let needed = min(offsets.firstIndex(sortedBy: { $0 > firstChecked }) - 1, offsets.count - 2)
        for offset in offsets.prefix(max(needed, 0)) {
            try FileSystem.remove(ProducerSnapshotFile(directory: place.directory, offset: offset).path)
        }
    }
}
