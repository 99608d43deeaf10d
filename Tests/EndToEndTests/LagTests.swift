import Foundation
import KafkaBroker
import KafkaClient
import KafkaCompression
import KafkaWire
import NIOCore
import Observability
import Replication
import ReplicatorDaemon
import Synchronization
import Testing

/// Lag is right in whatever state, or said to be unknown.
@Suite(.serialized, .timeLimit(.minutes(5))) struct LagTests {
    /// A flow that has copied ten records of `orders`.
    private func copied(
        _ edit: @Sendable @escaping (inout FlowSettings) -> Void = { _ in },
        _ body: (Replicated, Flow) async throws -> Void
    ) async throws {
        try await Replicated.run { world in
            try await world.createTopic("orders")
            try await world.produce(0..<10, to: "orders")
            let flow = try world.flow {
                $0.source.requestTimeout = .seconds(1)
                $0.target.requestTimeout = .seconds(1)
                edit(&$0)
            }
            try await world.running(flow) {
                try await world.caughtUp(flow, records: 10)
                try await body(world, flow)
                world.source.removeInterceptions()
                world.target.removeInterceptions()
            }
        }
    }

    private func lag(_ flow: Flow) async -> Int64? { await flow.status().partitions.first?.lag }

    /// One more record: a fetch that is on its way when reading ends may still bring it, and nothing later.
    private func endLastFetch(_ world: Replicated, _ flow: Flow) async throws {
        try await world.produce(10..<11, to: "orders")
        try await eventually("the record to be heard of") { await flow.status().partitions.first?.sourceEnd == 11 }
    }

    /// Lag of so many records, or of one more.
    private func awaitGrownLag(_ lag: Int64, of flow: Flow) async throws {
        try await eventually("a lag of \(lag)") { [lag, lag + 1].contains(await self.lag(flow)) }
    }

    private func awaitLag(_ lag: Int64, of flow: Flow) async throws {
        try await eventually("a lag of \(lag)") { await self.lag(flow) == lag }
    }

    @Test(arguments: [
        ErrorCode.notLeaderOrFollower, .kafkaStorageError, .unknownTopicOrPartition, .offsetNotAvailable,
    ])
    func `a source that refuses every fetch does not hide the lag, and its answer is the obstacle`(
        code: ErrorCode
    ) async throws {
        try await copied { world, flow in
            world.source.intercept(.fetch, times: .max, .error(code))
            try await endLastFetch(world, flow)
            try await world.produce(11..<36, to: "orders")
            try await awaitGrownLag(25, of: flow)
            try await eventually("the source's answer to be told") {
                await flow.status().partitions.first?.obstacle?.contains("\(code)") == true
            }
        }
    }

    @Test func `fetches that are never answered do not hide the lag, and the silence is the obstacle`() async throws {
        try await copied { world, flow in
            world.source.intercept(.fetch, times: .max, .drop)
            try await endLastFetch(world, flow)
            try await world.produce(11..<31, to: "orders")
            try await awaitGrownLag(20, of: flow)
            try await eventually("the silence to be told") {
                let obstacle = await flow.status().partitions.first?.obstacle ?? ""
                return obstacle.contains("no answer within") || obstacle.contains("has not answered")
            }
        }
    }

    @Test func `the lag of a paused partition grows`() async throws {
        try await copied { world, flow in
            try await flow.pause(.flow)
            try await endLastFetch(world, flow)
            try await world.produce(11..<91, to: "orders")
            try await awaitGrownLag(80, of: flow)
            try await flow.resume(.flow)
            try await awaitLag(0, of: flow)
        }
    }

    @Test func `lag grows while the target is away`() async throws {
        try await copied { world, flow in
            try await world.target.stop(node: 1)
            for round in 1...5 {
                try await world.produce(round * 10..<round * 10 + 10, to: "orders")
                try await awaitLag(Int64(round * 10), of: flow)
            }
            try await eventually("the target's failure to be told") {
                await flow.status().partitions.first?.obstacle?.hasPrefix("west: ") == true
            }
            try await world.target.start(node: 1)
            try await awaitLag(0, of: flow)
        }
    }

    @Test func `the lag of a failed partition grows, and that of a recreated topic is not known`() async throws {
        try await copied { world, flow in
            world.target.intercept(.produce, times: 1, .error(.invalidTimestamp))
            try await world.produce(10..<12, to: "orders")
            try await eventually("the partition to fail") { await flow.status().partitions.first?.state == .failed }
            try await world.produce(12..<20, to: "orders")
            try await awaitLag(10, of: flow)
        }
        try await copied { world, flow in
            _ = try await world.source.recreateTopic("orders")
            try await eventually("the partition to fail") { await flow.status().partitions.first?.state == .failed }
            let partition = await flow.status().partitions.first
            #expect(partition?.lag == nil)
            #expect(partition?.lagUnknown == "what was copied is not what the source has now")
        }
    }

    @Test func `the lag of a source that says nothing becomes unknown, and the reason is told`() async throws {
        try await copied { world, flow in
            try await world.source.freeze(node: 1)
            try await eventually("the lag to be unknown") { await self.lag(flow) == nil }
            let partition = try #require(await flow.status().partitions.first)
            #expect(partition.sourceEnd == 10)
            #expect(partition.lagUnknown?.isEmpty == false)
            let document = FlowDocument(
                await flow.status(),
                sample: FlowSample(await flow.status(), since: nil, seconds: 0) { _ in
                    TopicMeasurement(bytes: 0, records: 0)
                })
            #expect(document.rates.lag == nil)
            #expect(document.rates.lagUnknownPartitions == 1)
            try await world.source.thaw(node: 1)
            try await awaitLag(0, of: flow)
        }
    }

    @Test func `the lag of what was not read yet since the start is known, and is not zero`() async throws {
        try await Replicated.run { world in
            try await world.createTopic("orders")
            try await world.produce(0..<10, to: "orders")
            let first = try world.flow()
            try await world.running(first) { try await world.caughtUp(first, records: 10) }
            try await world.produce(10..<60, to: "orders")
            world.stallTakeovers()
            let flow = try world.flow()
            try await world.running(flow) {
                try await eventually("the partition to be there") { await flow.status().partitions.count == 1 }
                let early = try #require(await flow.status().partitions.first)
                #expect(early.lag == 50 || early.lag == nil && early.lagUnknown != nil, "\(early)")
                try await awaitLag(50, of: flow)
                #expect(await flow.status().partitions.first?.sourceOffset == 10)
                world.endStall()
                try await awaitLag(0, of: flow)
            }
        }
    }

    /// A flow behind a relay, which has copied ten records; `exchange` may then answer its fetches.
    private func relayed(
        _ exchange: @escaping @Sendable (inout FetchResponse) -> Void,
        _ body: (Replicated, Flow, SharedFlag) async throws -> Void
    ) async throws {
        let isLying = SharedFlag()
        let proxy = try await AnswerProxy { answer in
            guard isLying.isSet, answer.api == .fetch else { return answer.framed }
            return answer.edited(FetchResponse.self, exchange)
        }
        try await Replicated.run(
            sourceProperties: ["advertised.listeners": "PLAINTEXT://127.0.0.1:\(proxy.port)"]
        ) { world in
            proxy.lead(to: try #require(world.source.ports.first))
            try await world.createTopic("orders")
            try await world.produce(0..<10, to: "orders")
            let flow = try world.flow()
            try await world.running(flow) {
                try await world.caughtUp(flow, records: 10)
                try await body(world, flow, isLying)
            }
        }
        await proxy.close()
    }

    private final class SharedFlag: Sendable {
        private let value = Atomic<Bool>(false)

        var isSet: Bool { value.load(ordering: .relaxed) }

        func set(_ isSet: Bool) {
            value.store(isSet, ordering: .relaxed)
        }
    }

    @Test func `a source that answers fetches with nothing for ever does not hide the lag, and that is the obstacle`()
        async throws
    {
        try await relayed { answer in
            for topic in answer.responses.indices {
                for partition in answer.responses[topic].partitions.indices {
                    answer.responses[topic].partitions[partition].records = nil
                    answer.responses[topic].partitions[partition].highWatermark = 10
                    answer.responses[topic].partitions[partition].lastStableOffset = 10
                }
            }
        } _: { world, flow, isLying in
            isLying.set(true)
            try await world.produce(10..<50, to: "orders")
            try await awaitGrownLag(39, of: flow)
            try await eventually("the reason to be told") {
                await flow.status().partitions.first?.obstacle?.contains("nothing has come from broker 1 of east")
                    == true
            }
            isLying.set(false)
            try await awaitLag(0, of: flow)
            try await eventually("the end of the trouble") { await flow.status().partitions.first?.obstacle == nil }
        }
    }

    @Test func `a source that asks for silence for years does not hide the lag, and that is the obstacle`() async throws
    {
        try await relayed {
            $0.throttleTimeMs = .max
        } _: { world, flow, isLying in
            isLying.set(true)
            try await eventually("the silence to be told") {
                await flow.status().partitions.first?.obstacle?.contains("throttle_time_ms") == true
            }
            isLying.set(false)
            try await world.produce(10..<50, to: "orders")
            try await awaitGrownLag(39, of: flow)
            #expect(await flow.status().partitions.first?.obstacle?.contains("throttle_time_ms") == true)
        }
    }

    @Test func `an open transaction is named, with how to end it`() async throws {
        try await copied { world, flow in
            let transaction = try await OpenedTransaction.begin("orders", records: 3, at: world)
            try await awaitLag(3, of: flow)
            try await eventually("the transaction to be told") {
                await flow.status().partitions.first?.obstacle?.contains("producer id \(transaction.producerID)")
                    == true
            }
            let obstacle = await flow.status().partitions.first?.obstacle ?? ""
            #expect(obstacle.contains("abort --topic 'orders' --partition 0 --start-offset 10"), "\(obstacle)")
        }
    }
}

/// A transaction with records, and without an end.
struct OpenedTransaction {
    let producerID: Int64

    static func begin(_ topic: String, records: Int, at world: Replicated) async throws -> OpenedTransaction {
        let client = world.sourceClient
        var start = InitProducerIdRequest()
        start.transactionalID = "left-open"
        start.transactionTimeoutMs = 600_000
        var producer = InitProducerIdResponse()
        try await eventually("a transaction coordinator") {
            producer = try await client.send(start, to: .transactionCoordinator("left-open"))
            return producer.errorCode == .none
        }
        var add = AddPartitionsToTxnRequest()
        add.v3AndBelowTransactionalID = "left-open"
        add.v3AndBelowProducerID = producer.producerID
        add.v3AndBelowProducerEpoch = producer.producerEpoch
        var partitions = AddPartitionsToTxnRequest.AddPartitionsToTxnTopic()
        partitions.name = topic
        partitions.partitions = [0]
        add.v3AndBelowTopics = [partitions]
        _ = try await client.send(add, to: .transactionCoordinator("left-open"), versions: 0...3)
        var builder = RecordBatchBuilder(
            producerID: producer.producerID, producerEpoch: producer.producerEpoch, baseSequence: 0,
            isTransactional: true)
        for number in 0..<records {
            builder.append(
                timestamp: 1_700_000_000_000, key: ByteBuffer(string: "key \(number)"),
                value: ByteBuffer(string: "open"))
        }
        var request = ProduceRequest()
        request.acks = -1
        request.timeoutMs = 10_000
        request.transactionalID = "left-open"
        var data = ProduceRequest.PartitionProduceData()
        data.index = 0
        data.records = RecordBytes(try builder.batch(codec: .none).bytes)
        var named = ProduceRequest.TopicProduceData()
        named.name = topic
        named.partitionData = [data]
        request.topicData = [named]
        let metadata = try await client.metadata(.named([topic]))
        let leader = try #require(metadata.partition(topic, 0)?.leader)
        let response = try await client.send(request, to: .broker(leader), versions: 3...11)
        #expect(response.responses.first?.partitionResponses.first?.errorCode == ErrorCode.none)
        return OpenedTransaction(producerID: producer.producerID)
    }
}
