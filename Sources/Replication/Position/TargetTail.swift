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
    package struct ProducerStamp: Hashable, Sendable {
        package var id: Int64
        package var epoch: Int16
        package var sequence: Int32
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
    /// Where another leader epoch begins among our records: the log may have been cut there.
    package private(set) var seams: [Seam] = []
    private var leaderEpoch: Int32
    private var isBehindSeam = false

    /// A place among our records where a leader epoch has begun.
    package struct Seam: Hashable, Sendable {
        /// The first record behind it, by its number among all that were.
        package var number: Int64
        /// Where that record's batch begins in the log.
        package var offset: Int64
        /// The first of those prints that are left of it, and of those behind it.
        package var firstPrint: Int
    }

    /// - Parameters:
    ///   - ours: producer ids that only this flow writes under.
    ///   - leaderEpoch: of what lies in front of `offset`; -1 when unknown, or when it does not matter whether the log was
    ///     cut.
    package init(from offset: Int64, ours: Set<Int64>, leaderEpoch: Int32 = -1) {
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
        if isBehindSeam { seams.append(Seam(number: count, offset: first, firstPrint: prints.count)) }
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
