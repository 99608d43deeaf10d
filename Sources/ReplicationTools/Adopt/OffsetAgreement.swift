internal import KafkaClient
internal import Replication

/// Finds out whether a flow that keeps offsets may continue at the end of a target's log: whatever both logs hold below it is
/// the same in the same places.
struct OffsetAgreement {
    let compared: ComparedPair
    /// Offsets before the target's end that are looked at; nil for all.
    let depth: Int64?
    let names: (source: String, target: String)
    /// The flow that made the copy has recorded that it is one up to this offset; nil where nothing is recorded.
    var recordedEnd: Int64?
    /// Called with the records read since the last time.
    var progress: @Sendable (Int64) -> Void = { _ in }

    private var pair: EndOffsetSnapshot.Pair { compared.pair }

    func align() async throws(KafkaError) -> AlignedPartition {
        var found = PartitionAdoption(
            topic: pair.source.topic, targetTopic: pair.target.topic, partition: pair.source.partition)
        let end = pair.targetRange.upperBound
        if let reason = reasonBefore(end) {
            var refused = AlignedPartition(pair, found.refused(reason))
            refused.differs =
                pair.beyondStable.target == 0 && end > pair.sourceRange.upperBound + pair.beyondStable.source
            return refused
        }
        guard end > 0 else {
            found.state = .nothingCopied
            found.position = pair.sourceRange.lowerBound
            found.behind = Int64(pair.sourceRange.count)
            var empty = AlignedPartition(pair, found)
            empty.refillsBelow = pair.sourceRange.upperBound
            return empty
        }
        let start = min(end, max(pair.sourceRange.lowerBound, pair.targetRange.lowerBound))
        let range = max(start, depth.map { end - $0 } ?? start)..<end
        var comparison = OffsetComparison(compared, range)
        var told: Int64 = 0
        try await comparison.run(endsEarly: true) { now in
            let read = now.records.source + now.records.target
            progress(read - told)
            told = read
        }
        found.matched = comparison.equal
        found.unique = comparison.equal
        found.sourceRecords = comparison.records.source
        found.targetRecords = comparison.records.target
        found.isWhole = range.lowerBound == start
        if let first = comparison.first {
            var refused = AlignedPartition(pair, found.refused(differs(first)))
            refused.differs = true
            return refused
        }
        if let reason = reasonBehind(comparison, range) {
            var refused = AlignedPartition(pair, found.refused(reason))
            refused.differs = true
            return refused
        }
        found.state = .aligned
        found.position = end
        found.knownFrom = start
        found.behind = pair.sourceRange.upperBound - end
        found.evidence = ["offset"]
        // A hole has its marker: each source offset is its own.
        var map = OffsetMap(start: start)
        if start < end { map.append(SourceRuns(start..<end), at: start) }
        var aligned = AlignedPartition(pair, found, map)
        // What lies behind the end was lost there, or never came: it belongs there also where it had come from there.
        aligned.refillsBelow = pair.sourceRange.upperBound
        return aligned
    }

    private func reasonBefore(_ end: Int64) -> ReasonAgainst? {
        if let open = ReasonAgainst.open(pair, names) { return open }
        let (ours, theirs) = ("\(pair.source) on \(names.source)", "\(pair.target) on \(names.target)")
        guard end > pair.sourceRange.upperBound else { return nil }
        guard end > pair.sourceRange.upperBound + pair.beyondStable.source else {
            return ReasonAgainst(
                reason:
                    "\(ours) has an open transaction from offset \(pair.sourceRange.upperBound) on, and \(theirs) ends at "
                    + "offset \(end): what is there is not decided yet",
                advice: "wait until the transaction has ended, or end it (kafka-transactions), and run this again")
        }
        return ReasonAgainst(
            reason: "\(theirs) ends at offset \(end), beyond the end of \(ours) at offset "
                + "\(pair.sourceRange.upperBound): from there on it holds what the source has not", isBeyond: true)
    }

    /// Without a record on both sides nothing shows that one is the copy of the other, unless neither has any.
    private func reasonBehind(_ comparison: OffsetComparison, _ range: Range<Int64>) -> ReasonAgainst? {
        let end = pair.targetRange.upperBound
        guard comparison.equal == 0, recordedEnd != end else { return nil }
        let isWhole = min(end, max(pair.sourceRange.lowerBound, pair.targetRange.lowerBound)) >= range.lowerBound
        let seenAll = (
            source: isWhole && pair.sourceRange.lowerBound >= range.lowerBound,
            target: isWhole && pair.targetRange.lowerBound >= range.lowerBound
        )
        if seenAll.source, seenAll.target, comparison.records.source == comparison.loops, comparison.records.target == 0
        {
            return nil
        }
        return ReasonAgainst(
            reason: "of the offsets from \(range.lowerBound) to \(end), where the copy ends, \(pair.source) on "
                + "\(names.source) and \(pair.target) on \(names.target) have no record in common: nothing shows that one is "
                + "the copy of the other",
            advice: depth == nil || range.lowerBound == 0
                ? ReasonAgainst.otherTopic : "look at more with --depth or --all")
    }

    private func differs(_ first: Difference) -> ReasonAgainst {
        let (ours, theirs) = ("\(pair.source) on \(names.source)", "\(pair.target) on \(names.target)")
        let offset = first.sourceOffset ?? first.targetOffset ?? 0
        let what =
            switch first.kind {
            case .missing: "\(ours) has a record at offset \(offset), and \(theirs) has none there"
            case .extra: "\(theirs) has a record at offset \(offset), and \(ours) has none there"
            case .altered, .doubled, .reordered:
                "the records at offset \(offset) of \(ours) and of \(theirs) differ in "
                    + first.parts.map(\.rawValue).joined(separator: ", ")
            }
        return ReasonAgainst(
            reason: "\(what): it is the first difference of those that were looked at", advice: ReasonAgainst.otherTopic
        )
    }
}

extension ReasonAgainst {
    /// Advice if the target's log cannot be continued.
    fileprivate static let otherTopic =
        "delete the topic on the target, so that the flow fills it from the beginning; or leave it out (topics.deny); or copy "
        + "it under another name, or with offsets: translate"

    fileprivate init(reason: String, isBeyond: Bool) {
        self.init(
            reason: reason,
            advice: "see who else writes there, or whether the flow's clusters are exchanged; " + Self.otherTopic)
    }
}
