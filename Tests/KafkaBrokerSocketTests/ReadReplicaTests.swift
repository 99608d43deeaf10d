import ClusterTestSupport
import KafkaBroker
import KafkaWire
import Testing

/// Consumers that read from followers (KIP-392).
@Suite(.timeLimit(.minutes(1))) struct ReadReplicaTests {
    private static let selector = "org.apache.kafka.common.replica.RackAwareReplicaSelector"

    /// Nodes 1 to 3 in the racks a, b and c; `t` with a replica on each and two records, led by node 1.
    private static func withRacks(
        selector: String? = selector, _ body: (EmbeddedCluster, RawConnection, RawConnection) async throws -> Void
    ) async throws {
        var properties = ["broker.rack": "a,b,c"]
        properties["replica.selector.class"] = selector
        try await withCluster(nodes: 3, properties: properties) { cluster in
            try await RawConnection.open(port: cluster.ports[0]) { leader in
                try await leader.createTopic("t", replicas: 3)
                if await cluster.leader(topic: "t", partition: 0) != 1 {
                    try await cluster.moveLeader(topic: "t", partition: 0, to: 1)
                }
                _ = try await leader.produce(["one", "two"], to: "t")
                try await RawConnection.open(port: cluster.ports[1]) { follower in
                    try await body(cluster, leader, follower)
                }
            }
        }
    }

    @Test(arguments: [selector, "RackAwareReplicaSelector"])
    func `the leader names the follower in the consumer's rack at once, and gives no records`(
        selector: String
    ) async throws {
        try await Self.withRacks(selector: selector) { _, leader, follower in
            let sent = try await leader.fetch("t") {
                $0.rackID = "b"
                $0.maxWaitMs = 30_000
                $0.isolationLevel = 1
            }
            #expect(sent.errorCode == .none)
            #expect(sent.preferredReadReplica == 2)
            #expect(try sent.values() == [])
            #expect([sent.logStartOffset, sent.lastStableOffset, sent.highWatermark] == [0, 2, 2])

            let served = try await follower.fetch("t") { $0.rackID = "b" }
            #expect(served.preferredReadReplica == -1)
            #expect(try served.values() == ["one", "two"])
        }
    }

    @Test func `whoever tells no rack, the leader's or an unknown one is served by the leader`() async throws {
        try await Self.withRacks { _, leader, _ in
            for rack in ["", "a", "elsewhere"] {
                let data = try await leader.fetch("t") { $0.rackID = rack }
                #expect(data.preferredReadReplica == -1)
                #expect(try data.values() == ["one", "two"])
            }
        }
    }

    @Test(arguments: [nil, "", "org.apache.kafka.common.replica.LeaderSelector"])
    func `without the selector racks change nothing`(selector: String?) async throws {
        try await Self.withRacks(selector: selector) { _, leader, _ in
            let data = try await leader.fetch("t") { $0.rackID = "b" }
            #expect(data.preferredReadReplica == -1)
            #expect(try data.values() == ["one", "two"])
        }
    }

    @Test func `versions before 11 cannot be sent away, and are not served by followers`() async throws {
        try await Self.withRacks { _, leader, follower in
            let served = try await leader.fetch("t", version: 10) { $0.rackID = "b" }
            let refused = try await follower.fetch("t", version: 10)

            #expect(try served.values() == ["one", "two"])
            #expect(refused.errorCode == .notLeaderOrFollower)
        }
    }

    @Test func `a follower that is not live is not named`() async throws {
        try await Self.withRacks { cluster, leader, _ in
            try await cluster.stop(node: 2)
            let alone = try await leader.fetch("t") { $0.rackID = "b" }
            #expect(try alone.values() == ["one", "two"])

            try await cluster.start(node: 2)
            let joined = try await leader.fetch("t") { $0.rackID = "b" }
            #expect(joined.preferredReadReplica == 2)
        }
    }

    @Test func `offsets out of the log's range are the leader's to refuse`() async throws {
        try await Self.withRacks { _, leader, _ in
            let data = try await leader.fetch("t", from: 3) { $0.rackID = "b" }
            #expect(data.errorCode == .offsetOutOfRange)
            #expect(data.preferredReadReplica == -1)
        }
    }

    @Test func `a follower waits for records as a leader does`() async throws {
        try await Self.withRacks { _, leader, follower in
            async let waiting = follower.fetch("t", from: 2) {
                $0.rackID = "b"
                $0.maxWaitMs = 30_000
            }
            _ = try await leader.produce(["three"], to: "t")
            let grown = try await waiting
            #expect(try grown.values() == ["three"])
        }
    }

    @Test func `a session tells the follower with every request that stays at the leader`() async throws {
        try await Self.withRacks { _, leader, _ in
            var request = FetchRequest.plain("t") { $0.rackID = "b" }
            request.sessionEpoch = 0
            var response = try await leader.send(request, version: 12)
            for epoch in Int32(1)...2 {
                #expect(response.responses.first?.partitions.first?.preferredReadReplica == 2)
                var next = FetchRequest()
                next.sessionID = response.sessionID
                next.sessionEpoch = epoch
                next.rackID = "b"
                next.minBytes = 1
                response = try await leader.send(next, version: 12)
            }
            #expect(response.responses.first?.partitions.first?.preferredReadReplica == 2)
        }
    }

    @Test func `each node tells its rack`() async throws {
        try await Self.withRacks { _, leader, _ in
            let metadata = try await leader.metadata([])
            #expect(metadata.brokers.sorted { $0.nodeID < $1.nodeID }.map(\.rack) == ["a", "b", "c"])
            let described = try await leader.send(DescribeClusterRequest())
            #expect(described.brokers.sorted { $0.brokerID < $1.brokerID }.map(\.rack) == ["a", "b", "c"])
        }
    }

    @Test func `a selector that cannot be loaded ends the start`() async throws {
        let error = await #expect(throws: BrokerError.self) {
            try await withCluster(properties: ["replica.selector.class": "com.example.Selector"]) { _ in }
        }
        #expect(error.map { "\($0)" }?.contains("com.example.Selector") == true)
    }
}
