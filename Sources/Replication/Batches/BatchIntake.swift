internal import KafkaClient
internal import KafkaCompression
package import KafkaWire
package import NIOCore

/// Turns what was fetched of one partition into batches to send. Every source offset that it moves past is either in
/// one of those batches or counted as skipped.
package struct BatchIntake: Sendable {
    package var planner: BatchPlanner
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
        /// There was no room for more: the position stays in front of what is left of the answer, which may be in the
        /// middle of a batch.
        package var isFull = false
        /// Bytes of batches that were rebuilt.
        package var builtBytes = 0
        /// Batches that hold the answer's bytes.
        var forwarded = 0
        /// Batches that are taken in all the same, but not as they say they are, for the log.
        package var irregular: [Quarantined] = []
        /// Bytes at the end that belong to a batch of which the rest has not come.
        package var partialBytes = 0

        /// Bytes in memory for as long as the batches are.
        func heldBytes(of answer: Int) -> Int { forwarded > 0 ? answer + builtBytes : builtBytes }
    }

    /// Bounds of what one answer may become.
    package struct Room: Hashable, Sendable {
        /// With so many bytes of batches rebuilt no further one is begun.
        package var builtBytes: Int
        /// The same for bytes of records that were read for that.
        var readBytes = 32 << 20
        /// End of the source's log, where it is known: nothing lies behind it.
        package var logEnd: Int64?

        package init(builtBytes: Int = .max, logEnd: Int64? = nil) {
            self.builtBytes = builtBytes
            self.logEnd = logEnd
        }
    }

    /// Moves `cursor` past the records.
    ///
    /// - Parameters:
    ///   - aborted: the aborted transactions that the fetch answer lists.
    ///   - rewriter: that of the partition.
    ///   - room: without any, a batch that is to be rebuilt waits.
    package func take(
        _ records: ByteBuffer, aborted: [FetchResponse.AbortedTransaction], at now: NIODeadline,
        rewriter: RecordRewriter, room: Room = Room(), from cursor: inout SourceCursor
    ) -> Outcome {
        var pass = Pass(
            intake: self, rewriter: rewriter, room: room, now: now, aborted: AbortedTransactions(aborted),
            order: AnswerOrder(records), cursor: cursor)
        pass.run(LogEntryReader(records))
        cursor = pass.cursor
        return pass.outcome
    }
}

/// One answer's way through the intake.
private struct Pass {
    let intake: BatchIntake
    let rewriter: RecordRewriter
    let room: BatchIntake.Room
    let now: NIODeadline
    var aborted: AbortedTransactions
    var order: AnswerOrder
    var cursor: SourceCursor
    var outcome = BatchIntake.Outcome()
    /// A batch of the answer was taken in: from there on offsets rise.
    private var hasBegun = false
    private var readBytes = 0

    init(
        intake: BatchIntake, rewriter: RecordRewriter, room: BatchIntake.Room, now: NIODeadline,
        aborted: AbortedTransactions, order: AnswerOrder, cursor: SourceCursor
    ) {
        self.intake = intake
        self.rewriter = rewriter
        self.room = room
        self.now = now
        self.aborted = aborted
        self.order = order
        self.cursor = cursor
    }

    mutating func run(_ reader: LogEntryReader) {
        var reader = reader
        do {
            while outcome.need == nil, !outcome.isFull, let entry = try reader.next() {
                order.advance()
                let before = cursor.position
                defer { if cursor.position > before { outcome.sourceBytes += Int64(entry.bytes.readableBytes) } }
                guard try isInOrder(entry) else { continue }
                switch entry {
                case .batch(let batch): try take(batch)
                case .legacy(let entry): try take(entry)
                }
                if cursor.position > before { hasBegun = true }
            }
            if outcome.need == nil, !outcome.isFull { outcome.partialBytes = reader.partialBytes }
        } catch let error as ForeignLoopHeader {
            outcome.failure = PartitionFailure(.foreignLoop, "\(error)")
        } catch let error as MisplacedBatch {
            outcome.failure = PartitionFailure(.unreadable, "\(error)")
        } catch CompressionError.outputTooLarge(let codec, let limit) {
            outcome.failure = PartitionFailure(.unreadable, tooLarge(codec, limit) + Self.remedy)
        } catch {
            outcome.failure = PartitionFailure(
                .unreadable,
                "cannot read the batch at source offset \(cursor.position): \(error); "
                    + "the record data at the source is corrupt, or was altered in transit")
        }
    }

