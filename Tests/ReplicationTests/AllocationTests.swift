import AllocationCounter
import KafkaClient
import KafkaCompression
import KafkaWire
import NIOCore
import Replication
import Testing

/// Memory that a batch costs on each path, from the frame of the source's answer to the frames of the produce request and
/// the target's answer, as Docs/Architecture.md states it. No sockets: what they take is the event loop's.
@Suite(.enabled(if: allocations_are_counted())) struct AllocationTests {
    /// A way through the engine.
    enum Path: CaseIterable, Sendable {
        case passThrough, merged, mergedCompressed, loopHeaders, reencoded
    }

    private struct Shard {
        var scheduler: ShardScheduler
        var session = FetchSession(origin: .init(cluster: "east"))
        var end: Int64 = 0
        private let lane = FetchLane.tails(1)

        init(_ path: Path) throws {
            var driver = PartitionDriver()
            let isRewritten = path == .loopHeaders
            driver.partition = PartitionReplicator(
                source: TopicPartition("orders", 0), target: TopicPartition("east.orders", 0),
                sourceTopicID: PartitionDriver.sourceID, metrics: TopicMetrics(flow: "test", topic: "orders"),
                rewriter: RecordRewriter(
                    compression: path == .reencoded ? .codec(.lz4) : .keep,
                    loopGuard: isRewritten
                        ? LoopGuard(
                            sourceCluster: "S", targetCluster: "T", topicID: PartitionDriver.sourceID, partition: 0)
                        : nil, limit: .default),
                rules: .init(policies: FlowPolicies(), delivery: .exactlyOnce, targetCluster: "west"),
                position: PartitionDriver.start, map: OffsetMap(start: PartitionDriver.start),
                producer: ProducerIdentity(id: PartitionDriver.producerID, epoch: 0))
            driver.partition.sourceDescribed(
                topicID: PartitionDriver.sourceID, leader: PartitionLeader(broker: 1, epoch: 0))
            driver.partition.targetDescribed(topicID: PartitionDriver.targetID, leader: 2, epoch: 0)
            var intake = driver.intake
            intake.planner = BatchPlanner(
                compression: path == .reencoded ? .codec(.lz4) : .keep, addsLoopHeader: isRewritten)
            try driver.recover(end: 0)
            scheduler = ShardScheduler(
                budget: 64 << 20, limits: .init(budget: 64 << 20), intake: intake, replicaLease: .seconds(300))
            scheduler.add(driver.partition)
        }

        /// Position that the source is asked for next.
        var position: Int64 { scheduler[0].cursor.position }

        /// The source's answer to the next fetch, as it comes from the socket.
        mutating func answer(_ batches: [ByteBuffer]) throws -> ByteBuffer {
            var records = ByteBuffer()
            var offset = position
            for batch in batches {
                let count = try RecordBatch(batch).header.recordCount
                var copy = batch
                copy.setInteger(offset, at: copy.readerIndex)
                records.writeBuffer(&copy)
                offset += Int64(count)
            }
            var data = FetchResponse.PartitionData()
            data.highWatermark = offset
            data.lastStableOffset = offset
            data.records = RecordBytes(records)
            var topic = FetchResponse.FetchableTopicResponse()
            topic.topic = "orders"
            topic.partitions = [data]
            var response = FetchResponse()
            response.responses = [topic]
            var frame = ByteBuffer()
            for piece in try response.encodeFrame(version: 12, correlationID: 1) { frame.writeImmutableBuffer(piece) }
            frame.moveReaderIndex(forwardBy: 8)
            scheduler.update(&session, of: lane)
            _ = session.request(version: 12)
            return frame
        }

        /// Takes the answer in, and brings everything to the target.
        mutating func copy(_ frame: consuming ByteBuffer) throws {
            let response = try FetchResponse.decodeFrame(frame, version: 12)
            frame = ByteBuffer()
            for fetched in try session.accept(response) {
                scheduler.fetched(fetched, of: 0, in: lane, roundTrip: .microseconds(100), at: .uptimeNanoseconds(1))
            }
            while scheduler.hasWork(atTarget: 2) {
                for sending in scheduler.nextSendings(to: 2) {
                    var data = ProduceRequest.PartitionProduceData()
                    data.records = sending.attempt.records
                    var topic = ProduceRequest.TopicProduceData()
                    topic.name = sending.target.topic
                    topic.partitionData = [data]
                    var request = ProduceRequest()
                    request.topicData = [topic]
                    _ = try request.encodeFrame(version: 9, correlationID: 1, clientID: "replicator")
                    let base = end
                    var head: ByteBuffer?
                    sending.attempt.records.forEachSlice { head = head ?? $0 }
                    end += Int64(try RecordBatchHeader(parsing: head ?? ByteBuffer()).recordCount)
                    scheduler.send(to: 0) {
                        $0.answered(
                            ProduceAnswer(.none, baseOffset: base), to: sending.attempt, at: .uptimeNanoseconds(1),
                            wallClock: 0)
                    }
                }
            }
        }
    }

    private static func batch(records: Int, bytes: Int, codec: CompressionCodec) throws -> ByteBuffer {
        var builder = RecordBatchBuilder()
        var random = SystemRandomNumberGenerator()
        for _ in 0..<records {
            // Half of it compresses.
            var value = ByteBuffer(repeating: 7, count: bytes / records / 2)
            for _ in 0..<bytes / records / 2 { value.writeInteger(UInt8.random(in: 0...255, using: &random)) }
            builder.append(timestamp: 1, key: nil, value: value)
        }
        return try builder.batch(codec: codec).bytes
    }

    /// Cost of one batch more in each answer, once everything is warm.
    private static func cost(
        _ path: Path, records: Int, bytes: Int, codec: CompressionCodec = .none
    ) throws -> (count: Double, bytes: Double) {
        var shard = try Shard(path)
        let batch = try batch(records: records, bytes: bytes, codec: codec)
        func spent(_ batches: Int) throws -> (count: Double, bytes: Double) {
            var total = (count: 0.0, bytes: 0.0)
            let rounds = 8
            for _ in 0..<rounds {
                let frame = try shard.answer(Array(repeating: batch, count: batches))
                allocations_begin()
                try shard.copy(frame)
                let found = allocations_end()
                total.count += Double(found.count) / Double(rounds)
                total.bytes += Double(found.bytes) / Double(rounds)
            }
            return total
        }
        _ = try spent(24)
        let few = try spent(8)
        let many = try spent(24)
        return ((many.count - few.count) / 16, (many.bytes - few.bytes) / 16)
    }

    // No answer is longer than 16 MiB: beyond that slices are copies, since NIO's cannot begin there. The limits are those
    // of a build for debugging, in which nothing is left out that the optimizer would, and a tenth more.

    @Test(arguments: [(10, 100_000), (1_000, 100_000), (10, 600_000)])
    func `a batch that passes through takes small pieces of memory alone, as many whatever it holds`(
        records: Int, bytes: Int
    ) throws {
        let cost = try Self.cost(.passThrough, records: records, bytes: bytes)

        #expect(cost.count <= 60)
        #expect(cost.bytes <= 6_500)
    }

    @Test(arguments: [(CompressionCodec.none, 17.0, 4.0), (.lz4, 20.0, 10.0)])
    func `batches that are merged take memory for the new one, and nothing for each record`(
        codec: CompressionCodec, pieces: Double, copies: Double
    ) throws {
        let path = codec == .none ? Path.merged : .mergedCompressed
        let few = try Self.cost(path, records: 1, bytes: 8_000, codec: codec)
        let many = try Self.cost(path, records: 50, bytes: 8_000, codec: codec)

        #expect(few.count <= pieces)
        #expect(many.count <= few.count + 1)
        #expect(many.bytes <= copies * 8_000)
    }

    @Test(arguments: [
        (Path.loopHeaders, CompressionCodec.none, 85.0, 3.0), (.loopHeaders, .lz4, 95.0, 8.0),
        (.reencoded, .none, 90.0, 4.5),
    ])
    func `a batch that is rebuilt takes memory for the new one, and nothing for each record`(
        path: Path, codec: CompressionCodec, pieces: Double, copies: Double
    ) throws {
        let few = try Self.cost(path, records: 10, bytes: 100_000, codec: codec)
        let many = try Self.cost(path, records: 100, bytes: 100_000, codec: codec)

        #expect(few.count <= pieces)
        #expect(many.count <= few.count + 1)
        #expect(many.bytes <= copies * 100_000)
    }

    @Test func `what is counted is what was asked for`() {
        allocations_begin()
        let buffer = ByteBufferAllocator().buffer(capacity: 1 << 20)
        let found = allocations_end()

        #expect(buffer.capacity == 1 << 20)
        #expect((1...4).contains(found.count))
        #expect((1 << 20...(1 << 20) + 1_000).contains(found.bytes))
    }
}
