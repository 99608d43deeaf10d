import KafkaCompression
import KafkaWire
import NIOCore

/// One round of cleaning of one log, in steps between which the log is used as ever (Kafka's `Cleaner`).
///
/// ```
///  closed segments:   │ clean │ clean │ dirty │ dirty │ active
///  1. mapping                         ╰─ keys: last offset of each ─╯
///  2. filtering       ╰─ a group, at most segment.bytes ─╯ → `.cleaned`, then swapped in ╰─ next group … ─╯
/// ```
///
/// A fault or a truncation that takes something away under it ends the round, and leaves the log as it was or cleaned up to some
/// group, both of which are right.
final class LogCleaning {
    private enum Phase {
        /// The segment that is read, and the position in it.
        case mapping(segment: Int, position: Int)
        case filtering(group: Int, segment: Int, position: Int)
        case done
    }

    private let log: PartitionLog
    private let range: Range<Int64>
    private let now: Int64
    /// All closed segments up to the end of the range.
    private let sources: [LogSegment]
    private let firstDirty: Int
    private var keys: KeyOffsets
    private var transactions: CleanedTransactions
    private var groups: [Range<Int>] = []
    private var cleaner: BatchCleaner?
    private var draft: LogSegment?
    /// Up to where all keys are known.
    private var mappedEnd: Int64 = 0
    private var phase: Phase
    /// Bytes in the log before and after what was cleaned so far.
    private(set) var bytes = (before: 0, after: 0)

    /// - Parameters:
    ///   - range: see ``PartitionLog/cleanableRange(now:)``.
    ///   - keyCapacity: how many different keys one round looks at.
    init(_ log: PartitionLog, _ range: Range<Int64>, keyCapacity: Int, now: Int64) {
        self.log = log
        self.range = range
        self.now = now
        sources = Array(log.segments.prefix { $0.baseOffset < range.upperBound })
        firstDirty = log.segmentIndex(of: range.lowerBound) ?? 0
        keys = KeyOffsets(capacity: keyCapacity)
        transactions = CleanedTransactions(log.abortedTransactions(in: range))
        phase = .mapping(segment: firstDirty, position: 0)
    }

    /// Works through about `budget` bytes; false when the round is over.
    ///
    /// - Throws: what the disk says. The round is over then, too.
    func advance(budget: Int) throws(LogError) -> Bool {
        guard isUndisturbed else {
            abandon()
            return false
        }
        do throws(LogError) {
            return try log.guarded { () throws(LogError) in try step(budget) }
        } catch {
            abandon()
            throw error
        }
    }

    /// Leaves off; what is not swapped in yet is thrown away.
    func abandon() {
        phase = .done
        try? draft?.delete()
        draft = nil
    }

    /// True if all segments that are left to do are still closed segments of the log.
    private var isUndisturbed: Bool {
        guard case .filtering(let group, _, _) = phase, groups.indices.contains(group) else {
            return log.segments.starts(with: sources, by: ===) && log.activeSegment !== sources.last
        }
        let rest = sources[groups[group].lowerBound...]
        guard let first = rest.first, let index = log.segments.firstIndex(where: { $0 === first }) else { return false }
        return log.segments[index...].starts(with: rest, by: ===) && log.activeSegment !== rest.last
    }

    private func step(_ budget: Int) throws(LogError) -> Bool {
        var budget = budget
        while budget > 0 {
            switch phase {
            case .mapping(let segment, let position): try map(segment, from: position, &budget)
            case .filtering(let group, let segment, let position): try filter(group, segment, from: position, &budget)
            case .done: return false
            }
        }
        if case .done = phase { return false }
        return true
    }
}

// Mapping

extension LogCleaning {
    private func map(_ index: Int, from position: Int, _ budget: inout Int) throws(LogError) {
        guard index < sources.count else {
            mappedEnd = range.upperBound
            return try beginFiltering()
        }
        let segment = sources[index]
        var walker = BatchWalker(segment.data, from: position)
        while let (header, at) = try walker.next() {
            budget -= header.sizeInBytes
            // A control batch has no keys, and an aborted one does not count.
            let isCounted = !header.isControl && !transactions.isAborted(header)
            if isCounted, header.lastOffset >= range.lowerBound, try !map(segment.read(header, at: at)) {
                mappedEnd = keys.latestOffset + 1
                return try beginFiltering()
            }
            if header.isControl { _ = transactions.isDispensable(header, try segment.markerKind(of: header, at: at)) }
            keys.advance(to: header.lastOffset)
            if budget <= 0 {
                phase = .mapping(segment: index, position: walker.position)
                return
            }
        }
        phase = .mapping(segment: index + 1, position: 0)
    }

