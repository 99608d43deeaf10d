package import KafkaClient
internal import KafkaWire
package import NIOCore

// Copies with the offsets of their source; see ``OffsetAlignment``.
extension PartitionReplicator {
    /// - Parameter cleanup: of the target's topic.
    package mutating func setCleanup(_ cleanup: CleanupPolicy) {
        alignment?.cleanup = cleanup
    }

    /// Tells whether ``setCleanup(_:)`` has something new to say.
    package func hasOtherCleanup(_ cleanup: CleanupPolicy) -> Bool {
        alignment.map { $0.cleanup != cleanup } ?? false
    }

    /// End of the target's log once everything is acknowledged that was sent.
    private var sentEnd: Int64 {
        awaitsProduceAnswers ? alignment?.sentEnd ?? -1 : targetLog.endOffset
    }

    private var awaitsProduceAnswers: Bool { window.answersOutstanding > 0 }

    /// True when the next batch would be appended at its source's offset.
    var isNextInPlace: Bool {
        guard let alignment else { return true }
        guard alignment.underWay == nil, let next = window.upcoming else { return false }
        return next.sources.first.lowerBound == sentEnd
    }

    /// Work at the target that is due before anything else is sent.
    package var alignmentWork: OffsetAlignment.Work? {
        guard let alignment, alignment.underWay == nil, isStreaming, sendDelay.until == nil, targetLog.leader != nil,
            !awaitsProduceAnswers, targetLog.endOffset >= 0
        else { return nil }
        return alignment.work(
            end: targetLog.endOffset, next: window.oldest?.batch.sources.first.lowerBound ?? cursor.position)
    }

    /// The target's log does not reach as far as was read, although nothing waits to be sent.
    var hasTrailingHole: Bool {
        guard alignment != nil, isStreaming, targetLog.endOffset >= 0 else { return false }
        return window.isEmpty && targetLog.endOffset < cursor.position
    }

    /// The progress of bringing the target's log to the offset at which the copy begins; nil when it is there.
    var beginning: String? {
        guard let alignment, alignment.isBeginning, isStreaming else { return nil }
        return
            "its log on \(rules.targetCluster) is brought to source offset \(alignment.start), where the copy begins: "
            + "\(max(0, targetLog.endOffset)) offsets are done"
    }

    /// The lone markers of a partition are written under this id.
    package var markerProducer: ProducerIdentity { window.usualProducer }

    /// The shard does the work from now on.
    package mutating func began(_ work: OffsetAlignment.Work) {
        alignment?.underWay = work
    }

    /// Result of ``OffsetAlignment/Work``.
    package enum WorkOutcome: Hashable, Sendable {
        case done
        /// Nothing has changed at the target.
        case refused(KafkaError)
        /// It may have been done, in part too, or may still be.
        case inDoubt(String)
    }

    /// Time for what is in doubt to arrive, before the end of the log is believed.
    private static let settling: TimeAmount = .seconds(2)

    package mutating func ended(_ work: OffsetAlignment.Work, _ outcome: WorkOutcome, at now: NIODeadline) {
        alignment?.underWay = nil
        guard isActive else { return }
        switch outcome {
        case .done: done(work, at: now)
        case .refused(let error): refused(work, error, at: now)
        case .inDoubt(let reason):
            obstacle = reason
            renewMarkerEpoch()
            recoveryDelay.hold(until: now + Self.settling)
        }
    }

    /// Markers that come late are refused as soon as something is written in the next epoch. A checkpoint knows of it before it is
    /// used: who takes over continues in it.
    private mutating func renewMarkerEpoch() {
        // Also beside a change of the leader. Markers are sent alone, so no batch is in doubt with them.
        guard !isRecovering, truncation == nil, !awaitsProduceAnswers else { return doubtOutcome() }
        let producer = window.usualProducer
        guard producer.epoch < .max - 1 else { return doubtOutcome() }
        dropBuffered()
        window.renew(ProducerIdentity(id: producer.id, epoch: producer.epoch + 1))
        phase = .awaitingCheckpoint(.init())
    }

    private mutating func done(_ work: OffsetAlignment.Work, at now: NIODeadline) {
        sendDelay.succeeded()
        obstacle = nil
        switch work {
        case .markers(let range):
            targetLog.endOffset = range.upperBound
            alignment?.reached(range.upperBound)
        case .deletion: alignment?.isBeginning = false
        }
        completeIfIdle()
    }

