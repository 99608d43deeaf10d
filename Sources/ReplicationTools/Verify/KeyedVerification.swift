internal import KafkaClient
internal import KafkaWire
internal import Replication

/// Compares one partition of a compacted topic: the latest record of each key must be the same on both sides, since
/// each side's cleaner removes older ones when it likes. A key whose latest record is a tombstone counts as absent.
///
/// Memory is bounded by reading more than once: when keys become too many, they are taken in slices by their hash.
struct KeyedVerification {
    private let source: PartitionScan
    private let target: PartitionScan
    private let scope: OriginScope
    private let fingerprints: FingerprintReader
    private let keepsOffsets: Bool
    private let patience: Duration
    private let result: PartitionVerification

    /// Keys held at once, on each side; about 100 bytes each.
    static let keysAtOnce = 1_000_000

    /// A record that must be the same on both sides.
    private struct Version: Hashable {
        let content: RecordFingerprint.Content
        /// Nil where copies have other offsets.
        let offset: Int64?
    }

    private func version(_ record: RecordFingerprint) -> Version {
        Version(content: record.content, offset: keepsOffsets ? record.offset : nil)
    }

    private struct TooManyKeys: Error {}

    /// One side's latest records of the keys in one slice.
    private struct Latest {
        var records: [UInt64: RecordFingerprint] = [:]
        /// Records that a key has had, for keys that are looked at again.
        var seen: [UInt64: Set<Version>] = [:]
    }

    init(_ compared: ComparedPair, patience: Duration, result: PartitionVerification) {
        source = compared.sourceScan(compared.pair.sourceRange)
        target = compared.targetScan(compared.pair.targetRange)
        scope = compared.scope
        fingerprints = compared.fingerprints
        keepsOffsets = compared.keepsOffsets
        self.patience = patience
        self.result = result
    }

    func run(
        keysAtOnce: Int = Self.keysAtOnce,
        progress: (_ offsets: Int64, _ bytes: Int64, _ differences: Int64) -> Void
    ) async throws(KafkaError) -> PartitionVerification {
        var slices: UInt64 = 1
        while true {
            do {
                return try await run(slices: slices, keysAtOnce, progress)
            } catch let error as KafkaError {
                throw error
            } catch {
                slices *= 2
            }
        }
    }

    private func run(
        slices: UInt64, _ keysAtOnce: Int,
        _ progress: (_ offsets: Int64, _ bytes: Int64, _ differences: Int64) -> Void
    ) async throws -> PartitionVerification {
        var found = result
        found.isByKey = true
        found.sourceStart = source.start
        found.sourceEnd = source.end
        found.targetStart = target.start
        if fingerprints.keys != nil { found.sample = PartitionVerification.Sample() }
        for slice in 0..<slices {
            let isWanted = { (key: UInt64) in key % slices == slice }
            var ours = Latest()
            var theirs = Latest()
            var sourceScan = source
            var targetScan = target
            found.loops = 0
            found.foreign = 0
            try await read(&sourceScan, into: &ours, keysAtOnce, counting: &found.loops, isWanted, scope.isLoop)
            try await read(&targetScan, into: &theirs, keysAtOnce, counting: &found.foreign, isWanted, scope.isForeign)
            var open = differing(ours, theirs)
            if !open.isEmpty { try await recheck(&open, &sourceScan, &targetScan, &ours, &theirs) }
            name(open, ours, theirs, &found)
            found.equal +=
                Int64(ours.records.values.count { !$0.isTombstone })
                - Int64(open.count { ours.records[$0].map { !$0.isTombstone } ?? false })
            found.sample?.offsets += Int64(Set(ours.records.keys).union(theirs.records.keys).count)
            found.bytes += sourceScan.bytesRead + targetScan.bytesRead
            found.targetEnd = targetScan.reached
            progress(
                (source.end - source.start) / Int64(slices), sourceScan.bytesRead + targetScan.bytesRead,
                Int64(open.count))
        }
        return found
    }

