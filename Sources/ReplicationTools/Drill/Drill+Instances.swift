internal import KafkaClient
internal import Replication

// One of several instances dies.
extension Drill {
    /// Instances that share the flow, the drill's own included.
    static let instances = 3

    /// Settings of an instance of a drill's flow.
    static func settings(_ flow: FlowSettings, instance number: Int) -> FlowSettings {
        var settings = flow
        settings.instance = InstanceSettings(id: "\(flow.name)-\(number)")
        return settings
    }

    func practiseInstances() async throws {
        let others = (1..<Self.instances).map { makeInstance($0) }
        for other in others { try await other.prepare() }
        let east = producer("source", at: source)
        let readers = consumer(at: source)
        try await withThrowingTaskGroup(of: Void.self) { group in
            let (victim, survivor) = (others[0], others[1])
            group.addTask { try await survivor.run() }
            do {
                try await self.together([east], [readers]) { try await self.lose(victim, survivor, east, readers) }
            } catch {
                group.cancelAll()
                throw error
            }
            await survivor.stop()
            try await group.waitForAll()
        }
    }

    /// Kills an instance that shares the flow, and measures until others have written each of its partitions.
    private func lose(
        _ victim: Flow, _ survivor: Flow, _ east: CanaryProducer, _ readers: CanaryConsumer
    ) async throws {
        let survivors = [flows.forward, survivor]
        let (lost, killedAt) = try await withThrowingTaskGroup(of: Void.self) { group in
            group.addTask { try? await victim.run() }
            do {
                try await waitFor("\(Self.instances) instances to share the flow") {
                    try await self.isDivided(among: survivors + [victim])
                }
                tell("\(Self.instances) instances share \(settings.partitions) partitions")
                try await Task.sleep(for: settings.phase)
            } catch {
                group.cancelAll()
                throw error
            }
            let lost = await victim.status().partitions.map { TopicPartition($0.topic, $0.partition) }
            let killedAt = ContinuousClock.now
            // Without a word, to the group or to the target.
            group.cancelAll()
            return (Set(lost), killedAt)
        }
        tell("an instance with \(lost.count) partitions is dead")
        var gaps: [TopicPartition: Double] = [:]
        let before = await written(by: survivors)
        try await waitFor("the other instances to take over what it had") {
            for (partition, bytes) in await self.written(by: survivors)
            where lost.contains(partition) && gaps[partition] == nil && bytes > before[partition] ?? 0 {
                gaps[partition] = self.seconds(from: killedAt, to: .now)
            }
            return gaps.count == lost.count
        }
        let sorted = gaps.values.sorted()
        report.gapPartitions = sorted.count
        report.gapMedianSeconds = sorted.isEmpty ? 0 : sorted[sorted.count / 2]
        report.gapLongestSeconds = sorted.last ?? 0
        tell("all of them are written again")
        try await Task.sleep(for: settings.phase / 2)
        await east.stop()
        try await drain(flows.forward, from: source)
        let ends = try await canary.ends(source)
        try await waitFor("consumers to reach the end") { await readers.hasReached(ends) }
    }

    /// Tells whether each has a part, and all of them together have everything once.
    private func isDivided(among instances: [Flow]) async throws -> Bool {
        var owners: [TopicPartition: Int] = [:]
        for instance in instances {
            let partitions = await instance.status().partitions
            guard !partitions.isEmpty else { return false }
            for one in partitions { owners[TopicPartition(one.topic, one.partition), default: 0] += 1 }
        }
        return owners.count == Int(settings.partitions) && owners.values.allSatisfy { $0 == 1 }
    }

    /// Bytes of each partition that the target has acknowledged to those who have it now.
    private func written(by instances: [Flow]) async -> [TopicPartition: Int64] {
        var written: [TopicPartition: Int64] = [:]
        for instance in instances {
            for one in await instance.status().partitions {
                written[TopicPartition(one.topic, one.partition)] = one.writtenBytes
            }
        }
        return written
    }
}