    private mutating func refused(_ work: OffsetAlignment.Work, _ error: KafkaError, at now: NIODeadline) {
        let cluster = rules.targetCluster
        switch (work, error.code) {
        case (.markers, .clusterAuthorizationFailed?):
            fail(
                PartitionFailure(
                    .notAuthorized,
                    "\(cluster) does not let us write the markers that offsets: preserve fills holes with (\(error)); "
                        + "grant ALTER on CLUSTER there"))
        case (.markers, .invalidTopicException?):
            fail(
                PartitionFailure(
                    .refusedByTarget,
                    "\(cluster) takes no markers for \(target.topic), as of diskless topics (\(error)): offsets: preserve "
                        + "cannot fill holes there. Copy it with offsets: translate"))
        case (.markers, .invalidProducerEpoch?), (.markers, .producerFenced?):
            fail(
                PartitionFailure(
                    .fenced,
                    "\(cluster) refuses markers since a higher epoch of this flow's producer id is in use there (\(error)), as "
                        + "when another instance of this flow has taken the partition over"))
        case (.deletion, .topicAuthorizationFailed?):
            fail(
                PartitionFailure(
                    .notAuthorized,
                    "\(cluster) does not let us delete the filler in front of the first record (\(error)); grant DELETE "
                        + "on the topic \(target.topic)"))
        case (.deletion, .policyViolation?):
            // It has become compacted since: then nothing can be deleted.
            alignment?.cleanup = .compact
            alignment?.reached(targetLog.endOffset)
            completeIfIdle()
        default:
            if case .unsupported = error.reason {
                return fail(
                    PartitionFailure(
                        .refusedByTarget,
                        "\(cluster) cannot do what offsets: preserve needs: \(error). Copy with offsets: translate"))
            }
            sendDelay.failed(at: now)
            obstacle = "\(error)"
            report(.obstructed("\(error)"))
            refreshLeaders()
        }
    }

    /// Fails: the offsets of the copy are not those of the source any more, or would not be.
    mutating func failDiffering(_ explanation: String, remedy: String = Rules.differingRemedy) {
        fail(PartitionFailure(.offsetsDiffer, explanation + remedy))
    }
}

// Taking in and completing.
extension PartitionReplicator {
    /// Everything below the offset is on the target, in its place.
    mutating func completeInPlace(upTo offset: Int64) {
        guard offset > completedOffset else { return }
        // A hole has its marker, so the map has none: each source offset is its own.
        map.append(SourceRuns(completedOffset..<offset), at: completedOffset)
        if let skips = alignment?.openSkips, !skips.isEmpty {
            accounting.skip(skips)
            alignment?.openSkips = [:]
        }
        completedOffset = offset
        if let present = alignment?.present, present.end <= offset { alignment?.present = nil }
    }

    /// Compares offsets that have nothing to copy with what an earlier run left there.
    ///
    /// - Returns: false when the partition has failed over it.
    mutating func comparePresentHole(upTo offset: Int64, _ skipped: [SkipReason: Int64]) -> Bool {
        guard let found = alignment?.present?.compareHole(upTo: offset, skipped) else { return true }
        failDiffering("the target holds a record at offset \(found), where the source has none to copy")
        return false
    }

    /// Takes a batch that the target has already, since an earlier run wrote it behind its last checkpoint.
    ///
    /// - Returns: what is left of it to send; nil for nothing.
    mutating func takePresent(_ batch: OutgoingBatch) -> OutgoingBatch? {
        guard let present = alignment?.present?.end else { return batch }
        guard comparePresentHole(upTo: batch.sources.first.lowerBound, batch.skipped) else { return nil }
        guard batch.sources.first.lowerBound < present else { return batch }
        guard batch.sources.end > present else {
            settlePresent(batch)
            return nil
        }
        let count = Int(present - batch.sources.first.lowerBound)
        guard let (first, rest) = try? batch.divided(after: count, limit: rewriter.limit) else {
            failDiffering(
                "the target's log ends at offset \(present), within a batch of the source from offset "
                    + "\(batch.sources.first.lowerBound) on that cannot be taken apart")
            return nil
        }
        settlePresent(first)
        return isActive ? rest : nil
    }

    private mutating func settlePresent(_ batch: OutgoingBatch) {
        if let offset = alignment?.present?.compare(batch) {
            return failDiffering("the target holds something else at offset \(offset) than the source")
        }
        let count = Int64(batch.recordCount)
        accounting.write(count)
        accounting.skip(batch.skipped)
        metrics.recovered(count)
        completeInPlace(upTo: batch.sources.end)
    }

    /// Completes records that the target refuses before markers have their place: a checkpoint says so first, since markers
    /// without it would be taken for copies that are gone.
    mutating func leavePlace(of refused: OutgoingBatch) {
        completeInPlace(upTo: refused.sources.end)
        dropBuffered()
        phase = .awaitingCheckpoint(.init())
    }

