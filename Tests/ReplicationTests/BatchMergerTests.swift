import KafkaCompression
import KafkaWire
import NIOCore
import Replication
import Testing

@Suite struct BatchMergerTests {
    private func batch(
        _ offset: Int64, _ count: Int, codec: CompressionCodec = .none, skipped: [SkipReason: Int64] = [:]
    ) throws -> OutgoingBatch {
        var builder = RecordBatchBuilder(baseOffset: offset)
        for number in 0..<count {
            builder.append(
                timestamp: Int64(number), key: nil, value: ByteBuffer(string: "value \(offset + Int64(number))"))
        }
        var batch = OutgoingBatch(
            records: try builder.batch(codec: codec), sources: SourceRuns(offset..<offset + Int64(count)),
            nextSourceOffset: offset + Int64(count), fetchedAt: .distantPast, producerID: 7)
        batch.skipped = skipped
        return batch
    }

    private func values(_ batch: OutgoingBatch) throws -> [String] {
        var reader = try batch.records.records()
        return try reader.readAll().compactMap { $0.value.map { String(buffer: $0) } }
    }

    @Test(arguments: [CompressionCodec.none, .zstd])
    func `several become one with all their records, sources and skips`(codec: CompressionCodec) throws {
        let merged = try #require(
            BatchMerger.merge([
                batch(10, 2, codec: codec), batch(15, 1, codec: codec, skipped: [.compacted: 3]),
                batch(16, 2, codec: codec, skipped: [.compacted: 1, .loop: 2]),
            ])
        ).batch
        #expect(merged.records.header.codec == codec)
        #expect(try values(merged) == [10, 11, 15, 16, 17].map { "value \($0)" })
        #expect(merged.sources.ranges == [10..<12, 15..<18])
        #expect(merged.nextSourceOffset == 18)
        #expect(merged.skipped == [.compacted: 4, .loop: 2])
        #expect(merged.records.isChecksumValid)
    }

    @Test func `batches of different codecs, and damaged ones, stay as they are`() throws {
        #expect(BatchMerger.merge([]) == nil)
        #expect(try BatchMerger.merge([batch(0, 1), batch(1, 1, codec: .gzip)]) == nil)
        var bytes = try batch(1, 1).records.bytes
        bytes.setInteger(UInt8(0x7f), at: bytes.writerIndex - 2)
        let damaged = OutgoingBatch(
            records: try RecordBatch(bytes), sources: SourceRuns(1..<2), nextSourceOffset: 2, fetchedAt: .distantPast,
            producerID: 7)
        #expect(try BatchMerger.merge([batch(0, 1), damaged]) == nil)
    }

    @Test func `only small batches that are no pieces of a refused one are merged`() throws {
        var small = try batch(0, 1)
        #expect(BatchMerger.size(small) == small.sizeInBytes)
        small.isPiece = true
        #expect(BatchMerger.size(small) == nil)
        let large = try batch(0, 2_000)
        #expect(BatchMerger.size(large) == nil)
        #expect(BatchMerger.size(large, .far) == large.sizeInBytes)
    }

    @Test(arguments: [2, 3, 10])
    func `halves hold the same records and skips`(count: Int) throws {
        let whole = try batch(10, count, skipped: [.compacted: 2, .aborted: 1])
        let halves = try #require(try whole.pieces(limit: .default))
        #expect(try halves.flatMap(values) == values(whole))
        #expect(halves.last?.nextSourceOffset == whole.nextSourceOffset)
        #expect(halves.filter { !$0.isPiece }.isEmpty)
        let skipped = halves.reduce(into: [:]) { sum, half in sum.merge(half.skipped) { $0 + $1 } }
        #expect(skipped.filter { $0.value > 0 } == whole.skipped)
        #expect(try batch(10, 1).pieces(limit: .default) == nil)
    }
}
