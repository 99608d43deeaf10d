internal import KafkaClient
internal import Replication

// What is left behind when the source is lost.
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
            let ends = try await target.bounds(.latest, of: partitions)
            // Transactions of others on the target are none of ours.
            watch.observe(ends.mapValues { EndsWatch.End(all: $0, committed: $0) }, at: .now)
            if watch.fixed(at: .now) != nil { return }
            try await pause()
        }
        say(.note("\(settings.target.name) is written to by others already."))
    }

    /// Reports what was left behind, and hands it out where the source can be asked.
    func listTail(_ lost: @escaping @Sendable (LostRecord) throws -> Void) async throws {
        guard let record, let identity = memory.flow.identity else { return }
        do throws(KafkaError) {
            _ = try await source.metadata(.none)
        } catch {
            sourceFailure = error
            report.tail = record.snapshot.map {
                FailoverReport.Tail(topic: $0.topic, partition: $0.partition, copiedBelow: $0.copiedBelow)
            }
            return
        }
        let ours = try await SourceSnapshot.ownProducers(of: identity, named: settings.name, on: target)
        let tail = LostTail(settings: settings, source: source, target: target, ours: ours)
        report.tail = []
        for snapshot in record.snapshot {
            try checkInterrupted()
            report.tail.append(try await tail.list(snapshot, lost: lost))
        }
    }
}
