internal import DequeModule
internal import KafkaClient
internal import KafkaWire

/// Compares one partition record by record, in order.
///
/// As long as both sides hold the same batches these are compared as bytes, without being decompressed; else record by
/// record, until both stand at the same place again. A target that is still being written to is waited for, as long as
/// it moves.
struct OrderedVerification {
    private var source: PartitionScan
    private var target: PartitionScan
    private var comparison: SequenceComparison
    private let scope: OriginScope
    private let prints: PrintReader
    private let patience: Duration
    private var result: PartitionVerification
    private var passedSource: Int64
    /// Batches compared as a whole last: what is doubled behind them is recognised.
    private var recentBatches: Deque<LogEntry> = []
    /// The target was waited for in vain: it is not waited for again.
    private var isTargetOver = false

    private static let recentBatchCount = 4

    init(
        source: PartitionScan, target: PartitionScan, allowance: SequenceComparison.LeadingAllowance,
        scope: OriginScope, prints: PrintReader, patience: Duration, result: PartitionVerification
    ) {
        self.source = source
        self.target = target
        self.scope = scope
        self.prints = prints
        self.patience = patience
        self.result = result
        comparison = SequenceComparison(allowance: allowance)
        comparison.openEnd = target.end
        passedSource = source.start
        self.result.sourceStart = source.start
        self.result.sourceEnd = source.end
        self.result.targetStart = target.start
    }

    /// Compares to the source's end.
    ///
    /// - Parameter progress: called now and then with what has been passed since the last time.
    mutating func run(
        progress: (_ offsets: Int64, _ bytes: Int64, _ differences: Int64) -> Void
    ) async throws(KafkaError) -> PartitionVerification {
        var reported: (bytes: Int64, differences: Int64) = (0, 0)
        while true {
            if comparison.isLevel { try await compareWholeBatches() }
            let hasEnded = (source: source.isAtEnd, target: target.isAtEnd ? try await targetHasEnded() : false)
            let need = comparison.advance(sourceHasEnded: hasEnded.source, targetHasEnded: hasEnded.target)
            let bytes = source.bytesRead + target.bytesRead
            let differences = comparison.tally.total
            progress(movedSource(), bytes - reported.bytes, differences - reported.differences)
            reported = (bytes, differences)
            switch need {
            case .nothing: return finished()
            case .source: try await takeSource()
            case .target: try await takeTarget()
            }
            // What the target received behind the cut is somebody else's turn.
            if source.isAtEnd, comparison.isLevel, target.isAtEnd || passedCut { return finished() }
        }
    }

    private var passedCut = false

    private mutating func movedSource() -> Int64 {
        let now = source.isAtEnd ? source.end : max(passedSource, source.reached)
        defer { passedSource = now }
        return now - passedSource
    }

    private func finished() -> PartitionVerification {
        var result = result
        result.equal = comparison.equal
        result.differences = comparison.tally
        result.beforeTarget = comparison.leading.source
        result.beforeSource = comparison.leading.target
        result.bytes = source.bytesRead + target.bytesRead
        result.targetEnd = target.reached
        return result
    }
}

// Reading.
extension OrderedVerification {
    private mutating func compareWholeBatches() async throws(KafkaError) {
        while case .batch(let ours)? = try await source.peek(), case .batch(let theirs)? = try await target.peek(),
            isWhole(ours, in: source), isWhole(theirs, in: target), ours.holdsSameRecords(as: theirs)
        {
            _ = try await source.next()
            _ = try await target.next()
            comparison.addEqual(Int64(ours.header.recordCount))
            result.equalInWholeBatches += Int64(ours.header.recordCount)
            recentBatches.append(.batch(theirs))
            if recentBatches.count > Self.recentBatchCount { recentBatches.removeFirst() }
        }
    }

    private func isWhole(_ batch: RecordBatch, in scan: PartitionScan) -> Bool {
        scan.contains(batch.header.baseOffset) && scan.contains(batch.header.lastOffset)
    }

    private mutating func takeSource() async throws(KafkaError) {
        guard let entry = try await source.next() else { return }
        try recallRecentBatches()
        var loops: Int64 = 0
        var found: [RecordPrint] = []
        do {
            try prints.read(entry) { record in
                guard source.contains(record.offset) else { return false }
                let isLoop = try scope.isLoop(record)
                if isLoop { loops += 1 }
                return !isLoop
            } _: {
                found.append($0)
            }
        } catch {
            throw source.damaged("\(error)")
        }
        for print in found where source.contains(print.offset) { comparison.add(source: print) }
        result.loops += loops
    }

    private mutating func takeTarget() async throws(KafkaError) {
        guard let entry = try await target.next() else { return }
        try recallRecentBatches()
        var foreign: Int64 = 0
        var found: [RecordPrint] = []
        do {
            try prints.read(entry) { record in
                guard target.contains(record.offset) else { return false }
                let isForeign = try scope.isForeign(record)
                if isForeign { foreign += 1 }
                return !isForeign
            } _: {
                found.append($0)
            }
        } catch {
            throw target.damaged("\(error)")
        }
        for print in found where target.contains(print.offset) { comparison.add(target: print) }
        result.foreign += foreign
        passedCut = target.reached >= comparison.openEnd
    }

    /// Batches that were equal as a whole have left nothing in the comparison's memory.
    private mutating func recallRecentBatches() throws(KafkaError) {
        while let entry = recentBatches.popFirst() {
            var found: [RecordPrint] = []
            do {
                try prints.read(entry, isWanted: { _ in true }) { found.append($0) }
            } catch {
                throw target.damaged("\(error)")
            }
            for print in found { comparison.remember(print) }
        }
    }

    /// Whether the target will not get what the source still has: it has not grown for as long as patience lasts.
    private mutating func targetHasEnded() async throws(KafkaError) -> Bool {
        if isTargetOver || source.isAtEnd && comparison.isLevel { return true }
        let clock = ContinuousClock()
        let deadline = clock.now + patience
        while true {
            let end = try await target.currentEnd()
            if end > target.end {
                target.extend(to: end)
                return false
            }
            guard clock.now < deadline else {
                isTargetOver = true
                return true
            }
            do {
                try await clock.sleep(for: .milliseconds(100))
            } catch {
                throw KafkaError(.cancelled, during: .request(.fetch), cluster: target.client.settings.name)
            }
        }
    }
}
