internal import KafkaClient
internal import KafkaWire
internal import Replication

/// Finds where a flow continues in one partition: from the ends backwards, further where that is not enough.
struct PartitionAligner {
    let compared: ComparedPair
    let options: Adoption.Options
    let names: (source: String, target: String)
    /// See ``CopyWindowReader/fillers``.
    let fillers: Set<Int64>
    /// Kept from the last time.
    let known: CopyWindows?
    let progress: @Sendable (Int64) -> Void

    /// Offsets that are looked at on each side, at most: so much is held in memory.
    static let most: Int64 = 4_000_000
    /// Steps in which more is looked at.
    private static let growth: Int64 = 4

    func align() async throws(KafkaError) -> AlignedPartition {
        let pair = compared.pair
        var found = PartitionAdoption(
            topic: pair.source.topic, targetTopic: pair.target.topic, partition: pair.source.partition)
        if let reason = ReasonAgainst.open(pair, names) { return AlignedPartition(pair, found.refused(reason)) }
        guard pair.targetRange.upperBound > 0 else {
            found.state = .nothingCopied
            found.position = pair.sourceRange.lowerBound
            found.behind = Int64(pair.sourceRange.count)
            return AlignedPartition(pair, found)
        }
        guard !pair.sourceRange.isEmpty else {
            found.state = .nothingLeft
            found.position = pair.sourceRange.upperBound
            return AlignedPartition(pair, found)
        }
        guard !pair.targetRange.isEmpty else {
            return AlignedPartition(pair, found.refused(.expired(pair, names)))
        }
        return try await search(found)
    }

    private func search(_ empty: PartitionAdoption) async throws(KafkaError) -> AlignedPartition {
        let reader = CopyWindowReader(compared: compared, fillers: fillers, progress: progress)
        var extended: CopyWindows?
        if let known { extended = try await reader.extend(known) }
        var depth = extended?.depth ?? (options.all ? Self.most : min(options.depth, Self.most))
        var sourceDepth = extended?.sourceDepth ?? depth
        while true {
            var windows: CopyWindows
            if let extended {
                windows = extended
            } else {
                windows = try await reader.read(depth: depth, sourceDepth: sourceDepth)
            }
            extended = nil
            let (source, target) = (windows.source, windows.target)
            let outcome = CopyAlignment.find(
                source: source, target: target, stampsRecords: compared.pair.targetStampsRecords)
            var found = empty
            found.lookedAt(source, target)
            let isLast = depth >= Self.most || source.isWhole && target.isWhole
            switch outcome {
            case .success(let alignment):
                // Without timestamps records recur more easily: what is unique has to be so in a longer stretch.
                if !alignment.traits.timestamps, !source.isWhole, sourceDepth < min(depth * Self.growth, Self.most) {
                    sourceDepth = min(depth * Self.growth, Self.most)
                    continue
                }
                // A run that was done again may end before an earlier one did, which then lies before what was looked at.
                let hidden =
                    windows.isClear ? nil : try await copiesBefore(target, alignment.earliestCopyBehind(source))
                windows.isClear = hidden == nil
                if isLast, let hidden {
                    return AlignedPartition(
                        compared.pair, found.refused(.hidden(compared.pair, names, alignment.position, at: hidden)),
                        windows: windows)
                }
                // The copies of those that are missing may lie before what was looked at.
                if hidden == nil, isLast || alignment.missing.count == 0 || target.isWhole {
                    let gaps = CopyGaps(alignment, windows, stampsRecords: compared.pair.targetStampsRecords)
                    found.take(alignment, gaps, behind: source.records)
                    judge(&found, gaps, windows)
                    return AlignedPartition(compared.pair, found, alignment.map, gaps, windows)
                }
            case .failure(let doubt):
                if isLast {
                    return AlignedPartition(
                        compared.pair, found.refused(ReasonAgainst(doubt, compared.pair, names, found)),
                        windows: windows)
                }
            }
            depth = min(depth * Self.growth, Self.most)
            sourceDepth = max(sourceDepth, depth)
        }
    }

