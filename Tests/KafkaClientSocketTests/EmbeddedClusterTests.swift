import ClusterTestSupport
import KafkaBroker
import KafkaClient
import KafkaWire
import NIOCore
import Testing

/// The client and the embedded broker, which share no code above the messages, meet on sockets.
@Suite struct EmbeddedClusterTests {
    static func clientOf<Value: Sendable>(
        _ cluster: EmbeddedCluster, _ body: (ClusterClient) async throws -> Value
    ) async throws -> Value {
        let addresses = cluster.bootstrapServers.split(separator: ",").compactMap { HostAndPort(String($0)) }
        return try await withClient(of: addresses) {
            $0.unknownTopicPatience = .seconds(5)
        } _: {
            try await body($0)
        }
    }

    @Test func `topics are created, grown, described, changed and deleted`() async throws {
        try await withCluster(nodes: 3) { cluster in
            try await Self.clientOf(cluster) { client in
                let new = NewTopic("orders", partitions: 2, replicationFactor: 3, configs: ["retention.ms": "1000"])
                let created = try await client.createTopics([new])["orders"]?.get()
                let again = try #require(await client.createTopics([new])["orders"])
                try await client.createPartitions(["orders": 4])["orders"]?.get()
                try await client.alterConfigs([.topic("orders"): ["cleanup.policy": .set("compact")]])[
                    .topic("orders")]?
                    .get()
                let configs = try await client.describeConfigs([.topic("orders")])[.topic("orders")]?.get()
                let topic = try #require(try await client.metadata(.all).topics["orders"])
                try await client.deleteTopics(["orders"])["orders"]?.get()
                let gone = try await client.metadata(.named(["orders"])).topics["orders"]

                #expect(created?.id == topic.id)
                #expect(throws: KafkaError.self) { try again.get() }
                #expect(topic.partitions.count == 4)
                #expect(configs?["retention.ms"]?.value == "1000")
                #expect(configs?["retention.ms"]?.source == .topic)
                #expect(configs?["cleanup.policy"]?.value == "compact")
                #expect(gone?.error == .unknownTopicOrPartition)
            }
        }
    }

    @Test(arguments: [Int32(1), 2])
    func `a broker that has fallen silent is not asked what others can tell`(silent: Int32) async throws {
        try await withCluster(nodes: 2) { cluster in
            try await Self.clientOf(cluster) { client in
                for node in [Int32(1), 2] {
                    _ = try await client.send(ListGroupsRequest(), to: .broker(node))
                }
                try await cluster.freeze(node: silent)
                try await withThrowingTaskGroup(of: Void.self) { group in
                    group.addTask { _ = try await client.send(ListGroupsRequest(), to: .broker(silent)) }
                    let connection = try await client.connection(to: silent, purpose: .admin)
                    while await connection.requestsInFlight == 0 { await Task.yield() }

                    // Long before the silent one is given up.
                    for _ in 0..<3 { _ = try await client.metadata(.all) }
                    #expect(await connection.requestsInFlight == 1)

                    try await cluster.thaw(node: silent)
                    try await group.waitForAll()
                }
            }
        }
    }

    @Test func `a leader that a refusal names is asked next, without a question for metadata`() async throws {
        try await withCluster(nodes: 3) { cluster in
            try await Self.clientOf(cluster) { client in
                _ = try await client.createTopics([NewTopic("state", partitions: 1, replicationFactor: 3)])["state"]?
                    .get()
                let state = StateTopic("state", client: client)
                let record = Record(offset: 0, timestamp: 1000, key: nil, value: ByteBuffer(string: "v"))
                _ = try await state.append([record])
                // Every broker's address is known, and so is who leads.
                _ = try await client.metadata(.named(["state"]))
                let many = 1_000
                cluster.intercept(.metadata, times: many, .delay(.zero))
                let leader = try #require(await cluster.leader(topic: "state", partition: 0))

                try await cluster.moveLeader(topic: "state", partition: 0, to: leader % 3 + 1)
                let offset = try await state.append([record])
                try await cluster.moveLeader(topic: "state", partition: 0, to: leader)
                let read = try await client.record(of: TopicPartition("state", 0), at: 1)

                #expect(offset == 1)
                #expect(read?.value == record.value)
                #expect(cluster.waitingInterceptions.first { $0.api == .metadata }?.remaining == many)
            }
        }
    }

