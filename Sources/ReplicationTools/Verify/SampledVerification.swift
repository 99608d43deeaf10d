internal import KafkaClient
internal import KafkaWire
internal import Replication

/// Compares chosen stretches of one partition, each record by record.
///
/// The flow's offset map tells with which target offsets a stretch is compared, and copies at other offsets are
/// noticed. Without a map the stretch is searched for by its content.
struct SampledVerification {
    private let compared: ComparedPair
    private let sampling: Sampling
    private let map: OffsetMap?
    private let beginsLater: Bool
    private let patience: Duration
    private var result: PartitionVerification
    /// Ends of the last stretch that was found by content, a little behind its own: the next begins no earlier, so that
    /// nothing counts twice.
    private var comparedTo = RangeAlignment.Place(source: 0, target: 0)

    /// Offsets of an uncopied range that are compared at most: the rest would only repeat the same finding.
    private static let uncopiedLimit = 10 * Sampling.stretch

    private var pair: EndOffsetSnapshot.Pair { compared.pair }
    private var search: ContentSearch { ContentSearch(compared: compared) }

    /// - Parameters:
    ///   - map: nil where no flow has recorded its copies.
    ///   - beginsLater: whether the flow may have begun behind the source's first record.
    init(
        _ compared: ComparedPair, sampling: Sampling, map: OffsetMap?, beginsLater: Bool, patience: Duration,
        result: PartitionVerification
    ) {
        self.compared = compared
        self.sampling = sampling
        self.map = map
        self.beginsLater = beginsLater
        self.patience = patience
        self.result = result
    }

    /// - Parameter progress: called now and then with what has been passed since the last time.
    mutating func run(
        progress: (_ offsets: Int64, _ bytes: Int64, _ differences: Int64) -> Void
    ) async throws(KafkaError) -> PartitionVerification {
        result.sourceStart = pair.sourceRange.lowerBound
        result.sourceEnd = pair.sourceRange.upperBound
        result.targetStart = pair.targetRange.lowerBound
        result.targetEnd = pair.targetRange.upperBound
        result.sample = PartitionVerification.Sample()
        if let map { try await compare(through: map, progress) } else { try await compareByContent(progress) }
        return result
    }

    private func chosen(in range: Range<Int64>) -> [Range<Int64>] {
        sampling.ranges(of: pair.source.topic, partition: pair.source.partition, in: range)
    }

    private mutating func record(
        _ sides: PartitionComparison, of wanted: Range<Int64>, _ progress: (Int64, Int64, Int64) -> Void
    ) {
        result.add(sides)
        progress(Int64(wanted.count), sides.bytesRead, sides.comparison.tally.total)
    }
}

// Through the map.
extension SampledVerification {
    private mutating func compare(
        through map: OffsetMap, _ progress: (Int64, Int64, Int64) -> Void
    ) async throws(KafkaError) {
        var start = max(pair.sourceRange.lowerBound, min(map.start, pair.sourceRange.upperBound))
        if pair.targetRange.lowerBound > 0 {
            // Records that the target has expired.
            start = max(start, map.first(fromTarget: pair.targetRange.lowerBound)?.source ?? map.passed)
        }
        let end = pair.sourceRange.upperBound
        start = min(start, end)
        let passed = max(start, min(end, map.passed))
        result.beforeTarget += start - pair.sourceRange.lowerBound
        result.sample?.of = end - start
        for wanted in chosen(in: start..<passed) {
            result.sample?.add(wanted)
            let isLost = map.lost.contains { $0.overlaps(wanted) }
            let sides =
                isLost
                ? try await alignedSides(wanted, [targetOffset(of: wanted.lowerBound, map)])
                : try await sides(of: wanted, map)
            if let sides { record(sides, of: wanted, progress) } else { result.sample?.unplaced += 1 }
        }
        if passed < end { try await compareUncopied(passed..<end, map, progress) }
        explainUnplaced()
    }

    private func targetOffset(of source: Int64, _ map: OffsetMap) -> Int64 {
        map.first(fromSource: source)?.target ?? max(map.targetEnd, pair.targetRange.lowerBound)
    }

    private mutating func sides(
        of wanted: Range<Int64>, _ map: OffsetMap
    ) async throws(KafkaError) -> PartitionComparison {
        let begin = targetOffset(of: wanted.lowerBound, map)
        var end = targetOffset(of: wanted.upperBound, map)
        // Records behind the last copy belong to the last stretch.
        if map.first(fromSource: wanted.upperBound) == nil { end = max(end, pair.targetRange.upperBound) }
        var sides = compared.sides(source: wanted, target: begin..<max(begin, end), fetchBytes: ComparedPair.fewBytes)
        try await sides.runToEnds()
        guard sides.comparison.tally.total > 0 else { return sides }
        // Either the records differ, or they are elsewhere: their neighbours tell.
        let nearby = [ContentSearch.margins[0]]
        guard let found = try await search.alignment(of: wanted, guesses: [begin], margins: nearby) else {
            return sides
        }
        let aligned = try await compare(found)
        guard aligned.comparison.tally.total <= sides.comparison.tally.total else { return sides }
        if let recorded = map.first(fromSource: found.source.lowerBound)?.target, recorded != found.target.lowerBound {
            result.sample?.displaced += 1
            result.failure =
                result.failure
                ?? "records are not where the flow recorded them: that of source offset \(found.source.lowerBound) at "
                + "target offset \(found.target.lowerBound) instead of \(recorded); group offsets would be wrong by as much"
        }
        return aligned
    }

