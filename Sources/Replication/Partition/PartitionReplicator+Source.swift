internal import KafkaClient
package import KafkaWire
package import NIOCore

/// The source's answer about one partition, as far as replication reads it.
package struct SourceAnswer: Sendable {
    /// The offset that was asked for.
    package var fetchOffset: Int64
    package var errorCode = ErrorCode.none
    /// A number in it that cannot be true; see ``FetchedPartition/flaw``.
    package var flaw: String?
    package var highWatermark: Int64 = -1
    package var lastStableOffset: Int64 = -1
    package var records: RecordBytes?
    package var aborted: [FetchResponse.AbortedTransaction] = []
    /// Set when the source's log was truncated below the position: where the epochs part.
    package var diverging: FetchResponse.EpochEndOffset?

    package init(fetchOffset: Int64) {
        self.fetchOffset = fetchOffset
    }

    init(_ fetched: FetchedPartition) {
        fetchOffset = fetched.fetchOffset
        errorCode = fetched.errorCode
        flaw = fetched.flaw
        highWatermark = fetched.highWatermark
        lastStableOffset = fetched.lastStableOffset
        records = fetched.records
        aborted = fetched.abortedTransactions
        diverging = fetched.divergingEpoch
    }
}

// Events of the source.
extension PartitionReplicator {
    /// The source has answered a fetch. Batches in front of one that cannot be read are still copied.
    ///
    /// - Parameters:
    ///   - frame: of the budget, that the answer's bytes are booked under.
    ///   - room: bytes of batches that may be rebuilt from it.
    package mutating func fetched(
        _ answer: SourceAnswer, frame: Int, intake: inout BatchIntake, room: Int = .max, at now: NIODeadline
    ) {
        guard expects(answer.fetchOffset) else { return }
        guard answer.errorCode == .none else { return fetchRefused(answer.errorCode, at: now) }
        if let flaw = answer.flaw { return answeredImpossibly(flaw, at: now) }
        impossibleAnswer = nil
        if let diverging = answer.diverging {
            return sourceTruncated(endsAt: diverging.endOffset, epoch: diverging.epoch)
        }
        // Ends that no log ever reaches are not computed with. A replica may know less than the leader has told, and a log
        // that was cut is found out otherwise: then the end is asked for again before long.
        // One that brings nothing new proves nothing: some answer so for ever.
        let end = min(max(answer.highWatermark, -1), .max / 2)
        let hasRecords = (answer.records?.readableBytes ?? 0) > 0
        if end > highWatermark || end == highWatermark && hasRecords {
            highWatermark = end
            sourceEnd.heard(at: now)
        }
        sourceEnd.fetched(lastStableOffset: answer.lastStableOffset, end: end)
        sourceObstacle = nil
        guard let records = answer.records, records.readableBytes > 0 else { return fetchDelay.succeeded() }
        guard compareCopies(with: records.contiguous) else { return fetchDelay.succeeded() }
        let before = cursor.position
        let outcome = intake.take(
            records.contiguous, aborted: answer.aborted, at: now, rewriter: rewriter,
            room: BatchIntake.Room(builtBytes: room, logEnd: answer.highWatermark >= 0 ? answer.highWatermark : nil),
            from: &cursor)
        metrics.took(bytes: records.readableBytes, outcome: outcome)
        readBytes += outcome.sourceBytes
        enqueue(outcome, frame: frame, answered: records.readableBytes)
        completeIfIdle()
        judge(outcome, records, hasMoved: cursor.position > before, at: now)
        if let need = outcome.need { reading = .waiting(need) }
        if let failure = outcome.failure { reading = .draining(failure) }
        if !outcome.examined.isEmpty { intake.origins.examined(outcome.examined) }
        for damaged in outcome.damaged { report(.quarantined(damaged)) }
        for irregular in outcome.irregular {
            irregularBatches += 1
            // A producer may write many of them: each doubling of their number is told.
            if irregularBatches & (irregularBatches - 1) == 0 { report(.irregular(irregular)) }
        }
    }

    /// An answer that cannot be true: nothing of it is taken, and the same is asked again.
    private mutating func answeredImpossibly(_ flaw: String, at now: NIODeadline) {
        fetchDelay.failed(at: now)
        refreshLeaders()
        let isNews = impossibleAnswer == nil
        impossibleAnswer = "the source answers \(flaw), which cannot be true"
        if isNews, let impossibleAnswer { report(.impossibleAnswer(impossibleAnswer)) }
    }

