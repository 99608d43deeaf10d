import ClusterTestSupport
import KafkaBroker
import KafkaWire
import NIOCore
import Testing

/// Faults that change what a log holds, and the clock.
@Suite(.timeLimit(.minutes(1))) struct LogFaultTests {
    @Test func `a truncated log ends lower, in a new epoch, and epochs tell a client where`() async throws {
        try await withCluster { cluster in
            try await RawConnection.open(port: cluster.ports[0]) { connection in
                try await connection.createTopic("t")
                for value in ["a", "b", "c"] { _ = try await connection.produce([value], to: "t") }

                #expect(try await cluster.truncate(topic: "t", partition: 0, to: 1) == 1)

                #expect(try await connection.fetch("t").values() == ["a"])
                #expect(try await connection.metadata(["t"]).topics.first?.partitions.first?.leaderEpoch == 1)
                #expect(try await connection.produce(["d"], to: "t").baseOffset == 1)
                var wanted = OffsetForLeaderEpochRequest.OffsetForLeaderPartition()
                wanted.currentLeaderEpoch = 1
                wanted.leaderEpoch = 0
                var entry = OffsetForLeaderEpochRequest.OffsetForLeaderTopic()
                entry.topic = "t"
                entry.partitions = [wanted]
                var request = OffsetForLeaderEpochRequest()
                request.topics = [entry]
                let answer = try #require(try await connection.send(request).topics.first?.partitions.first)
                #expect(answer.leaderEpoch == 0)
                #expect(answer.endOffset == 1)
            }
        }
    }

    @Test func `a batch that spans the offset goes whole, and a log cannot be lengthened`() async throws {
        try await withCluster { cluster in
            try await RawConnection.open(port: cluster.ports[0]) { connection in
                try await connection.createTopic("t")
                _ = try await connection.produce(["a", "b", "c"], to: "t")

                await #expect(throws: BrokerError.self) {
                    try await cluster.truncate(topic: "t", partition: 0, to: 4)
                }
                #expect(try await cluster.truncate(topic: "t", partition: 0, to: 2) == 0)
                #expect(try await connection.fetch("t").values().isEmpty)
            }
        }
    }

    @Test func `an expired log begins higher, by offset or by time, whatever its policy`() async throws {
        try await withCluster { cluster in
            try await RawConnection.open(port: cluster.ports[0]) { connection in
                try await connection.createTopic("t", configs: ["cleanup.policy": "compact"])
                var builder = RecordBatchBuilder()
                for number in 0..<5 {
                    builder.append(
                        timestamp: Int64(number) * 10, key: ByteBuffer(string: "k"), value: ByteBuffer(string: "v"))
                }
                let records = RecordBytes(try builder.finish().bytes)
                _ = try await connection.send(ProduceRequest(records, to: "t"), version: 12)

                #expect(try await cluster.expire(topic: "t", partition: 0, before: 1) == 1)
                #expect(try await cluster.expire(topic: "t", partition: 0, olderThan: 30) == 3)
                #expect(try await connection.offset("t", at: -2).offset == 3)
                #expect(try await connection.fetch("t").errorCode == .offsetOutOfRange)
                #expect(try await cluster.expire(topic: "t", partition: 0, olderThan: .max) == 5)
            }
        }
    }

    @Test func `a recreated topic keeps partitions and settings and nothing else`() async throws {
        try await withCluster(nodes: 2) { cluster in
            try await RawConnection.open(port: cluster.ports[0]) { connection in
                try await connection.createTopic("t", partitions: 3, replicas: 2, configs: ["retention.ms": "12345"])
                let before = try #require(try await connection.metadata(["t"]).topics.first)

                try await cluster.recreateTopic("t")

                let after = try #require(try await connection.metadata(["t"]).topics.first)
                #expect(after.topicID != before.topicID)
                #expect(after.partitions.map(\.replicaNodes) == before.partitions.map(\.replicaNodes))
                let snapshot = await cluster.snapshot()
                #expect(snapshot.topics.first { $0.name == "t" }?.partitions.map(\.logEndOffset) == [0, 0, 0])
                var byID = MetadataRequest()
                var gone = MetadataRequest.MetadataRequestTopic()
                gone.name = nil
                gone.topicID = before.topicID
                byID.topics = [gone]
                #expect(try await connection.send(byID).topics.first?.errorCode == .unknownTopicID)
            }
        }
    }

    @Test func `a jump of the clock stamps records and lets retention do its work`() async throws {
        try await withCluster { cluster in
            try await RawConnection.open(port: cluster.ports[0]) { connection in
                try await connection.createTopic("t", configs: ["message.timestamp.type": "LogAppendTime"])
                let before = try await connection.produce(["a"], to: "t").logAppendTimeMs
                let hour: Int64 = 3_600_000

                try await cluster.jumpClock(byMilliseconds: hour)

                #expect(try await connection.produce(["b"], to: "t").logAppendTimeMs >= before + hour)
                try await cluster.jumpClock(byMilliseconds: 24 * 8 * hour)
                #expect(try await connection.offset("t", at: -2).offset == 2)
                try await cluster.jumpClock(byMilliseconds: -25 * 8 * hour)
                #expect(try await connection.produce(["c"], to: "t").logAppendTimeMs < before)
            }
        }
    }

    @Test func `an interception for a topic finds it in names, ids and fetch sessions`() async throws {
        try await withCluster { cluster in
            try await RawConnection.open(port: cluster.ports[0]) { connection in
                try await connection.createTopic("t")
                try await connection.createTopic("u")
                cluster.intercept(.produce, times: 1, topic: "t", .error(.notEnoughReplicas))
                #expect(try await connection.produce(["a"], to: "u").errorCode == .none)
                #expect(try await connection.produce(["a"], to: "t").errorCode == .notEnoughReplicas)

                let id = try #require(try await connection.metadata(["t"]).topics.first?.topicID)
                var request = FetchRequest.plain("t")
                request.topics[0].topicID = id
                request.sessionEpoch = 0
                let full = try await connection.send(request, version: 16)
                cluster.intercept(.fetch, topic: "t", .error(.notLeaderOrFollower))
                var next = FetchRequest()
                next.sessionID = full.sessionID
                next.sessionEpoch = 1
                #expect(try await connection.send(next, version: 16).errorCode == .notLeaderOrFollower)
                #expect(cluster.waitingInterceptions.isEmpty)
            }
        }
    }
}
