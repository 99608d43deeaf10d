package import KafkaWire

/// Finds where in the source to go on, by walking the source from the checkpoint beside the target's tail.
///
/// As long as neither log has holes, counting is exact: the n-th record that would be written now is the n-th that was.
/// Only where the target's leader has changed may the log have been cut, and what was on its way have landed there in front
/// of what is missing: at such seams the contents are compared, and nothing behind one that does not fit is in its place.
/// From the first hole on, records are compared by content, which is kept
/// in order on both sides: what was written last is found by the last match.
///
/// ```
/// source  ▪▪▪▪▪▪▪▪ ▪  ▪▪ ▪▪▪▪▪▪▪      source records may have been compacted since
///         └ counted ┘└ compared ┘
/// target  ▪▪▪▪▪▪▪▪▪▪▪ ▪▪|              and so may target records
/// ```
package struct TailAlignment: Sendable {
    private let start: Int64
    private let tail: TargetTail
    /// Our records on the target: at least as many, and at most.
    private var minimum: Int64
    private var maximum: Int64
    private var walked: Int64 = 0
    private var isCounting: Bool
    private var places: [ContentPrint: [Int]] = [:]
    private var lastPlace = -1
    /// Everything of the source below it was written or skipped by the earlier run.
    private var found: Int64
    /// Target offsets of the records counted so far go to these source offsets.
    package private(set) var counted: [Range<Int64>] = []
    private var seams: ArraySlice<TargetTail.Seam>
    /// Where the target's log was cut: its records from there on lie in front of what is missing.
    package private(set) var cut: TargetTail.Seam?

    /// - Parameter start: the source offset of the checkpoint that the tail begins at.
    package init(start: Int64, tail: TargetTail) {
        self.start = start
        self.tail = tail
        minimum = tail.count
        maximum = tail.count + tail.gaps
        isCounting = tail.gaps == 0
        seams = tail.seams[...]
        found = start
        if !isCounting { index(from: 0) }
    }

    /// Whether the walk has gone far enough.
    package var isDone: Bool { walked >= maximum }

    /// How many records the earlier run is known to have written.
    package var recovered: Int64 { minimum }

    /// Where to go on. A source offset below `start + recovered` cannot be: each record took one.
    package var position: Int64 { maximum == 0 ? start : max(found, start + minimum) }

    /// Whether every record of the tail has found its source record by number.
    package var isExact: Bool { isCounting && walked >= maximum }

    /// The next batch that would be written.
    ///
    /// - Parameters:
    ///   - sources: source offsets of its records.
    ///   - hasHole: whether source offsets in or before it, back to the batch before, have no record any more.
    ///   - next: source offset behind everything that it stands for.
    package mutating func take(
        _ batch: RecordBatch, sources: [Range<Int64>], hasHole: Bool, next: Int64
    ) throws {
        if isCounting, hasHole {
            isCounting = false
            index(from: walked)
        }
        guard isCounting else { return try compare(batch, sources: sources) }
        try lookAtSeams(batch)
        for range in sources {
            let wanted = min(Int64(range.count), maximum - walked)
            guard wanted > 0 else { return }
            walked += wanted
            counted.append(range.lowerBound..<range.lowerBound + wanted)
            found = range.lowerBound + wanted
        }
        // What was skipped behind the last record may be skipped again: it is counted then.
    }

    private mutating func lookAtSeams(_ batch: RecordBatch) throws {
        let end = walked + Int64(batch.header.recordCount)
        var expected: [(offset: Int64, print: ContentPrint)]?
        while let seam = seams.first, seam.number < end {
            guard seam.firstPrint < tail.prints.count else { return }
            let (number, print) = tail.prints[seam.firstPrint]
            // The batch was emptied: what is left of the next tells.
            guard number < end else { return }
            seams.removeFirst()
            let records = try expected ?? batch.prints(ignoringTimestamp: tail.ignoresTimestamps)
            expected = records
            let place = Int(number - walked)
            guard place >= 0, place < records.count, records[place].print != print else { continue }
            cut = seam
            (minimum, maximum) = (seam.number, seam.number)
            return
        }
    }

    private mutating func index(from number: Int64) {
        places = [:]
        for (place, entry) in tail.prints.enumerated() where entry.number >= number {
            places[entry.print, default: []].append(place)
        }
    }

    private mutating func compare(_ batch: RecordBatch, sources: [Range<Int64>]) throws {
        let offsets = sources.flatMap { $0 }
        for (number, entry) in try batch.prints(ignoringTimestamp: tail.ignoresTimestamps).enumerated() {
            guard !isDone else { return }
            walked += 1
            guard number < offsets.count, let place = places[entry.print]?.first(where: { $0 > lastPlace }) else {
                continue
            }
            lastPlace = place
            found = offsets[number] + 1
        }
    }
}
