internal import KafkaWire
package import NIOCore

/// What of a target partition's log is ours from some offset on: what an earlier run wrote beyond its last
/// checkpoint, or what became of batches whose answers were lost.
package struct TargetTail: Sendable {
    /// One batch of ours as it lies in the log.
    package struct Batch: Hashable, Sendable {
        /// Of its first record, among all of ours that were.
        package var number: Int64
        package var baseOffset: Int64
        /// How many records it had when it was written; compaction keeps the span of a batch.
        package var count: Int64
        package var producer: ProducerStamp
    }

    /// Who wrote a batch.
    package struct ProducerStamp: Hashable, Sendable, Codable {
        package var id: Int64
        package var epoch: Int16
        package var sequence: Int32

        package init(id: Int64, epoch: Int16, sequence: Int32) {
            self.id = id
            self.epoch = epoch
            self.sequence = sequence
        }
    }

    private let ours: Set<Int64>
    /// The next offset to read.
    package private(set) var position: Int64
    package private(set) var batches: [Batch] = []
    /// Prints of our records that are still there, each with its number among all that were.
    package private(set) var prints: [(number: Int64, print: ContentPrint)] = []
    /// Offsets that nothing is left of: compaction has removed whole batches, ours or others'.
    package private(set) var gaps: Int64 = 0
    /// Offsets of other writers' records, and of markers.
    package private(set) var foreign: Int64 = 0
    /// Records that were ours, as far as batches are left.
    package private(set) var count: Int64 = 0
    /// The target gives records its own time: timestamps tell nothing.
    package private(set) var ignoresTimestamps = false
    package private(set) var highestEpochs: [Int64: Int16] = [:]
    /// Where something of ours may be missing among our records: another leader epoch begins, so that the log may have been cut
    /// there, or sequences are left out, which the broker has refused before it forgot our producer id.
    package private(set) var seams: [Seam] = []
    private var leaderEpoch: Int32
    private var isBehindSeam = false
    /// What follows next of each id, and how many offsets were gaps by then.
    private var following: [Int64: (stamp: ProducerStamp, gaps: Int64)]

    /// A place among our records where something may be missing.
    package struct Seam: Hashable, Sendable {
        /// The first record behind it, by its number among all that were.
        package var number: Int64
        /// Where that record's batch begins in the log.
        package var offset: Int64
        /// The first of those prints that are left of it, and of those behind it.
        package var firstPrint: Int
        /// Sequences are left out; no leader epoch begins.
        package var isRefusal: Bool
    }

    /// - Parameters:
    ///   - ours: producer ids that only this flow writes under.
    ///   - leaderEpoch: of what lies in front of `offset`; -1 when unknown, or when it does not matter whether the log was
    ///     cut.
    ///   - following: epoch and sequence of each id that would follow on what lies in front of `offset`, where they are known.
    package init(
        from offset: Int64, ours: Set<Int64>, leaderEpoch: Int32 = -1, following: [ProducerStamp] = []
    ) {
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
            guard case .batch(let batch) = entry else {
                foreign += entry.lastOffset + 1 - position
                position = entry.lastOffset + 1
                continue
            }
            try take(batch)
        }
    }

    private mutating func take(_ batch: RecordBatch) throws {
        let header = batch.header
        gaps += max(0, header.baseOffset - position)
        // A tail begins where a batch has ended. One that reaches across has come since the log was cut: it counts whole.
        let first = batches.isEmpty && !header.isControl ? header.baseOffset : max(position, header.baseOffset)
        position = header.nextOffset
        if leaderEpoch >= 0, header.partitionLeaderEpoch > leaderEpoch {
            leaderEpoch = header.partitionLeaderEpoch
            isBehindSeam = true
        }
        guard ours.contains(header.producerID), !header.isControl else {
            foreign += header.nextOffset - first
            return
        }
        highestEpochs[header.producerID] = max(highestEpochs[header.producerID] ?? 0, header.producerEpoch)
        if header.timestampType == .logAppendTime { ignoresTimestamps = true }
        let leavesOutSequences = leavesOutSequences(header)
        if isBehindSeam || leavesOutSequences {
            seams.append(
                Seam(number: count, offset: first, firstPrint: prints.count, isRefusal: !isBehindSeam))
        }
        isBehindSeam = false
        for (offset, print) in try batch.prints(ignoringTimestamp: ignoresTimestamps) where offset >= first {
            prints.append((count + offset - first, print))
        }
        batches.append(
            Batch(
                number: count, baseOffset: first, count: header.nextOffset - first,
                producer: ProducerStamp(
                    id: header.producerID, epoch: header.producerEpoch, sequence: header.baseSequence)))
        count += header.nextOffset - first
    }

    /// Whether sequences in front of the batch are missing that compaction cannot have removed: it leaves their offsets. A sequence
    /// that was there before is none: what was sent again may be there twice.
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

    /// Whether a batch of ours holds these records: as many, and each that is left the same.
    package func holds(_ records: [ContentPrint], in batch: Batch) -> Bool {
        guard Int64(records.count) == batch.count else { return false }
        let first = prints.partitioningIndex { $0.number >= batch.number }
        return prints[first...].prefix { $0.number < batch.number + batch.count }
            .allSatisfy { records[Int($0.number - batch.number)] == $0.print }
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
