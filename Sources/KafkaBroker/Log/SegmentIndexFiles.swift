import NIOCore

/// The index of a closed segment on disk, searched where it lies: it costs no memory while nobody reads the segment.
///
/// A file that is missing or cut answers as an empty one, and the reader starts from the segment's first batch.
struct SegmentIndexFiles {
    let files: SegmentFiles

    /// See ``SegmentIndex/position(of:)``.
    func position(of relativeOffset: Int64) throws(LogError) -> Int {
        try lastOffsetEntry { entry in Int64(entry.relativeOffset) <= relativeOffset }
    }

    /// See ``SegmentIndex/position(atOrBefore:)``.
    func position(atOrBefore limit: Int) throws(LogError) -> Int {
        try lastOffsetEntry { entry in Int(entry.position) <= limit }
    }

    /// See ``SegmentIndex/relativeOffset(before:)``.
    func relativeOffset(before timestamp: Int64) throws(LogError) -> Int64 {
        let entry = try lastEntry(in: files.timeIndex, size: SegmentIndex.timeEntrySize) { bytes in
            bytes.getMultipleIntegers(at: bytes.readerIndex, as: (Int64, Int32).self).map { $0.0 <= timestamp } ?? false
        }
        return entry.flatMap { $0.getInteger(at: $0.readerIndex + 8, as: Int32.self) }.map(Int64.init) ?? 0
    }

    /// The entry that closing the segment wrote last; nil if there is none, or a file has a size that it cannot have.
    func lastTime() throws(LogError) -> SegmentIndex.TimeEntry? {
        let entrySize = SegmentIndex.timeEntrySize
        guard FileSystem.exists(files.offsetIndex), FileSystem.exists(files.timeIndex) else { return nil }
        guard try PosixFile(files.offsetIndex, .read).size() % SegmentIndex.offsetEntrySize == 0 else { return nil }
        let file = try PosixFile(files.timeIndex, .read)
        let size = try file.size()
        guard size >= entrySize, size % entrySize == 0 else { return nil }
        var bytes = try file.read(at: size - entrySize, count: entrySize)
        guard let (timestamp, offset) = bytes.readMultipleIntegers(as: (Int64, Int32).self) else { return nil }
        return SegmentIndex.TimeEntry(timestamp: timestamp, relativeOffset: offset)
    }

    private func lastOffsetEntry(_ matches: (SegmentIndex.OffsetEntry) -> Bool) throws(LogError) -> Int {
        let entry = try lastEntry(in: files.offsetIndex, size: SegmentIndex.offsetEntrySize) { bytes in
            guard let (offset, position) = bytes.getMultipleIntegers(at: bytes.readerIndex, as: (Int32, Int32).self)
            else { return false }
            return matches(SegmentIndex.OffsetEntry(relativeOffset: offset, position: position))
        }
        return entry.flatMap { $0.getInteger(at: $0.readerIndex + 4, as: Int32.self) }.map(Int.init) ?? 0
    }

    /// The last entry that matches; all before it must match too.
    private func lastEntry(
        in path: String, size: Int, _ matches: (ByteBuffer) -> Bool
    ) throws(LogError) -> ByteBuffer? {
        guard FileSystem.exists(path) else { return nil }
        let file = try PosixFile(path, .read)
        var low = 0
        var high = try file.size() / size
        var found: ByteBuffer?
        while low < high {
            let middle = low + (high - low) / 2
            let entry = try file.read(at: middle * size, count: size)
            if matches(entry) {
                found = entry
                low = middle + 1
            } else {
                high = middle
            }
        }
        return found
    }
}
