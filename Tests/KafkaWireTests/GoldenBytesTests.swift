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
                "WriteTxnMarkers request 0", "WriteTxnMarkers response 0",
                "DescribeLogDirs request 0",
                "ConsumerGroupHeartbeat request 0", "ConsumerGroupHeartbeat request 1",
                "ConsumerGroupHeartbeat response 0", "ConsumerGroupHeartbeat response 1",
                "ConsumerGroupDescribe request 0", "ConsumerGroupDescribe request 1",
                "ConsumerGroupDescribe response 0", "ConsumerGroupDescribe response 1",
            ])
    }

    @Test func `every message has a golden form with all fields set and one with what may be absent absent`() {
        let variants = Dictionary(grouping: golden, by: \.message).mapValues { $0.map(\.variant) }

        for message in DefinedMessage.all {
            #expect(variants[message] == ["full", "sparse"], "\(message)")
        }
    }

    @Test func `whole frames are a length, the header that other encoders write, and the body`() throws {
        let headers = try GoldenHeader.all.get()

        for golden in golden {
            let version = golden.message.version
            let message = try golden.message.type.decode(golden.bytes, version: version)
            let frame: ByteBuffer
            let header: ByteBuffer
            switch message {
            case let request as any KafkaRequest:
                frame = joined(try request.encodeFrame(version: version, correlationID: 77_001, clientID: "client-7"))
                header = try #require(headers.first { $0.kind == .request && $0.version == headerVersion(golden.message) })
                    .bytes.replacingRequest(golden.message.api, version: version)
            case let response as any KafkaResponse:
                frame = joined(try response.encodeFrame(version: version, correlationID: 77_002))
                header = try #require(headers.first { $0.kind == .response && $0.version == headerVersion(golden.message) })
                    .bytes
            default: fatalError("a message is a request or a response")
            }
            let length = ByteBuffer(integer: Int32(header.readableBytes + golden.bytes.readableBytes))
            #expect(frame == joined([length, header, golden.bytes]), "\(golden.description)")
        }
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

extension ByteBuffer {
    /// A golden request header with the api key and version of another request.
    fileprivate func replacingRequest(_ api: ApiKey, version: Int16) -> ByteBuffer {
        var header = self
        header.setInteger(api.rawValue, at: header.readerIndex)
        header.setInteger(version, at: header.readerIndex + 2)
        return header
    }
}
