internal import KafkaClient
internal import KafkaCompression
package import KafkaWire
package import NIOCore

/// Turns what was fetched of one partition into batches to send. Every source offset that it moves past is either in
/// one of those batches or counted as skipped.
package struct BatchIntake: Sendable {
    let planner: BatchPlanner
    package var origins: OriginRules
    /// Batches that are damaged at the source are quarantined, by policy.
    var quarantinesDamaged: Bool

    package init(planner: BatchPlanner, origins: OriginRules, quarantinesDamaged: Bool = false) {
        self.planner = planner
        self.origins = origins
        self.quarantinesDamaged = quarantinesDamaged
    }

    package struct Outcome: Sendable {
        package var batches: [OutgoingBatch] = []
        package var skipped: [SkipReason: Int64] = [:]
        package var rewritten: [RewriteReason: Int] = [:]
        /// Set when a batch cannot be taken in: the position stays in front of it.
        package var failure: PartitionFailure?
        /// Damaged batches that were quarantined.
        package var damaged: [Quarantined] = []
        /// Producer ids of which a batch was searched for loop headers of other replicators.
        var examined: Set<Int64> = []
        /// Set when a batch has to wait until this is known; the position stays in front of it.
        package var need: OriginRules.Need?
        /// Bytes of the source batches that were passed.
        package var sourceBytes: Int64 = 0
    }

    /// Moves `cursor` past the records.
    ///
    /// - Parameters:
    ///   - aborted: the aborted transactions that the fetch answer lists.
    ///   - rewriter: that of the partition.
    package func take(
        _ records: ByteBuffer, aborted: [FetchResponse.AbortedTransaction], at now: NIODeadline,
        rewriter: RecordRewriter, from cursor: inout SourceCursor
    ) -> Outcome {
        var pass = Pass(
            intake: self, rewriter: rewriter, now: now, aborted: AbortedTransactions(aborted), cursor: cursor)
        pass.run(LogEntryReader(records))
        cursor = pass.cursor
        return pass.outcome
    }
}

/// One answer's way through the intake.
private struct Pass {
    let intake: BatchIntake
    let rewriter: RecordRewriter
    let now: NIODeadline
    var aborted: AbortedTransactions
    var cursor: SourceCursor
    var outcome = BatchIntake.Outcome()

    mutating func run(_ reader: LogEntryReader) {
        var reader = reader
        do {
            while outcome.need == nil, let entry = try reader.next() {
                let before = cursor.position
                defer { if cursor.position > before { outcome.sourceBytes += Int64(entry.bytes.readableBytes) } }
                switch entry {
                case .batch(let batch): try take(batch)
                case .legacy(let entry): try take(entry)
                }
            }
        } catch let error as ForeignLoopHeader {
            outcome.failure = PartitionFailure(.foreignLoop, "\(error)")
        } catch {
            outcome.failure = PartitionFailure(
                .unreadable,
                "cannot read the batch at source offset \(cursor.position): \(error); "
                    + "the record data at the source is corrupt, or was altered on the way")
        }
    }

    private mutating func take(_ batch: RecordBatch) throws {
        let header = batch.header
        let isAborted = aborted.contains(header)
        // A fetch answer begins with the whole batch that holds the position, and may repeat what was taken.
        guard header.nextOffset > cursor.position else { return }
        skipGap(before: header.baseOffset)
        if let reason = intake.planner.skipReason(header, isAborted: isAborted) {
            if reason == .control { try aborted.end(with: batch) }
            skip(header.nextOffset - cursor.position, reason)
        } else {
            switch intake.origins.judge(header) {
            case .needs(let need):
                outcome.need = need
                return
            case .loop: skip(header.nextOffset - cursor.position, .loop)
            case .copies(let producerID, let chain, let looksInside):
                let plan = intake.planner.route(header, position: cursor.position, looksInside: looksInside)
                try copy(batch, plan, producerID, cameThrough: chain)
            }
        }
        cursor.position = header.nextOffset
        if header.partitionLeaderEpoch >= 0 { cursor.leaderEpoch = header.partitionLeaderEpoch }
    }

