internal import KafkaClient
internal import KafkaCompression
internal import KafkaWire
internal import NIOCore

/// Turns what was fetched of one partition into batches to send. Every source offset it moves past is either in one
/// of those batches or counted as skipped.
struct PartitionIntake {
    let planner: BatchPlanner
    var origins: OriginRules
    let readCommitted: Bool
    /// Batches that are damaged at the source are left out, by policy.
    var leavesOutDamaged = false

    struct Outcome {
        var batches: [OutgoingBatch] = []
        var skipped: [SkipReason: Int64] = [:]
        var rewritten: [RewriteReason: Int] = [:]
        /// Set when a batch cannot be taken in: the partition stops in front of it.
        var failure: PartitionState.Failure?
        /// Damaged batches that were left out: source offsets, and what is wrong.
        var damaged: [(offsets: Range<Int64>, reason: String)] = []
        /// Producer ids of which a batch was looked into for loop headers of other replicators.
        var examined: Set<Int64> = []
        /// Set when a batch has to wait until this is known; the position stays in front of it.
        var need: OriginRules.Need?
        /// Skipped since the last batch that goes on: passes with the next.
        var open: [SkipReason: Int64] = [:]
        /// Bytes of what was passed, as it came.
        var sourceBytes: Int64 = 0

        fileprivate mutating func skip(_ count: Int64, _ reason: SkipReason) {
            guard count > 0 else { return }
            skipped[reason, default: 0] += count
            open[reason, default: 0] += count
        }
    }

    /// Moves `state.position` past what `records` holds.
    func take(
        _ records: ByteBuffer, aborted listed: [FetchResponse.AbortedTransaction], at now: NIODeadline,
        into state: inout PartitionState
    ) -> Outcome {
        var outcome = Outcome()
        outcome.open = state.openSkips
        defer { state.openSkips = outcome.open }
        var aborted = AbortedTransactions(readCommitted ? listed : [])
        var reader = LogEntryReader(records)
        do {
            while outcome.need == nil, let entry = try reader.next() {
                let before = state.position
                defer { if state.position > before { outcome.sourceBytes += Int64(entry.bytes.readableBytes) } }
                switch entry {
                case .batch(let batch): try take(batch, &aborted, at: now, &state, &outcome)
                case .legacy(let entry): try take(entry, at: now, &state, &outcome)
                }
            }
        } catch let error as ForeignLoopHeader {
            outcome.failure = PartitionState.Failure(reason: .foreignLoop, explanation: "\(error)")
        } catch {
            outcome.failure = PartitionState.Failure(
                reason: .unreadable,
                explanation: "cannot read the batch at source offset \(state.position): \(error); "
                    + "the record data at the source is corrupt, or was altered on the way")
        }
        return outcome
    }

    private func take(
        _ batch: RecordBatch, _ aborted: inout AbortedTransactions, at now: NIODeadline,
        _ state: inout PartitionState, _ outcome: inout Outcome
    ) throws {
        let header = batch.header
        let isAborted = aborted.contains(header)
        // A fetch answer begins with the whole batch that holds the position, and may repeat what has passed.
        guard header.nextOffset > state.position else { return }
        skipGap(before: header.baseOffset, &state, &outcome)
        let position = state.position
        var plan = planner.plan(header, position: position, isAborted: isAborted)
        var producerID: Int64 = -1
        var chain: [String] = []
        if plan.goesOn {
            switch origins.judge(header) {
            case .needs(let need):
                outcome.need = need
                return
            case .loop: plan = .skip(.loop)
            case .goesOn(let id, let came, let looksInside):
                (producerID, chain) = (id, came)
                plan = planner.plan(header, position: position, isAborted: isAborted, looksInside: looksInside)
            }
        }
        switch plan {
        case .skip(let reason):
            if reason == .control { try aborted.end(with: batch) }
            outcome.skip(header.nextOffset - position, reason)
        case .forward:
            try examine(batch, state.rewriter, &outcome)
            let whole = RecordRewriter.Rewritten(
                records: batch, nextSourceOffset: header.nextOffset,
                sources: SourceRuns(header.baseOffset..<header.nextOffset))
            add(whole, producerID, nextSourceOffset: header.nextOffset, at: now, &outcome)
        case .rewrite(let reason):
            do {
                let result = try state.rewriter.rewrite(batch, from: position, cameThrough: chain)
                add(result, reason, producerID, nextSourceOffset: header.nextOffset, at: now, &outcome)
            } catch  where leavesOutDamaged && !(error is ForeignLoopHeader) {
                outcome.damaged.append((position..<header.nextOffset, "\(error)"))
                outcome.skip(header.nextOffset - position, .quarantined)
            }
        }
        state.position = header.nextOffset
        if header.partitionLeaderEpoch >= 0 { state.lastReadEpoch = header.partitionLeaderEpoch }
    }