    /// Compares a range that the flow had not completed when it last recorded its progress. The end of its work may
    /// have reached the target all the same.
    private mutating func compareUncopied(
        _ range: Range<Int64>, _ map: OffsetMap, _ progress: (Int64, Int64, Int64) -> Void
    ) async throws(KafkaError) {
        let wanted = range.lowerBound..<min(range.upperBound, range.lowerBound + Self.uncopiedLimit)
        let begin = min(max(map.targetEnd, pair.targetRange.lowerBound), pair.targetRange.upperBound)
        var sides = compared.sides(source: wanted, target: begin..<pair.targetRange.upperBound)
        // The source's records may continue behind the stretch that is looked at, and then so do their copies.
        if wanted.upperBound < range.upperBound { sides.comparison.openEnd = begin }
        try await sides.runToEnds()
        result.sample?.add(wanted)
        record(sides, of: wanted, progress)
        guard wanted.upperBound < range.upperBound else { return }
        result.failure =
            "the flow has copied up to source offset \(range.lowerBound): most of the \(range.count) offsets from there "
            + "on were not looked at; start the flow, or compare with --mode full"
    }
}

// By content.
extension SampledVerification {
    private mutating func compareByContent(_ progress: (Int64, Int64, Int64) -> Void) async throws(KafkaError) {
        let offsets = Int64(pair.sourceRange.count)
        result.sample?.of = offsets
        // Target offset less source offset where a stretch was found last: the next one is likely as far away.
        var shift: Int64 = 0
        for wanted in chosen(in: pair.sourceRange) {
            result.sample?.add(wanted)
            let isLast = wanted.upperBound == pair.sourceRange.upperBound
            guard let first = try await firstRecord(of: wanted) else {
                progress(Int64(wanted.count), 0, 0)
                continue
            }
            let guesses = [wanted.lowerBound + shift] + (try await guesses(for: first, of: wanted))
            guard
                let sides = isLast ? try await lastSides(wanted, guesses) : try await alignedSides(wanted, guesses)
            else {
                if try await isBeforeTarget(first) {
                    result.beforeTarget += Int64(wanted.count)
                } else {
                    result.sample?.unplaced += 1
                }
                continue
            }
            shift = sides.target.start - sides.source.start
            record(sides, of: wanted, progress)
        }
        explainUnplaced()
    }

    private func firstRecord(of wanted: Range<Int64>) async throws(KafkaError) -> RecordFingerprint? {
        var scan = compared.sourceScan(wanted, fetchBytes: ComparedPair.fewBytes)
        while let entry = try await scan.next() {
            let found = try scan.fingerprints(of: entry, compared.fingerprints, isOutside: compared.scope.isLoop)
            if let first = found.inside.first { return first }
        }
        return nil
    }

    /// Target offsets at which a stretch may begin: by its first record's time, and by its distance from the end.
    private func guesses(for first: RecordFingerprint, of wanted: Range<Int64>) async throws(KafkaError) -> [Int64] {
        var guesses = [pair.targetRange.upperBound - (pair.sourceRange.upperBound - wanted.lowerBound)]
        if let offset = try await targetOffset(atTime: first.timestamp) { guesses.insert(offset, at: 0) }
        return guesses
    }

    private func targetOffset(atTime timestamp: Int64) async throws(KafkaError) -> Int64? {
        guard !pair.targetStampsRecords else { return nil }
        return try await ContentSearch.offset(atTime: timestamp, of: pair.target, at: compared.target)
    }

    /// The flow began later, or the target has expired it: everything there is later.
    private func isBeforeTarget(_ first: RecordFingerprint) async throws(KafkaError) -> Bool {
        guard beginsLater || pair.targetRange.lowerBound > 0 else { return false }
        guard let offset = try await targetOffset(atTime: first.timestamp) else { return false }
        return offset <= pair.targetRange.lowerBound
    }

    private mutating func alignedSides(
        _ wanted: Range<Int64>, _ guesses: [Int64]
    ) async throws(KafkaError) -> PartitionComparison? {
        guard let found = try await search.alignment(of: wanted, guesses: guesses) else { return nil }
        return try await compare(found)
    }

    private mutating func compare(_ found: RangeAlignment) async throws(KafkaError) -> PartitionComparison {
        let rest = found.behind(comparedTo)
        comparedTo = RangeAlignment.Place(source: rest.source.upperBound, target: rest.target.upperBound)
        var sides = compared.sides(source: rest.source, target: rest.target, fetchBytes: ComparedPair.fewBytes)
        try await sides.runToEnds()
        return sides
    }

    /// The last stretch ends with both sides, and the target may not have reached that end yet.
    private func lastSides(
        _ wanted: Range<Int64>, _ guesses: [Int64]
    ) async throws(KafkaError) -> PartitionComparison? {
        guard var begin = try await search.begin(of: wanted, guesses: guesses) else { return nil }
        if begin.source < comparedTo.source, begin.target < comparedTo.target { begin = comparedTo }
        let sides = compared.sides(
            source: begin.source..<pair.sourceRange.upperBound,
            target: begin.target..<max(begin.target, pair.targetRange.upperBound),
            allowance: pair.allowance(beginsLater: beginsLater))
        var ordered = OrderedVerification(sides, patience: patience, result: result)
        _ = try await ordered.run { _, _, _ in }
        return ordered.sides
    }

    private mutating func explainUnplaced() {
        guard let sample = result.sample, sample.unplaced > 0 else { return }
        result.failure =
            "\(sample.unplaced) of \(sample.ranges) stretches were not found on the target where they should be, nor "
            + "within \(ContentSearch.margins[1]) offsets of it: compare with --mode full"
    }
}
