package import KafkaWire

/// Finds where in the source to go on, by walking the source from the checkpoint beside the target's tail.
///
/// As long as neither log has holes and each record is the one that was copied, counting is exact: the n-th record that would
/// be written now is the n-th that was. From the first hole or stranger on, records are compared by content, which is kept in
/// order on both sides: what was written last is found by the last match.
///
/// ```
/// source  ▪▪▪▪▪▪▪▪ ▪  ▪▪ ▪▪▪▪▪▪▪      source records may have been compacted since, or were set aside
///         └ counted ┘└ compared ┘
/// target  ▪▪▪▪▪▪▪▪▪▪▪ ▪▪|              and target records may have been compacted
/// ```
///
/// Where the target's leader has changed, its log may have been cut, and what was on its way has landed there in front of
/// what is missing. Where sequences are left out, a broker that has forgotten the producer has refused a batch and taken the next.
/// What lies behind such a seam is in its place only if its contents fit and the source has nothing in between. Where that might
/// have been compacted away on the target it is copied again: rather twice than not at all.
///
/// Where the source's leader has changed, its log may have been cut and have grown again with other records. From there on
/// nothing counts but contents: how many records the target has of what was there before tells nothing of what is there now.
package struct TailAlignment: Sendable {
    /// Source offsets whose copies lie one behind the other among our records of the tail.
    package struct Match: Hashable, Sendable {
        package var sources: Range<Int64>
        /// Of the first copy.
        package var number: Int64
    }

    /// So many records in a row are taken for set aside at most, and as many more as there are copies. What cannot be found for
    /// another reason is not looked for in all of the source.
    private static let mostSetAside: Int64 = 100_000

    private let start: Int64
    private let tail: TargetTail
    private let isOtherLog: Bool
    /// Our records on the target: at least as many, and at most.
    private var minimum: Int64
    private var maximum: Int64
    private var walked: Int64 = 0
    private var isCounting: Bool
    private var places: [ContentPrint: [Int]] = [:]
    /// Of the last print that was found in the source.
    private var lastPlace = -1
    private var matchedPrints = 0
    /// Once as much was walked as there may be: the contents of what is on the target and was not found yet.
    private var awaited: Set<ContentPrint>?
    /// The last that were counted, of whose copies nothing is left to compare.
    private var blind: [(source: Int64, print: ContentPrint)] = []
    /// Equal records were compared: which of them is whose copy is not certain.
    private var hasEquals = false
    private var matches: [Match] = []
    /// Records of the walk up to the last match.
    private var matched: Int64 = 0
    /// Everything of the source below it was written or skipped by the earlier run.
    private var found: Int64
    /// Those that are not known to be harmless.
    private var seams: ArraySlice<TargetTail.Seam>
    /// The source's records may be others from this offset on than they were.
    private var doubtedFrom: Int64?
    /// The first of those that is not the copied one, by its offset.
    private var firstStranger: Int64?
    private var hasSourceHole = false
    private var isAtEnd = false
    /// Records of the source between copied ones that have no copy themselves.
    private var uncopied: Int64 = 0
    /// Where the target's log was cut or has refused something, or may have: its records from there on lie in front of what is
    /// missing.
    package private(set) var cut: TargetTail.Seam?

    /// - Parameters:
    ///   - start: the source offset of the checkpoint that the tail begins at.
    ///   - isOtherLog: the source's log is not the one any more that the tail was copied from: the topic was created anew, or
    ///     the log cut, in front of `start`. What the tail begins with may be copies of what the source has not any more.
    package init(start: Int64, tail: TargetTail, isOtherLog: Bool = false) {
        self.start = start
        self.tail = tail
        self.isOtherLog = isOtherLog
        minimum = tail.count
        maximum = tail.count + tail.gaps
        isCounting = tail.gaps == 0 && !isOtherLog
        seams = isOtherLog ? [] : tail.seams[...]
        found = start
        if !isCounting { index() }
    }

    /// The leader epoch that the source was read in up to `start` has ended at an offset not below it: whatever tail may
    /// have been copied from behind it, the source may hold something else there now.
    ///
    /// - Parameter offset: nil when it is not known where the epoch ended.
    package mutating func sourceEpochEnded(at offset: Int64?) {
        guard !isOtherLog else { return }
        guard let offset else {
            doubtedFrom = start
            return
        }
        if offset < start + maximum { doubtedFrom = offset }
    }

    /// Whether the source may have been cut behind the checkpoint.
    private var isDoubted: Bool { doubtedFrom != nil }

    /// Whether the walk has gone far enough.
    package var isDone: Bool {
        if cut != nil { return true }
        if walked < maximum { return false }
        if isCounting || lastPlace == tail.prints.count - 1 { return true }
        // Where nothing was taken from the source, what else is on the target is still to come: the target has refused what lies
        // in between.
        if !hasSourceHole, !isOtherLog, !isDoubted, awaited.map({ !$0.isEmpty }) ?? true {
            return walked - matched > maximum + Self.mostSetAside
        }
        return walked >= maximum + uncopied
    }

    /// There is nothing more to walk: the source's log ends where the walk has.
    package mutating func sourceEnded() {
        isAtEnd = true
    }

    /// Whether each record on the target is known to stand for one of the source's: a run that did not care may have copied
    /// some more than once. Where nothing was taken from the source, contents tell better: what was copied last.
    private var countIsKnown: Bool {
        guard !isOtherLog, !isDoubted else { return false }
        if cut != nil || hasSourceHole || !(isDone || isAtEnd) { return true }
        guard matchedPrints == tail.prints.count else { return false }
        return hasEquals || tail.prints.last?.number != tail.count - 1
    }

    /// How many records the earlier run is known to have written.
    package var recovered: Int64 {
        countIsKnown ? minimum : matches.reduce(0) { $0 + Int64($1.sources.count) }
    }

    /// Where to go on. With the count known, an offset below `start + recovered` cannot be: each record took one.
    package var position: Int64 { countIsKnown && maximum > 0 ? max(found, start + minimum) : found }

    /// Records of the source that the earlier run has passed and the target has never got: it had refused them.
    package var setAside: Int64 { tail.prints.count == Int(maximum) ? uncopied : 0 }

    /// The next batch that would be written.
    ///
    /// - Parameters:
    ///   - sources: source offsets of its records.
    ///   - hasHole: whether source offsets in or before it, back to the batch before, have no record any more.
    package mutating func take(_ batch: RecordBatch, sources: [Range<Int64>], hasHole: Bool) throws {
        if hasHole {
            hasSourceHole = true
            stopCounting()
        }
        let prints = try batch.prints(ignoringTimestamp: tail.ignoresTimestamps)
        for (offset, entry) in zip(sources.lazy.joined(), prints) {
            guard !isDone else { return }
            if isCounting { count(entry.print, offset) } else { compare(entry.print, offset) }
        }
        // What was skipped behind the last record may be skipped again: it is counted then.
    }

    private mutating func match(_ source: Int64, number: Int64) {
        found = source + 1
        if let last = matches.indices.last, matches[last].sources.upperBound == source,
            matches[last].number + Int64(matches[last].sources.count) == number
        {
            matches[last].sources = matches[last].sources.lowerBound..<source + 1
        } else {
            matches.append(Match(sources: source..<source + 1, number: number))
        }
    }

    /// The walk is over, or cannot go on. A seam behind which nothing has been found may be where the log was cut.
    package mutating func end() {
        if cut == nil, let seam = seams.first { wasCut(at: seam) }
        guard !blind.isEmpty else { return }
        if isDoubted || isAtEnd { stopCounting() } else { settleBlind() }
    }

    private mutating func wasCut(at seam: TargetTail.Seam) {
        settleBlind()
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

    /// Everything in front of a record that was found behind it is in its place.
    private mutating func dropSeams(upTo number: Int64) {
        while let seam = seams.first, seam.number <= number { seams.removeFirst() }
    }

    // Counting

    private mutating func count(_ print: ContentPrint, _ source: Int64) {
        let next = lastPlace + 1
        guard next < tail.prints.count, tail.prints[next].number == walked else {
            blind.append((source, print))
            walked += 1
            return
        }
        guard tail.prints[next].print == print else {
            if let seam = seams.first, seam.number <= walked { return wasCut(at: seam) }
            stopCounting()
            return compare(print, source)
        }
        settleBlind()
        match(source, number: walked)
        dropSeams(upTo: walked)
        walked += 1
        matched = walked
        lastPlace = next
        matchedPrints += 1
    }

    /// What was counted without a look is in its place.
    private mutating func settleBlind() {
        let first = walked - Int64(blind.count)
        for (place, counted) in blind.enumerated() { match(counted.source, number: first + Int64(place)) }
        blind = []
    }

    private mutating func stopCounting() {
        guard isCounting else { return }
        isCounting = false
        index()
        walked -= Int64(blind.count)
        for counted in blind { compare(counted.print, counted.source) }
        blind = []
    }

    // Comparing

    private mutating func index() {
        for place in tail.prints.indices.dropFirst(lastPlace + 1) {
            places[tail.prints[place].print, default: []].append(place)
        }
    }

    private mutating func compare(_ print: ContentPrint, _ source: Int64) {
        walked += 1
        if walked >= maximum, awaited == nil {
            let found = tail.prints.prefix(lastPlace + 1).map(\.print)
            awaited = Set(tail.prints.dropFirst(found.count).map(\.print)).subtracting(found)
        }
        guard let place = nextPlace(of: print, source) else {
            if let doubtedFrom, source >= doubtedFrom { firstStranger = firstStranger ?? source }
            return
        }
        let copy = tail.prints[place].number
        if let seam = seams.first, seam.number <= copy {
            guard walked == matched + 1 else { return wasCut(at: seam) }
            dropSeams(upTo: copy)
        }
        uncopied += walked - matched - 1
        awaited?.subtract(tail.prints[(lastPlace + 1)...place].map(\.print))
        lastPlace = place
        matchedPrints += 1
        matched = walked
        match(source, number: copy)
    }

    /// Where the next print of the tail lies that is the same.
    private mutating func nextPlace(of print: ContentPrint, _ source: Int64) -> Int? {
        guard let equals = places[print] else { return nil }
        let index = equals.partitioningIndex { $0 > lastPlace }
        let place = index < equals.count ? equals[index] : nil
        if equals.count > 1 || place == nil, !isNextCopy(place, source) { hasEquals = true }
        return place
    }

    /// Whether the source's record and the copy follow directly on the last match: then no other can be meant.
    private func isNextCopy(_ place: Int?, _ source: Int64) -> Bool {
        guard let place, place == lastPlace + 1, lastPlace >= 0, source == found else { return false }
        return tail.prints[place].number == tail.prints[lastPlace].number + 1
    }

    // Findings

    /// Where the source's log was cut, or a little behind it, and how many records that the target has are no longer there.
    /// Nil when that is not so, or cannot be known.
    ///
    /// - Parameter end: where the walk has ended.
    package func sourceCut(walkedTo end: Int64) -> (offset: Int64, records: Int64)? {
        let missing = tail.prints.count - matchedPrints
        guard isDoubted, isDone || isAtEnd, cut == nil, !hasSourceHole, missing > 0 else { return nil }
        return (offset: firstStranger ?? end, records: Int64(missing))
    }

    /// Source ranges with the target offsets of their copies; nil when only ``position`` is known. Nothing in between has
    /// a copy: what had one was compacted away, there or here.
    package var copies: [(sources: Range<Int64>, target: Int64)]? {
        guard isCounting ? walked >= maximum || isDoubted || isAtEnd : !hasEquals else { return nil }
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
