import KafkaWire
import NIOCore
import TestSupport
import Testing

/// What we write we read back, whatever the fields hold.
@Suite(.printsSeed) struct RoundTripTests {
    @Test(arguments: DefinedMessage.Kind.allCases)
    func `sampled messages survive being written and read, in every version`(kind: DefinedMessage.Kind) throws {
        for message in DefinedMessage.all where message.kind == kind {
            for seed in 0..<60 as Range<UInt64> {
                try check(message.type, version: message.version, seed: seed)
            }
        }
    }

    @Test func `samples differ from fresh messages, so that reading nothing cannot pass for reading`() throws {
        for message in DefinedMessage.all where try message.type.trace(version: message.version) != "" {
            let isFresh = try (0..<20 as Range<UInt64>).allSatisfy { seed in
                try sampleIsFresh(message.type, version: message.version, seed: seed)
            }
            #expect(!isFresh, "\(message)")
        }
    }

    @Test func `a version that a message does not have is refused`() throws {
        #expect(throws: WireError.unsupportedVersion(api: .fetch, version: 99)) {
            try FetchRequest().encode(version: 99)
        }
        #expect(throws: WireError.unsupportedVersion(api: .fetch, version: -1)) {
            try FetchRequest.decode(ByteBuffer(), version: -1)
        }
    }

    @Test func `what is not there to be null is written empty`() throws {
        var request = MetadataRequest()
        request.topics = nil

        let bytes = try request.encodeContiguously(version: 0)

        #expect(try MetadataRequest.decode(bytes, version: 0).topics == [])
    }

    @Test(arguments: [2, 3] as [Int16])
    func `a string longer than Kafka reads is not written`(version: Int16) throws {
        var request = FindCoordinatorRequest()
        request.key = String(repeating: "k", count: 32_767)
        _ = try request.encode(version: version)

        request.key += "k"
        #expect(throws: WireError.tooLong(length: 32_768, limit: 32_767)) { try request.encode(version: version) }
    }

    @Test func `record bytes are written where they lie, not copied`() throws {
        let records = ByteBuffer(repeating: 7, count: 10_000)
        var partition = FetchResponse.PartitionData()
        partition.records = RecordBytes(records)
        var topic = FetchResponse.FetchableTopicResponse()
        topic.partitions = [partition, partition]
        var response = FetchResponse()
        response.responses = [topic]

        let pieces = try response.encodeFrame(version: 12, correlationID: 1)

        #expect(pieces.count == 5)
        #expect(pieces[1].storagePointerIntegerValue() == records.storagePointerIntegerValue())
        #expect(pieces[3].storagePointerIntegerValue() == records.storagePointerIntegerValue())
    }

    private func check<Message: KafkaMessage>(_ type: Message.Type, version: Int16, seed: UInt64) throws {
        var source = seeded(seed)
        let sample = try Message.sample(version: version, from: &source)
        let bytes = try sample.encodeContiguously(version: version)
        #expect(try Message.decode(bytes, version: version) == sample, "\(Message.self) \(version), seed \(seed)")
    }

    private func sampleIsFresh<Message: KafkaMessage>(
        _ type: Message.Type, version: Int16, seed: UInt64
    ) throws -> Bool {
        var source = seeded(seed)
        return try Message.sample(version: version, from: &source) == Message()
    }
}

extension ByteBuffer {
    /// Where the bytes lie in memory.
    fileprivate func storagePointerIntegerValue() -> UInt {
        withUnsafeReadableBytes { UInt(bitPattern: $0.baseAddress) }
    }
}
