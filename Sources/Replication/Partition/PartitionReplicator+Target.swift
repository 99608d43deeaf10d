internal import KafkaClient
package import KafkaWire
package import NIOCore

/// One batch of a partition in a produce request.
package struct ProduceAttempt: Sendable {
    package let sequence: Int32
    package let records: RecordBytes

    package init(sequence: Int32, records: RecordBytes) {
        self.sequence = sequence
        self.records = records
    }

    /// A batch that the target refuses as corrupt was so already when it came from the source if its checksum is wrong:
    /// rewriting the header keeps a wrong checksum wrong.
    var isDamaged: Bool {
        guard let batch = try? RecordBatch(records.contiguous) else { return true }
        return !batch.isChecksumValid
    }
}

/// The target's answer to one batch.
package struct ProduceAnswer: Sendable {
    package var code: ErrorCode
    package var message: String?
    /// Offset of the first record; -1 when the broker does not tell.
    package var baseOffset: Int64
    /// Start of the target's log; -1 when the broker does not tell.
    package var logStartOffset: Int64

    package init(_ code: ErrorCode, message: String? = nil, baseOffset: Int64 = -1, logStartOffset: Int64 = -1) {
        self.code = code
        self.message = message
        self.baseOffset = Self.checked(baseOffset)
        self.logStartOffset = Self.checked(logStartOffset)
    }
}

extension ProduceAnswer {
    /// Offsets that no log ever reaches tell nothing, and are not computed with.
    private static func checked(_ offset: Int64) -> Int64 {
        (0..<Int64.max / 2).contains(offset) ? offset : -1
    }
}

// Sending.
extension PartitionReplicator {
    /// Size of the batch that ``nextAttempt()`` would hand out, small ones merged; nil when there is none.
    mutating func prepareNext(merging sizes: BatchMerger.Sizes) -> Int? {
        guard isReadyToSend, let upcoming = window.upcoming else { return nil }
        guard upcoming.sizeInBytes <= sizes.small else { return upcoming.sizeInBytes }
        if !upcoming.isFiller { mergeSmallBatches(sizes) }
        return window.upcoming?.sizeInBytes
    }

    private mutating func mergeSmallBatches(_ sizes: BatchMerger.Sizes) {
        var (count, difference) = (0, 0)
        let largest = rewriter.largestBatch
        let keepsOffsets = rules.keepsOffsets
        window.mergeUnsent(limit: min(sizes.limit, largest), size: { BatchMerger.size($0, sizes) }) { batches in
            let batches = keepsOffsets ? Array(batches.prefix(OutgoingBatch.adjoining(batches))) : batches
            guard let merged = BatchMerger.merge(batches, largestBatch: largest) else { return nil }
            count = merged.count
            difference = batches.prefix(count).reduce(merged.batch.sizeInBytes) { $0 - $1.sizeInBytes }
            return (merged.batch, Int32(merged.batch.recordCount), count)
        }
        guard count > 0 else { return }
        bufferedBytes += difference
        metrics.merged(batches: count)
    }

    /// The next batch to send, with the flow's producer id, epoch and sequence in its header; nil when there is none.
    package mutating func nextAttempt() -> ProduceAttempt? {
        guard isReadyToSend, let next = window.next() else { return nil }
        alignment?.sentEnd = next.batch.sources.end
        let patch = BatchHeaderPatch(
            producerID: next.producer.id, producerEpoch: next.producer.epoch, baseSequence: next.sequence)
        return ProduceAttempt(sequence: next.sequence, records: patch.apply(to: next.batch.records))
    }
}

// Answers.
extension PartitionReplicator {
    /// No answer to a batch will come, or it leaves the partition out.
    package mutating func unanswered(backsOff: Bool, at now: NIODeadline) {
        // One that has failed only counts the answers that are still to come, for when it is tried again.
        guard isActive else { return window.failed() }
        setBack(.unknownOutcome(backsOff: backsOff), at: now)
    }

