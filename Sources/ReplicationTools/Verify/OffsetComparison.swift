internal import DequeModule
internal import KafkaClient
internal import KafkaWire
internal import Replication

/// Compares two partitions in place: record *n* of one with record *n* of the other, where a copy keeps the offsets of its
/// source.
///
/// A record without a counterpart in its place is a difference, except on topics that either side compacts, and except a
/// record of the source that came from the target and has a hole there. One that lies on both sides in the same place is
/// compared wherever it came from.
struct OffsetComparison {
    private(set) var source: PartitionScan
    private(set) var target: PartitionScan
    private let scope: OriginScope
    private let fingerprints: FingerprintReader
    private let isCompacted: Bool
    private(set) var tally = DifferenceTally()
    private(set) var equal: Int64 = 0
    private(set) var equalInWholeBatches: Int64 = 0
    /// Source records that came from the target and have no copy there.
    private(set) var loops: Int64 = 0
    /// Records met on either side.
    private(set) var records: (source: Int64, target: Int64) = (0, 0)
    /// Place of the first difference; nil for none.
    private(set) var first: Difference?
    /// Differences named since the last time.
    private var findings: [Difference] = []

    private var ours: Deque<RecordFingerprint> = []
    private var theirs: Deque<RecordFingerprint> = []
    /// Offsets of those in ``ours`` that came from the target.
    private var returned: Set<Int64> = []

    /// - Parameter range: offsets of both sides.
    init(_ compared: ComparedPair, _ range: Range<Int64>, fetchBytes: Int32 = ComparedPair.manyBytes) {
        source = compared.sourceScan(range, fetchBytes: fetchBytes)
        target = compared.targetScan(range, fetchBytes: fetchBytes)
        scope = compared.scope
        fingerprints = compared.fingerprints
        isCompacted = compared.pair.isCompacted
    }

    var bytesRead: Int64 { source.bytesRead + target.bytesRead }

    /// Offset below which everything has been compared.
    var reached: Int64 {
        min(ours.first?.offset ?? source.reached, theirs.first?.offset ?? target.reached)
    }

    mutating func takeFindings() -> [Difference] {
        defer { findings.removeAll() }
        return findings
    }

    /// Compares on to an offset that both logs have reached.
    mutating func extend(to end: Int64) {
        source.extend(to: end)
        target.extend(to: end)
    }

    /// Lets what was fetched ahead go; it is fetched again when it is wanted.
    mutating func dropReadAhead() {
        source.dropReadAhead()
        target.dropReadAhead()
    }

    /// Compares everything up to the end.
    ///
    /// - Parameters:
    ///   - endsEarly: ends with the first difference.
    ///   - progress: called now and then.
    mutating func run(
        endsEarly: Bool = false, progress: (OffsetComparison) -> Void = { _ in }
    ) async throws(KafkaError) {
        while !(endsEarly && first != nil) {
            if ours.isEmpty, theirs.isEmpty { try await compareWholeBatches() }
            while ours.isEmpty, let entry = try await source.next() { try takeSource(entry) }
            while theirs.isEmpty, let entry = try await target.next() { try takeTarget(entry) }
            progress(self)
            if ours.isEmpty, theirs.isEmpty { return }
            matchFronts()
        }
    }

    /// Takes in batches that hold the same bytes in the same places, without decompressing them.
    private mutating func compareWholeBatches() async throws(KafkaError) {
        while case .batch(let one)? = try await source.peek(), case .batch(let other)? = try await target.peek(),
            one.header.baseOffset == other.header.baseOffset, source.contains(one.header.baseOffset),
            source.contains(one.header.lastOffset), one.holdsSameRecords(as: other)
        {
            _ = try await source.next()
            _ = try await target.next()
            let count = Int64(one.header.recordCount)
            equal += count
            equalInWholeBatches += count
            records.source += count
            records.target += count
        }
    }

    private mutating func takeSource(_ entry: LogEntry) throws(KafkaError) {
        let scope = scope
        var outside: Set<Int64> = []
        let found = try source.fingerprints(of: entry, fingerprints) { record throws(WireError) in
            if try scope.isLoop(record) { outside.insert(record.offset) }
            return false
        }.inside
        ours.append(contentsOf: found)
        returned.formUnion(outside)
        records.source += Int64(found.count)
    }

    private mutating func takeTarget(_ entry: LogEntry) throws(KafkaError) {
        let found = try target.fingerprints(of: entry, fingerprints) { _ in false }.inside
        theirs.append(contentsOf: found)
        records.target += Int64(found.count)
    }

    /// Compares what is known of both sides. One of them is empty only at its end.
    private mutating func matchFronts() {
        repeat {
            switch (ours.first, theirs.first) {
            case (nil, nil): return
            case (let one?, let other?) where one.offset == other.offset:
                ours.removeFirst()
                theirs.removeFirst()
                returned.remove(one.offset)
                compare(one, other)
            case (let one?, let other) where one.offset < other?.offset ?? .max:
                ours.removeFirst()
                let isLoop = returned.remove(one.offset) != nil
                if isLoop { loops += 1 } else { lack(Difference(.missing, sourceOffset: one.offset)) }
            case (_, let other?):
                theirs.removeFirst()
                lack(Difference(.extra, targetOffset: other.offset))
            case (_?, nil): return
            }
        } while !ours.isEmpty && !theirs.isEmpty
    }

    private mutating func compare(_ one: RecordFingerprint, _ other: RecordFingerprint) {
        guard !one.hasContent(of: other) else {
            equal += 1
            return
        }
        add(
            Difference(
                .altered, sourceOffset: one.offset, targetOffset: other.offset, parts: one.differences(from: other)))
    }

    /// One side has a record that the other has not.
    private mutating func lack(_ difference: Difference) {
        if !isCompacted { add(difference) }
    }

    private mutating func add(_ difference: Difference) {
        first = first ?? difference
        tally.add(difference)
        findings.append(difference)
    }
}
