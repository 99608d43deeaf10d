import KafkaWire
import NIOCore

/// A contiguous part of a partition's log: batches, and the indexes that find them.
///
/// Positions count bytes from the segment's start. Batches lie in it in the order of their offsets, with gaps where
/// compaction removed some.
final class LogSegment {
    let baseOffset: Int64
    let data: any SegmentData
    /// Nil in memory.
    let files: SegmentFiles?
    var aborted = AbortedTransactions()
    /// The newest record's timestamp, and the last offset of the batch that has it; -1 for none.
    private(set) var newest: (timestamp: Int64, lastOffset: Int64) = (-1, -1)
    /// The first batch's newest record: the segment's age counts from there.
    private(set) var firstTimestamp: Int64?
    private let created: Int64
    private var index: Index
    private var bytesSinceIndexEntry = 0

    private enum Index {
        case resident(SegmentIndex)
        case files(SegmentIndexFiles)
    }

    init(baseOffset: Int64, data: any SegmentData, files: SegmentFiles?, now: Int64) {
        self.baseOffset = baseOffset
        self.data = data
        self.files = files
        created = now
        index = .resident(SegmentIndex())
    }

    var size: Int { data.count }
    var isEmpty: Bool { size == 0 }

    /// Milliseconds since 1970 of the newest record, or of the last write if no record has a time.
    var largestTimestamp: Int64 { newest.timestamp >= 0 ? newest.timestamp : data.modificationTime }
}

// Appending

extension LogSegment {
    /// Adds a batch whose header has its final offsets; `head` and `payload` are its bytes.
    func append(
        _ header: RecordBatchHeader, head: ByteBuffer, payload: ByteBuffer, indexIntervalBytes: Int, now: Int64
    ) throws(LogError) {
        let position = size
        try data.append(head, payload, now: now)
        addToIndex(header, at: position, indexIntervalBytes: indexIntervalBytes)
    }

    /// Takes a batch that lies at `position` into the indexes.
    func addToIndex(_ header: RecordBatchHeader, at position: Int, indexIntervalBytes: Int) {
        if position == 0 { firstTimestamp = header.maxTimestamp }
        if header.maxTimestamp > newest.timestamp { newest = (header.maxTimestamp, header.lastOffset) }
        if bytesSinceIndexEntry > indexIntervalBytes, case .resident(var resident) = index {
            // Taken out while it changes: two owners would make every append copy the index.
            index = .resident(SegmentIndex())
            resident.addOffset(
                Int32(truncatingIfNeeded: header.lastOffset &- baseOffset), position: Int32(clamping: position))
            resident.addTime(
                newest.timestamp, relativeOffset: Int32(truncatingIfNeeded: newest.lastOffset &- baseOffset))
            index = .resident(resident)
            bytesSinceIndexEntry = 0
        }
        bytesSinceIndexEntry += header.sizeInBytes
    }

    /// Returns true if a batch must go into a new segment (Kafka's `LogSegment.shouldRoll`).
    func shouldRoll(for header: RecordBatchHeader, _ config: LogConfig, jitterMs: Int64, now: Int64) -> Bool {
        if header.lastOffset - baseOffset > Int64(Int32.max) { return true }
        guard !isEmpty else { return false }
        if size > config.segmentBytes - header.sizeInBytes { return true }
        if case .resident(let resident) = index,
            (resident.offsets.count + 1) * SegmentIndex.offsetEntrySize > config.segmentIndexBytes
        {
            return true
        }
        let waited =
            if let firstTimestamp, firstTimestamp >= 0 {
                header.maxTimestamp &- firstTimestamp
            } else {
                now &- created
            }
        return waited > config.maxSegmentMs - jitterMs
    }
}

// Finding

extension LogSegment {
    /// The first batch that ends at or after an offset, and where it lies; nil if the segment ends before.
    func batch(reaching offset: Int64) throws(LogError) -> (header: RecordBatchHeader, position: Int)? {
        guard !isEmpty else { return nil }
        let start =
            switch index {
            case .resident(let resident): resident.position(of: offset - baseOffset)
            case .files(let files): try files.position(of: offset - baseOffset)
            }
        var walker = BatchWalker(data, from: start)
        var next = start > 0 ? try? walker.next() : try walker.next()
        if start > 0, next.map({ $0.header.lastOffset <= offset }) != true {
            // The index is damaged: the batch that it leads to has to end at or before the offset.
            walker = BatchWalker(data, from: 0)
            next = try walker.next()
        }
        while let found = next {
            if found.header.lastOffset >= offset { return found }
            next = try walker.next()
        }
        return nil
    }

    /// The last place at or before `limit` where a batch ends; `start` is one where a batch begins, at or before it.
    func boundary(atOrBefore limit: Int, from start: Int) throws(LogError) -> Int {
        guard limit < size else { return size }
        let known =
            switch index {
            case .resident(let resident): resident.position(atOrBefore: limit)
            case .files(let files): try files.position(atOrBefore: limit)
            }
        var walker = BatchWalker(data, from: max(known, start))
        var boundary = walker.position
        while let found = try walker.next(), walker.position <= limit {
            boundary = found.position + found.header.sizeInBytes
        }
        return boundary
    }