    private func tooLarge(_ codec: CompressionCodec, _ limit: Int) -> String {
        "the batch at source offset \(cursor.position) has to be taken apart, and a record of it, or all of it, "
            + "decompresses to more than \(limit) bytes (\(codec))"
    }

    private static let remedy =
        ". Raise bufferBytes, or let batches pass as they are (compression: keep, and loopPrevention: producerIds where "
        + "names are identical). With policies: {quarantined: continue} such batches are left out"

    /// Tells whether a batch has its place behind those before it. By policy it is left out otherwise.
    private mutating func isInOrder(_ entry: LogEntry) throws -> Bool {
        let (base, next) =
            switch entry {
            case .batch(let batch): (batch.header.baseOffset, batch.header.nextOffset)
            case .legacy(let message): (message.offset, message.offset + 1)
            }
        if let end = room.logEnd, base >= end, base > cursor.position {
            throw MisplacedBatch(
                "the source sends a batch at offset \(base), behind the end of its log at \(end): its offset was "
                    + "altered, in the log or in transit")
        }
        if let back = order.returns(behind: base, from: cursor.position) {
            let reason =
                "a batch at source offset \(base) comes in front of one at offset \(back): offsets of a log rise"
            guard intake.quarantinesDamaged else { throw MisplacedBatch(reason + Self.altered) }
            // Not passed, so that nothing is lost: what belongs in front of it is read first.
            outcome.irregular.append(Quarantined(offsets: base..<next, reason: reason + "; it is read in its place"))
            return false
        }
        guard hasBegun, base < cursor.position, !isCompressedSet(entry) else { return true }
        let reason =
            "a batch of source offsets \(base) to \(next - 1) comes behind one that ends at \(cursor.position - 1): "
            + "offsets of a log rise"
        guard intake.quarantinesDamaged else { throw MisplacedBatch(reason + Self.altered) }
        outcome.damaged.append(Quarantined(offsets: base..<next, reason: reason))
        skip(next - cursor.position, .quarantined)
        cursor.position = max(cursor.position, next)
        return false
    }

    private static let altered =
        ", so the source's log is damaged, or was altered in transit. With policies: {quarantined: continue} such "
        + "batches are left out"

    /// The first offset of a compressed set is only known when it is opened.
    private func isCompressedSet(_ entry: LogEntry) -> Bool {
        if case .legacy(let message) = entry, message.codec != CompressionCodec.none {
            message.offset >= cursor.position
        } else {
            false
        }
    }

    private mutating func take(_ batch: RecordBatch) throws {
        let header = batch.header
        let isAborted = aborted.contains(header)
        // A fetch answer begins with the whole batch that holds the position, and may repeat what was taken.
        guard header.nextOffset > cursor.position else { return }
        if let reason = intake.planner.skipReason(header, isAborted: isAborted) {
            skipGap(before: header.baseOffset)
            if reason == .control { endTransaction(with: batch) }
            skip(header.nextOffset - cursor.position, reason)
        } else {
            switch intake.origins.judge(header, refills: header.baseOffset < rewriter.refillsBelow) {
            case .needs(let need):
                skipGap(before: header.baseOffset)
                outcome.need = need
                return
            case .loop:
                skipGap(before: header.baseOffset)
                skip(header.nextOffset - cursor.position, .loop)
            case .copies(let producerID, let chain, let looksInside):
                let plan = intake.planner.route(
                    header, position: max(cursor.position, header.baseOffset), looksInside: looksInside)
                guard hasRoom(for: plan) else {
                    outcome.isFull = true
                    return
                }
                skipGap(before: header.baseOffset)
                try copy(batch, plan, producerID, cameThrough: chain)
                guard !outcome.isFull else { return }
            }
        }
        cursor.position = header.nextOffset
        if header.partitionLeaderEpoch >= 0 { cursor.leaderEpoch = header.partitionLeaderEpoch }
    }

    private func hasRoom(for plan: BatchPlan) -> Bool {
        if case .rewrite = plan { outcome.builtBytes < room.builtBytes && readBytes < room.readBytes } else { true }
    }

