import KafkaBroker
import KafkaClient
import Replication
import ReplicatorDaemon
import Testing

/// A partition without a leader concerns that partition alone, and is taken up when there is one.
@Suite(.serialized, .timeLimit(.minutes(5))) struct LeaderlessTests {
    private static let topic = "orders"
    private static let copy = "east.orders"

    /// Two partitions, each on one node.
    private func create(_ name: String, _ client: ClusterClient) async throws {
        let topic = NewTopic(name, partitions: 2, replicationFactor: 1)
        for (_, outcome) in await client.createTopics([topic]) { _ = try outcome.get() }
    }

    /// Partition 0 loses the only node that holds it, and partition 1 is elsewhere.
    private func takeLeader(_ cluster: EmbeddedCluster, _ topic: String) async throws -> Int32 {
        let leader = try #require(await cluster.leader(topic: topic, partition: 0))
        let other = try #require(await cluster.leader(topic: topic, partition: 1))
        #expect(leader != other)
        try await cluster.stop(node: leader)
        return leader
    }

    private func offset(_ flow: Flow, _ partition: Int32) async -> Int64? {
        await flow.status().partitions.first { $0.partition == partition }?.sourceOffset
    }

    private func produce(_ world: Replicated, _ numbers: Range<Int>, _ partitions: Int32...) async throws {
        for partition in partitions { try await world.produce(numbers, to: Self.topic, partition: partition) }
    }

    private func checkAll(_ world: Replicated, _ numbers: Range<Int>) async throws {
        for partition in 0..<Int32(2) {
            #expect(try await world.targetValues(Self.copy, partition: partition) == expectedValues(numbers))
        }
    }

    @Test(arguments: [true, false]) func `at the start it waits with its reason, the others are copied`(
        isSource: Bool
    ) async throws {
        try await Replicated.run(nodes: 2) { world in
            try await create(Self.topic, world.sourceClient)
            try await create(Self.copy, world.targetClient)
            try await produce(world, 0..<10, 0, 1)
            let cluster = isSource ? world.source : world.target
            let node = try await takeLeader(cluster, isSource ? Self.topic : Self.copy)
            let flow = try world.flow()
            try await world.running(flow) {
                try await eventually("the other to be copied") { await offset(flow, 1) == 10 }
                let waiting = try #require(await flow.status().waiting?.first)
                #expect(waiting.topic == Self.topic)
                #expect(waiting.partitions == 1)
                let name = isSource ? "east" : "west"
                #expect(
                    waiting.reason.contains("no leader") || waiting.reason.contains("LEADER_NOT_AVAILABLE"),
                    "\(waiting.reason)")
                #expect(waiting.reason.contains(name), "\(waiting.reason)")
                #expect(FlowDocument(await flow.status(), sample: nil).obstacles.contains { $0.contains(Self.topic) })
                try await cluster.start(node: node)
                try await world.caughtUp(flow, records: 20)
                try await eventually("nothing to wait") { await flow.status().waiting == nil }
            }
            try await checkAll(world, 0..<10)
        }
    }

    @Test(arguments: [true, false]) func `later it is an obstacle with its reason, the others go on`(
        isSource: Bool
    ) async throws {
        try await Replicated.run(nodes: 2) { world in
            try await create(Self.topic, world.sourceClient)
            let flow = try world.flow()
            try await world.running(flow) {
                try await eventually("the copy to be there") { await flow.status().partitions.count == 2 }
                try await produce(world, 0..<10, 0, 1)
                try await world.caughtUp(flow, records: 20)
                let cluster = isSource ? world.source : world.target
                let (topic, name) = isSource ? (Self.topic, "east") : (Self.copy, "west")
                let node = try await takeLeader(cluster, topic)
                if !isSource { try await produce(world, 10..<20, 0) }
                try await produce(world, 10..<20, 1)
                try await eventually("the other to be copied") { await offset(flow, 1) == 20 }
                try await eventually("the reason to be told") {
                    await flow.status().partitions.first { $0.partition == 0 }?.obstacle
                        == "\(topic)-0 has no leader on \(name)"
                }
                try await cluster.start(node: node)
                if isSource { try await produce(world, 10..<20, 0) }
                try await world.caughtUp(flow, records: 40)
                try await eventually("nothing to be in the way") {
                    await flow.status().partitions.allSatisfy { $0.obstacle == nil }
                }
            }
            try await checkAll(world, 0..<20)
        }
    }
}
