import KafkaBroker
import KafkaCompression
import KafkaWire
import NIOCore
import Testing

/// A batch that a stock broker refuses, and what it answers.
struct Refusal: CustomTestStringConvertible, Sendable {
    let testDescription: String
    let code: ErrorCode
    var configs: [String: String] = [:]
    var version: Int16 = 9
    var recordErrors: [Int32] = []
    let bytes: @Sendable () throws -> RecordBytes
}

@Suite struct `What a produce is refused for` {
    private static let now = LogHarness.now

    static let refusals: [Refusal] = [
        Refusal(testDescription: "nothing at all", code: .invalidRecord) { RecordBytes(ByteBuffer()) },
        Refusal(testDescription: "a cut batch", code: .invalidRecord) {
            RecordBytes(try TestBatch().batch.bytes.getSlice(at: 0, length: 70)!)
        },
        Refusal(testDescription: "a length below any entry's", code: .corruptMessage) {
            try TestBatch().edited { $0.batchLength = 13 }
        },
        Refusal(testDescription: "a length below a batch's header", code: .corruptMessage) {
            try TestBatch().edited { $0.batchLength = 40 }
        },
        Refusal(testDescription: "an unknown magic", code: .corruptMessage) { try TestBatch().edited { $0.magic = 3 } },
        Refusal(testDescription: "P1: two batches", code: .invalidRecord) {
            var bytes = try TestBatch().bytes
            bytes.append(try TestBatch().batch.bytes)
            return bytes
        },
        Refusal(testDescription: "P1: magic 1 in version 3", code: .invalidRecord, version: 3) {
            try legacyMessage(magic: 1)
        },
        Refusal(testDescription: "P1: zstd in version 6", code: .unsupportedCompressionType, version: 6) {
            try TestBatch(codec: .zstd).bytes
        },
        Refusal(testDescription: "P2: a base offset", code: .invalidRecord) {
            try TestBatch().edited { $0.baseOffset = 1 }
        },
        Refusal(testDescription: "P3: a changed payload", code: .corruptMessage) {
            var bytes = try TestBatch().batch.bytes
            let last = bytes.writerIndex - 2
            bytes.setInteger(bytes.getInteger(at: last, as: UInt8.self)! ^ 1, at: last)
            return RecordBytes(bytes)
        },
        Refusal(testDescription: "P4: a hole", code: .invalidRecord) {
            try TestBatch().edited { $0.lastOffsetDelta = 1 }
        },
        Refusal(testDescription: "P4: a negative offset range", code: .invalidRecord) {
            try TestBatch().edited { $0.lastOffsetDelta = -1 }
        },
        Refusal(testDescription: "P4: no records", code: .invalidRecord) {
            try TestBatch().edited { $0.recordCount = 0 }
        },
        Refusal(testDescription: "more records announced than there are", code: .invalidRecord) {
            try TestBatch().edited {
                $0.recordCount = 2; $0.lastOffsetDelta = 1
            }
        },
        Refusal(testDescription: "fewer records announced than there are", code: .invalidRecord) {
            try TestBatch(values: ["a", "b"]).edited {
                $0.recordCount = 1; $0.lastOffsetDelta = 0
            }
        },
        Refusal(testDescription: "P5: a control batch", code: .invalidRecord) { try TestBatch(isControl: true).bytes },
        Refusal(testDescription: "P6: a producer id without sequence", code: .invalidRecord) {
            try TestBatch(producerID: 7, epoch: 0, sequence: -1).bytes
        },
        Refusal(
            testDescription: "P8: null keys on a compacted topic", code: .invalidRecord,
            configs: ["cleanup.policy": "compact"], recordErrors: [0, 2]
        ) { try TestBatch(values: ["a", "b", "c"], keys: [nil, "k", nil]).bytes },
        Refusal(
            testDescription: "P8: null keys, compressed", code: .invalidRecord,
            configs: ["cleanup.policy": "delete,compact"], recordErrors: [1]
        ) { try TestBatch(values: ["a", "b"], keys: ["k", nil], codec: .lz4).bytes },
        Refusal(
            testDescription: "P9: too old", code: .invalidTimestamp,
            configs: ["message.timestamp.before.max.ms": "1000"], recordErrors: [1]
        ) { try TestBatch(values: ["a", "b"], timestamps: [now - 1_000, now - 1_001]).bytes },
        Refusal(
            testDescription: "P9: too new", code: .invalidTimestamp,
            configs: ["message.timestamp.after.max.ms": "1000"], recordErrors: [0]
        ) { try TestBatch(values: ["a", "b"], timestamps: [now + 1_001, now + 1_000]).bytes },
        Refusal(
            testDescription: "P9: the older key for both limits", code: .invalidTimestamp,
            configs: ["message.timestamp.difference.max.ms": "5"], recordErrors: [0, 1]
        ) { try TestBatch(values: ["a", "b"], timestamps: [now - 6, now + 6], codec: .gzip).bytes },
        Refusal(
            testDescription: "P10: LogAppendTime from the producer", code: .invalidTimestamp,
            configs: ["message.timestamp.type": "LogAppendTime"], recordErrors: [0]
        ) { try TestBatch().edited { $0.timestampType = .logAppendTime } },
        Refusal(
            testDescription: "P11: over max.message.bytes", code: .messageTooLarge,
            configs: ["max.message.bytes": "100"]
        ) {
            try TestBatch(values: [String(repeating: "x", count: 100)]).bytes
        },
        Refusal(
            testDescription: "P11: over segment.bytes", code: .recordListTooLarge, configs: ["segment.bytes": "100"]
        ) {
            try TestBatch(values: [String(repeating: "x", count: 100)]).bytes
        },
        Refusal(
            testDescription: "P11: over max.message.bytes once uncompressed", code: .messageTooLarge,
            configs: ["max.message.bytes": "1000", "compression.type": "uncompressed"]
        ) { try TestBatch(values: [String(repeating: "x", count: 1_000)], codec: .gzip).bytes },
        Refusal(testDescription: "a codec nobody has defined", code: .unsupportedCompressionType) {
            try TestBatch().edited { $0.attributes |= 5 }
        },
        Refusal(testDescription: "records that are not what the codec says", code: .invalidRecord) {
            try TestBatch().edited { $0.codec = .gzip }
        },
        Refusal(testDescription: "a message set of two magics", code: .invalidRecord, version: 2) {
            var bytes = try legacyMessage(magic: 0)
            bytes.append(try legacyMessage(magic: 1).contiguous)
            return bytes
        },
        Refusal(testDescription: "a message with a wrong checksum", code: .corruptMessage, version: 1) {
            var bytes = try legacyMessage(magic: 1).contiguous
            bytes.setInteger(UInt32(7), at: bytes.readerIndex + 12)
            return RecordBytes(bytes)
        },
    ]

