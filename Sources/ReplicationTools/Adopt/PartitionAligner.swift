internal import KafkaClient
internal import KafkaWire
internal import Replication

/// Finds where a flow continues in one partition: from the ends backwards, further where that is not enough.
struct PartitionAligner {
    let compared: ComparedPair
    let options: Adoption.Options
    let names: (source: String, target: String)
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
        let reader = CopyWindowReader(compared: compared, progress: progress)
        var depth = options.all ? Self.most : min(options.depth, Self.most)
        var sourceDepth = depth
        while true {
            let (source, target) = try await reader.read(depth: depth, sourceDepth: sourceDepth)
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
                // The copies of those that are missing may lie before what was looked at.
                if isLast || alignment.missing == 0 || target.isWhole {
                    found.take(alignment, behind: source.records)
                    return AlignedPartition(compared.pair, found, alignment.map)
                }
            case .failure(let doubt):
                if isLast {
                    return AlignedPartition(
                        compared.pair, found.refused(ReasonAgainst(doubt, compared.pair, names, found)))
                }
            }
            depth = min(depth * Self.growth, Self.most)
            sourceDepth = max(sourceDepth, depth)
        }
    }
}

/// One partition as far as it has been aligned.
struct AlignedPartition: Sendable {
    let pair: EndOffsetSnapshot.Pair
    var adoption: PartitionAdoption
    /// Places of the copies; nil where none are known.
    let map: OffsetMap?
    /// The target holds something else than the source, or more, or nothing that shows that it does not.
    var differs = false
    /// See ``Checkpoint/refillsBelow``; nil where copies do not keep their offsets, or there are some.
    var refillsBelow: Int64?

    init(_ pair: EndOffsetSnapshot.Pair, _ adoption: PartitionAdoption, _ map: OffsetMap? = nil) {
        self.pair = pair
        self.adoption = adoption
        self.map = map
    }

    /// The checkpoint that the flow begins with; nil where that is not known.
    var checkpoint: Checkpoint? {
        guard let position = adoption.position, adoption.state != .refused else { return nil }
        var checkpoint = Checkpoint(
            sourceOffset: position, targetOffset: pair.targetRange.upperBound, sourceLeaderEpoch: -1,
            sourceTopicID: pair.sourceTopicID.hexadecimal, map: beginning(at: position).edge,
            targetTopicID: pair.targetTopicID.hexadecimal, accounting: Accounting(start: position))
        checkpoint.refillsBelow = refillsBelow
        return checkpoint
    }

    func beginning(at position: Int64) -> OffsetMap { map ?? OffsetMap(start: position) }
}

extension PartitionAdoption {
    fileprivate mutating func lookedAt(_ source: CopyWindow, _ target: CopyWindow) {
        sourceRecords = Int64(source.records.count)
        targetRecords = Int64(target.records.count)
        isWhole = source.isWhole && target.isWhole
    }

    fileprivate mutating func take(_ alignment: CopyAlignment, behind records: [CopyEvidence]) {
        state = .aligned
        position = alignment.position
        knownFrom = alignment.start
        matched = Int64(alignment.matched)
        unique = Int64(alignment.unique)
        doubled = Int64(alignment.doubled)
        missing = Int64(alignment.missing)
        others = Int64(alignment.others)
        undecided = Int64(alignment.undecided)
        missingOffsets = alignment.missingExamples
        doubledOffsets = alignment.doubledExamples
        behind = Int64(records.count { $0.offset >= alignment.position })
        evidence =
            ["key", "value"] + (alignment.traits.headers ? ["headers"] : [])
            + (alignment.traits.timestamps ? ["timestamp"] : [])
    }
}
