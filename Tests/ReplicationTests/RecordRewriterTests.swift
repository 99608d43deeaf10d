import KafkaCompression
import KafkaWire
import NIOCore
import Replication
import TestSupport
import Testing

@Suite(.printsSeed) struct RecordRewriterTests {
    private let topicID = KafkaUUID(high: 1, low: 2)

    private func batch(
        offsets: [Int32], baseOffset: Int64 = 100, codec: CompressionCodec = .none, headers: [RecordHeader] = [],
        edit: (inout RecordBatchHeader) -> Void = { _ in }
    ) throws -> RecordBatch {
        var builder = RecordBatchBuilder(baseOffset: baseOffset)
        for offset in offsets {
            builder.append(
                timestamp: 1_000 + Int64(offset), key: ByteBuffer(string: "k\(offset)"),
                value: offset % 2 == 0 ? ByteBuffer(string: "v\(offset)") : nil, headers: headers, offsetDelta: offset)
        }
        let built = try builder.batch(codec: codec)
        return try RecordBatch(built.rewritingHeader(edit).contiguous)
    }

    private func rewriter(_ compression: CompressionChoice = .keep, guarded: Bool = false) -> RecordRewriter {
        RecordRewriter(
            compression: compression,
            loopGuard: guarded
                ? LoopGuard(sourceCluster: "A", targetCluster: "B", topicID: topicID, partition: 3) : nil,
            limit: .default)
    }

    private func records(_ batch: RecordBatch?) throws -> [Record] {
        var reader = try #require(try batch?.records())
        return try reader.readAll()
    }

    @Test func `holes are closed and counted, and the records stay what they were`() throws {
        let result = try rewriter().rewrite(try batch(offsets: [0, 3, 4, 9]), from: 100)
        let rewritten = try records(result.batches.first?.records)

        #expect(result.batches.first?.records.header.isDense == true)
        #expect(rewritten.map { $0.key.map { String(buffer: $0) } } == ["k0", "k3", "k4", "k9"])
        #expect(rewritten.map(\.timestamp) == [1_000, 1_003, 1_004, 1_009])
        #expect(rewritten.map { $0.value == nil } == [false, true, false, true])
        #expect(result.skipped == [.compacted: 6])
    }

    @Test func `records before the position are left out without being counted`() throws {
        let result = try rewriter().rewrite(try batch(offsets: [0, 1, 2, 3]), from: 102)

        #expect(try records(result.batches.first?.records).count == 2)
        #expect(result.skipped.isEmpty)
    }

    @Test(arguments: CompressionCodec.allCases) func `the wanted codec is used`(codec: CompressionCodec) throws {
        let result = try rewriter(.codec(codec)).rewrite(try batch(offsets: [0, 1], codec: .lz4), from: 100)

        #expect(result.batches.first?.records.header.codec == codec)
        #expect(try records(result.batches.first?.records).count == 2)
    }

    @Test func `the append time becomes the records' own time`() throws {
        let source = try batch(offsets: [0, 1]) {
            $0.timestampType = .logAppendTime
            $0.maxTimestamp = 77_000
        }
        let result = try rewriter().rewrite(source, from: 100)

        #expect(try records(result.batches.first?.records).map(\.timestamp) == [77_000, 77_000])
        #expect(result.batches.first?.records.header.timestampType == .createTime)
    }