    private mutating func copy(
        _ batch: RecordBatch, _ plan: BatchPlan, _ producerID: Int64, cameThrough chain: [String]
    ) throws {
        let next = batch.header.nextOffset
        guard case .rewrite(let reason) = plan else {
            try examine(batch)
            return add(
                RecordRewriter.Rewritten(
                    records: batch, nextSourceOffset: next, sources: SourceRuns(batch.header.baseOffset..<next)),
                producerID, nextSourceOffset: next)
        }
        do {
            let result = try rewriter.rewrite(batch, from: cursor.position, cameThrough: chain)
            add(result, reason, producerID, nextSourceOffset: next)
        } catch  where intake.quarantinesDamaged && !(error is ForeignLoopHeader) {
            outcome.damaged.append(Quarantined(offsets: cursor.position..<next, reason: "\(error)"))
            skip(next - cursor.position, .quarantined)
        }
    }

    /// Searches the first batch of each producer for headers of other replicators, where records are not decoded
    /// anyway.
    private mutating func examine(_ batch: RecordBatch) throws {
        guard rewriter.loopGuard?.stopsAtForeignHeaders == true,
            !intake.origins.isExamined(batch.header.producerID),
            outcome.examined.insert(batch.header.producerID).inserted
        else { return }
        guard var records = try? batch.records() else { return }
        while let record = try? records.next() {
            if rewriter.loopGuard?.verdict(on: record.headers) == .foreign {
                throw ForeignLoopHeader(offset: record.offset)
            }
        }
    }

    private mutating func take(_ entry: LegacyEntry) throws {
        guard entry.offset >= cursor.position else { return }
        guard case .copies(let producerID, _, _) = intake.origins.judge(RecordBatchHeader()) else {
            outcome.need = .producer(intake.origins.usual)
            return
        }
        let result = try rewriter.rewrite(entry, from: cursor.position)
        add(result, .messageFormat, producerID, nextSourceOffset: entry.offset + 1)
        cursor.position = entry.offset + 1
    }

    private mutating func skip(_ count: Int64, _ reason: SkipReason) {
        guard count > 0 else { return }
        outcome.skipped[reason, default: 0] += count
        cursor.openSkips[reason, default: 0] += count
    }

    /// Offsets between two batches exist no more: compaction removed whole batches.
    private mutating func skipGap(before offset: Int64) {
        guard offset > cursor.position else { return }
        skip(offset - cursor.position, .compacted)
        cursor.position = offset
    }

    private mutating func add(
        _ result: RecordRewriter.Result, _ reason: RewriteReason, _ producerID: Int64, nextSourceOffset: Int64
    ) {
        for (reason, count) in result.skipped { outcome.skipped[reason, default: 0] += count }
        outcome.rewritten[reason, default: 0] += result.batches.count
        for rewritten in result.batches.dropLast() {
            add(rewritten, producerID, nextSourceOffset: rewritten.nextSourceOffset)
        }
        // Offsets skipped behind the last record are completed with it.
        if var last = result.batches.last {
            last.skipped.merge(result.trailing) { $0 + $1 }
            add(last, producerID, nextSourceOffset: nextSourceOffset)
        } else {
            cursor.openSkips.merge(result.trailing) { $0 + $1 }
        }
    }

    private mutating func add(
        _ rewritten: RecordRewriter.Rewritten, _ producerID: Int64, nextSourceOffset: Int64
    ) {
        var batch = OutgoingBatch(
            records: rewritten.records, sources: rewritten.sources, nextSourceOffset: nextSourceOffset,
            fetchedAt: now, producerID: producerID)
        batch.skipped = rewritten.skipped
        if !cursor.openSkips.isEmpty {
            batch.skipped.merge(cursor.openSkips) { $0 + $1 }
            cursor.openSkips = [:]
        }
        outcome.batches.append(batch)
    }
}
