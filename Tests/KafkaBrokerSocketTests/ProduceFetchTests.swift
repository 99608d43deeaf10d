import ClusterTestSupport
import KafkaBroker
import KafkaWire
import NIOCore
import Testing

/// Records in and out over a socket.
@Suite(.timeLimit(.minutes(1))) struct ProduceFetchTests {
    @Test(arguments: Int16(3)...12)
    func `what is produced is fetched`(version: Int16) async throws {
        try await withTopic { connection in
            let first = try await connection.produce(["a", "b"], to: "t", version: version)
            let second = try await connection.produce(["c"], to: "t", version: version)

            #expect(first.errorCode == .none)
            #expect(first.baseOffset == 0)
            #expect(second.baseOffset == 2)
            let found = try await connection.fetch("t")
            #expect(try found.values() == ["a", "b", "c"])
            #expect(found.highWatermark == 3)
        }
    }

    @Test(arguments: Int16(0)...12)
    func `every version of Fetch gets a format it can read`(version: Int16) async throws {
        try await withTopic(release: .kafka38) { connection in
            _ = try await connection.produce(["a", "b", "c"], to: "t", version: 11)

            let found = try await connection.fetch("t", from: version < 4 ? 1 : 0, version: version)

            #expect(found.errorCode == .none)
            #expect(try found.values() == (version < 4 ? ["b", "c"] : ["a", "b", "c"]))
        }
    }

    @Test func `produce and fetch by topic id`() async throws {
        try await withTopic { connection in
            let id = try #require(try await connection.metadata(["t"]).topics.first?.topicID)
            var produce = try ProduceRequest(.batch(["a"]), to: "")
            produce.topicData[0].topicID = id
            #expect(
                try await connection.send(produce, version: 13).responses[0].partitionResponses[0].errorCode == .none)

            let fetched = try await connection.fetch("", version: 17) { $0.topics[0].topicID = id }
            #expect(try fetched.values() == ["a"])
            let unknown = try await connection.fetch("", version: 17) {
                $0.topics[0].topicID = KafkaUUID(high: 1, low: 1)
            }
            #expect(unknown.errorCode == .unknownTopicID)
        }
    }

    @Test func `without acknowledgement there is no answer, and an error cuts the connection`() async throws {
        func unacknowledged(_ topic: String) throws -> ByteBuffer {
            let request = try ProduceRequest(.batch(["a"]), to: topic, acks: 0)
            let pieces = try request.encodeFrame(version: 7, correlationID: 1, clientID: nil)
            return pieces.reduce(into: ByteBuffer()) { $0.writeImmutableBuffer($1) }
        }
        try await withTopic { connection in
            try await connection.write(unacknowledged("t"))
            // The first answer belongs to the next request, which sees the record.
            #expect(try await connection.fetch("t").values() == ["a"])

            try await connection.write(unacknowledged("nowhere"))
            try await connection.waitUntilClosed()
        }
    }

    @Test(arguments: [
        ("nowhere", Int32(0), Int16(-1), ErrorCode.unknownTopicOrPartition), ("t", 7, -1, .unknownTopicOrPartition),
        ("t", 0, 2, .invalidRequiredAcks), ("__consumer_offsets", 0, 1, .unknownTopicOrPartition),
    ])
    func `produce is refused`(topic: String, partition: Int32, acks: Int16, error: ErrorCode) async throws {
        try await withTopic { connection in
            let answer = try await connection.produce(["a"], to: topic, partition: partition, acks: acks)
            #expect(answer.errorCode == error)
            #expect(answer.baseOffset == -1)
        }
    }

    @Test func `a batch sent twice is appended once`() async throws {
        try await withTopic { connection in
            let request = try ProduceRequest(.batch(["a"], producerID: 7, epoch: 0, sequence: 0), to: "t")
            let first = try await connection.send(request, version: 9)
            let second = try await connection.send(request, version: 9)

            #expect(first.responses[0].partitionResponses[0].baseOffset == 0)
            #expect(second.responses[0].partitionResponses[0].baseOffset == 0)
            #expect(second.responses[0].partitionResponses[0].errorCode == .none)
            #expect(try await connection.fetch("t").highWatermark == 1)
        }
    }

    @Test func `a waiting fetch is answered when records come`() async throws {
        try await withCluster { cluster in
            try await RawConnection.open(port: cluster.ports[0]) { reader in
                try await RawConnection.open(port: cluster.ports[0]) { writer in
                    try await writer.createTopic("t", partitions: 2)
                    let waiting = try await reader.begin(
                        FetchRequest.plain("t", 1) { $0.maxWaitMs = 30_000 }, version: 12)
                    _ = try await writer.produce(["other"], to: "t", partition: 0)
                    _ = try await writer.produce(["a"], to: "t", partition: 1)

                    let found = try #require(try await waiting.get().responses.first?.partitions.first)
                    #expect(try found.values() == ["a"])
                }
            }
        }
    }

    @Test func `a fetch waits for its bytes, and no longer than it said`() async throws {
        try await withTopic { connection in
            _ = try await connection.produce(["a"], to: "t")
            let clock = ContinuousClock()
            let began = clock.now

            let found = try await connection.fetch("t") {
                $0.minBytes = 1 << 20
                $0.maxWaitMs = 120
            }

            #expect(clock.now - began >= .milliseconds(115))
            #expect(try found.values() == ["a"], "what there is comes at the end of the wait")
        }
    }

    @Test func `limits cut after whole batches, but the first batch always comes`() async throws {
        try await withTopic { connection in
            for value in ["a", "b", "c"] { _ = try await connection.produce([value], to: "t") }
            let one = try #require(try await connection.fetch("t", from: 2).records?.readableBytes)

            let first = try await connection.fetch("t") { $0.maxBytes = 1 }
            let two = try await connection.fetch("t") { $0.maxBytes = Int32(2 * one + 1) }
            let partition = try await connection.fetch("t") { $0.adjustPartition { $0.partitionMaxBytes = 1 } }

            #expect(try first.values() == ["a"])
            #expect(try two.values() == ["a", "b"])
            #expect(try partition.values() == ["a"])
        }
    }

    @Test func `offsets outside the log are refused`() async throws {
        try await withTopic { connection in
            _ = try await connection.produce(["a"], to: "t")

            #expect(try await connection.fetch("t", from: 2).errorCode == .offsetOutOfRange)
            #expect(try await connection.fetch("t", from: -1).errorCode == .offsetOutOfRange)
            #expect(try await connection.fetch("t", from: 1).errorCode == .none)
            #expect(try await connection.fetch("t", partition: 3).errorCode == .unknownTopicOrPartition)
        }
    }

    @Test func `leader epochs are checked`() async throws {
        try await withCluster(nodes: 2) { cluster in
            try await RawConnection.open(port: cluster.ports[0]) { one in
                try await RawConnection.open(port: cluster.ports[1]) { two in
                    try await one.createTopic("t", replicas: 2)
                    let leader = try #require(await cluster.leader(topic: "t", partition: 0))
                    let (old, new) = leader == 1 ? (one, two) : (two, one)
                    _ = try await old.produce(["a"], to: "t")
                    try await cluster.moveLeader(topic: "t", partition: 0, to: 3 - leader)
                    _ = try await new.produce(["b"], to: "t")

                    func epoch(_ epoch: Int32) -> (inout FetchRequest) -> Void {
                        { $0.adjustPartition { $0.currentLeaderEpoch = epoch } }
                    }
                    #expect(try await new.fetch("t", epoch(0)).errorCode == .fencedLeaderEpoch)
                    #expect(try await new.fetch("t", epoch(2)).errorCode == .unknownLeaderEpoch)
                    #expect(try await new.fetch("t", epoch(1)).values() == ["a", "b"])
                    let refused = try await old.produce(["c"], to: "t")
                    #expect(refused.errorCode == .notLeaderOrFollower)
                    #expect(refused.currentLeader.leaderID == 3 - leader)
                    #expect(refused.currentLeader.leaderEpoch == 1)
                    #expect(try await old.fetch("t").errorCode == .none, "a follower serves consumers since version 11")
                    #expect(try await old.fetch("t", version: 10).errorCode == .notLeaderOrFollower)

                    let diverging = try await new.fetch("t", from: 2) {
                        $0.adjustPartition { $0.lastFetchedEpoch = 0 }
                    }
                    #expect(diverging.divergingEpoch.epoch == 0)
                    #expect(diverging.divergingEpoch.endOffset == 1)
                }
            }
        }
    }

    @Test func `offsets are found by time and by their ends`() async throws {
        try await withTopic { connection in
            _ = try await connection.produce(["a", "b", "c"], to: "t")

            #expect(try await connection.offset("t", at: -2).offset == 0)
            #expect(try await connection.offset("t", at: -1).offset == 3)
            #expect(try await connection.offset("t", at: 1001).offset == 1)
            #expect(try await connection.offset("t", at: 1001).timestamp == 1001)
            #expect(try await connection.offset("t", at: -3).offset == 2)
            #expect(try await connection.offset("t", at: -3, version: 6).errorCode == .unsupportedVersion)
            #expect(try await connection.offset("t", at: 9999).offset == -1)
        }
    }

    @Test func `acks from all are refused while too few replicas are in sync`() async throws {
        try await withCluster(nodes: 2) { cluster in
            let created = try await RawConnection.open(port: cluster.ports[0]) { connection in
                try await connection.createTopic("t", replicas: 2, configs: ["min.insync.replicas": "2"])
            }
            #expect(created.errorCode == .none)
            try await cluster.stop(node: 2)
            try await RawConnection.open(port: cluster.ports[0]) { connection async throws in
                #expect(try await connection.produce(["a"], to: "t").errorCode == .notEnoughReplicas)
                #expect(try await connection.produce(["a"], to: "t", acks: 1).errorCode == .none)
            }
        }
    }

    /// A cluster of one node with an empty topic `t` of one partition.
    private func withTopic(
        release: BrokerRelease = .newest, _ body: (RawConnection) async throws -> Void
    ) async throws {
        try await withCluster(release: release) { cluster in
            try await RawConnection.open(port: cluster.ports[0]) { connection in
                try await connection.createTopic("t")
                try await body(connection)
            }
        }
    }
}
