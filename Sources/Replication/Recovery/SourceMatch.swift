package import KafkaClient
package import KafkaWire
package import NIOCore

/// The source read beside the target's tail, from the checkpoint on.
package struct SourceMatch: Sendable {
    private(set) var cursor: SourceCursor
    var matcher: TailMatcher
    private var skipped: [SkipReason: Int64] = [:]
    private var hasGap = false
    private var isUnreadable = false
    /// There was nothing more to read.
    private(set) var hasReachedEnd = false
    private var scan: LogRangeScan

    /// Bytes of rebuilt batches at once.
    private static let builtBytes = 8 << 20

    /// The source's answer to a read.
    package struct Answer: Sendable {
        package var records: ByteBuffer
        package var aborted: [FetchResponse.AbortedTransaction]
        /// End of what can be read of committed records.
        package var end: Int64

        package init(records: ByteBuffer, aborted: [FetchResponse.AbortedTransaction] = [], end: Int64) {
            self.records = records
            self.aborted = aborted
            self.end = end
        }

        package init(_ fetched: FetchedPartition) {
            records = fetched.records?.contiguous ?? ByteBuffer()
            aborted = fetched.abortedTransactions
            end = fetched.lastStableOffset >= 0 ? fetched.lastStableOffset : fetched.highWatermark
        }
    }

    init(_ subject: RecoverySubject, _ tail: TargetTail) {
        cursor = subject.cursor
        scan = LogRangeScan(from: cursor.position, to: .max)
        matcher = TailMatcher(start: cursor.position, tail: tail, isOtherLog: subject.isSourceReplaced)
    }

    var isOver: Bool { matcher.isDone || isUnreadable || hasReachedEnd }

    /// - Returns: knowledge that is needed before the match can continue.
    mutating func take(
        _ answer: Answer, _ rewriter: RecordRewriter, _ intake: BatchIntake, hadRoom: Bool
    ) -> OriginRules.Need? {
        // These batches never go out, so their time is of no interest.
        let outcome = intake.take(
            answer.records, aborted: answer.aborted, at: .distantPast, rewriter: rewriter,
            room: BatchIntake.Room(builtBytes: Self.builtBytes), from: &cursor)
        isUnreadable = outcome.failure != nil
        for batch in outcome.batches {
            let hasHole = hasGap || batch.skipped[.compacted, default: 0] > 0
            hasGap = false
            let wasDone = matcher.isDone
            do {
                try matcher.take(batch.records, sources: batch.sources.ranges, hasHole: hasHole)
            } catch {
                isUnreadable = true
            }
            if !wasDone { skipped.merge(batch.skipped) { $0 + $1 } }
        }
        if let need = outcome.need { return need }
        scan.end = answer.end
        let hasMoved = cursor.position > scan.position
        scan.read(upTo: cursor.position, hadRoom: hadRoom)
        hasReachedEnd = !isUnreadable && !hasMoved && scan.isDone
        return nil
    }

    /// The source no longer has the records in front of `offset`.
    mutating func begins(at offset: Int64) {
        guard offset > cursor.position else {
            isUnreadable = true
            return
        }
        hasGap = true
        cursor.position = offset
        scan.begins(at: offset)
    }

    func resumption(_ subject: RecoverySubject, _ tail: TargetTail) -> RecoveryOutcome.Resumption {
        var matcher = matcher
        matcher.end()
        let start = subject.completedOffset
        let position = matcher.position
        let written = min(matcher.recovered, position - start)
        return RecoveryOutcome.Resumption(
            sourceTopicID: subject.sourceTopicID, start: start, position: position,
            leaderEpoch: cursor.position == position ? cursor.leaderEpoch : -1, written: written,
            skipped: reasons(for: position - start - written, quarantined: matcher.quarantined), copies: matcher.copies,
            sourceTruncation: matcher.sourceTruncation(readTo: cursor.position),
            outOfOrder: matcher.outOfOrder.map { place in
                RecoveryOutcome.OutOfOrder(
                    offset: place.offset, records: tail.count - place.number,
                    cause: place.kind == .sequenceGap ? .outOfOrderAppend : .truncation)
            })
    }

    /// Divides a number of source offsets without a copy by reason.
    private func reasons(for count: Int64, quarantined: Int64) -> [SkipReason: Int64] {
        let quarantined = min(count, quarantined)
        var left = count - quarantined
        var reasons: [SkipReason: Int64] = quarantined > 0 ? [.quarantined: quarantined] : [:]
        for reason in SkipReason.allCases where reason != .compacted {
            let part = min(left, skipped[reason] ?? 0)
            if part > 0 { reasons[reason, default: 0] += part }
            left -= part
        }
        if left > 0 { reasons[.compacted] = left }
        return reasons
    }
}