    /// The target has answered a batch.
    ///
    /// - Parameter wallClock: milliseconds since 1970.
    package mutating func answered(
        _ answer: ProduceAnswer, to attempt: ProduceAttempt, at now: NIODeadline, wallClock: Int64
    ) {
        guard isActive else { return window.failed() }
        let isOldest = window.oldestSequence == attempt.sequence
        switch ProduceVerdict(
            code: answer.code, message: answer.message, isOldestInFlight: isOldest, isDamaged: attempt.isDamaged)
        {
        case .written: written(answer, sequence: attempt.sequence, at: now, wallClock: wallClock)
        case .retry(let refresh):
            setBack(.refused, at: now)
            obstructed(by: answer, refreshing: refresh)
        case .unknownOutcome(let refresh):
            setBack(.unknownOutcome(backsOff: true), at: now)
            obstructed(by: answer, refreshing: refresh)
        case .renewEpoch:
            setBack(.staleEpoch, at: now)
            obstructed(by: answer, refreshing: false)
        // Behind another failure; its turn will come.
        case .quarantine where !isOldest: setBack(.refused, at: now)
        case .quarantine(let rejection): rejected(rejection, at: now)
        case .fail(let failure):
            window.failed()
            fail(failure)
        }
    }

    private mutating func rejected(_ rejection: ProduceVerdict.Rejection, at now: NIODeadline) {
        // Policies are for losses: nothing is lost by dividing a batch that is too large.
        let isDivided = rejection.isTooLarge && (window.oldest?.batch.recordCount ?? 0) > 1
        if window.oldest?.batch.isFiller == true, !isDivided {
            window.failed()
            return fail(
                PartitionFailure(
                    rejection.reason,
                    "the target refuses the empty records that bring its log to source offset "
                        + "\(window.oldest?.batch.sources.end ?? 0): \(rejection.explanation)"))
        }
        if isDivided || rules.policies.quarantined == .continue { return setBack(.rejected(rejection), at: now) }
        let oldest = window.oldest?.batch
        window.failed()
        stop(for: rejection, of: oldest)
    }

    private mutating func stop(for rejection: ProduceVerdict.Rejection, of batch: OutgoingBatch?) {
        let isDamaged = rejection.isWhole && rejection.reason == .unreadable
        var place = ""
        if let batch {
            let (first, last) = (batch.sources.first.lowerBound, batch.sources.end - 1)
            place = first == last ? " (source offset \(first)" : " (source offsets \(first) to \(last)"
            place += rejection.isTooLarge ? ", \(batch.sizeInBytes) bytes)" : ")"
        }
        let explanation =
            isDamaged
            ? "the batch behind source offset \(completedOffset) does not match its checksum: the record data at "
                + "the source is corrupt, or was altered in transit"
            : rejection.explanation + place + ". With policies: {quarantined: continue} such records are left out"
        fail(PartitionFailure(rejection.reason, explanation))
    }

    /// The target takes less in one batch than was known, if anything was: so much is tried next.
    private mutating func learnLimit(from refused: OutgoingBatch) {
        guard refused.sizeInBytes <= rewriter.largestBatch else { return }
        rewriter.largestBatch = max(refused.sizeInBytes / 2, Self.smallestLimit)
    }

    /// Smaller batches than this are not built on account of a refusal, in bytes.
    private static let smallestLimit = 1 << 10

    /// Remembers why a batch was not taken, for when it lasts.
    private mutating func obstructed(by answer: ProduceAnswer, refreshing: Bool) {
        if refreshing { refreshLeaders() }
        var text = "\(rules.targetCluster) answers \(answer.code)"
        if let message = answer.message, !message.isEmpty { text += ", \"\(message)\"" }
        obstacle = text
        report(.obstructed(text))
    }

    private mutating func written(
        _ answer: ProduceAnswer, sequence: Int32, at now: NIODeadline, wallClock: Int64
    ) {
        sendDelay.succeeded()
        obstacle = nil
        acknowledge(
            window.succeeded(sequence: sequence, baseOffset: answer.baseOffset), at: now, wallClock: wallClock)
        map.trim(belowTarget: answer.logStartOffset)
        checkOrder()
        renewEpochIfDue()
        completeIfIdle()
        if alignment?.isBeginning == true { fillBeginning(wallClock: wallClock, at: now) }
    }

