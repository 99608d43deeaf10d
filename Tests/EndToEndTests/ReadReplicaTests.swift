import KafkaBroker
import KafkaClient
import KafkaWire
import Replication
import Testing

/// Flows that read from replicas in their own rack (KIP-392).
@Suite(.serialized, .timeLimit(.minutes(3))) struct ReadReplicaTests {
    private static let partitions: Int32 = 3

    /// A source of three nodes in the racks a, b and c, with one partition led by each node, and a flow in rack b.
    private static func withRacks(
        lease: Duration = .seconds(300), _ body: (Replicated, Flow, FetchCount) async throws -> Void
    ) async throws {
        let properties = ["broker.rack": "a,b,c", "replica.selector.class": "RackAwareReplicaSelector"]
        try await Replicated.run(nodes: 3, sourceProperties: properties) { world in
            try await world.createTopic("orders", partitions: partitions)
            for partition in 0..<partitions {
                let leader = partition + 1
                if await world.source.leader(topic: "orders", partition: partition) != leader {
                    try await world.source.moveLeader(topic: "orders", partition: partition, to: leader)
                }
            }
            let fetches = FetchCount(world.source)
            let flow = try world.flow {
                $0.source.rackID = "b"
                $0.source.metadataMaximumAge = lease
            }
            try await world.running(flow) { try await body(world, flow, fetches) }
        }
    }

    private static func produce(_ numbers: Range<Int>, _ world: Replicated) async throws {
        for partition in 0..<partitions { try await world.produce(numbers, to: "orders", partition: partition) }
    }

    private static func expectCopies(_ numbers: Range<Int>, _ world: Replicated) async throws {
        for partition in 0..<partitions {
            #expect(try await world.targetValues("east.orders", partition: partition) == expectedValues(numbers))
        }
    }

    @Test func `records flow from the replica in the flow's rack, and nobody spins`() async throws {
        try await Self.withRacks { world, flow, fetches in
            for round in 0..<10 { try await Self.produce(round * 10..<(round + 1) * 10, world) }
            try await world.caughtUp(flow, records: 300)
            try await Self.expectCopies(0..<100, world)

            #expect(fetches.made(by: 2) > 0)
            let before = fetches.made
            try await Task.sleep(for: .seconds(2))
            // An idle session asks twice a second, and each of the flow's two shards has its own.
            #expect(fetches.made - before < 40)
            #expect(fetches.made(by: 1) + fetches.made(by: 3) < 40)
        }
    }

    @Test func `leaders are read again when the replica dies, and the replica when it is back`() async throws {
        try await Self.withRacks(lease: .seconds(3)) { world, flow, fetches in
            try await Self.produce(0..<10, world)
            try await world.caughtUp(flow, records: 30)
            try await world.source.stop(node: 2)
            try await Self.produce(10..<20, world)
            try await world.caughtUp(flow, records: 60)
            try await Self.expectCopies(0..<20, world)

            try await world.source.start(node: 2)
            let before = fetches.made(by: 2)
            try await Self.produce(20..<30, world)
            try await world.caughtUp(flow, records: 90)
            try await eventually("the replica to be read again") { fetches.made(by: 2) > before }
            try await Self.produce(30..<40, world)
            try await world.caughtUp(flow, records: 120)
            try await Self.expectCopies(0..<40, world)
        }
    }

    @Test(arguments: [ErrorCode.offsetOutOfRange, .notLeaderOrFollower, .kafkaStorageError, .offsetNotAvailable])
    func `what a replica refuses its leader is asked for`(code: ErrorCode) async throws {
        try await Self.withRacks { world, flow, fetches in
            try await Self.produce(0..<10, world)
            try await world.caughtUp(flow, records: 30)
            fetches.refuse(at: 2, code, times: 1_000)
            try await Self.produce(10..<20, world)
            // The partition that the replica leads itself is refused as long as it refuses.
            try await eventually("the others to be read from their leaders") {
                await flow.status().partitions.allSatisfy { $0.partition == 1 || $0.sourceOffset == 20 }
            }
            #expect(await flow.status().partitions.allSatisfy { $0.state != "failed" })

            fetches.refuseNothing()
            try await world.caughtUp(flow, records: 60)
            try await Self.expectCopies(0..<20, world)
        }
    }

    @Test func `leaders are asked again when a lease is over`() async throws {
        try await Self.withRacks(lease: .milliseconds(300)) { world, flow, fetches in
            try await Self.produce(0..<10, world)
            try await world.caughtUp(flow, records: 30)
            let before = fetches.made(by: 1)
            try await eventually("a leader to be asked again") { fetches.made(by: 1) > before + 2 }
            try await Self.produce(10..<20, world)
            try await world.caughtUp(flow, records: 60)
            try await Self.expectCopies(0..<20, world)
        }
    }
}

/// Counts the fetches that reach each of three nodes.
private struct FetchCount {
    private static let many = 1 << 30
    private let cluster: EmbeddedCluster

    init(_ cluster: EmbeddedCluster) {
        self.cluster = cluster
        for node in Int32(1)...3 { cluster.intercept(.fetch, times: Self.many, node: node, .delay(.zero)) }
    }

    func made(by node: Int32) -> Int {
        let waiting = cluster.waitingInterceptions.first { $0.node == node && $0.action == .delay(.zero) }
        return Self.many - (waiting?.remaining ?? Self.many)
    }

    var made: Int { (Int32(1)...3).reduce(0) { $0 + made(by: $1) } }

    /// From now on a node refuses fetches; the count ends.
    func refuse(at node: Int32, _ code: ErrorCode, times: Int) {
        cluster.removeInterceptions()
        cluster.intercept(.fetch, times: times, node: node, .error(code))
    }

    func refuseNothing() {
        cluster.removeInterceptions()
    }
}
