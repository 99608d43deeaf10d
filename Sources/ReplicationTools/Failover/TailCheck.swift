internal import KafkaClient
internal import KafkaWire
internal import Replication

/// Compares the last records of a partition with their copies, each where the flow's map says that it lies: so the map,
/// by which consumer groups are moved, is checked as well.
struct TailCheck {
    let source: ClusterClient
    let target: ClusterClient
    /// The target stamps records itself.
    let ignoresTimestamp: Bool
    /// Either side removes records by key: what is gone from one of them says nothing.
    let isCompacted: Bool

    struct Result {
        var compared: Int64 = 0
        /// The first difference, in words; nil when there was none.
        var difference: String?
    }

    /// - Parameters:
    ///   - end: source offset up to which it is compared.
    ///   - count: source offsets to go back.
    ///   - lane: number of the connections to use; checks that run at the same time each have their own.
    func run(
        _ partition: ForwardPartition, until end: Int64, count: Int64, lane: Int
    ) async throws(KafkaError) -> Result {
        let sourceStart = try await source.bounds(.earliest, of: [partition.source])[partition.source] ?? 0
        let targetStart = try await target.bounds(.earliest, of: [partition.target])[partition.target] ?? 0
        // Neither what the source nor what the target has expired since can be compared.
        var first = partition.map.first(fromSource: max(sourceStart, end - count))
        if let found = first, found.target < targetStart { first = partition.map.first(fromTarget: targetStart) }
        guard let first, first.source < end else { return Result() }
        let originals = try await fingerprints(source, partition.source, first.source..<end, lane)
        let copies = try await fingerprints(target, partition.target, first.target..<partition.map.targetEnd, lane)
        return compare(originals, copies, partition)
    }

    private func compare(
        _ originals: [Int64: RecordFingerprint], _ copies: [Int64: RecordFingerprint], _ partition: ForwardPartition
    ) -> Result {
        var result = Result()
        for (offset, original) in originals.sorted(by: { $0.key < $1.key }) {
            // A record without a copy was skipped for a reason that the flow accounts for.
            guard let pair = partition.map.first(fromSource: offset), pair.source == offset else { continue }
            let what = "\(partition.source): source record \(offset)"
            guard let copy = copies[pair.target] else {
                if !isCompacted, result.difference == nil {
                    result.difference = "\(what) is not at target offset \(pair.target)"
                }
                continue
            }
            result.compared += 1
            let parts = original.differences(from: copy).map(\.rawValue)
            if !parts.isEmpty, result.difference == nil {
                result.difference =
                    "\(what) and target record \(pair.target) differ in \(parts.joined(separator: ", "))"
            }
        }
        return result
    }

    private func fingerprints(
        _ client: ClusterClient, _ partition: TopicPartition, _ range: Range<Int64>, _ lane: Int
    ) async throws(KafkaError) -> [Int64: RecordFingerprint] {
        guard !range.isEmpty else { return [:] }
        var found: [Int64: RecordFingerprint] = [:]
        var scan = PartitionScan(client: client, partition: partition, range: range, lane: lane)
        let reader = FingerprintReader(ignoresTimestamp: ignoresTimestamp)
        while let entry = try await scan.next() {
            do {
                try reader.read(entry, isWanted: { range.contains($0.offset) }) { found[$0.offset] = $0 }
            } catch {
                throw scan.damaged("\(error)")
            }
        }
        return found
    }
}
