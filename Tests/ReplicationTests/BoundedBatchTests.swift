import KafkaCompression
import KafkaWire
import NIOCore
import Replication
import Testing

/// A few compressed bytes stand for many: nothing is ever decompressed beyond a bound, and nothing lost for it.
@Suite struct BoundedBatchTests {
    private func batch(_ offset: Int64 = 0, records: Int, of size: Int, codec: CompressionCodec) throws -> RecordBatch {
        var builder = RecordBatchBuilder(baseOffset: offset)
        for _ in 0..<records {
            builder.append(timestamp: 1, key: nil, value: ByteBuffer(repeating: 0, count: size))
        }
        return try builder.batch(codec: codec)
    }

    private func outgoing(_ batch: RecordBatch) -> OutgoingBatch {
        OutgoingBatch(
            records: batch, sources: SourceRuns(batch.header.baseOffset..<batch.header.nextOffset),
            nextSourceOffset: batch.header.nextOffset, fetchedAt: .distantPast, producerID: 7)
    }

    private func rewriter(_ codec: CompressionCodec, limit: Int = 8 << 20) -> RecordRewriter {
        RecordRewriter(compression: .codec(codec), loopGuard: nil, limit: OutputLimit(bytes: limit))
    }

    @Test(arguments: [CompressionCodec.gzip, .snappy, .lz4, .zstd])
    func `a stream reads what the reader reads, in parts`(codec: CompressionCodec) throws {
        let batch = try batch(records: 6_000, of: 1_000, codec: codec)
        var stream = try RecordStream(batch, limit: OutputLimit(bytes: 8 << 20))
        var reader = try batch.records()
        while let expected = try reader.next() { #expect(try stream.next() == expected) }
        #expect(try stream.next() == nil)
    }

    @Test(arguments: [CompressionCodec.gzip, .lz4, .zstd])
    func `one record, and all of a batch, have a limit`(codec: CompressionCodec) throws {
        let limit = OutputLimit(bytes: 2 << 20)
        func readAll(_ batch: RecordBatch) throws {
            var stream = try RecordStream(batch, limit: limit)
            while try stream.nextRaw() != nil {}
        }
        let record = try batch(records: 1, of: 3 << 20, codec: codec)
        #expect(throws: CompressionError.outputTooLarge(codec: codec, limit: limit.bytes)) { try readAll(record) }
        let many = try batch(records: 140, of: 1 << 20, codec: codec)
        #expect(throws: CompressionError.self) { try readAll(many) }
    }

    @Test func `a batch without compression has none: it is in memory`() throws {
        let batch = try batch(records: 1, of: 3 << 20, codec: .none)
        var stream = try RecordStream(batch, limit: OutputLimit(bytes: 1 << 20))
        #expect(try stream.next()?.value?.readableBytes == 3 << 20)
    }

    @Test func `batches that stand for much go whole`() throws {
        let small = try (0..<3).map { outgoing(try batch(Int64($0), records: 1, of: 100, codec: .zstd)) }
        let bomb = outgoing(try batch(3, records: 1, of: 20 << 20, codec: .zstd))
        #expect(BatchMerger.size(bomb) != nil)
        #expect(BatchMerger.merge(small + [bomb])?.count == 3)
        #expect(BatchMerger.merge([bomb] + small) == nil)
        let large = try (0..<10).map { outgoing(try batch(Int64($0), records: 300, of: 1_000, codec: .zstd)) }
        #expect(BatchMerger.merge(large)?.count == 3)
    }

    @Test func `what is merged fits into what the target takes`() throws {
        let batches = try (0..<30).map { outgoing(try batch(Int64($0), records: 1, of: 2_000, codec: .none)) }
        #expect(BatchMerger.merge(batches, largestBatch: 30_000) == nil)
        #expect(BatchMerger.merge(Array(batches.prefix(14)), largestBatch: 30_000)?.count == 14)
    }

    @Test func `a rewrite stops between two records when there is no room, and continues there`() throws {
        let source = try batch(100, records: 40_000, of: 1_000, codec: .zstd)
        var position: Int64 = 100
        var written: Int64 = 0
        var parts = 0
        while position < source.header.nextOffset {
            let result = try rewriter(.none).rewrite(source, from: position, room: 4 << 20)
            #expect(result.batches.reduce(0) { $0 + $1.records.sizeInBytes } < 5 << 20)
            #expect(result.batches.first?.sources.first.lowerBound == position)
            #expect(result.skipped.isEmpty)
            written += result.batches.reduce(0) { $0 + Int64($1.records.header.recordCount) }
            position = result.nextSourceOffset
            parts += 1
        }
        #expect(written == 40_000)
        #expect(parts == 10)
    }

    @Test func `holes at such a stop are counted once`() throws {
        var builder = RecordBatchBuilder(baseOffset: 0)
        for number in 0..<1_000 {
            builder.append(
                timestamp: 1, key: nil, value: ByteBuffer(repeating: 0, count: 2_000), offsetDelta: Int32(number * 3))
        }
        let source = try builder.batch(codec: .zstd)
        var position: Int64 = 0
        var holes: Int64 = 0
        while position < source.header.nextOffset {
            let result = try rewriter(.none).rewrite(source, from: position, room: 1)
            holes += result.skipped[.compacted] ?? 0
            position = result.nextSourceOffset
        }
        #expect(holes == source.header.nextOffset - 1_000)
    }

    @Test func `without room a batch that is rebuilt waits, and one that passes does not`() throws {
        var driver = try PartitionDriver.streaming()
        let position = driver.partition.cursor.position
        driver.intake = BatchIntake(
            planner: BatchPlanner(compression: .codec(.none), addsLoopHeader: false), origins: driver.intake.origins)
        var answer = SourceAnswer(fetchOffset: position)
        answer.records = RecordBytes(try batch(position, records: 10, of: 1_000, codec: .zstd).bytes)
        driver.fetch(answer, room: 0)
        #expect(driver.partition.cursor.position == position)
        #expect(driver.partition.fetchWish(limit: 1) == nil, "it is not asked for again at once")
        driver.advance(.seconds(2))
        driver.fetch(answer, room: 1)
        #expect(driver.partition.cursor.position == position + 10)
        answer.fetchOffset = position + 10
        answer.records = RecordBytes(try batch(position + 10, records: 10, of: 1_000, codec: .none).bytes)
        driver.fetch(answer, room: 0)
        #expect(driver.partition.cursor.position == position + 20)
    }

    @Test func `a record beyond the limit stops its partition and says what to do, or is quarantined`() throws {
        for policy in [LossPolicy.stop, .continue] {
            var driver = try PartitionDriver.streaming(.exactlyOnce) { $0.quarantined = policy }
            let position = driver.partition.cursor.position
            driver.intake.planner.compression = .codec(.none)
            var answer = SourceAnswer(fetchOffset: position)
            answer.records = RecordBytes(try batch(position, records: 1, of: 200 << 20, codec: .zstd).bytes)
            driver.fetch(answer)
            if policy == .stop {
                guard case .failed(let failure, _) = driver.partition.phase else {
                    Issue.record("not stopped")
                    continue
                }
                #expect(failure.explanation.contains("source offset \(position)"))
                #expect(failure.explanation.contains("bufferBytes"))
            } else {
                #expect(driver.partition.cursor.position == position + 1)
                #expect(driver.partition.accounting.skipped == ["quarantined": 1])
            }
        }
    }

    @Test func `a batch that was refused is divided into pieces that stand for little`() throws {
        let whole = outgoing(try batch(records: 5_000, of: 1_000, codec: .zstd))
        let pieces = try #require(try whole.pieces(limit: OutputLimit(bytes: 8 << 20)))
        #expect(pieces.count >= 5)
        #expect(pieces.reduce(0) { $0 + $1.recordCount } == 5_000)
        #expect(pieces.map(\.sources.first.lowerBound).sorted() == pieces.map(\.sources.first.lowerBound))
    }

    @Test func `a batch too large for the target is divided before any policy is asked`() throws {
        var driver = try PartitionDriver.streaming()
        try driver.fetch(10)
        driver.send()
        driver.answer(.messageTooLarge)
        #expect(driver.partition.isActive)
        #expect(driver.send() == 1)
        driver.answer(baseOffset: 10)
        #expect(driver.send() == 1)
        driver.answer(baseOffset: 15)
        #expect(driver.partition.accounting.written == 20)
        #expect(driver.partition.accounting.skipped.isEmpty)
    }

    @Test func `a single record too large for the target stops the partition and is named`() throws {
        var driver = try PartitionDriver.streaming()
        let offset = driver.partition.cursor.position
        try driver.fetch(1)
        driver.send()
        driver.answer(.recordListTooLarge)
        guard case .failed(let failure, _) = driver.partition.phase else {
            Issue.record("not stopped")
            return
        }
        #expect(failure.explanation.contains("source offset \(offset)"))
        #expect(failure.explanation.contains("segment.bytes"))
    }

    @Test func `a batch that never comes whole is asked for with more bytes, then fails`() throws {
        var driver = try PartitionDriver.streaming()
        let position = driver.partition.cursor.position
        var whole = try batch(position, records: 1, of: 1_000, codec: .none).bytes
        let start = whole.readSlice(length: 500)
        let part = try #require(start)
        var asked: [Int?] = []
        for _ in 0..<10 where driver.partition.isActive {
            driver.advance(.seconds(2))
            asked.append(driver.partition.fetchWish(limit: 1)?.bytes)
            var answer = SourceAnswer(fetchOffset: position)
            answer.records = RecordBytes(part)
            driver.fetch(answer)
        }
        #expect(asked == [nil, 2, 4, 8, 16, 32, 64].map { $0.map { $0 << 20 } })
        guard case .failed(let failure, _) = driver.partition.phase else {
            Issue.record("not stopped")
            return
        }
        #expect(failure.reason == .unreadable)
        #expect(failure.explanation.contains("source offset \(position)"))
        #expect(driver.reports.contains { if case .unhelpful = $0 { true } else { false } })
    }
}
