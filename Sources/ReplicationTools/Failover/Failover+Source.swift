internal import KafkaClient
internal import KafkaWire
internal import Replication

// Keeping producers away from the source, and draining it.
extension Failover {
    func fence() async throws -> Ending {
        guard !options.fence.isEmpty else { return (.skipped, "no producer is kept out") }
        let topics = try await selectedTopics().map(\.source.name)
        let known = record?.fence ?? []
        let missing = FenceRule.missing(
            topics: topics, principals: options.fence, known: known, existing: try await source.accessRules())
        let writable = try await writableTopics(topics)
        // Remembered first: what is not remembered would never be taken away again.
        record?.fence = known + missing
        try await remember()
        for (_, outcome) in await source.createAccessRules((known + missing).map(\.rule)) {
            if case .failure(let error) = outcome {
                throw FailoverError.cannotFence(cluster: settings.source.name, reason: "\(error)")
            }
        }
        try await checkOppositeMayWrite(writable, missing)
        return (
            .done,
            "\(options.fence.joined(separator: ", ")) may not write to \(Self.count(topics.count, "topic")) of "
                + "\(settings.source.name) any more"
        )
    }

    /// Topics of the source that we may write to ourselves, as the opposite flow has to.
    private func writableTopics(_ topics: [String]) async throws -> Set<String> {
        guard opposite != nil, !topics.isEmpty else { return [] }
        let operations = try await source.authorizedOperations(onTopics: topics)
        return Set(operations.filter { $0.value?.allows(.write) == true }.keys)
    }

    private func checkOppositeMayWrite(_ writable: Set<String>, _ added: [FenceRule]) async throws {
        guard let opposite, !writable.isEmpty else { return }
        let lost = writable.subtracting(try await writableTopics(writable.sorted()))
        guard !lost.isEmpty else { return }
        try await removeFence(added, on: source)
        record?.fence.removeAll { added.contains($0) }
        try await remember()
        throw FailoverError.shutsOutOpposite(
            cluster: settings.source.name, opposite: opposite.name, topics: lost.sorted())
    }

    func removeFence(_ rules: [FenceRule], on cluster: ClusterClient) async throws {
        for (_, outcome) in await cluster.deleteAccessRules(rules.map(\.rule)) { try outcome.get() }
    }

    func previewFence() async throws -> String {
        guard !options.fence.isEmpty else { return "no producer would be kept out" }
        let missing = FenceRule.missing(
            topics: try await selectedTopics().map(\.source.name), principals: options.fence,
            known: memory.failover?.fence ?? [], existing: try await source.accessRules())
        return "would add \(Self.count(missing.count, "rule")) to \(settings.source.name)"
            + (missing.first.map { ", such as \($0.rule)" } ?? "")
    }

    func awaitStillness() async throws -> Ending {
        var partitions = try await selectedPartitions()
        var watch = EndsWatch(for: options.still)
        let begin = ContinuousClock.now
        while true {
            watch.observe(try await poll(at: partitions), at: .now)
            if let fixed = watch.fixed(at: .now) {
                // A topic may have come meanwhile.
                let present = try await selectedPartitions()
                if Set(present) == Set(partitions) {
                    ends = fixed
                    return (
                        .done, "the ends of \(Self.count(fixed.count, "partition")) do not move"
                    )
                }
                partitions = present
            }
            guard ContinuousClock.now - begin < options.patience + options.still else { throw restless(watch) }
            try await pause()
        }
    }

    private func poll(
        at partitions: [TopicPartition]
    ) async throws(KafkaError) -> [TopicPartition: EndsWatch.End] {
        // The committed end first: else a record between the two looks would seem to be of an open transaction.
        let committed = try await source.bounds(.latest, of: partitions, isolation: .readCommitted)
        let all = try await source.bounds(.latest, of: partitions)
        var ends: [TopicPartition: EndsWatch.End] = [:]
        for (partition, end) in all {
            ends[partition] = EndsWatch.End(all: end, committed: committed[partition] ?? end)
        }
        return ends
    }

    private func restless(_ watch: EndsWatch) -> FailoverError {
        let moving = watch.moving.map { "\($0.partition) (+\($0.offsets))" }
        guard moving.isEmpty, !watch.open.isEmpty else {
            return .stillWritten(
                cluster: settings.source.name, partitions: moving, isFenced: !options.fence.isEmpty,
                opposite: opposite?.name)
        }
        return .openTransactions(cluster: settings.source.name, partitions: watch.open.map(\.description))
    }

