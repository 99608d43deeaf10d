import KafkaClient
import KafkaWire
import NIOCore
import Synchronization
import Testing

/// Start offsets of share groups (KIP-932), as a coordinator answers.
@Suite struct ShareGroupTests {
    private static let versions: [ApiKey: ClosedRange<Int16>] = [
        .apiVersions: 0...3, .metadata: 4...12, .findCoordinator: 0...4, .describeShareGroupOffsets: 0...1,
        .alterShareGroupOffsets: 0...0, .listOffsets: 1...9,
    ]

    private func coordinator(
        versions: [ApiKey: ClosedRange<Int16>] = versions,
        _ handler: @escaping @Sendable (FakeBroker.Request) throws -> [FakeBroker.Action]?
    ) async throws -> FakeBroker {
        try await FakeBroker.ordinary(versions: versions, topics: ["orders": [1]]) { request in
            switch request.header.apiKey {
            case .apiVersions, .metadata: nil
            case .findCoordinator: [try request.coordinator(1, request.server)]
            default: try handler(request)
            }
        }
    }

    private static func described(_ code: ErrorCode, _ offsets: [Int32: Int64]) -> DescribeShareGroupOffsetsResponse {
        var topic = DescribeShareGroupOffsetsResponse.DescribeShareGroupOffsetsResponseTopic()
        topic.topicName = "orders"
        topic.partitions = offsets.sorted { $0.key < $1.key }.map { index, offset in
            var partition = DescribeShareGroupOffsetsResponse.DescribeShareGroupOffsetsResponsePartition()
            partition.partitionIndex = index
            partition.startOffset = offset
            return partition
        }
        var group = DescribeShareGroupOffsetsResponse.DescribeShareGroupOffsetsResponseGroup()
        group.groupID = "g"
        group.errorCode = code
        group.topics = code == .none ? [topic] : []
        var response = DescribeShareGroupOffsetsResponse()
        response.groups = [group]
        return response
    }

    @Test func `partitions that it has begun to read have a position`() async throws {
        let broker = try await coordinator { request in
            [try request.reply(Self.described(.none, [0: 7, 1: -1, 2: 0]))]
        }
        try await withClient(of: [broker.address]) { client in
            let positions = try await client.positions(of: "g", .share).mapValues { try $0.get().offset }
            #expect(positions == [TopicPartition("orders", 0): 7, TopicPartition("orders", 2): 0])
        }
        let request = try #require(broker.requests(of: .describeShareGroupOffsets).first)
        let asked = try request.decode(DescribeShareGroupOffsetsRequest.self).groups
        #expect(asked.map(\.groupID) == ["g"])
        #expect(asked.map(\.topics) == [nil])
        try await broker.stop()
    }

    @Test func `a group that does not exist has none`() async throws {
        let broker = try await coordinator { request in [try request.reply(Self.described(.groupIDNotFound, [:]))] }
        let positions = try await withClient(of: [broker.address]) { try await $0.positions(of: "g", .share).count }
        #expect(positions == 0)
        try await broker.stop()
    }

    @Test func `a cluster without such groups says so`() async throws {
        let broker = try await coordinator(versions: FakeBroker.Request.ordinaryVersions) { _ in nil }
        try await withClient(of: [broker.address]) { client in
            let error = try await kafkaError { _ = try await client.positions(of: "g", .share) }
            #expect(error.isUnsupported)
        }
        try await broker.stop()
    }

    @Test func `positions are set, each with its own answer, and with members none`() async throws {
        let hasMembers = Mutex(false)
        let broker = try await coordinator { request in
            var response = AlterShareGroupOffsetsResponse()
            if hasMembers.withLock({ $0 }) {
                response.errorCode = .nonEmptyGroup
                return [try request.reply(response)]
            }
            response.responses = try request.decode(AlterShareGroupOffsetsRequest.self).topics.map { wanted in
                var topic = AlterShareGroupOffsetsResponse.AlterShareGroupOffsetsResponseTopic()
                topic.topicName = wanted.topicName
                topic.partitions = wanted.partitions.map { asked in
                    var partition = AlterShareGroupOffsetsResponse.AlterShareGroupOffsetsResponsePartition()
                    partition.partitionIndex = asked.partitionIndex
                    partition.errorCode = asked.partitionIndex == 0 ? .none : .unknownTopicOrPartition
                    return partition
                }
                return topic
            }
            return [try request.reply(response)]
        }
        try await withClient(of: [broker.address]) { client in
            let wanted = [
                TopicPartition("orders", 0): CommittedOffset(offset: 7),
                TopicPartition("orders", 1): CommittedOffset(offset: 8),
            ]
            let outcomes = await client.setPositions(of: "g", .share, wanted)
            #expect(throws: Never.self) { try outcomes[TopicPartition("orders", 0)]?.get() }
            let refused = try await kafkaError { try outcomes[TopicPartition("orders", 1)]?.get() }
            #expect(refused.code == .unknownTopicOrPartition)
            #expect(refused.group == "g")

            hasMembers.withLock { $0 = true }
            for outcome in await client.setPositions(of: "g", .share, wanted).values {
                let error = try await kafkaError { try outcome.get() }
                #expect(error.code == .nonEmptyGroup)
            }
        }
        // What cannot be mended by asking again is asked once.
        #expect(broker.requests(of: .alterShareGroupOffsets).count == 2)
        try await broker.stop()
    }

    @Test func `offsets in tiered storage are those in front of the local log`() async throws {
        let broker = try await coordinator { request in
            guard request.header.apiKey == .listOffsets else { return nil }
            let asked = try request.decode(ListOffsetsRequest.self).topics[0].partitions[0]
            var partition = ListOffsetsResponse.ListOffsetsPartitionResponse()
            partition.offset = asked.timestamp == -4 ? 70 : 20
            var topic = ListOffsetsResponse.ListOffsetsTopicResponse()
            topic.name = "orders"
            topic.partitions = [partition]
            var response = ListOffsetsResponse()
            response.topics = [topic]
            return [try request.reply(response)]
        }
        let orders = TopicPartition("orders", 0)
        let tiered = try await withClient(of: [broker.address]) { await $0.tieredOffsets(of: [orders]) }
        #expect(tiered == [orders: 50])
        #expect(broker.requests(of: .listOffsets).map(\.header.apiVersion) == [9, 9])
        try await broker.stop()
    }
}
