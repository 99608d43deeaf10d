internal import KafkaClient
internal import KafkaCompression
internal import KafkaWire
internal import NIOCore

/// Turns what was fetched of one partition into batches to send. Every source offset it moves past is either in one
/// of those batches or counted as skipped.
struct PartitionIntake {
    let planner: BatchPlanner
    let readCommitted: Bool

    struct Outcome {
        var batches: [OutgoingBatch] = []
        var skipped: [SkipReason: Int64] = [:]
        var rewritten: [RewriteReason: Int] = [:]
        /// Set when a batch cannot be read: the partition stops in front of it.
        var failure: String?
    }

    /// Moves `state.position` past what `records` holds.
    func take(
        _ records: ByteBuffer, aborted listed: [FetchResponse.AbortedTransaction], at now: NIODeadline,
        into state: inout PartitionState
    ) -> Outcome {
        var outcome = Outcome()
        var aborted = AbortedTransactions(readCommitted ? listed : [])
        var reader = LogEntryReader(records)
        do {
            while let entry = try reader.next() {
                switch entry {
                case .batch(let batch): try take(batch, &aborted, at: now, &state, &outcome)
                case .legacy(let entry): try take(entry, at: now, &state, &outcome)
                }
            }
        } catch {
            outcome.failure =
                "cannot read the batch at source offset \(state.position): \(error); "
                + "the record data at the source is corrupt, or was altered on the way"
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
        switch planner.plan(header, position: position, isAborted: isAborted) {
        case .skip(let reason):
            if reason == .control { try aborted.end(with: batch) }
            outcome.skipped[reason, default: 0] += header.nextOffset - position
        case .forward:
            let sources = SourceRuns(header.baseOffset..<header.nextOffset)
            outcome.batches.append(outgoing(batch, sources, nextSourceOffset: header.nextOffset, at: now))
        case .rewrite(let reason):
            let result = try state.rewriter.rewrite(batch, from: position)
            add(result, reason, nextSourceOffset: header.nextOffset, at: now, &outcome)
        }
        state.position = header.nextOffset
    }

    private func take(
        _ entry: LegacyEntry, at now: NIODeadline, _ state: inout PartitionState, _ outcome: inout Outcome
    ) throws {
        guard entry.offset >= state.position else { return }
        let result = try state.rewriter.rewrite(entry, from: state.position)
        let written = result.batches.reduce(0) { $0 + Int64($1.records.header.recordCount) }
        let held = written + (result.skipped[.loop] ?? 0)
        let passed = entry.offset + 1 - state.position
        if passed > held { outcome.skipped[.compacted, default: 0] += passed - held }
        add(result, .messageFormat, nextSourceOffset: entry.offset + 1, at: now, &outcome)
        state.position = entry.offset + 1
    }

    /// Offsets between two batches exist no more: compaction removed whole batches.
    private func skipGap(before offset: Int64, _ state: inout PartitionState, _ outcome: inout Outcome) {
        guard offset > state.position else { return }
        outcome.skipped[.compacted, default: 0] += offset - state.position
        state.position = offset
    }

    private func add(
        _ result: RecordRewriter.Result, _ reason: RewriteReason, nextSourceOffset: Int64, at now: NIODeadline,
        _ outcome: inout Outcome
    ) {
        for (reason, count) in result.skipped { outcome.skipped[reason, default: 0] += count }
        outcome.rewritten[reason, default: 0] += result.batches.count
        for rewritten in result.batches.dropLast() {
            outcome.batches.append(
                outgoing(
                    rewritten.records, rewritten.sources, nextSourceOffset: rewritten.nextSourceOffset, at: now))
        }
        // What was left out behind the last record has passed with it.
        guard let last = result.batches.last else { return }
        outcome.batches.append(outgoing(last.records, last.sources, nextSourceOffset: nextSourceOffset, at: now))
    }

    private func outgoing(
        _ batch: RecordBatch, _ sources: SourceRuns, nextSourceOffset: Int64, at now: NIODeadline
    ) -> OutgoingBatch {
        OutgoingBatch(
            records: batch, sources: sources, nextSourceOffset: nextSourceOffset,
            recordCount: Int(batch.header.recordCount),
            maxTimestamp: batch.header.maxTimestamp, fetchedAt: now)
    }
}