    /// Completes batches that the target has, oldest first.
    mutating func acknowledge(
        _ done: [ProduceWindow<OutgoingBatch>.Acknowledged], at now: NIODeadline, wallClock: Int64
    ) {
        for acknowledged in done {
            let batch = acknowledged.batch
            if !batch.isFiller { bufferedBytes -= batch.sizeInBytes }
            release(batch)
            if alignment != nil {
                acknowledgeAligned(acknowledged, at: now, wallClock: wallClock)
                continue
            }
            guard isInPlace(acknowledged.baseOffset) else { continue }
            if acknowledged.baseOffset >= 0 {
                map.append(batch.sources, at: acknowledged.baseOffset)
                targetLog.endOffset = acknowledged.baseOffset + Int64(batch.recordCount)
            } else {
                map.lose(upTo: batch.sources.end)
            }
            account(for: batch, at: now, wallClock: wallClock)
            completedOffset = batch.nextSourceOffset
        }
    }

    private mutating func account(for batch: OutgoingBatch, at now: NIODeadline, wallClock: Int64) {
        accounting.write(Int64(batch.recordCount))
        writtenBytes += Int64(batch.sizeInBytes)
        writtenBatches += 1
        accounting.skip(batch.skipped)
        metrics.acknowledged(
            batch, latencyMilliseconds: batch.maxTimestamp < 0 ? nil : max(0, wallClock - batch.maxTimestamp),
            pipelineNanoseconds: (now - batch.fetchedAt).nanoseconds)
    }

    private mutating func acknowledgeAligned(
        _ acknowledged: ProduceWindow<OutgoingBatch>.Acknowledged, at now: NIODeadline, wallClock: Int64
    ) {
        let batch = acknowledged.batch
        guard isActive, isAligned(batch, at: acknowledged.baseOffset) else { return }
        targetLog.endOffset = batch.sources.end
        guard !batch.isFiller else {
            alignment?.reached(targetLog.endOffset)
            return
        }
        account(for: batch, at: now, wallClock: wallClock)
        completeInPlace(upTo: batch.sources.end)
    }

    /// Compares the offset of an appended batch with the expected one.
    ///
    /// - Parameter baseOffset: -1 when the broker does not tell.
    /// - Returns: false when the target's log was truncated: the batch is not completed, and comes once more in its
    ///   place.
    private mutating func isInPlace(_ baseOffset: Int64) -> Bool {
        let expected = targetLog.endOffset
        guard truncation == nil else { return false }
        guard baseOffset >= 0, expected >= 0, baseOffset != expected,
            rules.delivery == .exactlyOnce || baseOffset > expected
        else { return true }
        if baseOffset > expected {
            accounting.meetForeign(baseOffset - expected)
            metrics.metForeign(baseOffset - expected)
            return true
        }
        // Before anything else is sent, the records that the target has lost are copied again. Nothing of ours is lost
        // when only a marker is gone.
        let lost = map.firstGone(fromTarget: baseOffset).source
        guard lost < map.passed else { return true }
        let truncation = TargetTruncation(target: baseOffset, source: lost)
        switch phase {
        case .streaming(let renewsEpoch):
            phase = .unknownOutcome(.init(renewsEpoch: renewsEpoch, truncation: truncation))
        case .unknownOutcome(var unknown):
            unknown.truncation = truncation
            phase = .unknownOutcome(unknown)
        case .recovering, .awaitingCheckpoint, .failed: break
        }
        return false
    }
}

// Setbacks.
extension PartitionReplicator {
    /// The oldest answer was none that completes a batch: everything without an acknowledgement is sent again.
    private mutating func setBack(_ setback: Setback, at now: NIODeadline) {
        window.failed()
        switch setback {
        case .unknownOutcome: doubtOutcome()
        case .staleEpoch: requireNewEpoch()
        case .rejected(let rejection): self.rejection = rejection
        case .refused: break
        }
        checkOrder()
        bisectIfRejected()
        if setback.backsOff { sendDelay.failed(at: now) }
        renewEpochIfDue()
    }

    /// Nothing more is sent before it is known what the target has.
    mutating func doubtOutcome() {
        guard rules.delivery == .exactlyOnce, case .streaming(let renewsEpoch) = phase else { return }
        phase = .unknownOutcome(.init(renewsEpoch: renewsEpoch))
    }

    private mutating func requireNewEpoch() {
        doubtOutcome()
        switch phase {
        case .streaming: phase = .streaming(renewsEpoch: true)
        case .unknownOutcome(var unknown):
            unknown.renewsEpoch = true
            phase = .unknownOutcome(unknown)
        case .recovering, .awaitingCheckpoint, .failed: break
        }
    }