    /// The first offset of the target that is not in the window and has a record of this time or a later one.
    private func copiesBefore(_ window: CopyWindow, _ time: Int64?) async throws(KafkaError) -> Int64? {
        guard !window.isWhole, let time else { return nil }
        let partition = compared.pair.target
        guard
            let outcome = await compared.target.offsets([partition: .timestamp(max(0, time))])[partition]
        else { return compared.pair.targetRange.lowerBound }
        let first = try outcome.get().offset
        return first.flatMap { $0 < window.range.lowerBound ? $0 : nil }
    }

    /// Says what becomes of the records that are missing.
    private func judge(_ found: inout PartitionAdoption, _ gaps: CopyGaps, _ windows: CopyWindows) {
        guard options.fills, found.missing > 0 else { return }
        if compared.pair.isCompacted {
            found.unfillable =
                "a topic whose records are removed by key: one out of place would take the place of a newer one of its key"
        } else if !windows.target.isWhole || windows.target.hasLost {
            found = found.refused(.unfillable(compared.pair, names, found))
        } else {
            found.toFill = found.missing
        }
    }
}

/// One partition as far as it has been aligned.
struct AlignedPartition: Sendable {
    let pair: EndOffsetSnapshot.Pair
    var adoption: PartitionAdoption
    /// Places of the copies; nil where none are known.
    let map: OffsetMap?
    let gaps: CopyGaps
    /// Everything that was read; nil where it is not kept.
    var windows: CopyWindows?
    /// The target holds something else than the source, or more, or nothing that shows that it does not.
    var differs = false
    /// See ``Checkpoint/refillsBelow``; nil where copies do not keep their offsets.
    var refillsBelow: Int64?

    init(
        _ pair: EndOffsetSnapshot.Pair, _ adoption: PartitionAdoption, _ map: OffsetMap? = nil,
        _ gaps: CopyGaps = CopyGaps(), _ windows: CopyWindows? = nil
    ) {
        self.pair = pair
        self.adoption = adoption
        self.map = map
        self.gaps = gaps
        self.windows = windows
    }

    init(_ pair: EndOffsetSnapshot.Pair, _ adoption: PartitionAdoption, windows: CopyWindows) {
        self.init(pair, adoption, nil, CopyGaps(), windows)
    }

    /// Records are to be appended in place of missing ones.
    var isToBeFilled: Bool { adoption.toFill ?? 0 > 0 }

    /// The checkpoint that the flow begins with; nil where that is not known.
    var checkpoint: Checkpoint? {
        guard let position = adoption.position, adoption.state != .refused else { return nil }
        // Of a copy that holds nothing the flow makes all.
        let adopted =
            adoption.state == .nothingCopied
            ? nil : AdoptedCopies(doubled: adoption.doubled, missing: adoption.missing, filled: adoption.filled)
        var checkpoint = Checkpoint(
            sourceOffset: position, targetOffset: pair.targetRange.upperBound, sourceLeaderEpoch: -1,
            sourceTopicID: pair.sourceTopicID.hexadecimal, map: beginning(at: position).edge,
            targetTopicID: pair.targetTopicID.hexadecimal,
            accounting: Accounting(start: position, adopted: adopted))
        checkpoint.refillsBelow = refillsBelow
        return checkpoint
    }

    /// Places of the copies, as far as they are known.
    func beginning(at position: Int64) -> OffsetMap { map ?? OffsetMap(start: position) }
}

extension PartitionAdoption {
    fileprivate mutating func lookedAt(_ source: CopyWindow, _ target: CopyWindow) {
        sourceRecords = Int64(source.records.count)
        targetRecords = Int64(target.records.count)
        isWhole = source.isWhole && target.isWhole
    }

    fileprivate mutating func take(_ alignment: CopyAlignment, _ gaps: CopyGaps, behind records: [CopyEvidence]) {
        state = .aligned
        position = alignment.position
        knownFrom = alignment.start
        matched = Int64(alignment.matched)
        unique = Int64(alignment.unique)
        doubled = Int64(alignment.doubled + gaps.surplus)
        missing = Int64(gaps.open.count)
        filled = Int64(gaps.filled)
        others = Int64(alignment.others)
        undecided = Int64(alignment.undecided)
        missingOffsets = gaps.open.examples
        doubledOffsets = alignment.doubledExamples
        behind = Int64(records.count { $0.offset >= alignment.position })
        evidence =
            ["key", "value"] + (alignment.traits.headers ? ["headers"] : [])
            + (alignment.traits.timestamps ? ["timestamp"] : [])
    }
}
