import KafkaWire
import NIOCore
import Testing

/// Bytes that encoders of other people made: we read the values that they wrote, and write the bytes that they wrote.
struct GoldenBytesTests {
    private let golden: [GoldenMessage]

    init() throws {
        golden = try GoldenMessage.all.get()
    }

    @Test func `what other encoders wrote is read field by field and written back byte for byte`() throws {
        for golden in golden {
            let version = golden.message.version
            do {
                let message = try golden.message.type.decode(golden.bytes, version: version)
                #expect(golden.values.differences(from: message) == [], "\(golden.description)")
                let written = try message.encodeContiguously(version: version)
                #expect(written.goldenHex == golden.bytes.goldenHex, "\(golden.description)")
            } catch {
                Issue.record(error, "\(golden.description)")
            }
        }
    }

    @Test func `every version of every message is proved by a foreign encoder, and all but these by two`() {
        let encoders = Dictionary(grouping: golden, by: \.message).mapValues { Set($0.flatMap(\.encoders)) }
        let unproved = DefinedMessage.all.filter { encoders[$0] == nil }
        let provedOnce = DefinedMessage.all.filter { encoders[$0]?.count == 1 }.map(\.description)

        #expect(unproved == [])
        #expect(
            provedOnce == [
                "ApiVersions request 5", "ApiVersions response 5",
                "WriteTxnMarkers request 0", "WriteTxnMarkers response 0",
                "DescribeLogDirs request 0",
                "CreateDelegationToken request 1", "CreateDelegationToken request 2", "CreateDelegationToken request 3",
                "CreateDelegationToken response 1", "CreateDelegationToken response 2",
                "CreateDelegationToken response 3",
                "RenewDelegationToken request 1", "RenewDelegationToken request 2",
                "RenewDelegationToken response 1", "RenewDelegationToken response 2",
                "ExpireDelegationToken request 1", "ExpireDelegationToken request 2",
                "ExpireDelegationToken response 1", "ExpireDelegationToken response 2",
                "DescribeDelegationToken request 1", "DescribeDelegationToken request 2",
                "DescribeDelegationToken request 3",
                "DescribeDelegationToken response 1", "DescribeDelegationToken response 2",
                "DescribeDelegationToken response 3",
                "UnregisterBroker request 0", "UnregisterBroker response 0",
                "ConsumerGroupHeartbeat request 0", "ConsumerGroupHeartbeat request 1",
                "ConsumerGroupHeartbeat response 0", "ConsumerGroupHeartbeat response 1",
                "ConsumerGroupDescribe request 0", "ConsumerGroupDescribe request 1",
                "ConsumerGroupDescribe response 0", "ConsumerGroupDescribe response 1",
                "ShareGroupDescribe request 1", "ShareGroupDescribe response 1",
                "StreamsGroupDescribe request 0", "StreamsGroupDescribe response 0",
                "DescribeShareGroupOffsets request 0", "DescribeShareGroupOffsets request 1",
                "DescribeShareGroupOffsets response 0", "DescribeShareGroupOffsets response 1",
                "AlterShareGroupOffsets request 0", "AlterShareGroupOffsets response 0",
                "DeleteShareGroupOffsets request 0", "DeleteShareGroupOffsets response 0",
            ])
    }

    @Test func `every message has a golden form with all fields set and one with what may be absent absent`() {
        let variants = Dictionary(grouping: golden, by: \.message).mapValues { $0.map(\.variant) }

        for message in DefinedMessage.all {
            #expect(variants[message] == ["full", "sparse"], "\(message)")
        }
    }

    @Test func `whole frames are a length, the header that other encoders write, and the body`() throws {
        for golden in golden {
            let message = try golden.message.type.decode(golden.bytes, version: golden.message.version)
            let header = try header(of: golden.message)
            let length = ByteBuffer(integer: Int32(header.readableBytes + golden.bytes.readableBytes))

            let frame = joined(try frame(of: message, version: golden.message.version))
            #expect(frame == joined([length, header, golden.bytes]), "\(golden.description)")
        }
    }

    private func frame(of message: any KafkaMessage, version: Int16) throws -> [ByteBuffer] {
        switch message {
        case let request as any KafkaRequest:
            try request.encodeFrame(version: version, correlationID: 77_001, clientID: "client-7")
        case let response as any KafkaResponse:
            try response.encodeFrame(version: version, correlationID: 77_002)
        default: preconditionFailure("a message is a request or a response")
        }
    }

    /// The golden header that goes with a message, made out to that message's API and version.
    private func header(of message: DefinedMessage) throws -> ByteBuffer {
        let version = headerVersion(message)
        let golden = try GoldenMessageHeader.all.get().first { $0.kind == message.kind && $0.version == version }
        var header = try #require(golden).bytes
        if message.kind == .request {
            header.setInteger(message.api.rawValue, at: header.readerIndex)
            header.setInteger(message.version, at: header.readerIndex + 2)
        }
        return header
    }

    private func headerVersion(_ message: DefinedMessage) -> Int {
        let isFlexible = message.type.versions.isFlexible(message.version)
        return switch message.kind {
        case .request: isFlexible ? 2 : 1
        case .response: ResponseHeader.isFlexible(message.api, bodyIsFlexible: isFlexible) ? 1 : 0
        }
    }

    private func joined(_ pieces: [ByteBuffer]) -> ByteBuffer {
        pieces.reduce(into: ByteBuffer()) { $0.writeImmutableBuffer($1) }
    }
}