    /// A broker that has forgotten the producer takes any sequence: a batch may have been appended although the one in
    /// front of it was refused. Then the target's log is read; without that it all goes out again, in its order.
    private mutating func checkOrder() {
        guard window.isOutOfOrder, rules.delivery == .exactlyOnce || rejection != nil else { return }
        rejection = nil
        requireNewEpoch()
    }

    /// Without exactly once a new epoch needs no recovery.
    private mutating func renewEpochIfDue() {
        guard case .streaming(renewsEpoch: true) = phase, window.answersOutstanding == 0 else { return }
        phase = .streaming()
        window.forgetAcknowledgements()
        for old in window.producers { window.renew(ProducerIdentity(id: old.id, epoch: old.epoch &+ 1)) }
    }

    /// Halves the rejected batch, or quarantines it when it is a single record: bisection finds the offending record.
    private mutating func bisectIfRejected() {
        guard let rejection, window.answersOutstanding == 0, let oldest = window.oldest?.batch else { return }
        self.rejection = nil
        if !rejection.isWhole, let pieces = try? oldest.pieces(limit: rewriter.limit) {
            guard
                window.replaceOldest(with: pieces.map { (batch: $0, recordCount: Int32($0.recordCount)) }) != nil
            else { return }
            if !oldest.isFiller { bufferedBytes += pieces.reduce(-oldest.sizeInBytes) { $0 + $1.sizeInBytes } }
            if rejection.isTooLarge { learnLimit(from: oldest) }
            return
        }
        guard rules.policies.quarantined == .continue else { return stop(for: rejection, of: oldest) }
        guard let gone = window.replaceOldest(with: []) else { return }
        let count = Int64(gone.recordCount)
        let skipped = gone.skipped.merging([.quarantined: count]) { $0 + $1 }
        metrics.skipped(count, .quarantined)
        accounting.skip(skipped)
        bufferedBytes -= gone.sizeInBytes
        release(gone)
        if alignment != nil { leavePlace(of: gone) } else { completedOffset = gone.nextSourceOffset }
        report(
            .quarantined(
                Quarantined(
                    offsets: gone.sources.first.lowerBound..<gone.sources.end, reason: rejection.explanation)))
        completeIfIdle()
    }
}

// The target's metadata.
extension PartitionReplicator {
    /// The target cluster's metadata of the partition.
    ///
    /// - Parameters:
    ///   - topicID: zero from clusters without topic ids.
    ///   - leader: nil while there is none: then the rest of it is not believed either.
    ///   - epoch: -1 when the cluster does not tell.
    package mutating func targetDescribed(topicID: KafkaUUID, leader: Int32?, epoch: Int32) {
        guard !targetLog.formerTopicIDs.isOutdated(topicID) else { return }
        hasTargetLeader = leader != nil
        guard let leader else { return }
        if topicID != .zero, topicID != targetLog.topicID {
            if targetLog.topicID != .zero {
                targetLog.isRecreated = true
                targetLog.formerTopicIDs.append(targetLog.topicID)
                doubtOutcome()
            }
            targetLog.leaderEpoch = -1
            targetLog.metadataEpoch = -1
            targetLog.topicID = topicID
        }
        if epoch > targetLog.metadataEpoch {
            targetLog.metadataEpoch = epoch
            leaderEpochChanged()
        }
        targetLog.leader = leader
    }

    /// Tells whether ``targetDescribed(topicID:leader:epoch:)`` has something new to say.
    package func targetDiffers(topicID: KafkaUUID, leader: Int32?, epoch: Int32) -> Bool {
        guard let leader else { return hasTargetLeader }
        return !hasTargetLeader || (topicID != .zero && topicID != targetLog.topicID) || epoch > targetLog.metadataEpoch
            || leader != targetLog.leader || targetLog.formerTopicIDs.isContradicted
    }

    /// The target has elected a leader: its log may end earlier than we know. Nothing more is sent before that is
    /// known, since a broker that has forgotten the producer would append it in the wrong place.
    mutating func leaderEpochChanged() {
        guard targetLog.leaderEpoch >= 0, targetLog.metadataEpoch > targetLog.leaderEpoch else { return }
        doubtOutcome()
    }

    /// A producer id is used up; batches that wait under it go out under its successor, once the partition is
    /// recovered.
    package mutating func replaceProducer(_ used: Int64, by successor: Int64) {
        if isActive, window.epoch(of: used) == .max { successors[used] = successor }
    }
}