    /// False if there is no room for all of its keys.
    private func map(_ batch: RecordBatch) throws(LogError) -> Bool {
        do {
            var reader = try batch.records()
            while let record = try reader.nextRaw() {
                guard let key = record.key, record.offset >= range.lowerBound else { continue }
                guard keys.record(key, at: record.offset) else { return false }
            }
            return true
        } catch {
            throw LogError("read records at offset \(batch.header.baseOffset): \(error)", path: log.name, errno: 0)
        }
    }

    private func beginFiltering() throws(LogError) {
        guard keys.latestOffset >= range.lowerBound else { return try finish() }
        let end = keys.latestOffset + 1
        groups = grouped(sources.prefix { $0.baseOffset < end })
        transactions = CleanedTransactions(log.abortedTransactions(in: sources[0].baseOffset..<range.upperBound))
        cleaner = BatchCleaner(
            keys: keys, lastOfProducers: log.producerTable.lastBatches, end: end, now: now,
            deleteRetentionMs: log.config.deleteRetentionMs)
        phase = .filtering(group: 0, segment: 0, position: 0)
    }

    /// Segments that may become one: together no larger than one may be, and no wider than relative offsets reach.
    private func grouped(_ segments: ArraySlice<LogSegment>) -> [Range<Int>] {
        var groups: [Range<Int>] = []
        var size = 0
        for (index, segment) in segments.enumerated() {
            let next = index + 1 < sources.count ? sources[index + 1].baseOffset : range.upperBound
            if let group = groups.last, size + segment.size <= log.config.segmentBytes,
                next - sources[group.lowerBound].baseOffset <= Int64(Int32.max)
            {
                groups[groups.count - 1] = group.lowerBound..<index + 1
                size += segment.size
            } else {
                groups.append(index..<index + 1)
                size = segment.size
            }
        }
        return groups
    }
}

// Filtering

extension LogCleaning {
    private func filter(_ group: Int, _ index: Int, from position: Int, _ budget: inout Int) throws(LogError) {
        guard group < groups.count, let cleaner else { return try finish() }
        guard index < groups[group].upperBound else {
            try swap(groups[group])
            phase = .filtering(group: group + 1, segment: groups[group].upperBound, position: 0)
            return
        }
        let segment = sources[index]
        let output = try output(of: group)
        var walker = BatchWalker(segment.data, from: position)
        while let (header, at) = try walker.next() {
            budget -= header.sizeInBytes
            let isDiscarded =
                header.isControl
                ? transactions.isDispensable(header, try segment.markerKind(of: header, at: at))
                : transactions.isAborted(header)
            for transaction in transactions.takeKept() { output.aborted.add(transaction) }
            try append(segment.read(header, at: at), to: output, isDiscarded, cleaner)
            if budget <= 0 {
                phase = .filtering(group: group, segment: index, position: walker.position)
                return
            }
        }
        bytes.before += segment.size
        phase = .filtering(group: group, segment: index + 1, position: 0)
    }

    private func output(of group: Int) throws(LogError) -> LogSegment {
        if let draft { return draft }
        let segment = try log.makeDraft(at: sources[groups[group].lowerBound].baseOffset, now: now)
        draft = segment
        return segment
    }

    private func append(
        _ batch: RecordBatch, to output: LogSegment, _ isDiscarded: Bool, _ cleaner: BatchCleaner
    ) throws(LogError) {
        let retained: RecordBatch
        do throws(CompressionError) {
            switch try cleaner.clean(batch, isDiscarded: isDiscarded) {
            case .keep: retained = batch
            case .replace(let replacement): retained = replacement
            case .drop: return
            }
        } catch {
            throw LogError("clean batch at offset \(batch.header.baseOffset): \(error)", path: log.name, errno: 0)
        }
        try output.append(
            retained.header, head: retained.bytes, payload: ByteBuffer(),
            indexIntervalBytes: log.config.indexIntervalBytes, now: now)
    }

    private func swap(_ group: Range<Int>) throws(LogError) {
        guard let draft else { return }
        bytes.after += draft.size
        // From here on its files are the log's business.
        self.draft = nil
        try log.swap(draft, for: Array(sources[group]), now: now)
    }

    private func finish() throws(LogError) {
        phase = .done
        try log.markCleaned(before: mappedEnd)
    }
}

extension LogSegment {
    /// The kind of a control batch; nil if it was emptied.
    fileprivate func markerKind(of header: RecordBatchHeader, at position: Int) throws(LogError) -> ControlRecord.Kind?
    {
        guard header.recordCount > 0 else { return nil }
        guard var reader = try? read(header, at: position).records(), let record = try? reader.next(),
            let marker = try? ControlRecord(record)
        else { return ControlRecord.Kind(rawValue: -1) }
        return marker.kind
    }
}

extension Collection {
    fileprivate func starts<Other: Collection>(with prefix: Other, by areSame: (Element, Element) -> Bool) -> Bool
    where Other.Element == Element {
        count >= prefix.count && zip(self, prefix).allSatisfy(areSame)
    }
}
