internal import KafkaClient
internal import KafkaCompression
internal import KafkaWire
internal import NIOCore
internal import Replication

/// Finds what an unplanned failover left behind at the source, record by record, once the source answers again.
struct LostTail {
    let settings: FlowSettings
    let source: ClusterClient
    let target: ClusterClient
    /// Producer ids that only the flow writes under.
    let ours: Set<Int64>

    /// - Parameter lost: called with each lost record, in order of offsets.
    func list(
        _ snapshot: PartitionSnapshot, lost: @Sendable (LostRecord) throws -> Void
    ) async throws -> FailoverReport.Tail {
        let start = try await source.bounds(.earliest, of: [snapshot.source])[snapshot.source] ?? 0
        let end =
            try await source.bounds(.latest, of: [snapshot.source], isolation: .readCommitted)[snapshot.source] ?? 0
        var tail = FailoverReport.Tail(
            topic: snapshot.topic, partition: snapshot.partition, copiedBelow: snapshot.copiedBelow, records: 0,
            sourceEnd: end)
        guard snapshot.sourceOffset < end else { return tail }
        tail.copiedBelow = try await TailRecovery(settings: settings, source: source, target: target, ours: ours)
            .copiedBelow(snapshot)
        try await scan(snapshot, from: max(start, tail.copiedBelow), until: end) { record in
            tail.records = (tail.records ?? 0) + 1
            try lost(LostRecord(record, of: snapshot.source))
        }
        return tail
    }

    /// Hands out the source's committed records that did not come from the target.
    private func scan(
        _ snapshot: PartitionSnapshot, from: Int64, until end: Int64, _ body: (Record) throws -> Void
    ) async throws {
        guard from < end else { return }
        let targetID = try await target.clusterID()
        let origins = OriginTable(of: source)
        let mayReturn = settings.naming == .identical
        /// By producer id: whether its batches have been on the target.
        var returning: [Int64: Bool] = [:]
        var scan = PartitionScan(client: source, partition: snapshot.source, range: from..<end, lane: 0)
        while let entry = try await scan.next() {
            if mayReturn, case .batch(let batch) = entry, batch.header.producerID >= 0 {
                let id = batch.header.producerID
                let isReturning: Bool
                if let known = returning[id] {
                    isReturning = known
                } else {
                    isReturning = try await origins.lookUp([id])[id]?.chain.contains(targetID) ?? false
                    returning[id] = isReturning
                }
                if isReturning { continue }
            }
            try forEachRecord(of: entry) { record in
                guard scan.contains(record.offset) else { return }
                if mayReturn, Self.loopHeader(of: record)?.chain.contains(targetID) == true { return }
                try body(record)
            }
        }
    }

    private func forEachRecord(of entry: LogEntry, _ body: (Record) throws -> Void) throws {
        switch entry {
        case .batch(let batch):
            var records = try RecordStream(batch, limit: RecordStream.ordinaryLimit)
            while let record = try records.next() { try body(record) }
        case .legacy(let legacy):
            var records = try LegacyRecordStream(legacy, limit: RecordStream.ordinaryLimit)
            while let record = try records.next() { try body(record) }
        }
    }

    /// A replicator's account of a record's way; nil for one that began where it lies.
    static func loopHeader(of record: Record) -> LoopHeader? {
        record.headers.first { $0.key == LoopHeader.keyBytes }?.value.flatMap { LoopHeader(decoding: $0) }
    }
}
