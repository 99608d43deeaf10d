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
        _ cut: PartitionCut, lost: @Sendable (LostRecord) throws -> Void
    ) async throws -> FailoverReport.Tail {
        let start = try await source.bounds(.earliest, of: [cut.source])[cut.source] ?? 0
        let end = try await source.bounds(.latest, of: [cut.source], isolation: .readCommitted)[cut.source] ?? 0
        var tail = FailoverReport.Tail(
            topic: cut.topic, partition: cut.partition, copiedBelow: cut.copiedBelow, records: 0, sourceEnd: end)
        guard cut.sourceOffset < end else { return tail }
        let present = try await walkBeyondCheckpoint(cut)
        tail.copiedBelow = try await firstLost(cut, from: max(start, cut.sourceOffset), until: end, present)
        try await walk(cut, from: max(start, tail.copiedBelow), until: end) { record in
            tail.records = (tail.records ?? 0) + 1
            try lost(LostRecord(record, of: cut.source))
            return true
        }
        return tail
    }

    /// Beside what the flow wrote beyond its last checkpoint before the cut.
    private func walkBeyondCheckpoint(_ cut: PartitionCut) async throws -> TailWalk {
        guard cut.beyondCheckpoint > 0 else { return TailWalk(there: []) }
        let tail = try await Self.tail(of: cut, at: target, ours: ours)
        return TailWalk(there: tail.prints.map(\.print), seams: tail.seams.map(\.firstPrint))
    }

    /// What of the target's log is the flow's, between the checkpoint and the cut.
    static func tail(
        of cut: PartitionCut, at target: ClusterClient, ours: Set<Int64>
    ) async throws -> TargetTail {
        let start = try await target.bounds(.earliest, of: [cut.target])[cut.target] ?? 0
        var tail = TargetTail(
            from: max(start, cut.targetOffset), ours: ours, leaderEpoch: cut.targetLeaderEpoch ?? -1)
        while tail.position < cut.targetEnd {
            let before = tail.position
            let fetched = try await target.read(
                FetchPosition(
                    topic: cut.targetTopic, partition: cut.partition, fetchOffset: before, maxBytes: 4 << 20),
                isolation: .readUncommitted)
            if let records = fetched.records { try tail.take(records.contiguous, until: cut.targetEnd) }
            if tail.position == before { tail.close(at: cut.targetEnd) }
        }
        return tail
    }

    /// Source offset behind the last record that is on the target.
    private func firstLost(
        _ cut: PartitionCut, from: Int64, until end: Int64, _ walk: TailWalk
    ) async throws -> Int64 {
        var walk = walk
        var first = cut.copiedBelow
        let ignoresTimestamp = try await stampsRecords(cut.targetTopic)
        guard !walk.isDone else { return first }
        try await self.walk(cut, from: from, until: end) { record in
            if walk.take(ContentPrint(record, ignoringTimestamp: ignoresTimestamp)) {
                first = max(first, record.offset + 1)
            }
            return !walk.isDone
        }
        return first
    }

    private func stampsRecords(_ topic: String) async throws -> Bool {
        let described = await target.describeConfigs([.topic(topic)], keys: ["message.timestamp.type"])
        guard case .success(let entries)? = described[.topic(topic)] else { return false }
        return entries["message.timestamp.type"]?.value == "LogAppendTime"
    }

    /// Hands out the source's committed records that did not come from the target.
    ///
    /// - Parameter body: returns whether to go on.
    private func walk(
        _ cut: PartitionCut, from: Int64, until end: Int64, _ body: (Record) throws -> Bool
    ) async throws {
        guard from < end else { return }
        let targetID = try await target.clusterID()
        let origins = OriginTable(of: source)
        let mayReturn = settings.naming == .identical
        /// By producer id: whether its batches have been on the target.
        var returning: [Int64: Bool] = [:]
        var scan = PartitionScan(client: source, partition: cut.source, range: from..<end, lane: 0)
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
            for record in try records(of: entry) where scan.contains(record.offset) {
                if mayReturn, Self.loopHeader(of: record)?.chain.contains(targetID) == true { continue }
                guard try body(record) else { return }
            }
        }
    }

    private func records(of entry: LogEntry) throws -> [Record] {
        switch entry {
        case .batch(let batch):
            var reader = try batch.records()
            return try reader.readAll()
        case .legacy(let legacy): return try legacy.records()
        }
    }

    /// What a replicator has written on a record about its way; nil for one that began where it lies.
    static func loopHeader(of record: Record) -> LoopHeader? {
        record.headers.first { $0.key == LoopHeader.keyBytes }?.value.flatMap { LoopHeader(decoding: $0) }
    }
}
