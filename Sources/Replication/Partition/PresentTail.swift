internal import KafkaCompression

/// The part of the target's log that an earlier run wrote behind its last checkpoint, where copies keep their offsets. It is
/// compared with the source as that is read once more. Pure.
///
/// Places that compaction has emptied on the target are not known, and not compared.
struct PresentTail: Hashable, Sendable {
    /// End of the log when it was read.
    let end: Int64
    /// Contents of its records, by offset.
    private let records: [Int64: ContentFingerprint]
    /// Offsets of markers and filler, in order.
    private let holes: [Range<Int64>]
    /// The target gives records its own time.
    private let ignoresTimestamps: Bool
    /// Everything below it was compared.
    private var compared: Int64

    /// Reasons for which the source may lack a record that it had when it was copied.
    private static let removals: [SkipReason] = [.compacted, .expired, .quarantined]

    init(_ tail: TargetTail, end: Int64, from completed: Int64) {
        self.end = end
        records = tail.fingerprintsByOffset
        holes = tail.holes
        ignoresTimestamps = tail.ignoresTimestamps
        compared = completed
    }

    /// The source is read again from there on.
    mutating func rewind(to offset: Int64) {
        compared = min(compared, offset)
    }

    /// Compares offsets up to one for which the source has nothing to copy.
    ///
    /// - Parameter skipped: the reasons, each with its number of offsets.
    /// - Returns: the first offset with a record that nothing explains; nil for none.
    mutating func compareHole(upTo offset: Int64, _ skipped: [SkipReason: Int64]) -> Int64? {
        let offset = min(offset, end)
        guard offset > compared else { return nil }
        defer { compared = offset }
        let removed = Self.removals.reduce(0) { $0 + (skipped[$1] ?? 0) }
        let range = compared..<offset
        let found =
            range.count <= records.count ? range.filter { records[$0] != nil } : records.keys.filter(range.contains)
        return found.count > removed ? found.min() : nil
    }

    /// Compares a batch whose place has been reached.
    ///
    /// - Returns: the first offset with something else; nil for none.
    mutating func compare(_ batch: OutgoingBatch) -> Int64? {
        let place = batch.sources.first.lowerBound..<min(batch.sources.end, end)
        guard !place.isEmpty else { return nil }
        compared = max(compared, place.upperBound)
        let hole = firstHole(in: place)
        // A copy of filler is filler.
        if let hole, !Filler.isFiller(batch.records) { return hole }
        var next = place.lowerBound
        var difference: Int64?
        // What cannot be taken apart is compared by nobody.
        _ = try? batch.records.forEachFingerprint(ignoringTimestamp: ignoresTimestamps) { _, fingerprint in
            if let found = records[next], found != fingerprint, difference == nil { difference = next }
            next += 1
        }
        return difference
    }

    private func firstHole(in place: Range<Int64>) -> Int64? {
        let index = holes.partitioningIndex { $0.upperBound > place.lowerBound }
        guard index < holes.count, holes[index].lowerBound < place.upperBound else { return nil }
        return max(holes[index].lowerBound, place.lowerBound)
    }
}
