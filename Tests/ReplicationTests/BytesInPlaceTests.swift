import KafkaCompression
import KafkaWire
import NIOCore
import Replication
import Testing

/// Batches that pass through lie where the source's answer was received, from there to the socket of the target.
@Suite struct BytesInPlaceTests {
    private static func batch(_ offset: Int64, valueBytes: Int) throws -> ByteBuffer {
        var builder = RecordBatchBuilder(baseOffset: offset, partitionLeaderEpoch: 1)
        builder.append(
            timestamp: 1, key: nil, value: ByteBuffer(repeating: UInt8(offset), count: valueBytes), offsetDelta: 0)
        return try builder.finish().bytes
    }

    /// The frame of an answer with these batches, from behind its correlation id.
    private static func frame(of batches: [ByteBuffer]) throws -> ByteBuffer {
        var data = FetchResponse.PartitionData()
        data.records = RecordBytes(batches.reduce(into: ByteBuffer()) { $0.writeImmutableBuffer($1) })
        var topic = FetchResponse.FetchableTopicResponse()
        topic.topic = "t"
        topic.partitions = [data]
        var response = FetchResponse()
        response.responses = [topic]
        var frame = ByteBuffer()
        for piece in try response.encodeFrame(version: 12, correlationID: 1) { frame.writeImmutableBuffer(piece) }
        frame.moveReaderIndex(forwardBy: 8)
        return frame
    }

    private static func places(_ buffer: ByteBuffer) -> Range<UInt> {
        buffer.withUnsafeReadableBytes { bytes in
            let start = UInt(bitPattern: bytes.baseAddress)
            return start..<start + UInt(bytes.count)
        }
    }

    private static func forwarded(_ frame: ByteBuffer) throws -> [OutgoingBatch] {
        let records = try #require(
            try FetchResponse.decodeFrame(frame, version: 12).responses.first?.partitions.first?.records)
        var origins = OriginRules(sourceCluster: "S", targetCluster: "T", isIdentical: false, stamps: false)
        origins.producerIDs[origins.usual] = 7
        let intake = BatchIntake(planner: BatchPlanner(compression: .keep, addsLoopHeader: false), origins: origins)
        var cursor = SourceCursor(position: 0)
        let outcome = intake.take(
            records.contiguous, aborted: [], at: .distantPast,
            rewriter: RecordRewriter(compression: .keep, loopGuard: nil, limit: .default), from: &cursor)
        #expect(outcome.rewritten.isEmpty)
        return outcome.batches
    }

    @Test(arguments: [5_000, 100_000, 1_000_000])
    func `only the header of a batch is new`(valueBytes: Int) throws {
        let frame = try Self.frame(of: (0..<3).map { try Self.batch($0, valueBytes: valueBytes) })
        let received = Self.places(frame)

        for (sequence, batch) in try Self.forwarded(frame).enumerated() {
            let patch = BatchHeaderPatch(producerID: 7, producerEpoch: 0, baseSequence: Int32(sequence))
            var data = ProduceRequest.PartitionProduceData()
            data.records = patch.apply(to: batch.records)
            var topic = ProduceRequest.TopicProduceData()
            topic.name = "t"
            topic.partitionData = [data]
            var request = ProduceRequest()
            request.topicData = [topic]
            let pieces = try request.encodeFrame(version: 9, correlationID: 1, clientID: "c")

            let kept = pieces.filter { received.contains(Self.places($0).lowerBound) }
            #expect(kept.map(\.readableBytes) == [batch.sizeInBytes - RecordBatchHeader.length])
            // What is copied or written beside it: the request around the batch, and the batch's header.
            let made = pieces.reduce(0) { $0 + $1.readableBytes } - kept.reduce(0) { $0 + $1.readableBytes }
            #expect(made < 200)
            #expect(pieces.count <= 3)
        }
    }
}
