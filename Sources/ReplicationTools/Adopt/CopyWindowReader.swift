internal import KafkaClient
internal import KafkaWire
internal import NIOCore
internal import Replication

/// Reads the newest records of both sides of a partition as evidence of what is a copy of what.
struct CopyWindowReader {
    let compared: ComparedPair
    /// Called with the records read since the last time.
    let progress: @Sendable (Int64) -> Void

    /// Names of headers that are told apart; with more of them headers are no evidence.
    private static let mostHeaders = 1_000

    /// - Parameters:
    ///   - depth: offsets of the target to look at.
    ///   - sourceDepth: offsets of the source.
    func read(depth: Int64, sourceDepth: Int64) async throws(KafkaError) -> (source: CopyWindow, target: CopyWindow) {
        let pair = compared.pair
        let ours = pair.sourceRange.last(sourceDepth)
        let theirs = pair.targetRange.last(depth)
        var names: Set<ByteBuffer> = []
        var source = try await records(compared.sourceScan(ours)) { record throws(WireError) in
            guard try !compared.scope.isLoop(record) else { return false }
            if record.headerCount > 0, names.count <= Self.mostHeaders {
                for header in try record.headers { names.insert(header.key) }
            }
            return true
        }
        // Headers that the other program has added to its copies are no evidence.
        let counted = names.count <= Self.mostHeaders ? names : []
        let target = try await records(compared.targetScan(theirs), counting: counted) { _ in true }
        if names.count > Self.mostHeaders { for index in source.indices { source[index].headers = 0 } }
        return (
            CopyWindow(
                source, range: ours, isWhole: ours.lowerBound <= pair.sourceRange.lowerBound,
                hasLost: pair.sourceRange.lowerBound > 0 || pair.isCompacted),
            CopyWindow(
                target, range: theirs, isWhole: theirs.lowerBound <= pair.targetRange.lowerBound,
                hasLost: pair.targetRange.lowerBound > 0 || pair.isCompacted)
        )
    }

    private func records(
        _ scan: PartitionScan, counting headers: Set<ByteBuffer>? = nil,
        _ takesPart: (RawRecord) throws(WireError) -> Bool
    ) async throws(KafkaError) -> [CopyEvidence] {
        var scan = scan
        var fingerprints = compared.fingerprints
        fingerprints.countedHeaders = headers
        var found: [CopyEvidence] = []
        while let entry = try await scan.next() {
            let inside = try scan.fingerprints(of: entry, fingerprints) { record throws(WireError) in
                try !takesPart(record)
            }.inside
            found += inside.map { CopyEvidence($0) }
            progress(Int64(inside.count))
        }
        return found
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
}