    /// An answer with bytes of which nothing could be taken would come again at once: the partition waits a little, and
    /// says so when it lasts.
    private mutating func judge(
        _ outcome: BatchIntake.Outcome, _ records: RecordBytes, hasMoved: Bool, at now: NIODeadline
    ) {
        guard !hasMoved, outcome.need == nil, outcome.failure == nil else {
            fetchDelay.succeeded()
            sourceEnd.read()
            unhelpfulAnswers = 0
            fetchBytes = nil
            return
        }
        fetchDelay.failed(at: now)
        // Only the budget is used up.
        guard !outcome.isFull else { return }
        unhelpfulAnswers += 1
        guard outcome.partialBytes == records.readableBytes else {
            if unhelpfulAnswers == Self.newsworthyAnswers {
                report(
                    .unhelpful(
                        "\(records.readableBytes) bytes came for source offset \(cursor.position), and hold no batch that "
                            + "reaches it", answers: unhelpfulAnswers))
            }
            return
        }
        growFetch(records)
    }

    /// The first batch of an answer is not whole. Brokers send a first batch whole, however large it is; others are
    /// asked for more, up to a limit.
    private mutating func growFetch(_ records: RecordBytes) {
        let asked = fetchBytes ?? Self.usualFetchBytes
        let announced = records.contiguous.getInteger(at: records.contiguous.readerIndex + 8, as: Int32.self) ?? 0
        let size = Int(announced) + 12
        guard asked < Self.largestFetchBytes else {
            reading = .draining(
                PartitionFailure(
                    .unreadable,
                    "the batch at source offset \(cursor.position) never comes whole: it announces \(size) bytes, and "
                        + "\(records.readableBytes) came although \(asked) were asked for; its length is wrong, or "
                        + "it is larger than can be fetched"))
            return
        }
        fetchBytes = min(2 * asked, Self.largestFetchBytes)
        if unhelpfulAnswers == Self.newsworthyAnswers {
            report(
                .unhelpful(
                    "the batch at source offset \(cursor.position) announces \(size) bytes, and only "
                        + "\(records.readableBytes) came; more is asked for", answers: unhelpfulAnswers))
        }
    }

    /// Bytes asked for of one partition unless that proves too small.
    package static let usualFetchBytes = 1 << 20
    private static let largestFetchBytes = 64 << 20
    private static let newsworthyAnswers = 3

    /// Tells whether an answer to a fetch at this offset is about what is to be read next.
    package func expects(_ fetchOffset: Int64) -> Bool {
        isActive && !isRecovering && reading == .reading && nextFetchOffset == fetchOffset
    }

    private mutating func enqueue(_ outcome: BatchIntake.Outcome, frame: Int, answered: Int) {
        guard !outcome.batches.isEmpty else { return }
        hold(
            PartitionEffects.HeldFrame(
                frame: frame, bytes: outcome.heldBytes(of: answered), batches: outcome.batches.count, answered: answered
            ))
        let frames = [frame]
        for var batch in outcome.batches {
            batch.frames = frames
            if alignment != nil {
                guard isActive, checkHole(batch.skipped.values.reduce(0, +)), let rest = takePresent(batch),
                    fillHole(before: rest)
                else {
                    release(batch)
                    continue
                }
                batch = rest
            }
            bufferedBytes += batch.sizeInBytes
            window.enqueue(batch, recordCount: Int32(batch.recordCount), producerID: batch.producerID)
        }
    }

