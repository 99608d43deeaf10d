package import KafkaWire

/// Finds where in the source to go on, by walking the source from the checkpoint beside the target's tail.
///
/// As long as neither log has holes, counting is exact: the n-th record that would be written now is the n-th that was.
/// From the first hole on, records are compared by content, which is kept in order on both sides: what was written last is
/// found by the last match.
///
/// ```
/// source  ▪▪▪▪▪▪▪▪ ▪  ▪▪ ▪▪▪▪▪▪▪      source records may have been compacted since
///         └ counted ┘└ compared ┘
/// target  ▪▪▪▪▪▪▪▪▪▪▪ ▪▪|              and so may target records
/// ```
///
/// Where the target's leader has changed, its log may have been cut, and what was on its way have landed there in front of
/// what is missing. What lies behind such a seam is in its place only if its contents fit and the source has nothing in
/// between. Where that might have been compacted away on the target it is copied again: rather twice than not at all.
package struct TailAlignment: Sendable {
    /// Source offsets whose copies lie one behind the other among our records of the tail.
    package struct Match: Hashable, Sendable {
        package var sources: Range<Int64>
        /// Of the first copy.
        package var number: Int64
    }

    private let start: Int64
    private let tail: TargetTail
    private let isAnew: Bool
    /// Our records on the target: at least as many, and at most.
    private var minimum: Int64
    private var maximum: Int64
    private var walked: Int64 = 0
    private var isCounting: Bool
    private var places: [ContentPrint: [Int]] = [:]
    private var lastPlace = -1
    /// Equal records were compared: which of them is whose copy is not certain.
    private var hasEquals = false
    private var matches: [Match] = []
    /// Records of the walk up to the last match.
    private var matched: Int64 = 0
    /// Everything of the source below it was written or skipped by the earlier run.
    private var found: Int64
    /// Those that are not known to be harmless.
    private var seams: ArraySlice<TargetTail.Seam>
    /// Where the target's log was cut, or may have been: its records from there on lie in front of what is missing.
    package private(set) var cut: TargetTail.Seam?

    /// - Parameters:
    ///   - start: the source offset of the checkpoint that the tail begins at.
    ///   - isAnew: the source's topic has been created anew since that checkpoint: what the tail begins with may be copies of
    ///     the topic before, of which the source has nothing any more.
    package init(start: Int64, tail: TargetTail, isAnew: Bool = false) {
        self.start = start
        self.tail = tail
        minimum = isAnew ? 0 : tail.count
        maximum = tail.count + tail.gaps
        isCounting = tail.gaps == 0 && !isAnew
        self.isAnew = isAnew
        seams = isAnew ? [] : tail.seams[...]
        found = start
        if !isCounting { index(from: 0) }
    }

    /// Whether the walk has gone far enough.
    package var isDone: Bool { cut != nil || walked >= maximum }

    /// How many records the earlier run is known to have written.
    package var recovered: Int64 { isAnew ? matches.reduce(0) { $0 + Int64($1.sources.count) } : minimum }

    /// Where to go on. A source offset below `start + recovered` cannot be: each record took one.
    package var position: Int64 { maximum == 0 ? start : max(found, start + minimum) }

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
            match(range.lowerBound..<range.lowerBound + wanted, number: walked)
            walked += wanted
            matched = walked
        }
        // What was skipped behind the last record may be skipped again: it is counted then.
    }

    private mutating func match(_ sources: Range<Int64>, number: Int64) {
        found = sources.upperBound
        if let last = matches.indices.last, matches[last].sources.upperBound == sources.lowerBound,
            matches[last].number + Int64(matches[last].sources.count) == number
        {
            matches[last].sources = matches[last].sources.lowerBound..<sources.upperBound
        } else {
            matches.append(Match(sources: sources, number: number))
        }
    }

    /// The walk is over, or cannot go on. A seam behind which nothing has been found may be where the log was cut.
    package mutating func end() {
        if cut == nil, let seam = seams.first { wasCut(at: seam) }
    }

    // Counting

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
            wasCut(at: seam)
            return
        }
    }

    private mutating func wasCut(at seam: TargetTail.Seam) {
        cut = seam
        (minimum, maximum) = (seam.number, seam.number)
        walked = min(walked, seam.number)
        while let last = matches.popLast() {
            let count = min(Int64(last.sources.count), seam.number - last.number)
            guard count > 0 else { continue }
            matches.append(Match(sources: last.sources.prefix(Int(count)), number: last.number))
            break
        }
        found = matches.last?.sources.upperBound ?? start
    }

    // Comparing

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
            guard number < offsets.count, let equals = places[entry.print] else { continue }
            let next = equals.first { $0 > lastPlace }
            if equals.count > 1 || next == nil { hasEquals = true }
            guard let next else { continue }
            let copy = tail.prints[next].number
            while let seam = seams.first, seam.number <= copy {
                guard walked == matched + 1 else { return wasCut(at: seam) }
                seams.removeFirst()
            }
            lastPlace = next
            match(offsets[number]..<offsets[number] + 1, number: copy)
            matched = walked
        }
    }

    // Findings

    /// Source ranges with the target offsets of their copies; nil when only ``position`` is known. Nothing in between has
    /// a copy: what had one was compacted away, there or here.
    package var copies: [(sources: Range<Int64>, target: Int64)]? {
        guard isCounting ? walked >= maximum : !hasEquals else { return nil }
        var copies: [(sources: Range<Int64>, target: Int64)] = []
        for match in matches {
            var (source, number) = (match.sources.lowerBound, match.number)
            while source < match.sources.upperBound, let batch = tail.batch(of: number) {
                let count = min(match.sources.upperBound - source, batch.number + batch.count - number)
                copies.append((source..<source + count, batch.baseOffset + number - batch.number))
                (source, number) = (source + count, number + count)
            }
        }
        return copies
    }
}
