internal import KafkaClient
internal import KafkaWire
package import NIOCore

/// Our records in a target partition's log from some offset on: those that an earlier run wrote beyond its last
/// checkpoint, or batches whose answers were lost.
package struct TargetTail: Sendable {
    /// One batch of ours as it lies in the log.
    package struct Batch: Hashable, Sendable {
        /// Number of its first record, among all of ours that were.
        package var number: Int64
        package var baseOffset: Int64
        /// Number of records that it had when it was written; compaction keeps the span of a batch.
        package var count: Int64
        package var producer: ProducerStamp
        /// It only takes offsets; see ``Filler``.
        var isFiller = false
    }

    /// Fingerprints of one batch, at most: a few bytes can stand for millions of records.
    private static let mostFingerprints: Int64 = 16_384

    private let ours: Set<Int64>
    /// The next offset to read.
    package private(set) var position: Int64
    package private(set) var batches: [Batch] = []
    /// Fingerprints of our records that are still there, each with its number among all that were.
    package private(set) var fingerprints: [(number: Int64, fingerprint: ContentFingerprint)] = []
    /// Offsets that nothing is left of: compaction has removed whole batches, ours or others'.
    package private(set) var gaps: Int64 = 0
    /// Offsets of other writers' records, and of markers.
    package private(set) var foreign: Int64 = 0
    /// Offset of the first record or marker that another producer wrote; nil for none.
    package private(set) var firstStranger: Int64?
    /// Offsets of our markers, and of filler, in order; only where copies keep their offsets.
    package private(set) var holes: [Range<Int64>] = []
    private let keepsOffsets: Bool
    /// Records that were ours, as far as batches are left.
    package private(set) var count: Int64 = 0
    /// The target gives records its own time: timestamps tell nothing.
    package private(set) var ignoresTimestamps = false
    package private(set) var highestEpochs: [Int64: Int16] = [:]
    /// Places among our records where some may be missing.
    package private(set) var discontinuities: [Discontinuity] = []
    private var leaderEpoch: Int32
    /// A leader epoch has begun since the last record of ours.
    private var hasNewEpoch = false
    /// The next sequence of each id, and how many offsets were gaps by then.
    private var following: [Int64: (stamp: ProducerStamp, gaps: Int64)]

    /// A place among our records where some may be missing.
    package struct Discontinuity: Hashable, Sendable {
        package enum Kind: Hashable, Sendable {
            /// Another leader epoch begins: the log may have been truncated there.
            case leaderEpoch
            /// Sequences are missing: the broker has refused them before it forgot our producer id.
            case sequenceGap
        }

        package var kind: Kind
        /// The first record behind it, by its number among all that were.
        package var number: Int64
        /// Offset at which that record's batch begins in the log.
        package var offset: Int64
    }

    /// - Parameters:
    ///   - ours: producer ids that only this flow writes under.
    ///   - leaderEpoch: of what lies in front of `offset`; -1 when unknown, or when it does not matter whether the log
    ///     was cut.
    ///   - following: epoch and sequence of each id that would follow on what lies in front of `offset`, where they are
    ///     known.
    ///   - keepsOffsets: copies have the offsets of their source.
    package init(
        from offset: Int64, ours: Set<Int64>, leaderEpoch: Int32 = -1, following: [ProducerStamp] = [],
        keepsOffsets: Bool = false
    ) {
        self.keepsOffsets = keepsOffsets
        self.following = Dictionary(following.map { ($0.id, ($0, 0)) }) { first, _ in first }
        position = offset
        self.ours = ours
        self.leaderEpoch = leaderEpoch
    }

    /// Takes in what a fetch from ``position`` brought.
    package mutating func take(_ records: ByteBuffer, until end: Int64) throws {
        var reader = LogEntryReader(records)
        while position < end, let entry = try reader.next() {
            guard entry.lastOffset >= position else { continue }
            guard entry.lastOffset <= LogOffset.largest else {
                throw WireError.invalidRecords(reason: "offset \(entry.lastOffset) cannot be one")
            }
            guard case .batch(let batch) = entry else {
                foreign += entry.lastOffset + 1 - position
                firstStranger = firstStranger ?? position
                position = entry.lastOffset + 1
                continue
            }
            guard batch.header.baseOffset < end else {
                throw WireError.invalidRecords(
                    reason: "a batch at offset \(batch.header.baseOffset) lies behind the log's end at \(end)")
            }
            try take(batch)
        }
    }

    private mutating func take(_ batch: RecordBatch) throws {
        let header = batch.header
        gaps += max(0, header.baseOffset - position)
        // A tail begins where a batch has ended. One that reaches across has come since the log was truncated: it
        // counts whole.
        let first = batches.isEmpty && !header.isControl ? header.baseOffset : max(position, header.baseOffset)
        position = header.nextOffset
        if leaderEpoch >= 0, header.partitionLeaderEpoch > leaderEpoch {
            leaderEpoch = header.partitionLeaderEpoch
            hasNewEpoch = true
        }
        guard ours.contains(header.producerID), !header.isControl else {
            if ours.contains(header.producerID) {
                addHole(first..<header.nextOffset)
            } else {
                firstStranger = firstStranger ?? first
            }
            foreign += header.nextOffset - first
            return
        }
        highestEpochs[header.producerID] = max(highestEpochs[header.producerID] ?? 0, header.producerEpoch)
        if header.timestampType == .logAppendTime { ignoresTimestamps = true }
        let leavesOutSequences = leavesOutSequences(header)
        if hasNewEpoch || leavesOutSequences {
            discontinuities.append(
                Discontinuity(kind: hasNewEpoch ? .leaderEpoch : .sequenceGap, number: count, offset: first))
        }
        hasNewEpoch = false
        // Records without a fingerprint count as those do that compaction has removed.
        let known = fingerprints.count
        let stride = Int64(header.recordCount) / Self.mostFingerprints + 1
        let isKnown = try batch.forEachFingerprint(ignoringTimestamp: ignoresTimestamps) { offset, fingerprint in
            guard offset >= first, (header.lastOffset - offset) % stride == 0 else { return }
            fingerprints.append((count + offset - first, fingerprint))
        }
        if !isKnown {
            fingerprints.removeSubrange(known...)
            fingerprints.append((count + header.lastOffset - first, ContentFingerprint(batch)))
        }
        let isFiller = keepsOffsets && Filler.isFiller(batch)
        batches.append(
            Batch(
                number: count, baseOffset: first, count: header.nextOffset - first,
                producer: ProducerStamp(
                    id: header.producerID, epoch: header.producerEpoch, sequence: header.baseSequence),
                isFiller: isFiller))
        if isFiller { addHole(first..<header.nextOffset) }
        count += header.nextOffset - first
    }

    private mutating func addHole(_ offsets: Range<Int64>) {
        guard keepsOffsets else { return }
        if let last = holes.last, last.upperBound == offsets.lowerBound {
            holes[holes.count - 1] = last.lowerBound..<offsets.upperBound
        } else {
            holes.append(offsets)
        }
    }

    /// True if the sequence jumps further than compaction explains: compaction removes records but keeps their offsets.
    /// A sequence seen before is a resend, not a gap.
    private mutating func leavesOutSequences(_ header: RecordBatchHeader) -> Bool {
        let (id, epoch) = (header.producerID, header.producerEpoch)
        var leftOut: Int32 = 0
        var gapsBetween = gaps
        if let before = following[id] {
            guard epoch >= before.stamp.epoch else { return false }
            leftOut = (header.baseSequence &- (epoch == before.stamp.epoch ? before.stamp.sequence : 0)) & .max
            guard leftOut < 1 << 30 else { return false }
            gapsBetween -= before.gaps
        }
        let next = (header.baseSequence &+ Int32(truncatingIfNeeded: header.nextOffset - header.baseOffset)) & .max
        following[id] = (ProducerStamp(id: id, epoch: epoch, sequence: next), gaps)
        return leftOut > gapsBetween
    }

    /// Tells whether a batch of ours holds the records of this one: as many, and each that is left the same.
    func holds(_ records: RecordBatch, in batch: Batch) throws -> Bool {
        guard Int64(records.header.recordCount) == batch.count else { return false }
        var left = fingerprints[fingerprints.partitioningIndex { $0.number >= batch.number }...]
            .prefix { $0.number < batch.number + batch.count }
        let last = left.last
        var number = batch.number
        var isSame = true
        let isKnown = try records.forEachFingerprint(ignoringTimestamp: ignoresTimestamps) { _, fingerprint in
            defer { number += 1 }
            guard let next = left.first, next.number == number else { return }
            left.removeFirst()
            if next.fingerprint != fingerprint { isSame = false }
        }
        return isKnown ? isSame : last?.fingerprint == ContentFingerprint(records)
    }

    /// Fingerprints of our records that are still there, by offset, without filler.
    var fingerprintsByOffset: [Int64: ContentFingerprint] {
        var found: [Int64: ContentFingerprint] = [:]
        var batches = batches[...]
        for (number, fingerprint) in fingerprints {
            while let batch = batches.first, batch.number + batch.count <= number { batches.removeFirst() }
            guard let batch = batches.first, batch.number <= number, !batch.isFiller else { continue }
            found[batch.baseOffset + number - batch.number] = fingerprint
        }
        return found
    }

    /// The batch that one of our records is in, by the record's number.
    package func batch(of number: Int64) -> Batch? {
        let behind = batches.partitioningIndex { $0.number > number }
        return behind > 0 ? batches[behind - 1] : nil
    }

    /// Nothing more can be read although the end is not reached: compaction has removed the rest.
    package mutating func close(at end: Int64) {
        guard position < end else { return }
        gaps += end - position
        position = end
    }
}