    /// Compares the offset of an appended batch with its source's.
    mutating func isAligned(_ batch: OutgoingBatch, at baseOffset: Int64) -> Bool {
        let expected = batch.sources.first.lowerBound
        guard baseOffset >= 0, baseOffset != expected else { return true }
        failDiffering(
            baseOffset > expected
                ? "the target appended the records of source offset \(expected) at \(baseOffset): others write to "
                    + "\(target)"
                : "the target appended the records of source offset \(expected) at \(baseOffset): its log had lost its end"
        )
        return false
    }

    /// Enqueues filler in front of the first copy, a few batches at a time.
    mutating func fillBeginning(wallClock: Int64, at now: NIODeadline) {
        while window.count < ProduceWindow<OutgoingBatch>.largestWidth, isStreaming,
            let range = alignment?.nextFiller(end: targetLog.endOffset)
        {
            guard enqueueFiller([range], timestamp: wallClock, at: now) else { return }
        }
    }
}

// Holes.
extension PartitionReplicator {
    /// Fails for a hole that is too large to be filled.
    ///
    /// - Parameter isFillable: filler can have its place.
    mutating func checkHole(_ offsets: Int64, isFillable: Bool = true) -> Bool {
        guard let alignment, offsets > alignment.largest(isFillable: isFillable) else { return true }
        failDiffering(
            "\(offsets) offsets without a record would have to be filled, and no more than "
                + "\(alignment.largest(isFillable: isFillable)) in one piece are"
                + (!isFillable || alignment.fillsHoles || alignment.cleanup == .delete
                    ? "" : " (holes: filler fills more in a compacted topic)"))
        return false
    }

    /// Enqueues filler for a long hole in front of a batch that is enqueued next.
    ///
    /// - Returns: false when the partition has failed over it.
    mutating func fillHole(before batch: OutgoingBatch) -> Bool {
        guard let alignment, alignment.fillsHoles else { return true }
        var end = max(window.newest?.sources.end ?? -1, targetLog.endOffset)
        if case .markers(let range) = alignment.underWay { end = max(end, range.upperBound) }
        let pieces = alignment.filler(from: end, to: batch.sources.first.lowerBound)
        // As old as its neighbours, so that retention and searches by time find nothing new in it.
        return pieces.isEmpty || enqueueFiller(pieces, timestamp: batch.maxTimestamp, at: batch.fetchedAt)
    }

    private mutating func enqueueFiller(_ pieces: [Range<Int64>], timestamp: Int64, at now: NIODeadline) -> Bool {
        for range in pieces {
            guard let records = filler(Int64(range.count), timestamp: timestamp) else {
                fail(PartitionFailure(.offsetsDiffer, "\(range.count) empty records cannot be put into a batch"))
                return false
            }
            var batch = OutgoingBatch(
                records: records, sources: SourceRuns(range), nextSourceOffset: range.upperBound, fetchedAt: now,
                producerID: window.usualProducer.id)
            batch.isFiller = true
            window.enqueue(batch, recordCount: Int32(batch.recordCount), producerID: batch.producerID)
        }
        return true
    }

    /// Milliseconds by which records of filler may be older than was asked for.
    private static let staleness: Int64 = 60_000

    private mutating func filler(_ count: Int64, timestamp: Int64) -> RecordBatch? {
        guard let alignment else { return nil }
        if let built = alignment.builtFiller, Int64(built.header.recordCount) == count,
            (0...Self.staleness).contains(timestamp - built.header.maxTimestamp)
        {
            return built
        }
        let records = try? Filler.batch(count, timestamp: timestamp, isKeyed: alignment.cleanup != .delete)
        if count == alignment.rules.fillerSize { self.alignment?.builtFiller = records }
        return records
    }
}

// Recovery.
extension PartitionReplicator {
    /// The end of the target's log tells where to continue: nothing has to be matched with the source.
    mutating func align(_ outcome: RecoveryOutcome, at now: NIODeadline, wallClock: Int64) {
        guard let alignment else { return }
        let end = outcome.end.offset
        if let truncation = outcome.truncation { return truncatedAligned(at: truncation, outcome) }
        if outcome.cause == .unknownOutcome, isRecovering {
            for producer in outcome.epochs { window.renew(producer) }
            return
        }
        if let stranger = outcome.tail.firstStranger {
            return failDiffering("\(target) holds records at offset \(stranger) that this flow did not write")
        }
        if outcome.from < 0 { return beginAligned(outcome) }
        guard isKnown(upTo: end) else { return }
        if alignment.isBeginning, end > alignment.start {
            return failDiffering(
                "\(target) was brought to offset \(end), beyond source offset \(alignment.start) where the copy begins")
        }
        if case .unknownOutcome = phase {
            guard matchAligned(outcome, at: now, wallClock: wallClock) else { return }
        } else {
            self.alignment?.present = PresentTail(outcome.tail, end: end, from: completedOffset)
        }
        // Records came only when the filler was gone: what lies behind the start is compared with the source.
        if outcome.from < alignment.start { self.alignment?.isBeginning = alignment.isBeginning(at: end) }
        if self.alignment?.isBeginning == true, alignment.cleanup == .compact, !checkHole(alignment.start - end) {
            return
        }
        self.alignment?.fillerEnd = window.batches.last { $0.batch.isFiller }?.batch.sources.end ?? end
        stream(outcome)
        fillBeginning(wallClock: wallClock, at: now)
    }

