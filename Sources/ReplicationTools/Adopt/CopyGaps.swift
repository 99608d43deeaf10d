/// Records that copies lack before the position at which the flow continues, and those of them that were appended
/// behind the copies already.
struct CopyGaps: Hashable, Sendable {
    /// Records that are still missing.
    private(set) var open = OffsetRuns()
    /// Records that were appended.
    private(set) var filled = 0
    /// Records that were appended although none of their kind is missing.
    private(set) var surplus = 0
    /// Sequence that follows on what was appended.
    private(set) var nextSequence: Int32 = 0

    init() {}

    /// Records are appended in the source's order: of several that are alike the first ones have been.
    init(_ alignment: CopyAlignment, _ windows: CopyWindows, stampsRecords: Bool) {
        let traits = CopyTraits(timestamps: !stampsRecords, headers: false)
        var appended: [UInt64: Int] = [:]
        for record in windows.fills { appended[traits.identity(of: record), default: 0] += 1 }
        var ranges = alignment.missing.ranges[...]
        for (place, record) in windows.source.records.enumerated() {
            while let range = ranges.first, range.upperBound <= record.offset { ranges.removeFirst() }
            guard let range = ranges.first else { break }
            guard range.contains(record.offset) else { continue }
            let identity = traits.identity(of: record)
            if let left = appended[identity], left > 0 {
                appended[identity] = left - 1
                filled += 1
            } else {
                open.add(record.offset, at: place)
            }
        }
        surplus = appended.values.reduce(0, +)
        nextSequence = windows.nextSequence
    }
}