    @Test func `each record gets a header that names its origin and the way it came`() throws {
        let own = RecordHeader(name: "trace", value: ByteBuffer(string: "t"))
        let result = try rewriter(guarded: true).rewrite(try batch(offsets: [0, 1], headers: [own]), from: 100)
        let last = try #require(try records(result.batches.first?.records).last)

        #expect(last.headers.map(\.name) == ["trace", "__replicator"])
        let stamp = try #require(last.headers.last?.value.flatMap { LoopHeader(decoding: $0) })
        #expect(
            stamp
                == LoopHeader(
                    originCluster: "A", originTopicID: topicID, originPartition: 3, originOffset: 101, chain: ["A"]))
    }

    @Test func `a record that has been on the target stays behind, one from elsewhere carries on`() throws {
        func stamped(_ chain: [String]) -> RecordHeader {
            let header = LoopHeader(
                originCluster: chain[0], originTopicID: topicID, originPartition: 0, originOffset: 5, chain: chain)
            return RecordHeader(key: LoopHeader.keyBytes, value: header.encode())
        }
        let fromTarget = try rewriter(guarded: true).rewrite(
            try batch(offsets: [0], headers: [stamped(["B", "C"])]), from: 100)
        let fromElsewhere = try rewriter(guarded: true).rewrite(
            try batch(offsets: [0], headers: [stamped(["C"])]), from: 100)

        #expect(fromTarget.batches.isEmpty)
        #expect(fromTarget.skipped == [.loop: 1])
        let headers = try #require(try records(fromElsewhere.batches.first?.records).first?.headers)
        #expect(headers.count == 1)
        let carried = try #require(headers[0].value.flatMap { LoopHeader(decoding: $0) })
        #expect(carried.originCluster == "C")
        #expect(carried.originOffset == 5)
        #expect(carried.chain == ["C", "A"])
    }

    @Test(arguments: [CompressionCodec.none, .zstd])
    func `a batch that grows beyond what the source took is cut`(codec: CompressionCodec) throws {
        // Compressed to next to nothing at the source, 1 MB without.
        var builder = RecordBatchBuilder(baseOffset: 100)
        for offset in 0..<1_000 {
            builder.append(
                timestamp: Int64(offset), key: nil, value: ByteBuffer(repeating: 7, count: 1_000),
                offsetDelta: Int32(offset * 2))
        }
        let result = try rewriter(.codec(codec), guarded: true).rewrite(try builder.batch(codec: .gzip), from: 100)

        #expect(result.batches.count > (codec == .none ? 4 : 1))
        #expect(result.batches.allSatisfy { $0.records.sizeInBytes <= 256 << 10 })
        let cut = try result.batches.map { try records($0.records) }
        #expect(cut.flatMap { $0 }.map(\.timestamp) == Array(0..<1_000))
        var passed: Int64 = 0
        for (batch, held) in zip(result.batches, cut) {
            passed += Int64(held.count)
            #expect(batch.nextSourceOffset == 100 + passed * 2 - 1)
        }
    }

    @Test func `a record larger than any cut goes on by itself`() throws {
        var builder = RecordBatchBuilder(baseOffset: 100)
        for size in [10, 900_000, 10] {
            builder.append(timestamp: 1, key: nil, value: ByteBuffer(repeating: 7, count: size))
        }
        let result = try rewriter(.codec(.none)).rewrite(try builder.batch(codec: .gzip), from: 100)

        #expect(result.batches.map(\.records.header.recordCount) == [1, 1, 1])
        #expect(result.batches.map(\.nextSourceOffset) == [101, 102, 103])
    }

    @Test(arguments: CompressionCodec.allCases)
    func `what no codec makes smaller does not grow beyond what the source took`(codec: CompressionCodec) throws {
        var random = seeded(142)
        var builder = RecordBatchBuilder(baseOffset: 100)
        let noise = ByteBuffer(bytes: (0..<300_000).map { _ in UInt8.random(in: .min ... .max, using: &random) })
        builder.append(timestamp: 1, key: nil, value: noise)
        let source = try builder.batch(codec: .none)
        let result = try rewriter(.codec(codec)).rewrite(source, from: 100)

        #expect(result.batches.map(\.records.sizeInBytes) == [source.sizeInBytes])
        #expect(try records(result.batches.first?.records).map(\.value) == [noise])
    }

    @Test func `a batch that was damaged is never made whole again`() throws {
        let good = try batch(offsets: [0, 1])
        var bytes = good.bytes
        bytes.setInteger(UInt8(0xFF), at: bytes.writerIndex - 2)
        let damaged = try RecordBatch(bytes)

        #expect(throws: (any Error).self) { try rewriter().rewrite(damaged, from: 100) }
    }

    @Test func `bytes of others under our key are not taken for our header`() {
        #expect(LoopHeader(decoding: ByteBuffer()) == nil)
        #expect(LoopHeader(decoding: ByteBuffer(string: "hello world, not ours")) == nil)
    }
}
