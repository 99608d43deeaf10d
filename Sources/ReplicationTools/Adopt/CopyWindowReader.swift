internal import KafkaClient
internal import KafkaWire
internal import NIOCore
internal import Replication

/// Everything that was read of both sides of a partition: kept, so that next time only what is new has to be read.
struct CopyWindows: Sendable {
    fileprivate(set) var source: CopyWindow
    fileprivate(set) var target: CopyWindow
    /// Records on the target that an earlier attempt has appended in place of missing ones, in order.
    fileprivate(set) var fills: [CopyEvidence]
    /// Sequence that follows on the last of those.
    fileprivate(set) var nextSequence: Int32
    /// Headers of the source that count on the target; nil where they are too many.
    fileprivate let headerNames: Set<ByteBuffer>?
    /// Offsets that were asked for.
    let depth: Int64
    let sourceDepth: Int64

    /// It is known that the target has no copy before the window of what lay behind the position then: nor has it of what
    /// lies behind a later one.
    var isClear = false

    /// Records held in memory.
    var count: Int { source.records.count + target.records.count + fills.count }
}

/// Reads the newest records of both sides of a partition as evidence of what is a copy of what.
struct CopyWindowReader {
    let compared: ComparedPair
    /// Producer ids under which missing records were appended, and nothing else.
    let fillers: Set<Int64>
    /// Called with the records read since the last time.
    let progress: @Sendable (Int64) -> Void

    /// Names of headers that are told apart; with more of them headers are no evidence.
    private static let mostHeaders = 1_000
    /// A window that has grown to this many times what was asked for is read afresh.
    private static let mostGrowth: Int64 = 4

    /// - Parameters:
    ///   - depth: offsets of the target to look at.
    ///   - sourceDepth: offsets of the source.
    func read(depth: Int64, sourceDepth: Int64) async throws(KafkaError) -> CopyWindows {
        let pair = compared.pair
        let ours = pair.sourceRange.last(sourceDepth)
        let theirs = pair.targetRange.last(depth)
        var (source, names) = try await sourceRecords(ours)
        let areFew = names.count <= Self.mostHeaders
        // Headers that the other program has added to its copies are no evidence.
        let target = try await targetRecords(theirs, counting: areFew ? names : [])
        if !areFew { for index in source.indices { source[index].headers = 0 } }
        return CopyWindows(
            source: CopyWindow(source, range: ours, isWhole: false, hasLost: false),
            target: CopyWindow(target.copies, range: theirs, isWhole: false, hasLost: false), fills: target.fills,
            nextSequence: target.nextSequence ?? 0, headerNames: areFew ? names : nil, depth: depth,
            sourceDepth: sourceDepth
        ).within(pair)
    }

    /// The windows with what both sides have got since; nil where that is not enough.
    func extend(_ known: CopyWindows) async throws(KafkaError) -> CopyWindows? {
        let pair = compared.pair
        guard let names = known.headerNames,
            let ours = known.source.range.extended(to: pair.sourceRange.upperBound),
            let theirs = known.target.range.extended(to: pair.targetRange.upperBound),
            known.source.isSmall(known.sourceDepth, growing: ours, by: Self.mostGrowth),
            known.target.isSmall(known.depth, growing: theirs, by: Self.mostGrowth)
        else { return nil }
        let source = try await sourceRecords(ours)
        // A header that the source had not before may be on copies that were read without it.
        guard source.names.isSubset(of: names) else { return nil }
        let target = try await targetRecords(theirs, counting: names)
        var windows = known
        windows.source.take(source.records, upTo: ours.upperBound)
        windows.target.take(target.copies, upTo: theirs.upperBound)
        windows.fills += target.fills
        windows.nextSequence = target.nextSequence ?? known.nextSequence
        return windows.within(pair)
    }

    private func sourceRecords(
        _ range: Range<Int64>
    ) async throws(KafkaError) -> (records: [CopyEvidence], names: Set<ByteBuffer>) {
        var scan = compared.sourceScan(range)
        var found: [CopyEvidence] = []
        var names: Set<ByteBuffer> = []
        while let entry = try await scan.next() {
            found += try records(scan, entry, compared.fingerprints) { record throws(WireError) in
                guard try !compared.scope.isLoop(record) else { return false }
                if record.headerCount > 0, names.count <= Self.mostHeaders {
                    // A slice would keep alive everything that came with it.
                    for header in try record.headers where !names.contains(header.key) {
                        names.insert(ByteBuffer(bytes: header.key.readableBytesView))
                    }
                }
                return true
            }
        }
        return (found, names)
    }

    private func targetRecords(
        _ range: Range<Int64>, counting headers: Set<ByteBuffer>
    ) async throws(KafkaError) -> (copies: [CopyEvidence], fills: [CopyEvidence], nextSequence: Int32?) {
        var scan = compared.targetScan(range)
        var fingerprints = compared.fingerprints
        fingerprints.countedHeaders = headers
        var copies: [CopyEvidence] = []
        var fills: [CopyEvidence] = []
        var nextSequence: Int32?
        while let entry = try await scan.next() {
            let found = try records(scan, entry, fingerprints) { _ in true }
            if case .batch(let batch) = entry, fillers.contains(batch.header.producerID) {
                fills += found
                nextSequence = (batch.header.baseSequence &+ batch.header.recordCount) & .max
            } else {
                copies += found
            }
        }
        return (copies, fills, nextSequence)
    }

    private func records(
        _ scan: PartitionScan, _ entry: LogEntry, _ fingerprints: FingerprintReader,
        _ takesPart: (RawRecord) throws(WireError) -> Bool
    ) throws(KafkaError) -> [CopyEvidence] {
        let inside = try scan.fingerprints(of: entry, fingerprints) { record throws(WireError) in
            try !takesPart(record)
        }.inside
        progress(Int64(inside.count))
        return inside.map { CopyEvidence($0) }
    }
}

extension CopyWindows {
    /// Says what the windows leave out, by the logs' present bounds.
    fileprivate func within(_ pair: EndOffsetSnapshot.Pair) -> CopyWindows {
        var windows = self
        windows.source.isWhole = source.range.lowerBound <= pair.sourceRange.lowerBound
        windows.source.hasLost = pair.sourceRange.lowerBound > 0 || pair.isCompacted
        windows.target.isWhole = target.range.lowerBound <= pair.targetRange.lowerBound
        windows.target.hasLost = pair.targetRange.lowerBound > 0 || pair.isCompacted
        return windows
    }
}

extension CopyWindow {
    /// True if it stays within a multiple of what was asked for.
    fileprivate func isSmall(_ depth: Int64, growing more: Range<Int64>, by most: Int64) -> Bool {
        let length = Int64(range.count) + Int64(more.count)
        return length <= PartitionAligner.most && length / most <= depth
    }

    fileprivate mutating func take(_ more: [CopyEvidence], upTo end: Int64) {
        records += more
        range = range.lowerBound..<end
    }
}

extension CopyEvidence {
    init(_ fingerprint: RecordFingerprint) {
        self.init(
            offset: fingerprint.offset, content: Self.content(key: fingerprint.key, value: fingerprint.value),
            headers: fingerprint.headers, timestamp: fingerprint.timestamp)
    }
}

extension Range<Int64> {
    /// Its last part.
    fileprivate func last(_ length: Int64) -> Range<Int64> {
        Swift.max(lowerBound, upperBound - Swift.min(length, upperBound))..<upperBound
    }

    /// The part behind it; nil for an end that lies before its own.
    fileprivate func extended(to end: Int64) -> Range<Int64>? {
        end >= upperBound ? upperBound..<end : nil
    }
}
