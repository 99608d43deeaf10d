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

    /// Completes the account of a partition with the number of its records that only the source has, and hands them out.
    ///
    /// - Parameters:
    ///   - snapshot: how far the partition had come; nil when nothing of it was copied.
    ///   - lost: called with each lost record, in order of offsets.
    /// - Returns: no tail for what cannot be read.
    func list(
        _ account: Account, _ snapshot: PartitionSnapshot?, lost: @Sendable (LostRecord) throws -> Void
    ) async throws -> (account: Account, tail: FailoverReport.Tail?) {
        guard let number = account.partition, account.isReadable else { return (account, nil) }
        let partition = TopicPartition(account.topic, number)
        let start = try await source.bounds(.earliest, of: [partition])[partition] ?? 0
        let end = try await source.bounds(.latest, of: [partition], isolation: .readCommitted)[partition] ?? 0
        var account = account
        let first = try await firstLost(account, snapshot, end)
        var tail = FailoverReport.Tail(
            topic: account.topic, partition: number, copiedBelow: first ?? start, records: 0, sourceEnd: end)
        try await scan(partition, from: max(start, first ?? start), until: end) { record in
            tail.records = (tail.records ?? 0) + 1
            try lost(LostRecord(record, of: partition))
        }
        account.copiedBelow = first
        account.records = tail.records
        if account.state == .behind, tail.records == 0 {
            account.state = .complete
            account.reason =
                "behind source offset \(tail.copiedBelow) are no records but those that came from "
                + "\(settings.target.name), aborted ones and markers"
        }
        return (account, tail)
    }

    /// Source offset from which on the target has nothing; nil when it has nothing of what the source holds now.
    private func firstLost(_ account: Account, _ snapshot: PartitionSnapshot?, _ end: Int64) async throws -> Int64? {
        guard let snapshot, ![.recreated, .copyGone].contains(account.state) else { return nil }
        if account.state == .truncated { return min(snapshot.copiedBelow, try await cut(snapshot) ?? end) }
        guard snapshot.sourceOffset < end else { return snapshot.copiedBelow }
        return try await TailRecovery(settings: settings, source: source, target: target, ours: ours)
            .copiedBelow(snapshot)
    }

    /// Source offset at which the epoch ended that was read last; nil from clusters that cannot tell.
    private func cut(_ snapshot: PartitionSnapshot) async throws -> Int64? {
        guard let epoch = snapshot.sourceLeaderEpoch, epoch >= 0 else { return nil }
        return try await source.epochEnds([snapshot.source: epoch])[snapshot.source]?.get().endOffset
    }

    /// Hands out the source's committed records that did not come from the target.
    private func scan(
        _ partition: TopicPartition, from: Int64, until end: Int64, _ body: (Record) throws -> Void
    ) async throws {
        guard from < end else { return }
        let targetID = try await target.clusterID()
        let origins = OriginTable(of: source)
        let mayReturn = settings.naming == .identical
        /// By producer id: whether its batches have been on the target.
        var returning: [Int64: Bool] = [:]
        var scan = PartitionScan(client: source, partition: partition, range: from..<end, lane: 0)
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

extension Account {
    /// True if the source can be asked for its records.
    fileprivate var isReadable: Bool {
        switch state {
        case .complete, .behind, .stopped, .expired, .truncated, .recreated, .copyGone, .openTransaction, .waiting,
            .uncreatable:
            true
        case .deleted, .leaderless, .withheld, .undecided, .excluded, .unknown: false
        }
    }
}
