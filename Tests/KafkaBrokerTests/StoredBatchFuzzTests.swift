import KafkaBroker
import KafkaCompression
import KafkaWire
import NIOCore
import TestSupport
import Testing

/// Batches with a checksum that fits and everything else damaged, appended to a log and met again by whatever reads it:
/// fetches, look-ups by time, retention, recovery.
@Suite(.printsSeed, .timeLimit(.minutes(FuzzSeeds.minutes))) struct StoredBatchFuzzTests {
    private static let boundaries: [Int64] = [.min, .min + 1, -2, -1, 0, 1, LogHarness.now, .max - 1, .max]

    @Test(arguments: [["message.timestamp.type": "CreateTime"], ["message.timestamp.type": "LogAppendTime"]])
    func `any time in a record is refused or stored, and does no harm after that`(config: [String: String]) throws {
        let far = [
            "message.timestamp.before.max.ms": "9223372036854775807",
            "message.timestamp.after.max.ms": "9223372036854775807",
        ]
        for configs in [config, config.merging(far) { $1 }] {
            let harness = try LogHarness(.memory)
            let log = try harness.open(configs.merging(["retention.ms": "1000", "segment.bytes": "200"]) { $1 })
            for first in Self.boundaries {
                for second in Self.boundaries {
                    let batch = TestBatch(values: ["a", "b"], timestamps: [first, second])
                    _ = try? log.append(batch.bytes, leaderEpoch: 0, produceVersion: 9, now: LogHarness.now)
                }
            }
            for time in Self.boundaries {
                _ = try? log.offset(forTimestamp: time)
                _ = try? log.maxTimestampOffset()
            }
            for now in Self.boundaries where now >= 0 { _ = try? log.applyRetention(now: min(now, 1 << 43)) }
        }
    }

    @Test func `any offset and size is a range or refused`() throws {
        let log = try LogHarness(.memory).open()
        _ = try log.append(TestBatch(values: ["a", "b"]).bytes, leaderEpoch: 0, produceVersion: 9, now: LogHarness.now)
        for offset in Self.boundaries {
            for size in [Int.min, -1, 0, 1, .max] {
                for limit in Self.boundaries {
                    _ = try? log.read(from: offset, maxBytes: size, minOneBatch: size % 2 == 0, upTo: limit)
                }
            }
            _ = log.abortedTransactions(in: 0..<max(offset, 0))
        }
    }

    @Test func `any number that a topic key takes can be worked with`() throws {
        let numbers: [Int64] = [.min, Int64(Int32.min), -2, -1, 0, 1, Int64(Int32.max), Int64(Int32.max) + 1, .max]
        for key in TopicConfigs.all where key.type == .int || key.type == .long {
            for number in numbers where (try? key.validate(String(number))) != nil {
                for policy in ["delete", "compact"] {
                    let configs = [key.name: String(number), "cleanup.policy": policy]
                    guard let log = try? LogHarness(.memory).open(configs) else { continue }
                    for time in Self.boundaries {
                        let batch = TestBatch(values: ["a", nil], keys: ["k", "k"], timestamps: [time, 0])
                        _ = try? log.append(batch.bytes, leaderEpoch: 0, produceVersion: 9, now: LogHarness.now)
                        _ = try? log.applyRetention(now: LogHarness.now + 1)
                        _ = log.isFlushDue(now: LogHarness.now)
                        _ = try? log.offset(forTimestamp: time)
                    }
                }
            }
        }
    }

    @Test func `whatever lies in a batch, the log stands`() throws {
        let harness = try LogHarness(.memory)
        var log = try harness.open(["cleanup.policy": "delete", "segment.bytes": "20000"])
        var inputs = 0
        for seed in FuzzSeeds(count: 4_000) {
            inputs += 1
            if seed % 10_000 == 0 { FuzzSeeds.say("fuzzing stored batches from seed \(seed)") }
            var random = seeded(seed)
            let version: Int16 = random.next() % 8 == 0 ? 2 : 9
            let before = log.logEndOffset
            let records = try version == 2 ? Self.damagedMessages(using: &random) : Self.damagedBatch(using: &random)
            if let result = try? log.append(records, leaderEpoch: 0, produceVersion: version, now: LogHarness.now) {
                let slice = try log.read(
                    from: result.baseOffset, maxBytes: 1, minOneBatch: true, upTo: log.highWatermark)
                // What was taken can be read to its end.
                var reader = try RecordBatch(slice.records.contiguous).records()
                var count: Int64 = 0
                while try reader.next() != nil { count += 1 }
                // A producer's batch that was there already is answered as it was.
                #expect(log.logEndOffset - before == (result.isDuplicate ? 0 : count))
                _ = try? log.offset(forTimestamp: Int64(bitPattern: random.next()))
            } else {
                #expect(log.logEndOffset == before)
            }
            if seed % 500 == 499 { log = try harness.open(["cleanup.policy": "delete", "segment.bytes": "20000"]) }
        }
        FuzzSeeds.report("stored batches", inputs: inputs)
    }

    private static let codecs: [CompressionCodec] = [.none, .gzip, .snappy, .lz4, .zstd]

    private static func damagedBatch(using random: inout SeededGenerator) throws -> RecordBytes {
        let codec = codecs[Int(random.next() % 5)]
        let count = 1 + Int(random.next() % 6)
        let values = (0..<count).map { _ in String(repeating: "v", count: Int(random.next() % 300)) }
        let producer: Int64 = random.next() % 2 == 0 ? 7 : -1
        var bytes = try TestBatch(
            values: values, codec: codec, producerID: producer, epoch: producer < 0 ? -1 : 0,
            sequence: producer < 0 ? -1 : Int32(truncatingIfNeeded: random.next() % 100)
        ).batch.bytes
        for _ in 0..<1 + random.next() % 3 {
            // Behind the checksum: the header's other fields, or the records.
            let isHeader = random.next() % 3 == 0
            let range = isHeader ? 21..<61 : 61..<max(bytes.readableBytes, 62)
            let at = Int.random(in: range, using: &random)
            let lies: [UInt8] = [0, 1, 0x7F, 0x80, 0xFF, UInt8(truncatingIfNeeded: random.next())]
            for index in at..<min(at + 1 + Int(random.next() % 8), bytes.readableBytes) {
                bytes.setInteger(lies.randomElement(using: &random) ?? 0, at: bytes.readerIndex + index)
                if random.next() % 2 == 0 { break }
            }
        }
        let covered = bytes.getSlice(at: bytes.readerIndex + 21, length: bytes.readableBytes - 21) ?? ByteBuffer()
        bytes.setInteger(CRC32C.checksum(of: covered), at: bytes.readerIndex + 17)
        return RecordBytes(bytes)
    }

    /// A compressed set of the old formats whose inner messages are damaged.
    private static func damagedMessages(using random: inout SeededGenerator) throws -> RecordBytes {
        var writer = LegacyMessageWriter(magic: Int8(random.next() % 2))
        for index in 0..<1 + Int64(random.next() % 4) {
            writer.append(offset: index, timestamp: LogHarness.now, key: nil, value: ByteBuffer(string: "value"))
        }
        var bytes = try writer.messageSet(codec: codecs[Int(random.next() % 4)])
        for _ in 0..<random.next() % 3 where bytes.readableBytes > 18 {
            let at = Int.random(in: 16..<bytes.readableBytes, using: &random)
            bytes.setInteger(UInt8(truncatingIfNeeded: random.next()), at: bytes.readerIndex + at)
        }
        if bytes.readableBytes > 16, random.next() % 4 > 0 {
            let covered = bytes.getSlice(at: bytes.readerIndex + 16, length: bytes.readableBytes - 16) ?? ByteBuffer()
            bytes.setInteger(CRC32.checksum(of: covered), at: bytes.readerIndex + 12)
        }
        return RecordBytes(bytes)
    }
}