    @Test(arguments: refusals) func `a batch that breaks a rule is refused with Kafka's code and leaves no trace`(
        _ refusal: Refusal
    ) throws {
        let log = try LogHarness(.memory).open(refusal.configs)
        try log.append(TestBatch(values: ["before"]), version: 9)

        let error = #expect(throws: ProduceRefusal.self) {
            try log.append(
                try refusal.bytes(), leaderEpoch: 0, produceVersion: refusal.version, now: Self.now)
        }

        #expect(error?.code == refusal.code)
        #expect(error?.recordErrors.map(\.index) == refusal.recordErrors)
        #expect(error?.message.isEmpty == false)
        #expect(log.logEndOffset == 1)
        #expect(try log.values() == ["before"])
    }

    @Test func `bytes after the batch that are no whole entry are dropped`() throws {
        let log = try LogHarness(.memory).open()
        var bytes = try TestBatch(values: ["a"]).bytes
        bytes.append(try #require(try TestBatch(values: ["cut"]).batch.bytes.getSlice(at: 0, length: 40)))

        _ = try log.append(bytes, leaderEpoch: 0, produceVersion: 9, now: Self.now)

        #expect(try log.values() == ["a"])
    }

    @Test func `a timestamp of minus one means none and is never out of range`() throws {
        let log = try LogHarness(.memory).open(["message.timestamp.before.max.ms": "1"])

        try log.append(TestBatch(values: ["a"], timestamps: [-1]))

        #expect(log.logEndOffset == 1)
    }

    @Test func `a coordinator of the broker may write without sequence numbers`() throws {
        let log = try LogHarness(.memory).open()
        let bytes = try TestBatch(producerID: 7, epoch: 0, sequence: -1).bytes

        _ = try log.append(bytes, leaderEpoch: 0, produceVersion: 9, now: Self.now, origin: .coordinator)

        #expect(log.logEndOffset == 1)
    }
}

/// One message in format 0 or 1.
func legacyMessage(
    magic: Int8, value: String = "old", key: String? = "k", timestamp: Int64 = LogHarness.now, offset: Int64 = 0,
    attributes: Int8 = 0
) throws -> RecordBytes {
    var body = ByteBuffer()
    body.writeMultipleIntegers(magic, attributes)
    if magic == 1 { body.writeInteger(timestamp) }
    for text in [key, value] {
        body.writeInteger(Int32(text?.utf8.count ?? -1))
        if let text { body.writeString(text) }
    }
    return RecordBytes(frame(body, offset: offset))
}

/// A compressed set of messages in format 0 or 1.
func legacySet(magic: Int8, values: [String], codec: CompressionCodec) throws -> RecordBytes {
    var inner = ByteBuffer()
    for (index, value) in values.enumerated() {
        inner.writeImmutableBuffer(try legacyMessage(magic: magic, value: value, offset: Int64(index)).contiguous)
    }
    let compressed = try codec.compress(inner)
    var body = ByteBuffer()
    body.writeMultipleIntegers(magic, Int8(codec.rawValue))
    if magic == 1 { body.writeInteger(LogHarness.now) }
    body.writeInteger(Int32(-1))
    body.writeInteger(Int32(compressed.readableBytes))
    body.writeImmutableBuffer(compressed)
    return RecordBytes(frame(body, offset: magic == 1 ? Int64(values.count - 1) : 0))
}

private func frame(_ body: ByteBuffer, offset: Int64) -> ByteBuffer {
    var bytes = ByteBuffer()
    bytes.writeMultipleIntegers(offset, Int32(body.readableBytes + 4), CRC32.checksum(of: body))
    bytes.writeImmutableBuffer(body)
    return bytes
}
