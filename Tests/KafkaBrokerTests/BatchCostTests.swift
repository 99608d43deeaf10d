import KafkaBroker
import KafkaCompression
import KafkaWire
import NIOCore
import Testing

/// Limits on what a small batch may stand for: bounds on the bytes, the records and the errors that a request makes.
@Suite struct BatchCostTests {
    private static let now = LogHarness.now

    /// A compressed batch of `count` records without key and value, each with offset delta 0.
    private static func equalRecords(_ count: Int, announced: Int32? = nil, codec: CompressionCodec = .zstd) throws
        -> RecordBytes
    {
        var payload = ByteBuffer()
        let record: [UInt8] = [12, 0, 0, 0, 1, 1, 0]
        payload.reserveCapacity(count * record.count)
        for _ in 0..<count { payload.writeBytes(record) }
        return batch(try codec.compress(payload), count: announced ?? Int32(count), codec)
    }

    /// A batch with this payload, whatever it is, and a checksum that fits.
    private static func batch(_ payload: ByteBuffer, count: Int32, _ codec: CompressionCodec) -> RecordBytes {
        var covered = ByteBuffer()
        covered.writeMultipleIntegers(
            Int16(codec.rawValue), count - 1, now, now, Int64(-1), Int16(-1), Int32(-1), count)
        covered.writeImmutableBuffer(payload)
        var bytes = ByteBuffer()
        bytes.writeMultipleIntegers(Int64(0), Int32(covered.readableBytes + 9), Int32(-1), Int8(2))
        bytes.writeInteger(CRC32C.checksum(of: covered))
        bytes.writeBuffer(&covered)
        return RecordBytes(bytes)
    }

    /// One record whose value takes so many bytes.
    private static func zeros(_ count: Int, _ codec: CompressionCodec) throws -> RecordBytes {
        var body = ByteBuffer(bytes: [0, 0, 0, 1])
        body.writeVarint(count)
        body.writeRepeatingByte(0, count: count)
        body.writeInteger(UInt8(0))
        var payload = ByteBuffer()
        payload.writeVarint(body.readableBytes)
        payload.writeBuffer(&body)
        return batch(try codec.compress(payload), count: 1, codec)
    }

    private static func refusal(_ log: PartitionLog, _ records: RecordBytes, _ budget: WorkBudget = WorkBudget())
        -> ProduceRefusal?
    {
        do throws(ProduceRefusal) {
            _ = try log.append(records, leaderEpoch: 0, produceVersion: 9, now: now, budget: budget)
            return nil
        } catch {
            return error
        }
    }

    @Test func `a compressed batch of too many records is refused before it is looked at`() throws {
        let log = try LogHarness(.memory).open()
        // Not even zstd: nothing was decompressed.
        let records = Self.batch(ByteBuffer(string: "garbage"), count: BatchLimits.records + 1, .zstd)

        let refusal = try #require(Self.refusal(log, records))

        #expect(refusal.code == .messageTooLarge)
        #expect(refusal.message.contains("2097153 records"), "\(refusal.message)")
    }

    @Test(arguments: [CompressionCodec.gzip, .lz4, .zstd])
    func `a batch that decompresses to too much is refused`(codec: CompressionCodec) throws {
        let log = try LogHarness(.memory).open(["max.message.bytes": "10000000"])

        let refusal = Self.refusal(log, try Self.zeros(BatchLimits.decompressedBytes, codec))

        #expect(refusal?.code == .messageTooLarge)
        #expect(log.logEndOffset == 0)
    }

    @Test func `the batches of one request share a budget, those of the next have their own`() throws {
        let log = try LogHarness(.memory).open()
        let records = try Self.zeros(100 << 20, .zstd)
        let budget = WorkBudget(requestSize: 30_000)

        let codes = (0..<4).map { _ in Self.refusal(log, records, budget)?.code }

        #expect(codes == [nil, nil, .messageTooLarge, .messageTooLarge])
        #expect(Self.refusal(log, records) == nil)
    }

    @Test func `a large request of ordinary compression is within its budget`() throws {
        let log = try LogHarness(.memory).open()
        let budget = WorkBudget(requestSize: 50 << 20)
        let records = try Self.zeros(100 << 20, .zstd)

        for _ in 0..<7 { #expect(Self.refusal(log, records, budget) == nil) }
    }

    @Test(arguments: [CompressionCodec.gzip, .snappy, .lz4, .zstd])
    func `compressed records with equal deltas are numbered`(codec: CompressionCodec) throws {
        let log = try LogHarness(.memory).open()

        #expect(Self.refusal(log, try Self.equalRecords(5000, codec: codec)) == nil)

        #expect(log.logEndOffset == 5000)
        let slice = try log.read(from: 0, maxBytes: 1 << 20, minOneBatch: true, upTo: log.highWatermark)
        var reader = try RecordBatch(slice.records.contiguous).records()
        #expect(try reader.readAll().map(\.offset) == Array(0..<5000))
    }

    @Test func `a batch whose count is a lie is refused, wherever the records end`() throws {
        let log = try LogHarness(.memory).open()

        for announced in [Int32(99), 101, 100_000] {
            let refusal = Self.refusal(log, try Self.equalRecords(100, announced: announced))
            #expect(refusal?.code == .invalidRecord, "\(announced)")
        }
    }

    @Test func `faulty records are named up to a number for each request, and all counted`() throws {
        let log = try LogHarness(.memory).open(["cleanup.policy": "compact"])
        let budget = WorkBudget()
        let records = try Self.equalRecords(700)

        let first = try #require(Self.refusal(log, records, budget))
        let second = try #require(Self.refusal(log, records, budget))
        let third = try #require(Self.refusal(log, records, budget))

        #expect([first, second, third].map(\.recordErrors.count) == [700, 300, 0])
        #expect(
            [first, second, third].allSatisfy { $0.code == .invalidRecord && $0.message.contains("700 record errors") })
    }

    @Test func `what is stored uncompressed ends at the limit of its topic`() throws {
        let log = try LogHarness(.memory).open(["compression.type": "uncompressed", "max.message.bytes": "100000"])

        let refusal = Self.refusal(log, try Self.zeros(64 << 20, .zstd))

        #expect(refusal?.code == .messageTooLarge)
    }
}

extension ByteBuffer {
    /// A length as records have it.
    fileprivate mutating func writeVarint(_ length: Int) {
        var rest = UInt64(length) << 1
        while rest >= 0x80 {
            writeInteger(UInt8(rest & 0x7F) | 0x80)
            rest >>= 7
        }
        writeInteger(UInt8(rest))
    }
}