    /// A marker that cannot be read ends its producer's transaction all the same: the first one behind the beginning of
    /// an aborted transaction is its abort.
    private mutating func endTransaction(with marker: RecordBatch) {
        do throws(WireError) {
            try aborted.end(with: marker)
        } catch {
            aborted.ended(producerID: marker.header.producerID)
            outcome.irregular.append(
                Quarantined(
                    offsets: cursor.position..<marker.header.nextOffset,
                    reason: "a control batch cannot be read: \(error); it is taken for the end of its transaction"))
        }
    }

    private mutating func copy(
        _ batch: RecordBatch, _ plan: BatchPlan, _ producerID: Int64, cameThrough chain: [String]
    ) throws {
        let next = batch.header.nextOffset
        guard case .rewrite(let reason) = plan else {
            try examine(batch)
            outcome.forwarded += 1
            return add(
                RecordRewriter.Rewritten(
                    records: batch, nextSourceOffset: next, sources: SourceRuns(batch.header.baseOffset..<next)),
                producerID, nextSourceOffset: next)
        }
        try rebuild(reason, producerID, upTo: next) { rewriter, position, room in
            try rewriter.rewrite(batch, from: position, cameThrough: chain, room: room)
        }
    }

    private mutating func rebuild(
        _ reason: RewriteReason, _ producerID: Int64, upTo next: Int64,
        _ rewrite: (RecordRewriter, Int64, Int) throws -> RecordRewriter.Result
    ) throws {
        do {
            let result = try rewrite(rewriter, cursor.position, room.builtBytes - outcome.builtBytes)
            readBytes += result.readBytes
            outcome.builtBytes += result.sizeInBytes
            add(result, reason, producerID)
            if result.hasIrregularOffsets {
                outcome.irregular.append(
                    Quarantined(
                        offsets: cursor.position..<next,
                        reason: "offsets in a batch repeat or go back: its records are copied in their order, each "
                            + "counted as one offset"))
            }
            guard result.nextSourceOffset < next else { return }
            cursor.position = result.nextSourceOffset
            outcome.isFull = true
        } catch CompressionError.outputTooLarge(let codec, let limit) where intake.quarantinesDamaged {
            quarantine(upTo: next, tooLarge(codec, limit))
        } catch  where intake.quarantinesDamaged && !(error is ForeignLoopHeader) {
            quarantine(upTo: next, "\(error)")
        }
    }

    private mutating func quarantine(upTo next: Int64, _ reason: String) {
        outcome.damaged.append(Quarantined(offsets: cursor.position..<next, reason: reason))
        skip(next - cursor.position, .quarantined)
    }

    /// Searches the first batch of each producer for headers of other replicators, where records are not decoded
    /// anyway.
    private mutating func examine(_ batch: RecordBatch) throws {
        guard rewriter.loopGuard?.stopsAtForeignHeaders == true,
            !intake.origins.isExamined(batch.header.producerID),
            outcome.examined.insert(batch.header.producerID).inserted
        else { return }
        guard var records = try? RecordStream(batch, limit: rewriter.limit) else { return }
        while let record = try? records.nextRaw(), let headers = try? record.headers {
            if rewriter.loopGuard?.verdict(on: headers) == .foreign {
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
        guard hasRoom(for: .rewrite(.messageFormat)) else {
            outcome.isFull = true
            return
        }
        try rebuild(.messageFormat, producerID, upTo: entry.offset + 1) { rewriter, position, room in
            try rewriter.rewrite(entry, from: position, room: room)
        }
        guard !outcome.isFull else { return }
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
        _ result: RecordRewriter.Result, _ reason: RewriteReason, _ producerID: Int64
    ) {
        for (reason, count) in result.skipped { outcome.skipped[reason, default: 0] += count }
        outcome.rewritten[reason, default: 0] += result.batches.count
        for rewritten in result.batches.dropLast() {
            add(rewritten, producerID, nextSourceOffset: rewritten.nextSourceOffset)
        }
        // Offsets skipped behind the last record are completed with it.
        if rewriter.keepsOffsets {
            // Behind each record only what is in its place is completed with it.
            if let last = result.batches.last { add(last, producerID, nextSourceOffset: last.nextSourceOffset) }
            cursor.openSkips.merge(result.trailing) { $0 + $1 }
        } else if var last = result.batches.last {
            last.skipped.merge(result.trailing) { $0 + $1 }
            add(last, producerID, nextSourceOffset: result.nextSourceOffset)
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

/// A batch of the source's answer that cannot have its place in the log.
private struct MisplacedBatch: Error, CustomStringConvertible {
    let description: String

    init(_ description: String) {
        self.description = description
    }
}
