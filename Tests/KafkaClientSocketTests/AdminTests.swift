import KafkaClient
import KafkaWire
import NIOCore
import Synchronization
import Testing

/// Administration: an outcome per item, another attempt where time heals.
@Suite struct AdminTests {
    @Test func `each topic has its own outcome`() async throws {
        let broker = try await FakeBroker.ordinary { request in
            guard request.header.apiKey == .createTopics else { return nil }
            var response = CreateTopicsResponse()
            response.topics = try request.decode(CreateTopicsRequest.self).topics.map { asked in
                var topic = CreateTopicsResponse.CreatableTopicResult()
                topic.name = asked.name
                topic.numPartitions = asked.numPartitions
                if asked.name == "big" {
                    topic.errorCode = .invalidReplicationFactor
                    topic.errorMessage = "Replication factor: 9 larger than available brokers: 1."
                }
                return topic
            }
            return [try request.reply(response)]
        }
        let outcomes = try await withClient(of: [broker.address]) { client in
            await client.createTopics([
                NewTopic("small", partitions: 3, replicationFactor: 1, configs: ["retention.ms": "1"]),
                NewTopic("big", partitions: 1, replicationFactor: 9),
            ])
        }

        #expect(try outcomes["small"]?.get().partitions == 3)
        let error = try #require(throws: KafkaError.self) { _ = try outcomes["big"]?.get() }
        #expect(
            error.description
                == "east: CreateTopics of big: INVALID_REPLICATION_FACTOR (38), \"Replication factor: 9 larger than available brokers: 1.\"; the cluster has fewer brokers than replicas were asked for"
        )
        #expect(broker.requests(of: .createTopics).count == 1)
        try await broker.stop()
    }

    @Test func `a controller that is none any more is found again`() async throws {
        let attempts = Mutex(0)
        let broker = try await FakeBroker.ordinary { request in
            guard request.header.apiKey == .deleteTopics else { return nil }
            var topic = DeleteTopicsResponse.DeletableTopicResult()
            topic.name = "orders"
            topic.errorCode = attempts.withLock { attempts in
                attempts += 1
                return attempts < 3 ? .notController : .none
            }
            var response = DeleteTopicsResponse()
            response.responses = [topic]
            return [try request.reply(response)]
        }
        let outcomes = try await withClient(of: [broker.address]) { await $0.deleteTopics(["orders"]) }

        #expect(throws: Never.self) { try outcomes["orders"]?.get() }
        #expect(broker.requests(of: .deleteTopics).count == 3)
        #expect(broker.requests(of: .metadata).count == 3)
        try await broker.stop()
    }

    @Test func `an item that the answer leaves out counts as unanswered`() async throws {
        let broker = try await FakeBroker.ordinary { request in
            request.header.apiKey == .deleteTopics ? [try request.reply(DeleteTopicsResponse())] : nil
        }
        let outcomes = try await withClient(of: [broker.address]) {
            $0.operationTimeout = .milliseconds(20)
        } _: { client in
            await client.deleteTopics(["orders"])
        }
        let error = try #require(throws: KafkaError.self) { _ = try outcomes["orders"]?.get() }
        #expect(error.reason == .unexpectedAnswer("it leaves orders out"))
        try await broker.stop()
    }

    @Test func `what a broker refuses for good is not asked twice`() async throws {
        let broker = try await FakeBroker.ordinary { request in
            guard request.header.apiKey == .initProducerId else { return nil }
            var response = InitProducerIdResponse()
            response.errorCode = .clusterAuthorizationFailed
            return [try request.reply(response)]
        }
        let error = try await withClient(of: [broker.address]) { client in
            try await kafkaError { _ = try await client.initProducerID() }
        }
        #expect(error.code == .clusterAuthorizationFailed)
        #expect(broker.requests(of: .initProducerId).count == 1)
        try await broker.stop()
    }

    @Test func `offsets are asked of leaders, and again when a leader has moved`() async throws {
        let moved = Mutex(false)
        let second = Mutex<HostAndPort?>(nil)
        let handler: FakeBroker.Handler = { request in
            switch request.header.apiKey {
            case .apiVersions: return [try request.versions()]
            case .metadata:
                let brokers: [Int32: HostAndPort] = [1: request.server, 2: second.withLock { $0 } ?? request.server]
                let leaders: [Int32] = moved.withLock { $0 } ? [1, 2] : [1, 1]
                return [try request.metadata(brokers, topics: ["orders": leaders])]
            case .listOffsets:
                let isSecond = second.withLock { $0 } == request.server
                var response = ListOffsetsResponse()
                response.topics = try request.decode(ListOffsetsRequest.self).topics.map { asked in
                    var topic = ListOffsetsResponse.ListOffsetsTopicResponse()
                    topic.name = asked.name
                    topic.partitions = asked.partitions.map { asked in
                        var partition = ListOffsetsResponse.ListOffsetsPartitionResponse()
                        partition.partitionIndex = asked.partitionIndex
                        if asked.partitionIndex == 1, !isSecond {
                            partition.errorCode = .notLeaderOrFollower
                            moved.withLock { $0 = true }
                        } else {
                            partition.offset = asked.timestamp == -1 ? 100 : 5
                        }
                        return partition
                    }
                    return topic
                }
                return [try request.reply(response)]
            default: return [.close]
            }
        }
        let other = try await FakeBroker(handler)
        second.withLock { $0 = other.address }
        let broker = try await FakeBroker(handler)

        let outcomes = try await withClient(of: [broker.address]) { client in
            await client.offsets([
                TopicPartition("orders", 0): .latest, TopicPartition("orders", 1): .earliest,
                TopicPartition("ghost", 0): .latest,
            ])
        }

        #expect(try outcomes[TopicPartition("orders", 0)]?.get().offset == 100)
        #expect(try outcomes[TopicPartition("orders", 1)]?.get().offset == 5)
        let error = try #require(throws: KafkaError.self) { _ = try outcomes[TopicPartition("ghost", 0)]?.get() }
        #expect(error.code == .unknownTopicOrPartition)
        #expect(error.topic == "ghost")
        // What had been answered was not asked again.
        #expect(broker.requests(of: .listOffsets).count == 1)
        #expect(try broker.requests(of: .listOffsets)[0].decode(ListOffsetsRequest.self).replicaID == -1)
        try await broker.stop()
        try await other.stop()
    }

    @Test func `single keys are changed where the broker can`() async throws {
        let broker = try await FakeBroker.ordinary { request in
            guard request.header.apiKey == .incrementalAlterConfigs else { return nil }
            var response = IncrementalAlterConfigsResponse()
            response.responses = try request.decode(IncrementalAlterConfigsRequest.self).resources.map { asked in
                var result = IncrementalAlterConfigsResponse.AlterConfigsResourceResponse()
                result.resourceType = asked.resourceType
                result.resourceName = asked.resourceName
                return result
            }
            return [try request.reply(response)]
        }
        let outcomes = try await withClient(of: [broker.address]) { client in
            await client.alterConfigs([
                .topic("orders"): ["retention.ms": .set("7"), "segment.ms": .delete, "x": .append("a")]
            ])
        }
        #expect(throws: Never.self) { try outcomes[.topic("orders")]?.get() }
        let request = try broker.requests(of: .incrementalAlterConfigs)[0].decode(IncrementalAlterConfigsRequest.self)
        let changes = request.resources[0].configs.map { "\($0.name) \($0.configOperation) \($0.value ?? "-")" }
        #expect(changes == ["retention.ms 0 7", "segment.ms 1 -", "x 2 a"])
        try await broker.stop()
    }

    @Test func `where the broker can only replace, the rest is kept`() async throws {
        var versions = FakeBroker.Request.ordinaryVersions
        versions[.incrementalAlterConfigs] = nil
        let broker = try await FakeBroker.ordinary(versions: versions) { request in
            switch request.header.apiKey {
            case .describeConfigs:
                var result = DescribeConfigsResponse.DescribeConfigsResult()
                result.resourceType = 2
                result.resourceName = "orders"
                let entries: [(String, String, Int8)] = [
                    ("retention.ms", "1", 1), ("cleanup.policy", "compact", 1), ("segment.ms", "9", 1),
                    ("max.message.bytes", "1000", 5),
                ]
                result.configs = entries.map { name, value, source in
                    var entry = DescribeConfigsResponse.DescribeConfigsResourceResult()
                    entry.name = name
                    entry.value = value
                    entry.configSource = source
                    return entry
                }
                var response = DescribeConfigsResponse()
                response.results = [result]
                return [try request.reply(response)]
            case .alterConfigs:
                var result = AlterConfigsResponse.AlterConfigsResourceResponse()
                result.resourceType = 2
                result.resourceName = "orders"
                var response = AlterConfigsResponse()
                response.responses = [result]
                return [try request.reply(response)]
            default: return nil
            }
        }
        let outcomes = try await withClient(of: [broker.address]) { client in
            await client.alterConfigs([.topic("orders"): ["retention.ms": .set("7"), "segment.ms": .delete]])
        }
        #expect(throws: Never.self) { try outcomes[.topic("orders")]?.get() }
        let written = try broker.requests(of: .alterConfigs)[0].decode(AlterConfigsRequest.self).resources[0].configs
        #expect(written.map { "\($0.name)=\($0.value ?? "-")" } == ["cleanup.policy=compact", "retention.ms=7"])
        try await broker.stop()
    }
}
