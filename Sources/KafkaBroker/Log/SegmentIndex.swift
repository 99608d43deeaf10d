import NIOCore

/// The sparse index of a segment that takes appends, or that lives in memory: one entry per `index.interval.bytes`.
///
/// Kafka's two indexes: last offset of a batch → its position, and largest timestamp so far → the last offset of
/// the batch that has it. Both are ascending in both columns.
struct SegmentIndex {
    struct OffsetEntry: Hashable {
        var relativeOffset: Int32
        var position: Int32
    }

    struct TimeEntry: Hashable {
        var timestamp: Int64
        var relativeOffset: Int32
    }

    private(set) var offsets: [OffsetEntry] = []
    private(set) var times: [TimeEntry] = []

    static let offsetEntrySize = 8
    static let timeEntrySize = 12

    init() {}

    mutating func addOffset(_ relativeOffset: Int32, position: Int32) {
        offsets.append(OffsetEntry(relativeOffset: relativeOffset, position: position))
    }

    /// Keeps both columns ascending: what does not rise is left out (Kafka's `TimeIndex.maybeAppend`).
    mutating func addTime(_ timestamp: Int64, relativeOffset: Int32) {
        guard timestamp >= 0 else { return }
        if let last = times.last, timestamp <= last.timestamp { return }
        times.append(TimeEntry(timestamp: timestamp, relativeOffset: relativeOffset))
    }

    /// Forgets what lies at or after an offset.
    mutating func truncate(to relativeOffset: Int64) {
        offsets.removeSubrange(offsets.firstIndex { Int64($0.relativeOffset) >= relativeOffset }...)
        times.removeSubrange(times.firstIndex { Int64($0.relativeOffset) >= relativeOffset }...)
    }
}

// Queries

extension SegmentIndex {
    /// The position to begin to look for the batch with an offset: a batch that ends at or before it.
    func position(of relativeOffset: Int64) -> Int {
        let index = offsets.firstIndex { Int64($0.relativeOffset) > relativeOffset }
        return index == 0 ? 0 : Int(offsets[index - 1].position)
    }

    /// The last position at or before `limit` where a batch is known to begin.
    func position(atOrBefore limit: Int) -> Int {
        let index = offsets.firstIndex { Int($0.position) > limit }
        return index == 0 ? 0 : Int(offsets[index - 1].position)
    }

    /// An offset before which no record is as new as `timestamp`.
    func relativeOffset(before timestamp: Int64) -> Int64 {
        let index = times.firstIndex { $0.timestamp > timestamp }
        return index == 0 ? 0 : Int64(times[index - 1].relativeOffset)
    }
}

extension Array {
    /// The index of the first element that satisfies `predicate`; all after the first such must satisfy it too.
    fileprivate func firstIndex(_ predicate: (Element) -> Bool) -> Int { firstIndex(sortedBy: predicate) }
}

// Files

extension SegmentIndex {
    /// Writes both index files. Not flushed: what a loss of power takes is built again from the log.
    func save(to files: SegmentFiles, faults: DiskFaults?) throws(LogError) {
        var bytes = ByteBufferAllocator().buffer(capacity: offsets.count * Self.offsetEntrySize)
        for entry in offsets { bytes.writeMultipleIntegers(entry.relativeOffset, entry.position) }
        try FileSystem.replace(files.offsetIndex, with: bytes, flushed: false, faults: faults)
        bytes.clear()
        for entry in times { bytes.writeMultipleIntegers(entry.timestamp, entry.relativeOffset) }
        try FileSystem.replace(files.timeIndex, with: bytes, flushed: false, faults: faults)
    }

    /// Reads both index files; nil if one is missing or cannot belong to a segment of `size` bytes.
    init?(loading files: SegmentFiles, size: Int) throws(LogError) {
        guard var offsetBytes = try FileSystem.contents(of: files.offsetIndex),
            var timeBytes = try FileSystem.contents(of: files.timeIndex),
            offsetBytes.readableBytes % Self.offsetEntrySize == 0, timeBytes.readableBytes % Self.timeEntrySize == 0
        else { return nil }
        while let (offset, position) = offsetBytes.readMultipleIntegers(as: (Int32, Int32).self) {
            let last = offsets.last ?? OffsetEntry(relativeOffset: -1, position: -1)
            guard offset > last.relativeOffset, position > last.position, Int(position) < size else { return nil }
            addOffset(offset, position: position)
        }
        while let (timestamp, offset) = timeBytes.readMultipleIntegers(as: (Int64, Int32).self) {
            let last = times.last ?? TimeEntry(timestamp: -1, relativeOffset: -1)
            guard timestamp > last.timestamp, offset >= last.relativeOffset else { return nil }
            times.append(TimeEntry(timestamp: timestamp, relativeOffset: offset))
        }
    }
}
