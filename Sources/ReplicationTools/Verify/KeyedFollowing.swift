internal import DequeModule
internal import KafkaClient
internal import KafkaWire
internal import Replication

/// Follows one partition of a compacted topic as both sides grow.
///
/// Copies arrive in the source's order, but either side's cleaner may have removed what a later record of the same key
/// has replaced. So a source record is missing once a later one has arrived and nothing later of its own key was on the
/// way; a tombstone never is.
struct KeyedFollowing {
    private var source: PartitionScan
    private var target: PartitionScan
    private let scope: OriginScope
    private let fingerprints: FingerprintReader
    /// Records awaited at most.
    private let limit: Int
    /// True if the target may begin with copies of what the source has before the beginning.
    private let allowsLeading: Bool
    /// Source records that the target has not shown yet, oldest first, and which of them belong to a key.
    private var awaited: Deque<RecordFingerprint> = []
    private var byKey: [UInt64: Deque<RecordFingerprint>] = [:]
    /// Contents found last, in which a doubled one is recognised.
    private var recent: Deque<RecordFingerprint.Content> = []
    private(set) var counts = Counts()
    private var findings: [Difference] = []

    struct Counts {
        var equal: Int64 = 0
        var tally = DifferenceTally()
        var loops: Int64 = 0
        var foreign: Int64 = 0
        /// Target records at the beginning, of source records before the beginning.
        var leading: Int64 = 0
    }

    private static let memory = 1024

    /// - Parameters:
    ///   - limit: of source records that the target may be behind.
    ///   - allowsLeading: whether the target may begin with copies of what the source has before its beginning.
    init(
        _ compared: ComparedPair, source: Range<Int64>, target: Range<Int64>, limit: Int, allowsLeading: Bool
    ) {
        self.source = compared.sourceScan(source)
        self.target = compared.targetScan(target)
        scope = compared.scope
        fingerprints = compared.fingerprints
        self.limit = limit
        self.allowsLeading = allowsLeading
    }

    var bytesRead: Int64 { source.bytesRead + target.bytesRead }

    /// Source offsets that have not been found on the target yet.
    var behind: Int64 { awaited.first.map { source.end - $0.offset } ?? 0 }

    /// Differences found since the last time.
    mutating func takeFindings() -> [Difference] {
        defer { findings.removeAll() }
        return findings
    }

    /// Compares as far as both sides go; parameters as in ``OrderedFollowing``.
    mutating func follow(source sourceEnd: Int64, target targetEnd: Int64) async throws(KafkaError) {
        source.extend(to: sourceEnd)
        target.extend(to: targetEnd)
        while let entry = try await source.next() {
            let found = try source.fingerprints(of: entry, fingerprints, isOutside: scope.isLoop)
            counts.loops += found.outside
            for fingerprint in found.inside { expect(fingerprint) }
            guard awaited.count <= limit else { throw tooFarBehind }
        }
        while let entry = try await target.next() {
            let found = try target.fingerprints(of: entry, fingerprints, isOutside: scope.isForeign)
            counts.foreign += found.outside
            for fingerprint in found.inside { meet(fingerprint) }
        }
    }

    private var tooFarBehind: KafkaError {
        source.damaged("the target is more than \(limit) records behind")
    }

    private mutating func expect(_ fingerprint: RecordFingerprint) {
        awaited.append(fingerprint)
        byKey[fingerprint.key, default: []].append(fingerprint)
    }

    private mutating func meet(_ copy: RecordFingerprint) {
        let ofKey = byKey[copy.key] ?? []
        if let original = ofKey.first(where: { $0.hasContent(of: copy) }) {
            pass(before: original.offset)
            remove(original)
            counts.equal += 1
            recent.append(copy.content)
            if recent.count > Self.memory { recent.removeFirst() }
        } else if recent.contains(copy.content) {
            record(Difference(.doubled, targetOffset: copy.offset))
        } else if allowsLeading, counts.equal == 0 {
            counts.leading += 1
        } else if let original = ofKey.first {
            pass(before: original.offset)
            remove(original)
            record(
                Difference(
                    .altered, sourceOffset: original.offset, targetOffset: copy.offset,
                    parts: original.differences(from: copy)))
        } else {
            record(Difference(.extra, targetOffset: copy.offset))
        }
    }

    /// The target has gone beyond everything before this source offset.
    private mutating func pass(before offset: Int64) {
        while let first = awaited.first, first.offset < offset {
            let isReplaced = (byKey[first.key]?.count ?? 0) > 1
            remove(first)
            if !isReplaced, !first.isTombstone { record(Difference(.missing, sourceOffset: first.offset)) }
        }
    }

    /// Takes away the first record that is awaited.
    private mutating func remove(_ first: RecordFingerprint) {
        awaited.removeFirst()
        byKey[first.key]?.removeFirst()
        if byKey[first.key]?.isEmpty ?? false { byKey[first.key] = nil }
    }

    private mutating func record(_ difference: Difference) {
        counts.tally.add(difference)
        findings.append(difference)
    }

    /// Waits for what the target does not have yet, as long as it moves; what has not come then is missing.
    mutating func finish(patience: Duration) async throws(KafkaError) {
        let clock = ContinuousClock()
        var deadline = clock.now + patience
        while !awaited.isEmpty, clock.now < deadline {
            let end = try await target.currentEnd()
            if end > target.end {
                deadline = clock.now + patience
                try await follow(source: source.end, target: end)
            } else {
                do {
                    try await clock.sleep(for: .milliseconds(100))
                } catch {
                    throw KafkaError(.cancelled, during: .request(.fetch), cluster: target.client.settings.name)
                }
            }
        }
        pass(before: .max)
    }

    /// Findings so far, in the form of the report.
    func verified(_ result: PartitionVerification) -> PartitionVerification {
        var found = result.reaching(source, target)
        found.isByKey = true
        found.equal = counts.equal
        found.differences = counts.tally
        found.beforeSource = counts.leading
        found.loops = counts.loops
        found.foreign = counts.foreign
        found.bytes = bytesRead
        return found
    }
}
