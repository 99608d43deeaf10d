internal import DequeModule
internal import KafkaClient
internal import KafkaWire
internal import Replication

/// Both sides of a partition on their way past each other: as bytes while they hold the same batches, which are not
/// decompressed then; else record by record, until both are at the same place again.
///
/// The caller decides how long to wait for a side that has no more records.
struct PartitionComparison {
    private(set) var source: PartitionScan
    private(set) var target: PartitionScan
    var comparison: SequenceComparison
    let scope: OriginScope
    let fingerprints: FingerprintReader
    /// Source records that came from the target.
    private(set) var loops: Int64 = 0
    /// Target records that did not come from the source.
    private(set) var foreign: Int64 = 0
    private(set) var equalInWholeBatches: Int64 = 0
    /// Batches compared as a whole last: what is doubled behind them is recognised.
    private var recentBatches: Deque<LogEntry> = []

    private static let recentBatchCount = 4

    init(
        source: PartitionScan, target: PartitionScan, comparison: SequenceComparison, scope: OriginScope,
        fingerprints: FingerprintReader
    ) {
        self.source = source
        self.target = target
        self.comparison = comparison
        self.scope = scope
        self.fingerprints = fingerprints
    }

    var bytesRead: Int64 { source.bytesRead + target.bytesRead }

    /// Ends that only ever move on.
    mutating func extend(source end: Int64) { source.extend(to: end) }
    mutating func extend(target end: Int64) { target.extend(to: end) }

    /// Lets what was fetched ahead go; it is fetched again when it is wanted.
    mutating func dropReadAhead() {
        source.dropReadAhead()
        target.dropReadAhead()
    }

    /// Takes in what both sides hold alike from here on, while both are at the same place.
    mutating func compareWholeBatches() async throws(KafkaError) {
        while case .batch(let ours)? = try await source.peek(), case .batch(let theirs)? = try await target.peek(),
            isWhole(ours, in: source), isWhole(theirs, in: target), ours.holdsSameRecords(as: theirs)
        {
            _ = try await source.next()
            _ = try await target.next()
            comparison.addEqual(Int64(ours.header.recordCount))
            equalInWholeBatches += Int64(ours.header.recordCount)
            recentBatches.append(.batch(theirs))
            if recentBatches.count > Self.recentBatchCount { recentBatches.removeFirst() }
        }
    }

    /// Compares everything between fixed ends.
    mutating func runToEnds() async throws(KafkaError) {
        while true {
            if comparison.isLevel { try await compareWholeBatches() }
            switch comparison.advance(sourceHasEnded: source.isAtEnd, targetHasEnded: target.isAtEnd) {
            case .nothing: return
            case .source: try await takeSource()
            case .target: try await takeTarget()
            }
        }
    }

    private func isWhole(_ batch: RecordBatch, in scan: PartitionScan) -> Bool {
        scan.contains(batch.header.baseOffset) && scan.contains(batch.header.lastOffset)
    }

    mutating func takeSource() async throws(KafkaError) {
        guard let entry = try await source.next() else { return }
        try recallRecentBatches()
        let found = try source.fingerprints(of: entry, fingerprints, isOutside: scope.isLoop)
        for fingerprint in found.inside { comparison.add(source: fingerprint) }
        loops += found.outside
    }

    mutating func takeTarget() async throws(KafkaError) {
        guard let entry = try await target.next() else { return }
        try recallRecentBatches()
        let found = try target.fingerprints(of: entry, fingerprints, isOutside: scope.isForeign)
        for fingerprint in found.inside { comparison.add(target: fingerprint) }
        foreign += found.outside
    }

    /// Batches that were equal as a whole have left nothing in the comparison's memory.
    private mutating func recallRecentBatches() throws(KafkaError) {
        while let entry = recentBatches.popFirst() {
            for fingerprint in try target.fingerprints(of: entry, fingerprints, isOutside: { _ in false }).inside {
                comparison.remember(fingerprint)
            }
        }
    }
}

extension PartitionScan {
    /// The fingerprints of an entry's records that lie in what is scanned, and how many of those do not take part.
    func fingerprints(
        of entry: LogEntry, _ fingerprints: FingerprintReader, isOutside: (RawRecord) throws(WireError) -> Bool
    ) throws(KafkaError) -> (inside: [RecordFingerprint], outside: Int64) {
        var outside: Int64 = 0
        var inside: [RecordFingerprint] = []
        do {
            try fingerprints.read(entry) { record in
                guard contains(record.offset) else { return false }
                let isOut = try isOutside(record)
                if isOut { outside += 1 }
                return !isOut
            } _: { fingerprint in
                // Formats before headers are not asked about first.
                if contains(fingerprint.offset) { inside.append(fingerprint) }
            }
        } catch {
            throw damaged("\(error)")
        }
        return (inside, outside)
    }
}