    private mutating func fetchRefused(_ code: ErrorCode, at now: NIODeadline) {
        sourceObstacle = "\(rules.sourceCluster) answers a fetch with \(code)"
        switch code {
        case .notLeaderOrFollower, .fencedLeaderEpoch, .unknownLeaderEpoch, .unknownTopicOrPartition,
            .unknownTopicID, .inconsistentTopicID, .leaderNotAvailable, .replicaNotAvailable, .kafkaStorageError,
            .offsetNotAvailable:
            fetchDelay.failed(at: now)
            refreshLeaders()
        case .offsetOutOfRange where sample != nil:
            // Only what was copied before may be gone.
            sample = nil
            report(.notCompared("the source no longer has the records before offset \(cursor.position)"))
        case .offsetOutOfRange:
            // Stock brokers leave the bounds of the log out of this answer: they are asked for.
            fetchDelay.failed(at: now)
            reading = .outOfRange
        case .topicAuthorizationFailed:
            fail(
                PartitionFailure(
                    .notAuthorized,
                    "the source does not let us read \(source.topic); grant READ and DESCRIBE on the topic"))
        default:
            // Brokers answer an error at once: without a pause the same would be asked again and again.
            if code.isRetriable { return fetchDelay.failed(at: now) }
            fail(PartitionFailure(.refusedBySource, "the source refuses to be read: \(code)"))
        }
    }

    /// The bounds of a source log that the position is out of.
    package mutating func foundSourceRange(start: Int64, end: Int64) {
        guard isOutOfRange else { return }
        // In range by now: a leader that knows less than the one before has caught up.
        reading = .reading
        if cursor.position < start {
            expired(until: start, end: end)
        } else if cursor.position > end {
            sourceTruncated(endsAt: end, epoch: -1)
        }
    }

    /// Retention has passed over the position: the offsets that are gone count as skipped, in their place behind what
    /// was read.
    private mutating func expired(until start: Int64, end: Int64) {
        let explanation =
            "the source no longer has offset \(cursor.position) (its log now starts at \(start) and ends at \(end)): "
            + "records were deleted before they were read"
        if beginLater(at: start) {
            return report(
                .lost(explanation + "; nothing had been copied, so the copy begins there", offsets: 0))
        }
        guard rules.policies.expired == .continue else {
            reading = .draining(
                PartitionFailure(
                    .outOfRange,
                    explanation + ". With policies: {expired: continue} replication continues behind them"))
            return
        }
        let count = start - cursor.position
        cursor.openSkips[.expired, default: 0] += count
        cursor.position = start
        completeIfIdle()
        lose(explanation + "; continuing at \(start)", .expired, offsets: count)
    }

    /// The source's log was truncated, and may have grown again with other records.
    package mutating func sourceTruncated(endsAt end: Int64, epoch: Int32) {
        guard isActive else { return }
        guard end < cursor.position else {
            // Nothing of what was read is gone; only the epoch is another.
            cursor.leaderEpoch = epoch
            return
        }
        let explanation =
            "the source's log was cut at offset \(end), and had been read up to \(cursor.position): what was "
            + "copied from between is no longer at the source"
        guard mayContinueBehindTruncation(at: end, explanation) else { return }
        sourceLogReplaced()
        sample = nil
        cursor.leaderEpoch = epoch
        dropBuffered()
        let lost = completedOffset - end
        if lost > 0 {
            accounting.rewind(lost)
            cursor.position = end
            completedOffset = end
        }
        lose(explanation + "; continuing at \(end)", .truncated, offsets: max(0, lost))
    }

    /// Compares the last copies with the source's records before anything is read behind them.
    ///
    /// - Returns: whether the answer holds something to take in.
    private mutating func compareCopies(with records: ByteBuffer) -> Bool {
        guard let sample else { return true }
        let comparison = sample.compare(records)
        // Not even one batch came whole: more is asked for as usual.
        guard let next = comparison.next else { return true }
        if let offset = comparison.differsAt {
            sourceDiverged(at: offset, isFirst: offset > sample.sources.lowerBound)
            return false
        }
        self.sample?.passed(next)
        guard next >= sample.sources.upperBound else { return false }
        self.sample = nil
        if comparison.same == 0 {
            report(.notCompared("none of the records before offset \(cursor.position) is left at the source"))
        }
        return next > cursor.position
    }

    /// The source holds other records than those that were copied, although its leader epochs say nothing of it.
    ///
    /// - Parameters:
    ///   - offset: of a record that differs from its copy.
    ///   - isFirst: whether those before it are the same.
    mutating func sourceDiverged(at offset: Int64, isFirst: Bool) {
        guard isActive else { return }
        sample = nil
        isCompared = true
        if isFirst { return sourceTruncated(endsAt: offset, epoch: -1) }
        let explanation =
            "the source holds another record at offset \(offset) than the one that was copied from there, in the same "
            + "leader epoch: its log was cut before that and has grown again, as when a disk is restored from an older "
            + "copy"
        guard rules.policies.truncated == .continue else {
            return fail(
                PartitionFailure(
                    .truncated,
                    explanation
                        + rules.remedy(
                            "With policies: {truncated: continue} the first such record is searched for, and replication "
                                + "continues from there")))
        }
        dropBuffered()
        phase = .recovering(.init(divergence: offset))
    }

