import KafkaBroker
import KafkaClient
import KafkaWire
import NIOCore
import NIOPosix
import Replication
import ReplicationTools
import Synchronization
import Testing

/// Records left behind at a source that was lost: what the target has beyond the last checkpoint is not among them.
@Suite(.serialized, .timeLimit(.minutes(5))) struct FailoverTailTests {
    private func failover(_ world: Replicated) async throws -> Failover {
        var options = FailoverOptions(kind: .unplanned)
        options.takeOverAfter = .milliseconds(500)
        let settings = try await world.flow().settings
        return Failover(
            settings, opposite: nil, options: options, owner: "test",
            eventLoops: [world.group.next(), world.group.next()], logger: Replicated.quiet,
            wallClock: { Int64(NIODeadline.now().uptimeNanoseconds / 1_000_000) }
        ) { _ in }
    }

    /// Appends copies of numbered records as the flow would, so many sequences behind its checkpoint.
    private func append(
        _ numbers: Range<Int>, skipping: Int32, after checkpoint: Checkpoint, _ world: Replicated
    ) async throws {
        let next = try #require(checkpoint.following?.first)
        var builder = RecordBatchBuilder(
            producerID: next.id, producerEpoch: next.epoch, baseSequence: next.sequence + skipping)
        for number in numbers {
            builder.append(
                timestamp: 1_700_000_000_000 + Int64(number), key: ByteBuffer(string: "key \(number)"),
                value: ByteBuffer(string: "value \(number)"))
        }
        var partition = ProduceRequest.PartitionProduceData()
        partition.records = RecordBytes(try builder.finish().bytes)
        var topic = ProduceRequest.TopicProduceData()
        topic.name = "east.orders"
        topic.topicID = try #require(
            await world.targetClient.metadata(.named(["east.orders"])).topics["east.orders"]?.id)
        topic.partitionData = [partition]
        var request = ProduceRequest()
        request.acks = -1
        request.timeoutMs = 30_000
        request.topicData = [topic]
        let response = try await world.targetClient.send(request, to: .broker(1))
        #expect(response.responses.first?.partitionResponses.first?.errorCode == ErrorCode.none)
    }

    /// The flow has died with records 10 to 19 behind its checkpoint.
    ///
    /// - Parameters:
    ///   - taken: those of them that the target has got.
    ///   - left: those that are left behind.
    private func expect(taken: Range<Int>, left: Range<Int>) async throws {
        // A broker that forgets producers takes any sequence.
        try await Replicated.run(targetProperties: ["producer.id.expiration.ms": "1"]) { world in
            try await world.createTopic("orders", configs: ["retention.ms": "-1"])
            try await world.produce(0..<10, to: "orders")
            let checkpoint = try await world.copy(until: 10)
            try await world.produce(10..<20, to: "orders")
            try await world.target.jumpClock(byMilliseconds: 600_000)
            try await append(taken, skipping: Int32(taken.lowerBound - 10), after: checkpoint, world)

            try await failover(world).run()
            let values = Mutex<[String]>([])
            try await failover(world).exportTail { lost in
                values.withLock { $0.append(lost.value.map { String(buffer: $0) } ?? "null") }
            }
            #expect(values.withLock { $0 } == expectedValues(left))
        }
    }

    @Test func `records that the target got beyond the last checkpoint are not left behind`() async throws {
        try await expect(taken: 10..<15, left: 15..<20)
    }

    @Test func `a record that the target has refused is left behind although it took the next ones`() async throws {
        try await expect(taken: 15..<20, left: 10..<20)
    }
}