    /// Nothing was ever written: the topic has to be empty, and a checkpoint says so before the first record.
    private mutating func beginAligned(_ outcome: RecoveryOutcome) {
        if outcome.tail.count > 0 {
            return failDiffering(
                "\(target) holds records already, and nothing is recorded of them", remedy: Rules.unrecordedRemedy)
        }
        if outcome.end.offset > completedOffset {
            return failDiffering(
                "the log of \(target) ends at offset \(outcome.end.offset) already, behind source offset \(completedOffset) "
                    + "where the copy begins", remedy: Rules.unrecordedRemedy)
        }
        awaitCheckpoint(outcome)
    }

    /// Begins the copy where its source begins by now: retention has passed over the place while the log was brought there, and
    /// may do so again as often as it likes.
    ///
    /// - Returns: false where something has been copied, or would have been from offset 0 on.
    mutating func beginLater(at start: Int64) -> Bool {
        guard let alignment, !alignment.isAdopted, alignment.start > 0, isStreaming, window.isEmpty,
            alignment.underWay == nil, targetLog.endOffset <= alignment.start,
            cursor.position == alignment.start, accounting == Accounting(start: alignment.start)
        else { return false }
        cursor.position = start
        completedOffset = start
        accounting = Accounting(start: start)
        map = OffsetMap(start: start)
        self.alignment?.begin(at: start, end: targetLog.endOffset)
        phase = .awaitingCheckpoint(.init())
        return true
    }

    /// Tells by the log which of the batches without an answer it has.
    private mutating func matchAligned(_ outcome: RecoveryOutcome, at now: NIODeadline, wallClock: Int64) -> Bool {
        for batch in outcome.tail.batches where batch.baseOffset >= targetLog.endOffset {
            guard let oldest = window.oldest, oldest.batch.sources.first.lowerBound == batch.baseOffset,
                outcome.tail.holds(oldest.batch, in: batch)
            else {
                failDiffering("\(target) holds records at offset \(batch.baseOffset) that do not belong there")
                return false
            }
            acknowledge(window.found(baseOffset: batch.baseOffset), at: now, wallClock: wallClock)
        }
        let next = window.oldest?.batch.sources.first.lowerBound ?? max(cursor.position, alignment?.present?.end ?? 0)
        let limit = alignment?.isBeginning == true ? max(next, alignment?.start ?? 0) : next
        guard isActive, outcome.end.offset <= limit else {
            if isActive {
                failDiffering(
                    "the log of \(target) ends at offset \(outcome.end.offset), and should not be beyond \(limit): markers "
                        + "or records have come there twice, or others write there")
            }
            return false
        }
        return true
    }

    /// The target has lost its end. Lost records are copied again in their place, unless something has taken it.
    private mutating func truncatedAligned(at truncation: Int64, _ outcome: RecoveryOutcome) {
        guard let alignment else { return }
        guard outcome.end.offset <= truncation else {
            return failDiffering(
                "the target's log was cut at offset \(truncation), and has grown to \(outcome.end.offset) since")
        }
        let end = outcome.end.offset
        guard isKnown(upTo: end) else { return }
        let source = max(min(end, completedOffset), alignment.start)
        let count = completedOffset - source
        dropBuffered()
        self.alignment?.present = nil
        // What the target has lost comes back also where it had come from there.
        rewriter.refillsBelow = max(rewriter.refillsBelow, completedOffset)
        accounting.rewind(count)
        cursor.position = source
        completedOffset = source
        awaitCheckpoint(outcome)
        metrics.targetWentBackwards()
        report(.targetTruncated(at: truncation, knownEnd: outcome.from, offsets: count))
    }

    /// Fails where the log of an adopted copy ends in front of everything that is known of it: what is missing there
    /// cannot be told.
    private mutating func isKnown(upTo end: Int64) -> Bool {
        guard let alignment, alignment.isAdopted, end < alignment.start else { return true }
        failDiffering(
            "the log of \(target) ends at offset \(end), and of the copy that this flow continues nothing is known before "
                + "offset \(alignment.start)")
        return false
    }

    /// Target offset to record with a checkpoint: what lies behind it is read at the next start.
    var alignedTargetOffset: Int64 {
        guard let alignment else { return targetLog.endOffset }
        // Until the filler is deleted a restart has to know that it begins there.
        return min(targetLog.endOffset, alignment.isBeginning ? alignment.start - 1 : completedOffset)
    }
}
