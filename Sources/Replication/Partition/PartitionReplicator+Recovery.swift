internal import KafkaClient
internal import KafkaWire
package import NIOCore

// Recovery.
extension PartitionReplicator {
    package var recoverySubject: RecoverySubject {
        let cause = isRecovering ? RecoveryCause.takeover : .unknownOutcome
        var truncated = truncation?.target
        if targetLog.isRecreated, targetLog.endOffset > 0 { truncated = 0 }
        var isSourceReplaced = false
        var divergence: Int64?
        if case .recovering(let recovering) = phase {
            isSourceReplaced = recovering.isSourceReplaced
            divergence = recovering.divergence
        }
        return RecoverySubject(
            source: source, target: target, cause: cause, delivery: rules.delivery, from: recoveryStart(cause),
            knownEpochs: hasStreamed ? knownEpochs : recordedEpochs, following: following,
            leaderEpoch: targetLog.leaderEpoch, metadataEpoch: targetLog.metadataEpoch, truncation: truncated,
            renewsEpoch: cause == .takeover || renewsEpoch, isSourceReplaced: isSourceReplaced,
            comparesCopies: !isCompared, divergence: divergence, sourceTopicID: sourceTopicID,
            completedOffset: completedOffset, cursor: cursor, rewriter: rewriter, map: map,
            keepsOffsets: rules.keepsOffsets
        )
    }

    /// Offset of the target's log from which on it is read. Where copies keep their offsets, whatever is not completed is
    /// compared, also by a partition that is tried again: its log's end tells nothing of how well it fits.
    private func recoveryStart(_ cause: RecoveryCause) -> Int64 {
        alignment != nil && cause == .takeover ? alignedTargetOffset : targetLog.endOffset
    }

    private var renewsEpoch: Bool {
        switch phase {
        case .streaming(let renewsEpoch): renewsEpoch
        case .unknownOutcome(let unknown): unknown.renewsEpoch
        case .recovering, .awaitingCheckpoint, .failed: false
        }
    }

    /// A recovery that began with ``recoverySubject`` is over.
    package mutating func recovered(_ recovery: PartitionRecovery, at now: NIODeadline, wallClock: Int64) {
        guard isActive else { return }
        guard let abort = recovery.abort else {
            if let outcome = recovery.outcome { recovered(outcome, at: now, wallClock: wallClock) }
            return
        }
        switch abort {
        case .fenced:
            fail(PartitionFailure(.fenced, "another instance of this flow has taken the partition over"))
        case .sourceTruncated(let end):
            learn(recovery.learnedEpochs)
            sourceTruncated(endsAt: end.offset, epoch: end.epoch)
        case .sourceDiverged(let offset):
            learn(recovery.learnedEpochs)
            recoveryDelay.reset()
            sourceDiverged(at: offset, isFirst: true)
        case .sourceDiffers(let offset):
            learn(recovery.learnedEpochs)
            recoveryDelay.reset()
            sourceDiverged(at: offset, isFirst: false)
        case .sourceEnds(let end, let copy):
            learn(recovery.learnedEpochs)
            recoveryDelay.reset()
            fail(
                PartitionFailure(
                    .truncated,
                    "the source's log ends at offset \(end), and its copy at \(copy): what was copied from between is no "
                        + "longer at the source" + Rules.differingRemedy))
        case .failed(let error):
            learn(recovery.learnedEpochs)
            recoveryFailed(error, at: now)
        }
    }

    private mutating func learn(_ epochs: [Int64: Int16]) {
        recordedEpochs.merge(epochs) { max($0, $1) }
    }

    private mutating func recoveryFailed(_ error: KafkaError, at now: NIODeadline) {
        lastRecoveryError = "\(error)"
        if error.code == .topicAuthorizationFailed {
            return fail(
                PartitionFailure(
                    .notAuthorized,
                    "exactly once needs to read the target topic (\(error)); grant READ and DESCRIBE on it, "
                        + "or set delivery: atLeastOnce"))
        }
        recoveryDelay.failed(at: now)
        let attempt = recoveryDelay.failures
        if attempt == 1 || attempt % 20 == 0 { report(.recoveryFailed(error, attempt: attempt)) }
    }

