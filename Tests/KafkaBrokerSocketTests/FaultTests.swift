import ClusterTestSupport
import KafkaBroker
import KafkaWire
import NIOCore
import Testing

/// Faults on demand.
@Suite(.timeLimit(.minutes(1))) struct FaultTests {
    @Test func `an intercepted request is answered with the error in every part, once`() async throws {
        try await withCluster { cluster in
            try await RawConnection.open(port: cluster.ports[0]) { connection in
                try await connection.createTopic("t")
                cluster.intercept(.produce, .error(.notLeaderOrFollower))

                #expect(try await connection.produce(["a"], to: "t").errorCode == .notLeaderOrFollower)
                #expect(try await connection.produce(["a"], to: "t").baseOffset == 0)
            }
        }
    }

    @Test func `an interception can be meant for one node and several times`() async throws {
        try await withCluster(nodes: 2) { cluster in
            cluster.intercept(.listGroups, times: 2, node: 2, .error(.coordinatorNotAvailable))
            try await RawConnection.open(port: cluster.ports[0]) { one async throws in
                #expect(try await one.send(ListGroupsRequest()).errorCode == .none)
            }
            try await RawConnection.open(port: cluster.ports[1]) { two async throws in
                #expect(try await two.send(ListGroupsRequest()).errorCode == .coordinatorNotAvailable)
                #expect(try await two.send(ListGroupsRequest()).errorCode == .coordinatorNotAvailable)
                #expect(try await two.send(ListGroupsRequest()).errorCode == .none)
            }
        }
    }

    @Test func `a cut after handling leaves the record in the log`() async throws {
        try await withCluster { cluster in
            try await RawConnection.open(port: cluster.ports[0]) { connection in
                try await connection.createTopic("t")
                cluster.intercept(.produce, .disconnect)
                await #expect(throws: RawConnection.Failure.closed) {
                    _ = try await connection.produce(["lost"], to: "t")
                }
            }
            try await RawConnection.open(port: cluster.ports[0]) { connection in
                cluster.intercept(.produce, .disconnectAfterHandling)
                await #expect(throws: RawConnection.Failure.closed) {
                    _ = try await connection.produce(["kept"], to: "t")
                }
            }
            try await RawConnection.open(port: cluster.ports[0]) { connection async throws in
                #expect(try await connection.fetch("t").values() == ["kept"])
            }
        }
    }

    @Test func `a delayed request and those behind it wait`() async throws {
        try await withCluster { cluster in
            try await RawConnection.open(port: cluster.ports[0]) { connection in
                cluster.intercept(.metadata, .delay(.milliseconds(80)))
                let clock = ContinuousClock()
                let began = clock.now
                let delayed = try await connection.begin(MetadataRequest())
                let behind = try await connection.begin(ListGroupsRequest())

                _ = try await delayed.get()
                _ = try await behind.get()

                #expect(clock.now - began >= .milliseconds(75))
            }
        }
    }

    @Test func `a stopped node loses its partitions to a live replica and gets them back by election`() async throws {
        try await withCluster(nodes: 3) { cluster in
            try await RawConnection.open(port: cluster.ports[0]) { connection in
                try await connection.createTopic("t", partitions: 3, replicas: 2)
                let before = try #require(try await connection.metadata(["t"]).topics.first)
                let partition = try #require(before.partitions.first { $0.leaderID == 2 })
                let follower = try #require(partition.replicaNodes.first { $0 != 2 })

                try await cluster.stop(node: 2)

                let during = try await connection.metadata(["t"])
                let moved = try #require(during.topics.first?.partitions[Int(partition.partitionIndex)])
                #expect(during.brokers.map(\.nodeID) == [1, 3])
                #expect(moved.leaderID == follower)
                #expect(moved.leaderEpoch == partition.leaderEpoch + 1)
                #expect(moved.isrNodes == [follower])
                #expect(moved.offlineReplicas == [2])
                await #expect(throws: (any Error).self) { _ = try await RawConnection.connect(port: cluster.ports[1]) }

                try await cluster.start(node: 2)

                let after = try await connection.metadata(["t"])
                let joined = try #require(after.topics.first?.partitions[Int(partition.partitionIndex)])
                #expect(joined.isrNodes.sorted() == partition.replicaNodes.sorted())
                #expect(joined.leaderID == follower)
                var election = ElectLeadersRequest()
                election.topicPartitions = nil
                _ = try await connection.send(election)
                #expect(await cluster.leader(topic: "t", partition: partition.partitionIndex) == 2)
            }
        }
    }

    @Test func `the only replica's node takes its partition away and brings it back whole`() async throws {
        try await withCluster(nodes: 2) { cluster in
            try await RawConnection.open(port: cluster.ports[0]) { connection in
                try await connection.createTopic("t", partitions: 2)
                try await RawConnection.open(port: cluster.ports[1]) { two in
                    let index = try #require(
                        try await connection.metadata(["t"]).topics.first?.partitions.first { $0.leaderID == 2 })
                    _ = try await two.produce(["a"], to: "t", partition: index.partitionIndex)
                    try await cluster.stop(node: 2)
                    let gone = try #require(
                        try await connection.metadata(["t"]).topics.first?.partitions[Int(index.partitionIndex)])
                    #expect(gone.leaderID == -1)
                    #expect(gone.errorCode == .leaderNotAvailable)
                    try await cluster.start(node: 2)
                    try await RawConnection.open(port: cluster.ports[1]) { back async throws in
                        #expect(try await back.fetch("t", partition: index.partitionIndex).values() == ["a"])
                    }
                }
            }
        }
    }

    @Test func `a frozen node is silent and then goes on`() async throws {
        try await withCluster { cluster in
            try await RawConnection.open(port: cluster.ports[0]) { connection in
                try await cluster.freeze(node: 1)
                let waiting = try await connection.begin(MetadataRequest())
                try await cluster.thaw(node: 1)
                #expect(try await waiting.get().brokers.count == 1)
            }
        }
    }
}