    @Test func `state is appended, read back, looked up and cut`() async throws {
        try await withCluster(nodes: 3) { cluster in
            try await Self.clientOf(cluster) { client in
                _ = try await client.createTopics([NewTopic("state", partitions: 1, replicationFactor: 3)])["state"]?
                    .get()
                let state = StateTopic("state", client: client)
                let partition = TopicPartition("state", 0)
                let records = (0..<100).map { index in
                    Record(
                        offset: 0, timestamp: 1000 + Int64(index), key: ByteBuffer(string: "k\(index)"),
                        value: ByteBuffer(repeating: 1, count: 10_000))
                }
                let first = try await state.append(records)
                let read = try await state.readAll()
                let latest = try await client.offsets([partition: .latest])[partition]?.get()
                let byTime = try await client.offsets([partition: .timestamp(1050)])[partition]?.get()
                let producers = try await client.describeProducers([partition])[partition]?.get()
                let start = try await client.deleteRecords(before: [partition: 40])[partition]?.get()
                let rest = try await state.readAll()

                #expect(first == 0)
                #expect(read.map(\.key) == records.map(\.key))
                #expect(latest?.offset == 100)
                #expect(byTime?.offset == 50)
                #expect(byTime?.timestamp == 1050)
                #expect(producers?.map(\.lastSequence) == [99])
                #expect(start == 40)
                #expect(rest.first?.offset == 40)
            }
        }
    }

    @Test func `a fetch session brings news and nothing else`() async throws {
        try await withCluster { cluster in
            try await Self.clientOf(cluster) { client in
                _ = try await client.createTopics([NewTopic("many", partitions: 50, replicationFactor: 1)])["many"]?
                    .get()
                let topic = try #require(try await client.metadata(.named(["many"])).topics["many"])
                let leader = try #require(topic.partitions[0]?.leader)
                let connection = try await client.connection(to: leader, purpose: .fetch(0))
                var session = FetchSession(origin: .init(cluster: "east"))
                session.settings.maxWait = .milliseconds(10)
                for partition in topic.partitions.keys {
                    session.want(
                        FetchPosition(topic: "many", topicID: topic.id, partition: partition, fetchOffset: 0))
                }
                func fetch() async throws -> (asked: Int, epoch: Int32, [FetchedPartition]) {
                    let version = try connection.version(of: FetchRequest.self, within: session.versions)
                    let request = session.request(version: version)
                    let response = try await connection.send(request, version: version)
                    return (
                        request.topics.reduce(0) { $0 + $1.partitions.count }, request.sessionEpoch,
                        try session.accept(response)
                    )
                }

                let full = try await fetch()
                let idle = try await fetch()
                try await StateTopic("many", partition: 7, client: client)
                    .append([Record(offset: 0, timestamp: 1, key: nil, value: ByteBuffer(string: "v"))])
                let news = try await fetch()
                session.want(FetchPosition(topic: "many", topicID: topic.id, partition: 7, fetchOffset: 1))
                let moved = try await fetch()

                #expect((full.asked, full.epoch) == (50, 0))
                #expect(full.2.count == 50)
                #expect((idle.asked, idle.epoch) == (0, 1))
                #expect(idle.2.isEmpty)
                #expect((news.asked, news.epoch) == (0, 2))
                #expect(news.2.map(\.partition) == [7])
                #expect(news.2.first?.records != nil)
                #expect((moved.asked, moved.epoch) == (1, 3))
                #expect(moved.2.allSatisfy { $0.records == nil })
            }
        }
    }

    @Test func `groups commit and are listed`() async throws {
        try await withCluster(nodes: 3) { cluster in
            try await Self.clientOf(cluster) { client in
                _ = try await client.createTopics([NewTopic("orders", partitions: 2, replicationFactor: 1)])["orders"]?
                    .get()
                let partition = TopicPartition("orders", 1)
                let commits = await client.commitOffsets(
                    of: "billing", [partition: CommittedOffset(offset: 7, metadata: "m")])
                try commits[partition]?.get()
                let all = try await client.committedOffsets(of: "billing")
                let groups = try await client.listGroups()

                #expect(try all.mapValues { try $0.get().offset } == [partition: 7])
                #expect(groups.map(\.id) == ["billing"])
                #expect(groups.first?.state == "Empty")
            }
        }
    }
}