    /// Stops the partition unless policy says otherwise.
    mutating func mayContinueBehindTruncation(at offset: Int64, _ explanation: String) -> Bool {
        if rules.policies.truncated == .continue { return true }
        fail(
            PartitionFailure(
                .truncated,
                explanation
                    + rules.remedy("With policies: {truncated: continue} replication continues at \(offset)")))
        return false
    }

    mutating func lose(_ explanation: String, _ reason: SkipReason?, offsets: Int64) {
        if let reason { metrics.skipped(offsets, reason) }
        report(.lost(explanation, offsets: offsets))
    }

    /// The source cluster's metadata of the partition.
    ///
    /// - Parameters:
    ///   - topicID: zero from clusters without topic ids: they do not tell when a topic is recreated.
    ///   - leader: nil while there is none.
    package mutating func sourceDescribed(topicID: KafkaUUID, leader: PartitionLeader?) {
        guard !formerTopicIDs.isOutdated(topicID) else { return }
        hasSourceLeader = leader != nil
        if let leader { sourceLeader = leader }
        if topicID != .zero { describedTopicID = topicID }
        checkGeneration()
    }

    /// Tells whether ``sourceDescribed(topicID:leader:)`` has something new to say, or something that has yet to be followed.
    package func sourceDiffers(topicID: KafkaUUID, leader: PartitionLeader?) -> Bool {
        hasSourceLeader != (leader != nil) || (leader != nil && sourceLeader != leader)
            || (topicID != .zero && topicID != describedTopicID) || describedTopicID != sourceTopicID
            || formerTopicIDs.isContradicted
    }

    /// Tells whether the position is one of the topic that has the name now.
    mutating func checkGeneration() {
        guard isActive, sourceTopicID != .zero, describedTopicID != .zero, describedTopicID != sourceTopicID else {
            return
        }
        topicRecreated(describedTopicID)
    }

    /// Offsets mean nothing in a topic that only has the name of the one they belong to.
    private mutating func topicRecreated(_ topicID: KafkaUUID) {
        let explanation =
            "the source topic was deleted and created again (its id was \(sourceTopicID), now it is "
            + "\(topicID)): offset \(cursor.position) means nothing in the new one"
        guard rules.policies.recreated == .continue else {
            return fail(
                PartitionFailure(
                    .recreated,
                    explanation
                        + rules.remedy("With policies: {recreated: continue} the new one is copied behind the old")))
        }
        sourceLogReplaced()
        sample = nil
        dropBuffered()
        formerTopicIDs.append(sourceTopicID)
        sourceTopicID = topicID
        restartAtBeginning()
        report(.lost(explanation + "; the new one is copied from its first record", offsets: 0))
    }

    /// The source topic is another one: its offsets begin at 0.
    mutating func restartAtBeginning() {
        accounting.rewind(completedOffset)
        cursor = SourceCursor(position: 0)
        highWatermark = -1
        if reading == .outOfRange { reading = .reading }
        completedOffset = 0
        map = OffsetMap(start: 0)
    }

    /// The source's log becomes another one. Copies of the old that wait for an answer, or were not counted yet, are
    /// told from those of the new by the target's log.
    private mutating func sourceLogReplaced() {
        switch phase {
        case .streaming where window.isEmpty, .failed: break
        case .streaming: phase = .recovering(.init(isSourceReplaced: true))
        case .recovering, .unknownOutcome:
            phase = .recovering(.init(isSourceReplaced: true, truncation: truncation))
        case .awaitingCheckpoint:
            phase = .awaitingCheckpoint(.init(isSourceReplaced: true, truncation: truncation))
        }
    }

    /// Knowledge about producer ids has come that the partition may have waited for.
    package mutating func learned(_ isMet: (OriginRules.Need) -> Bool) {
        if case .waiting(let need) = reading, isMet(need) { reading = .reading }
    }
}
