package import KafkaWire

/// Finds where the source continues, by reading it from the checkpoint on beside the target's tail.
///
/// As long as neither log has holes and each record is the one that was copied, counting is exact: the n-th record that
/// would be written now is the n-th that was. From the first hole or unknown record on, records are compared by
/// content, which is kept in order on both sides: the last match is the last record that was written.
///
/// ```
/// source  ▪▪▪▪▪▪▪▪ ▪  ▪▪ ▪▪▪▪▪▪▪      source records may have been compacted since, or were quarantined
///         └ counted ┘└ compared ┘
/// target  ▪▪▪▪▪▪▪▪▪▪▪ ▪▪|              and target records may have been compacted
/// ```
///
/// A discontinuity in the tail is a place where the target's log may have been truncated, or where a broker that has
/// forgotten the producer has refused a batch and taken the next. Records behind it are in their place only if their
/// contents fit and the source has nothing in between. Where that might have been compacted away on the target it is
/// copied again: rather twice than not at all.
///
/// After a change of the source's leader its log may have been truncated and have grown again with other records. From
/// there on nothing counts but contents: how many records the target has of the old log tells nothing of the new one.
package struct TailMatcher: Sendable {
    /// Source offsets whose copies lie one behind the other among our records of the tail.
    package struct Match: Hashable, Sendable {
        package var sources: Range<Int64>
        /// Number of the first copy.
        package var number: Int64
    }

    /// Records in a row that are taken for quarantined at most, and as many more as there are copies. A copy that
    /// cannot be found for another reason is not searched for in all of the source.
    private static let mostQuarantined: Int64 = 100_000

    /// Records that are remembered although nothing of their copies is left to compare.
    private static let mostBlind = 1_000_000

    private let start: Int64
    private let tail: TargetTail
    private let isOtherLog: Bool
    /// Our records on the target: at least as many, and at most.
    private var minimum: Int64
    private var maximum: Int64
    private var readCount: Int64 = 0
    private var isCounting: Bool
    private var places: [ContentFingerprint: [Int]] = [:]
    /// Place of the last fingerprint that was found in the source.
    private var lastPlace = -1
    private var matchedFingerprints = 0
    /// Once as many were read as there may be: fingerprints of the target that were not found yet.
    private var awaited: Set<ContentFingerprint>?
    /// The last that were counted, of whose copies nothing is left to compare.
    private var blind: [(source: Int64, fingerprint: ContentFingerprint?)] = []
    /// Equal records were compared: which of them is whose copy is not certain.
    private var hasEquals = false
    private var matches: [Match] = []
    /// Records read up to the last match.
    private var matched: Int64 = 0
    /// Everything of the source below it was written or skipped by the earlier run.
    private var found: Int64
    /// Discontinuities that are not known to be harmless.
    private var discontinuities: ArraySlice<TargetTail.Discontinuity>
    /// The source's records may be others from this offset on than they were.
    private var doubtedFrom: Int64?
    /// The first of those that is not the copied one, by its offset.
    private var firstStranger: Int64?
    private var hasSourceHole = false
    private var isAtEnd = false
    /// Records of the source between copied ones that have no copy themselves.
    private var uncopied: Int64 = 0
    /// Place where records are missing, or may be, so that those from there on lie in front of them.
    package private(set) var outOfOrder: TargetTail.Discontinuity?

    /// - Parameters:
    ///   - start: the source offset of the checkpoint that the tail begins at.
    ///   - isOtherLog: the source's log is not the one any more that the tail was copied from: the topic was recreated,
    ///     or the log truncated, in front of `start`. The tail may begin with copies of records that the source no
    ///     longer has.
    package init(start: Int64, tail: TargetTail, isOtherLog: Bool = false) {
        self.start = start
        self.tail = tail
        self.isOtherLog = isOtherLog
        minimum = tail.count
        maximum = tail.count + tail.gaps
        isCounting = tail.gaps == 0 && !isOtherLog
        discontinuities = isOtherLog ? [] : tail.discontinuities[...]
        found = start
        if !isCounting { index() }
    }

    /// The leader epoch that the source was read in up to `start` has ended at an offset not below it: whatever tail
    /// may have been copied from behind it, the source may hold something else there now.
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

    /// True if the source may have been truncated behind the checkpoint.
    private var isDoubted: Bool { doubtedFrom != nil }

    /// True if enough was read.
    package var isDone: Bool {
        if outOfOrder != nil { return true }
        if readCount < maximum { return false }
        if isCounting || lastPlace == tail.fingerprints.count - 1 { return true }
        // Where nothing was taken from the source, what else is on the target is still to come: the target has refused
        // what lies in between.
        if !hasSourceHole, !isOtherLog, !isDoubted, awaited.map({ !$0.isEmpty }) ?? true {
            return readCount - matched > maximum + Self.mostQuarantined
        }
        return readCount >= maximum + uncopied
    }

    /// There is nothing more to read: the source's log ends here.
    package mutating func sourceEnded() {
        isAtEnd = true
    }

    /// True if each record on the target is known to stand for one of the source's: a run that did not care may have
    /// copied some more than once. Where nothing was taken from the source, contents tell better: what was copied last.
    private var countIsKnown: Bool {
        guard !isOtherLog, !isDoubted else { return false }
        if outOfOrder != nil || hasSourceHole || !(isDone || isAtEnd) { return true }
        guard matchedFingerprints == tail.fingerprints.count else { return false }
        return hasEquals || tail.fingerprints.last?.number != tail.count - 1
    }

    /// Number of records that the earlier run is known to have written.
    package var recovered: Int64 {
        countIsKnown ? minimum : matches.reduce(0) { $0 + Int64($1.sources.count) }
    }

    /// Source offset to continue at. With the count known, an offset below `start + recovered` cannot be: each record
    /// took one.
    package var position: Int64 { countIsKnown && maximum > 0 ? max(found, start + minimum) : found }

    /// Records of the source that the earlier run has passed and the target has never got: it had refused them.
    package var quarantined: Int64 { tail.fingerprints.count == Int(maximum) ? uncopied : 0 }

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
        var offsets = sources.lazy.joined().makeIterator()
        let isKnown = try batch.forEachFingerprint(ignoringTimestamp: tail.ignoresTimestamps) { _, fingerprint in
            guard let offset = offsets.next() else { return }
            take(fingerprint, offset)
        }
        guard !isKnown else { return }
        let whole = ContentFingerprint(batch)
        while !isDone, let offset = offsets.next() {
            take(offset == sources.last.map { $0.upperBound - 1 } ? whole : nil, offset)
        }
        // Offsets skipped behind the last record may be skipped again: they are counted then.
    }

    /// - Parameter fingerprint: nil when it is not known: the record may be counted, and is none that is compared.
    private mutating func take(_ fingerprint: ContentFingerprint?, _ source: Int64) {
        guard !isDone else { return }
        if isCounting { count(fingerprint, source) } else { compare(fingerprint, source) }
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

    /// Reading is over, or cannot continue. Nothing has been found behind a discontinuity that is left.
    package mutating func end() {
        if outOfOrder == nil, let discontinuity = discontinuities.first { breakOff(at: discontinuity) }
        guard !blind.isEmpty else { return }
        if isDoubted || isAtEnd { stopCounting() } else { confirmBlind() }
    }

    private mutating func breakOff(at discontinuity: TargetTail.Discontinuity) {
        confirmBlind()
        outOfOrder = discontinuity
        (minimum, maximum) = (discontinuity.number, discontinuity.number)
        readCount = min(readCount, discontinuity.number)
        while let last = matches.popLast() {
            let count = min(Int64(last.sources.count), discontinuity.number - last.number)
            guard count > 0 else { continue }
            matches.append(Match(sources: last.sources.prefix(Int(count)), number: last.number))
            break
        }
        found = matches.last?.sources.upperBound ?? start
    }

    /// Everything in front of a record that was found behind it is in its place.
    private mutating func dropDiscontinuities(upTo number: Int64) {
        while let discontinuity = discontinuities.first, discontinuity.number <= number {
            discontinuities.removeFirst()
        }
    }

    // Counting

    private mutating func count(_ fingerprint: ContentFingerprint?, _ source: Int64) {
        let next = lastPlace + 1
        guard next < tail.fingerprints.count, tail.fingerprints[next].number == readCount else {
            blind.append((source, fingerprint))
            readCount += 1
            // Memory has an end: so many counted ones in a row are believed.
            if blind.count >= Self.mostBlind { confirmBlind() }
            return
        }
        guard tail.fingerprints[next].fingerprint == fingerprint else {
            if let discontinuity = discontinuities.first, discontinuity.number <= readCount {
                return breakOff(at: discontinuity)
            }
            stopCounting()
            return compare(fingerprint, source)
        }
        confirmBlind()
        match(source, number: readCount)
        dropDiscontinuities(upTo: readCount)
        readCount += 1
        matched = readCount
        lastPlace = next
        matchedFingerprints += 1
    }

    /// Records counted without a comparison are in their place.
    private mutating func confirmBlind() {
        let first = readCount - Int64(blind.count)
        for (place, counted) in blind.enumerated() { match(counted.source, number: first + Int64(place)) }
        blind = []
    }

    private mutating func stopCounting() {
        guard isCounting else { return }
        isCounting = false
        index()
        readCount -= Int64(blind.count)
        for counted in blind { compare(counted.fingerprint, counted.source) }
        blind = []
    }

    // Comparing

    private mutating func index() {
        for place in tail.fingerprints.indices.dropFirst(lastPlace + 1) {
            places[tail.fingerprints[place].fingerprint, default: []].append(place)
        }
    }

    private mutating func compare(_ fingerprint: ContentFingerprint?, _ source: Int64) {
        readCount += 1
        if readCount >= maximum, awaited == nil {
            let found = tail.fingerprints.prefix(lastPlace + 1).map(\.fingerprint)
            awaited = Set(tail.fingerprints.dropFirst(found.count).map(\.fingerprint)).subtracting(found)
        }
        guard let place = nextPlace(of: fingerprint, source) else {
            if let doubtedFrom, source >= doubtedFrom { firstStranger = firstStranger ?? source }
            return
        }
        let copy = tail.fingerprints[place].number
        if let discontinuity = discontinuities.first, discontinuity.number <= copy {
            guard readCount == matched + 1 else { return breakOff(at: discontinuity) }
            dropDiscontinuities(upTo: copy)
        }
        uncopied += readCount - matched - 1
        awaited?.subtract(tail.fingerprints[(lastPlace + 1)...place].map(\.fingerprint))
        lastPlace = place
        matchedFingerprints += 1
        matched = readCount
        match(source, number: copy)
    }

    /// Place of the next fingerprint of the tail that is the same.
    private mutating func nextPlace(of fingerprint: ContentFingerprint?, _ source: Int64) -> Int? {
        guard let fingerprint, let equals = places[fingerprint] else { return nil }
        let index = equals.partitioningIndex { $0 > lastPlace }
        let place = index < equals.count ? equals[index] : nil
        if equals.count > 1 || place == nil, !isNextCopy(place, source) { hasEquals = true }
        return place
    }

    /// Tells whether the source's record and the copy follow directly on the last match: then no other can be meant.
    private func isNextCopy(_ place: Int?, _ source: Int64) -> Bool {
        guard let place, place == lastPlace + 1, lastPlace >= 0, source == found else { return false }
        return tail.fingerprints[place].number == tail.fingerprints[lastPlace].number + 1
    }

    // Findings

    /// Place where the source's log was truncated, or a little behind it, and the number of the target's records that
    /// are gone. Nil when that is not so, or cannot be known.
    ///
    /// - Parameter end: where reading has ended.
    package func sourceTruncation(readTo end: Int64) -> (offset: Int64, records: Int64)? {
        let missing = tail.fingerprints.count - matchedFingerprints
        guard isDoubted, isDone || isAtEnd, outOfOrder == nil, !hasSourceHole, missing > 0 else { return nil }
        return (offset: firstStranger ?? end, records: Int64(missing))
    }

    /// Source ranges with the target offsets of their copies; nil when only ``position`` is known. Nothing in between
    /// has a copy: what had one was compacted away, there or here.
    package var copies: [(sources: Range<Int64>, target: Int64)]? {
        guard isCounting ? readCount >= maximum || isDoubted || isAtEnd : !hasEquals else { return nil }
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