    /// The batches from the first that may hold a record at or after `offset` and at least as new as `timestamp`.
    func batches(notOlderThan timestamp: Int64, from offset: Int64) throws(LogError) -> BatchWalker {
        let position: Int
        switch index {
        case .resident(let resident):
            let before = max(resident.relativeOffset(before: timestamp), offset - baseOffset)
            position = resident.position(of: before)
        case .files(let files):
            let before = max(try files.relativeOffset(before: timestamp), offset - baseOffset)
            position = try files.position(of: before)
        }
        return BatchWalker(data, from: position)
    }

    /// The newest record of the first batch, in milliseconds since 1970; nil in an empty segment.
    func firstBatchTimestamp() throws(LogError) -> Int64? {
        if let firstTimestamp { return firstTimestamp }
        var walker = BatchWalker(data, from: 0, blockSize: RecordBatchHeader.length)
        return try walker.next()?.header.maxTimestamp
    }

    /// A whole batch that the walker or the index has found.
    func read(_ header: RecordBatchHeader, at position: Int) throws(LogError) -> RecordBatch {
        let slices = try data.read(position..<position + header.sizeInBytes)
        let bytes = RecordBytes(slices: slices).contiguous
        guard let batch = try? RecordBatch(bytes) else {
            throw LogError("read batch at byte \(position)", path: data.name, errno: 0, leavesDoubt: true)
        }
        return batch
    }
}

// Life

extension LogSegment {
    /// Removes all batches that end at or after `offset`, and returns where the first of them began.
    func truncate(to offset: Int64, indexIntervalBytes: Int) throws(LogError) -> Int64 {
        guard let (header, position) = try batch(reaching: offset) else { return offset }
        try data.truncate(to: position)
        aborted.truncate(to: offset)
        try rebuildIndex(indexIntervalBytes: indexIntervalBytes)
        return min(header.baseOffset, offset)
    }

    /// Walks all batches and notes them afresh.
    func rebuildIndex(indexIntervalBytes: Int) throws(LogError) {
        resetIndex()
        var walker = BatchWalker(data, from: 0)
        while let (header, position) = try walker.next() {
            addToIndex(header, at: position, indexIntervalBytes: indexIntervalBytes)
        }
    }

    /// Empties the index, for a walk that notes the batches again.
    func resetIndex() {
        index = .resident(SegmentIndex())
        newest = (-1, -1)
        firstTimestamp = nil
        bytesSinceIndexEntry = 0
    }

    /// Writes the indexes to their files.
    func saveIndex(faults: DiskFaults?) throws(LogError) {
        guard let files, case .resident(var resident) = index else { return }
        resident.addTime(newest.timestamp, relativeOffset: Int32(truncatingIfNeeded: newest.lastOffset &- baseOffset))
        try resident.save(to: files, faults: faults)
        try aborted.save(to: files.transactionIndex, faults: faults)
    }

    /// Takes the indexes from their files, to append further; false if they cannot be used.
    func loadIndex() throws(LogError) -> Bool {
        guard let files, let loaded = try SegmentIndex(loading: files, size: size),
            // One entry at least closes every index but that of an empty segment: see `saveIndex`.
            size == 0 || !loaded.times.isEmpty || !loaded.offsets.isEmpty, try loadAborted()
        else { return false }
        if let last = loaded.times.last { newest = (last.timestamp, baseOffset + Int64(last.relativeOffset)) }
        var walker = BatchWalker(data, from: 0)
        firstTimestamp = try walker.next()?.header.maxTimestamp
        bytesSinceIndexEntry = size - (loaded.offsets.last.map { Int($0.position) } ?? 0)
        index = .resident(loaded)
        return true
    }

    /// Takes the aborted transactions from their file; false if it cannot be used.
    func loadAborted() throws(LogError) -> Bool {
        guard let files, let loaded = try AbortedTransactions(loading: files.transactionIndex, baseOffset: baseOffset)
        else { return false }
        aborted = loaded
        return true
    }

    /// Leaves the indexes in their files, for a segment that is only read; false if they cannot be used.
    func useIndexFiles() throws(LogError) -> Bool {
        guard let files, let last = try SegmentIndexFiles(files: files).lastTime(), try loadAborted() else {
            return false
        }
        newest = (last.timestamp, baseOffset + Int64(last.relativeOffset))
        data.seal()
        index = .files(SegmentIndexFiles(files: files))
        return true
    }

    /// The segment takes no more appends. On disk its index is left to the files from now on.
    func close(faults: DiskFaults?) throws(LogError) {
        try saveIndex(faults: faults)
        data.seal()
        if let files { index = .files(SegmentIndexFiles(files: files)) }
    }

    /// The segment takes appends again, after the ones behind it are gone.
    func reopen(indexIntervalBytes: Int) throws(LogError) {
        data.unseal()
        try rebuildIndex(indexIntervalBytes: indexIntervalBytes)
    }

    func delete() throws(LogError) {
        try data.delete()
        guard let files else { return }
        try FileSystem.remove(files.offsetIndex)
        try FileSystem.remove(files.timeIndex)
        try FileSystem.remove(files.transactionIndex)
    }
}
