import NIOCore

/// At which offset each leader epoch began (Kafka's `LeaderEpochFileCache`).
struct LeaderEpochHistory: Hashable {
    struct Entry: Hashable {
        var epoch: Int32
        var startOffset: Int64
    }

    /// Ascending in both columns.
    private(set) var entries: [Entry] = []

    var latestEpoch: Int32? { entries.last?.epoch }

    /// Notes that records of `epoch` begin at `offset`; older entries that contradict it go.
    /// Returns whether anything changed.
    mutating func assign(_ epoch: Int32, at offset: Int64) -> Bool {
        guard epoch >= 0 else { return false }
        if let last = entries.last, epoch == last.epoch, offset >= last.startOffset { return false }
        while let last = entries.last, last.epoch >= epoch || last.startOffset >= offset { entries.removeLast() }
        entries.append(Entry(epoch: epoch, startOffset: offset))
        return true
    }

    /// The largest epoch up to the asked one, and the offset after its last record; nil if the history does not say.
    func endOffset(for epoch: Int32, logEndOffset: Int64) -> (epoch: Int32, endOffset: Int64)? {
        guard let last = entries.last, epoch >= 0 else { return nil }
        if epoch == last.epoch { return (epoch, logEndOffset) }
        let next = entries.firstIndex(sortedBy: { $0.epoch > epoch })
        guard next < entries.count else { return nil }
        return (next == 0 ? epoch : entries[next - 1].epoch, entries[next].startOffset)
    }

    /// The epoch that an offset was written in.
    func epoch(of offset: Int64) -> Int32? {
        let next = entries.firstIndex(sortedBy: { $0.startOffset > offset })
        return next == 0 ? nil : entries[next - 1].epoch
    }

    mutating func truncateEnd(to offset: Int64) {
        while let last = entries.last, last.startOffset >= offset { entries.removeLast() }
    }

    /// Keeps the epoch that holds `offset`, as if it had begun there.
    mutating func truncateStart(to offset: Int64) {
        let next = entries.firstIndex(sortedBy: { $0.startOffset > offset })
        guard next > 0 else { return }
        entries[next - 1].startOffset = offset
        entries.removeSubrange(..<(next - 1))
    }
}

// File

extension LeaderEpochHistory {
    static let fileName = "leader-epoch-checkpoint"

    /// Kafka's checkpoint format: version, number of lines, then "epoch offset" on each.
    func save(in directory: String, faults: DiskFaults?) throws(LogError) {
        let lines = entries.map { "\($0.epoch) \($0.startOffset)\n" }
        let text = "0\n\(entries.count)\n" + lines.joined()
        try FileSystem.replace(
            "\(directory)/\(Self.fileName)", with: ByteBuffer(string: text), flushed: false, faults: faults)
    }

    /// Nil if there is no file, or not one that can be understood.
    init?(loadingFrom directory: String) throws(LogError) {
        guard let bytes = try FileSystem.contents(of: "\(directory)/\(Self.fileName)") else { return nil }
        let lines = String(buffer: bytes).split(separator: "\n")
        guard lines.count >= 2, lines[0] == "0", Int(lines[1]) == lines.count - 2 else { return nil }
        for line in lines.dropFirst(2) {
            let fields = line.split(separator: " ")
            guard fields.count == 2, let epoch = Int32(fields[0]), let offset = Int64(fields[1]), offset >= 0,
                epoch > entries.last?.epoch ?? -1, offset > entries.last?.startOffset ?? -1
            else { return nil }
            entries.append(Entry(epoch: epoch, startOffset: offset))
        }
    }
}