    func previewStillness() async throws -> String {
        let partitions = try await selectedPartitions()
        var watch = EndsWatch(for: .seconds(2))
        watch.observe(try await poll(at: partitions), at: .now)
        try await Task.sleep(for: .seconds(1))
        watch.observe(try await poll(at: partitions), at: .now)
        let moving = watch.moving.map { "\($0.partition) (+\($0.offsets))" }
        if !moving.isEmpty { return "\(settings.source.name) is written to now: \(moving.joined(separator: ", "))" }
        return watch.open.isEmpty
            ? "nothing was written to \(settings.source.name) for a second"
            : "open transactions: \(watch.open.map(\.description).joined(separator: ", "))"
    }

    func drain() async throws -> Ending {
        var behind = try await behind(ends)
        let began = behind.values.reduce(0, +)
        var lastMove = ContinuousClock.now
        while !behind.isEmpty {
            try await pause()
            let now = try await self.behind(ends)
            if now != behind { lastMove = .now }
            behind = now
            guard !behind.isEmpty, ContinuousClock.now - lastMove >= options.takeOverAfter else { continue }
            try await copyOurselves()
            behind = try await self.behind(ends)
        }
        report.accounts = try await accounts()
        // Records that come later were written by a producer that has not moved.
        record?.snapshot = memory.partitions(isSettled: true).compactMap { partition in
            ends[partition.source].map {
                var snapshot = PartitionSnapshot(
                    partition, sourceOffset: $0, targetEnd: max(0, partition.map.targetEnd))
                let checkpoint = memory.flow.checkpoints[partition.source]
                snapshot.sourceTopicID = checkpoint?.sourceTopicID
                snapshot.targetTopicID = checkpoint?.targetTopicID
                snapshot.sourceLeaderEpoch = checkpoint?.sourceLeaderEpoch
                return snapshot
            }
        }
        return (
            .done,
            began == 0 ? "every record was there already" : "the last \(Self.count(began, "offset")) are there too"
        )
    }

    /// Nobody runs the flow: we do, until everything has passed.
    private func copyOurselves() async throws {
        say(
            .note(
                "No instance runs flow \(settings.name): running it here, as one more instance. One that hangs finds its partitions "
                    + "taken over, and takes part again when it wakes up."))
        let flow = Flow(settings, eventLoops: eventLoops, logger: logger, wallClock: wallClock)
        try await flow.prepare()
        try await withThrowingTaskGroup(of: Void.self) { group in
            group.addTask { try await flow.run() }
            let outcome: Result<Void, any Error>
            do {
                outcome = .success(try await awaitPassing(flow))
            } catch {
                outcome = .failure(error)
            }
            await flow.stop()
            try? await group.waitForAll()
            try outcome.get()
        }
    }

    private func awaitPassing(_ flow: Flow) async throws {
        var lastMove = ContinuousClock.now
        var before: Int64 = -1
        var left: [TopicPartition: Int64] = [:]
        while await !flow.hasPassed(ends) {
            let status = await flow.status()
            obstacles = FlowObstacles(status)
            let failed = obstacles.stopped.filter { ends[$0.key] != nil }
            guard failed.isEmpty else {
                throw FailoverError.partitionsFailed(failed.map { "\($0.key): \($0.value)" }.sorted())
            }
            let passed = status.partitions.reduce(0) { $0 + $1.sourceOffset }
            // Other instances have their parts, and record how far they come.
            let behind = try await self.behind(ends)
            if passed != before || behind != left { lastMove = .now }
            before = passed
            left = behind
            guard ContinuousClock.now - lastMove < options.patience else {
                report.accounts = try await accounts()
                throw FailoverError.doesNotMove(flow: settings.name, partitions: report.accounts.left)
            }
            try await pause()
        }
    }

    /// Accounts for everything up to the ends that were fixed.
    private func accounts() async throws -> [Account] {
        try await recall()
        return try await AccountObserver(settings: settings, source: source, target: target)
            .accounts(memory.flow.checkpoints.recorded, obstacles: obstacles, upTo: ends)
    }

    func previewDrain() async throws -> String {
        let behind = try await behind(try await committedEnds())
        guard !behind.isEmpty else { return "everything is on \(settings.target.name)" }
        return
            "\(Self.count(behind.values.reduce(0, +), "offset")) in \(Self.count(behind.count, "partition")) are not on "
            + "\(settings.target.name) yet"
    }

    func liftOwnFence() async throws -> Ending {
        let rules = record?.fence ?? []
        guard !rules.isEmpty else { return (.skipped, "no producer was kept out of \(settings.source.name)") }
        try await removeFence(rules, on: source)
        record?.fence = []
        return (.done, "\(Self.count(rules.count, "rule")) taken away from \(settings.source.name)")
    }
}