    private mutating func recovered(_ outcome: RecoveryOutcome, at now: NIODeadline, wallClock: Int64) {
        let isRecreated = targetLog.isRecreated && outcome.from > 0
        guard !(isRecreated && rules.policies.recreated == .stop) else {
            return fail(
                PartitionFailure(
                    .recreated,
                    "the target topic was deleted and created again: its copies are gone"
                        + rules.remedy(
                            "With policies: {recreated: continue} they are copied again as far as the source still has "
                                + "them")))
        }
        targetLog.isRecreated = false
        recoveryDelay.reset()
        lastRecoveryError = nil
        if alignment != nil { return align(outcome, at: now, wallClock: wallClock) }
        if let truncation = outcome.truncation ?? (isRecreated ? 0 : nil) {
            return targetTruncated(at: truncation, outcome)
        }
        if isOutdated(outcome) {
            for producer in outcome.epochs { window.renew(producer) }
            return
        }
        if let lost = outcome.resumption?.sourceTruncation, rules.policies.truncated == .stop {
            _ = mayContinueBehindTruncation(at: lost.offset, Self.sourceTruncatedExplanation(lost))
            return
        }
        if outcome.resumption?.outOfOrder == nil, case .unknownOutcome = phase {
            return matchWindow(outcome, at: now, wallClock: wallClock)
        }
        resume(outcome)
        if let outOfOrder = outcome.resumption?.outOfOrder {
            if outOfOrder.cause == .truncation {
                metrics.targetWentBackwards()
                report(.targetTruncated(at: outOfOrder.offset, knownEnd: outcome.from, offsets: 0))
            }
            return startOver(outOfOrder, outcome)
        }
        stream(outcome)
        if let lost = outcome.resumption?.sourceTruncation {
            lose(Self.sourceTruncatedExplanation(lost), .truncated, offsets: lost.records)
        }
    }

    private static func sourceTruncatedExplanation(_ lost: (offset: Int64, records: Int64)) -> String {
        "the source's log was cut at offset \(lost.offset): \(lost.records) records that were copied from behind it are "
            + "no longer at the source"
    }

    /// The source's log has become another one since the recovery began: it has to begin again.
    private func isOutdated(_ outcome: RecoveryOutcome) -> Bool {
        if outcome.cause == .unknownOutcome, isRecovering { return true }
        guard let resumption = outcome.resumption else { return false }
        return resumption.sourceTopicID != sourceTopicID || resumption.start != completedOffset
    }

    /// Everything of ours is accounted for: batches are sent from now on.
    mutating func stream(_ outcome: RecoveryOutcome) {
        for producer in outcome.epochs { window.renew(producer) }
        for stamp in outcome.continued { window.resume(stamp) }
        for (used, successor) in successors {
            window.reassign(from: used, to: ProducerIdentity(id: successor, epoch: 0))
        }
        successors = [:]
        targetLog.endOffset = outcome.end.offset
        targetLog.leaderEpoch = outcome.end.epoch
        phase = .streaming()
        hasStreamed = true
        if !isCompared { sample = outcome.sample }
        isCompared = true
        // The leader has changed again since the recovery began.
        if targetLog.metadataEpoch > outcome.metadataEpoch, targetLog.metadataEpoch > outcome.end.epoch {
            leaderEpochChanged()
        }
        completeIfIdle()
    }

