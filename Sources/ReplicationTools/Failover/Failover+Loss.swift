internal import KafkaClient
internal import Replication

// Records that are left behind when the source is lost.
extension Failover {
    /// Time without a change of the target's ends: batches in flight when the source was lost have arrived then.
    private static let quiet: Duration = .seconds(3)

    func snapshot() async throws -> Ending {
        // A run before may have noted it, at a time when less had come back.
        if let known = record?.snapshot, !known.isEmpty {
            return (.done, "noted before, \(Self.count(known.count, "partition"))")
        }
        try await awaitQuiet()
        try await recall()
        guard let identity = memory.flow.identity else { return (.skipped, "the flow has copied nothing") }
        let ours = try await SourceSnapshot.ownProducers(of: identity, named: settings.name, on: target)
        let snapshots = try await SourceSnapshot(
            settings: settings, source: source, target: target, memory: memory, ours: ours
        )
        .make()
        record?.snapshot = snapshots
        let beyond = snapshots.reduce(0) { $0 + $1.beyondCheckpoint }
        return (
            .done,
            "noted \(Self.count(snapshots.count, "partition"))"
                + (beyond == 0 ? "" : ", with \(Self.count(beyond, "record")) beyond the flow's last checkpoint")
        )
    }

    /// A flow that still runs writes what it has read, and then its checkpoint.
    private func awaitQuiet() async throws {
        let partitions = memory.partitions(isSettled: false).map(\.target)
        var watch = EndsWatch(for: Self.quiet)
        let deadline = ContinuousClock.now + options.patience
        while ContinuousClock.now < deadline {
            let ends = await target.logEnds(of: Set(partitions))
            // Transactions of others on the target are none of ours.
            watch.observe(ends.mapValues { EndsWatch.End(all: $0, committed: $0) }, at: .now)
            if watch.fixed(at: .now) != nil { return }
            try await pause()
        }
        say(.note("\(settings.target.name) is written to by others already."))
    }

    /// Reports what was left behind, and hands it out where the source can be asked: of partitions that were being
    /// copied what the target had not got, of all others everything.
    func listTail(_ lost: @escaping @Sendable (LostRecord) throws -> Void) async throws {
        guard let record, let identity = memory.flow.identity else { return }
        let accounts: [Account]
        do throws(KafkaError) {
            accounts = try await AccountObserver(settings: settings, source: source, target: target)
                .accounts(record.recorded)
        } catch {
            sourceFailure = error
            report.tail = record.snapshot.map {
                FailoverReport.Tail(topic: $0.topic, partition: $0.partition, copiedBelow: $0.copiedBelow)
            }
            report.accounts = record.snapshot.map { $0.unknown(since: error) }.inOrder()
            return
        }
        let ours = try await SourceSnapshot.ownProducers(of: identity, named: settings.name, on: target)
        let tail = LostTail(settings: settings, source: source, target: target, ours: ours)
        let snapshots = Dictionary(record.snapshot.map { ($0.source, $0) }) { first, _ in first }
        report.tail = []
        report.accounts = []
        for account in accounts {
            try checkInterrupted()
            // What it holds now came from the target.
            guard record.refilled?.contains(account.topic) != true else { continue }
            let found = try await tail.list(account, snapshots[account.source], lost: lost)
            if let listed = found.tail { report.tail.append(listed) }
            report.accounts.append(found.account)
        }
    }
}

extension FailoverRecord {
    /// Progress of each partition when its source was lost, or left.
    fileprivate var recorded: [TopicPartition: PartitionFacts.Recorded] {
        Dictionary(
            snapshot.map { partition in
                let recorded = PartitionFacts.Recorded(
                    sourceOffset: partition.sourceOffset, sourceTopicID: partition.sourceTopicID,
                    sourceLeaderEpoch: partition.sourceLeaderEpoch ?? -1, targetTopicID: partition.targetTopicID,
                    targetOffset: partition.targetOffset, targetEnd: partition.targetEnd)
                return (partition.source, recorded)
            }
        ) { first, _ in first }
    }
}

extension PartitionSnapshot {
    /// The account of a partition whose source does not answer.
    fileprivate func unknown(since error: KafkaError) -> Account {
        var account = Account(
            topic: topic, partition: partition, targetTopic: targetTopic, state: .unknown,
            reason: "source offset \(copiedBelow) and all behind it may be missing: \(error)")
        account.copiedBelow = copiedBelow
        return account
    }
}

extension Account {
    fileprivate var source: TopicPartition { TopicPartition(topic, partition ?? -1) }
}
