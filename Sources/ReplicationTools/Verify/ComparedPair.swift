internal import KafkaClient
internal import KafkaWire
internal import Replication

/// A pair of partitions, and what it takes to compare any part of them.
struct ComparedPair: Sendable {
    let pair: EndOffsetSnapshot.Pair
    let source: ClusterClient
    let target: ClusterClient
    /// Connections to read through.
    let lane: Int
    let scope: OriginScope
    let fingerprints: FingerprintReader
    /// The flow's copies have the offsets of their source.
    var keepsOffsets = false

    /// Asked for at once where little is wanted.
    static let fewBytes: Int32 = 256 << 10
    /// Asked for at once where everything is wanted.
    static let manyBytes: Int32 = 4 << 20

    func sourceScan(_ range: Range<Int64>, fetchBytes: Int32 = Self.manyBytes) -> PartitionScan {
        PartitionScan(client: source, partition: pair.source, range: range, lane: lane, fetchBytes: fetchBytes)
    }

    func targetScan(_ range: Range<Int64>, fetchBytes: Int32 = Self.manyBytes) -> PartitionScan {
        PartitionScan(client: target, partition: pair.target, range: range, lane: lane, fetchBytes: fetchBytes)
    }

    func sides(
        source: Range<Int64>, target: Range<Int64>, allowance: SequenceComparison.LeadingAllowance = .init(),
        fetchBytes: Int32 = Self.manyBytes
    ) -> PartitionComparison {
        PartitionComparison(
            source: sourceScan(source, fetchBytes: fetchBytes), target: targetScan(target, fetchBytes: fetchBytes),
            comparison: SequenceComparison(allowance: allowance), scope: scope, fingerprints: fingerprints)
    }

    /// The source's records in a range, those left out that came from the target.
    func sourceWindow(_ range: Range<Int64>) async throws(KafkaError) -> RangeAlignment.Window {
        var scan = sourceScan(range, fetchBytes: Self.fewBytes)
        var found: [RecordFingerprint] = []
        while let entry = try await scan.next() {
            found += try scan.fingerprints(of: entry, fingerprints, isOutside: scope.isLoop).inside
        }
        return RangeAlignment.Window(found, range: range, within: pair.sourceRange)
    }

    /// The target's records in a range, those of others left out where others may write.
    func targetWindow(_ range: Range<Int64>) async throws(KafkaError) -> RangeAlignment.Window {
        var scan = targetScan(range, fetchBytes: Self.fewBytes)
        var found: [RecordFingerprint] = []
        while let entry = try await scan.next() {
            found += try scan.fingerprints(of: entry, fingerprints, isOutside: scope.isForeign)
                .inside
        }
        return RangeAlignment.Window(found, range: range, within: pair.targetRange)
    }
}