    /// Tells which of the batches without an answer the log has.
    private mutating func matchWindow(_ outcome: RecoveryOutcome, at now: NIODeadline, wallClock: Int64) {
        let tail = outcome.tail
        var outOfOrder: RecoveryOutcome.OutOfOrder?
        // Those behind a lost answer may have been acknowledged already, and are completed with it.
        for batch in tail.batches where batch.baseOffset >= targetLog.endOffset {
            if let oldest = window.oldest, tail.holds(oldest.batch, in: batch) {
                acknowledge(window.found(baseOffset: batch.baseOffset), at: now, wallClock: wallClock)
            } else if window.batches.contains(where: { tail.holds($0.batch, in: batch) }) {
                // The broker has forgotten us, and has taken it in front of one that it had refused.
                let before = outOfOrder
                outOfOrder = RecoveryOutcome.OutOfOrder(
                    offset: before?.offset ?? batch.baseOffset, records: (before?.records ?? 0) + batch.count,
                    cause: .outOfOrderAppend)
            } else {
                return fail(
                    PartitionFailure(
                        .fenced,
                        "the target holds records under this flow's producer id that this instance did not write: "
                            + "another instance of the flow runs"))
            }
        }
        if let outOfOrder { startOver(outOfOrder, outcome) } else { stream(outcome) }
    }

    /// Completes what an earlier run wrote beyond its checkpoint.
    private mutating func resume(_ outcome: RecoveryOutcome) {
        accounting.meetForeign(outcome.tail.foreign)
        guard let resumption = outcome.resumption, resumption.position > resumption.start else { return }
        accounting.write(resumption.written)
        accounting.skip(resumption.skipped)
        if let copies = resumption.copies {
            for copy in copies { map.append(SourceRuns(copy.sources), at: copy.target) }
        } else {
            map.lose(upTo: resumption.position)
        }
        cursor.position = resumption.position
        // The checkpoint's epoch may have ended before this position: kept, it would look like a truncated log.
        cursor.leaderEpoch = resumption.leaderEpoch
        completedOffset = resumption.position
        metrics.recovered(resumption.written)
        if resumption.written > 0, resumption.outOfOrder == nil { report(.recovered(records: resumption.written)) }
    }

    /// The target has lost everything of ours from an offset on: back to where that begins at the source.
    private mutating func targetTruncated(at offset: Int64, _ outcome: RecoveryOutcome) {
        let gone = map.firstGone(fromTarget: offset)
        let source = min(gone.source, truncation?.source ?? completedOffset, completedOffset)
        let count = completedOffset - source
        dropBuffered()
        accounting.rewind(count)
        cursor.position = source
        completedOffset = source
        awaitCheckpoint(outcome)
        metrics.targetWentBackwards()
        report(.targetTruncated(at: offset, knownEnd: outcome.from, offsets: count))
        duplicate(.truncation, from: outcome.truncation ?? 0, outcome.tail.count + gone.uncertain)
    }

    /// Everything that is not completed comes once more, behind the records that were appended in front of it.
    private mutating func startOver(_ outOfOrder: RecoveryOutcome.OutOfOrder, _ outcome: RecoveryOutcome) {
        dropBuffered()
        for producer in outcome.epochs { window.renew(producer) }
        awaitCheckpoint(outcome)
        duplicate(outOfOrder.cause, from: outOfOrder.offset, outOfOrder.records)
    }

    /// Nothing is added to a log that lacks records before a checkpoint says so; then the partition is recovered again.
    mutating func awaitCheckpoint(_ outcome: RecoveryOutcome) {
        targetLog.endOffset = outcome.end.offset
        targetLog.leaderEpoch = outcome.end.epoch
        var isSourceReplaced = false
        if case .recovering(let recovering) = phase { isSourceReplaced = recovering.isSourceReplaced }
        phase = .awaitingCheckpoint(.init(isSourceReplaced: isSourceReplaced))
    }

    private mutating func duplicate(_ cause: DuplicateCause, from offset: Int64, _ records: Int64) {
        guard records > 0 else { return }
        accounting.double(records)
        metrics.doubled(records)
        report(.duplicated(cause, offset: offset, records: records))
    }

    /// The state that the partition waited to have recorded is.
    package mutating func checkpointed() {
        if case .awaitingCheckpoint(let recovering) = phase { phase = .recovering(recovering) }
    }
}

extension TargetTail {
    /// Tells whether a batch of the log is this one.
    func holds(_ sent: OutgoingBatch, in batch: Batch) -> Bool {
        // Damaged at the source: then the target has not taken it.
        (try? holds(sent.records, in: batch)) ?? false
    }
}