    private func read(
        _ scan: inout PartitionScan, into latest: inout Latest, _ keysAtOnce: Int, counting left: inout Int64,
        _ isWanted: (UInt64) -> Bool, _ isOutside: (RawRecord) throws(WireError) -> Bool
    ) async throws {
        while let entry = try await scan.next() {
            var outside: Int64 = 0
            do {
                try fingerprints.read(entry) { record in
                    guard scan.contains(record.offset) else { return false }
                    let isOut = try isOutside(record)
                    if isOut { outside += 1 }
                    return !isOut
                } _: { fingerprint in
                    guard isWanted(fingerprint.key) else { return }
                    latest.records[fingerprint.key] = fingerprint
                    latest.seen[fingerprint.key]?.insert(version(fingerprint))
                }
            } catch {
                throw scan.damaged("\(error)")
            }
            left += outside
            if latest.records.count > keysAtOnce { throw TooManyKeys() }
        }
    }

    private func differing(_ ours: Latest, _ theirs: Latest) -> Set<UInt64> {
        var keys = Set<UInt64>()
        for (key, record) in ours.records where !isSame(record, theirs.records[key]) { keys.insert(key) }
        for (key, record) in theirs.records where !isSame(record, ours.records[key]) { keys.insert(key) }
        return keys
    }

    private func isSame(_ one: RecordFingerprint, _ other: RecordFingerprint?) -> Bool {
        guard let other else { return one.isTombstone }
        return version(one) == version(other) || (one.isTombstone && other.isTombstone)
    }

    /// Compares keys that differ again while either side moves: the target may be on its way, or already beyond the
    /// snapshot. A key is the same if the target's latest record is one that the source has had since the snapshot.
    private func recheck(
        _ open: inout Set<UInt64>, _ sourceScan: inout PartitionScan, _ targetScan: inout PartitionScan,
        _ ours: inout Latest, _ theirs: inout Latest
    ) async throws {
        for key in open { ours.seen[key] = ours.records[key].map { [version($0)] } ?? [] }
        let clock = ContinuousClock()
        var deadline = clock.now + patience
        while !open.isEmpty {
            let ends = (try await sourceScan.currentEnd(), try await targetScan.currentEnd())
            let hasMoved = ends.0 > sourceScan.end || ends.1 > targetScan.end
            sourceScan.extend(to: ends.0)
            targetScan.extend(to: ends.1)
            if hasMoved {
                let keys = open
                var ignored: Int64 = 0
                try await read(
                    &targetScan, into: &theirs, .max, counting: &ignored, { keys.contains($0) }, scope.isForeign)
                try await read(
                    &sourceScan, into: &ours, .max, counting: &ignored, { keys.contains($0) }, scope.isLoop)
                let before = open.count
                open = open.filter { key in
                    guard let theirs = theirs.records[key] else { return !(ours.records[key]?.isTombstone ?? true) }
                    if ours.seen[key]?.contains(version(theirs)) ?? false { return false }
                    return !isSame(theirs, ours.records[key])
                }
                if open.count < before { deadline = clock.now + patience }
            }
            guard clock.now < deadline else { return }
            if !open.isEmpty { try await clock.sleep(for: .milliseconds(100)) }
        }
    }

    private func name(
        _ open: Set<UInt64>, _ ours: Latest, _ theirs: Latest, _ found: inout PartitionVerification
    ) {
        let ordered = open.sorted {
            (ours.records[$0]?.offset ?? .max, theirs.records[$0]?.offset ?? .max)
                < (ours.records[$1]?.offset ?? .max, theirs.records[$1]?.offset ?? .max)
        }
        for key in ordered {
            switch (ours.records[key], theirs.records[key]) {
            case (let one?, let other?):
                found.differences.add(
                    Difference(
                        .altered, sourceOffset: one.offset, targetOffset: other.offset,
                        parts: one.differences(from: other)
                            + (keepsOffsets && one.offset != other.offset ? [.offset] : [])))
            case (let one?, nil): found.differences.add(Difference(.missing, sourceOffset: one.offset))
            case (nil, let other?): found.differences.add(Difference(.extra, targetOffset: other.offset))
            case (nil, nil): break
            }
        }
    }
}