    /// Where records are not looked at, the first batch of each producer is, for headers of other replicators.
    private func examine(_ batch: RecordBatch, _ rewriter: RecordRewriter, _ outcome: inout Outcome) throws {
        guard rewriter.loopGuard?.stopsAtForeignHeaders == true,
            !origins.isExamined(batch.header.producerID), outcome.examined.insert(batch.header.producerID).inserted
        else { return }
        guard var records = try? batch.records() else { return }
        while let record = try? records.next() {
            if rewriter.loopGuard?.verdict(on: record.headers) == .foreign {
                throw ForeignLoopHeader(offset: record.offset)
            }
        }
    }

    private func take(
        _ entry: LegacyEntry, at now: NIODeadline, _ state: inout PartitionState, _ outcome: inout Outcome
    ) throws {
        guard entry.offset >= state.position else { return }
        guard case .goesOn(let producerID, _, _) = origins.judge(RecordBatchHeader()) else {
            outcome.need = .producer(origins.usual)
            return
        }
        let result = try state.rewriter.rewrite(entry, from: state.position)
        add(result, .messageFormat, producerID, nextSourceOffset: entry.offset + 1, at: now, &outcome)
        state.position = entry.offset + 1
    }

    /// Offsets between two batches exist no more: compaction removed whole batches.
    private func skipGap(before offset: Int64, _ state: inout PartitionState, _ outcome: inout Outcome) {
        guard offset > state.position else { return }
        outcome.skip(offset - state.position, .compacted)
        state.position = offset
    }

    private func add(
        _ result: RecordRewriter.Result, _ reason: RewriteReason, _ producerID: Int64, nextSourceOffset: Int64,
        at now: NIODeadline, _ outcome: inout Outcome
    ) {
        for (reason, count) in result.skipped { outcome.skipped[reason, default: 0] += count }
        outcome.rewritten[reason, default: 0] += result.batches.count
        for rewritten in result.batches.dropLast() {
            add(rewritten, producerID, nextSourceOffset: rewritten.nextSourceOffset, at: now, &outcome)
        }
        // What was left out behind the last record has passed with it.
        if var last = result.batches.last {
            last.skipped.merge(result.trailing) { $0 + $1 }
            add(last, producerID, nextSourceOffset: nextSourceOffset, at: now, &outcome)
        } else {
            outcome.open.merge(result.trailing) { $0 + $1 }
        }
    }

    private func add(
        _ rewritten: RecordRewriter.Rewritten, _ producerID: Int64, nextSourceOffset: Int64, at now: NIODeadline,
        _ outcome: inout Outcome
    ) {
        var batch = OutgoingBatch(
            records: rewritten.records, sources: rewritten.sources, nextSourceOffset: nextSourceOffset,
            recordCount: Int(rewritten.records.header.recordCount),
            maxTimestamp: rewritten.records.header.maxTimestamp, fetchedAt: now, producerID: producerID)
        batch.skipped = rewritten.skipped
        if !outcome.open.isEmpty {
            batch.skipped.merge(outcome.open) { $0 + $1 }
            outcome.open = [:]
        }
        outcome.batches.append(batch)
    }
}

extension BatchPlan {
    fileprivate var goesOn: Bool {
        if case .skip = self { false } else { true }
    }
}
