import KafkaWire
import NIOCore
import Testing

struct RequestHeaderTests {
    @Test func `headers hold what other encoders put in`() throws {
        for golden in try GoldenMessageHeader.all.get() where golden.kind == .request {
            var frame = golden.bytes
            let header = try RequestHeader.decode(from: &frame)
            if golden.version == 2 { try RequestHeader.skipTags(in: &frame) }

            #expect(frame.readableBytes == 0)
            #expect(header.apiKey == .metadata)
            #expect(header.apiVersion == 9)
            #expect(header.correlationID == 77_001)
            #expect(header.clientID == nil || header.clientID == "client-7")

            var written = ByteBuffer()
            try header.encode(into: &written, isFlexible: golden.version == 2)
            #expect(written == golden.bytes)
        }
    }

    @Test func `decoding leaves the frame at the body`() throws {
        var frame = ByteBuffer(string: "before")
        frame.moveReaderIndex(forwardBy: 6)
        try RequestHeader(apiKey: .fetch, apiVersion: 12, correlationID: 5, clientID: nil)
            .encode(into: &frame, isFlexible: true)
        frame.writeString("body")

        #expect(try RequestHeader.decode(from: &frame).correlationID == 5)
        try RequestHeader.skipTags(in: &frame)

        #expect(String(buffer: frame) == "body")
    }

    @Test func `tags that nobody knows are passed over, in requests and responses`() throws {
        let tags: [UInt8] = [2, 0, 1, 99, 7, 2, 1, 2]
        var frame = ByteBuffer(bytes: tags + [42])
        try RequestHeader.skipTags(in: &frame)
        #expect(frame == ByteBuffer(bytes: [42]))

        var response = ByteBuffer(bytes: tags)
        response.writeImmutableBuffer(try HeartbeatResponse().encodeContiguously(version: 4))
        #expect(try HeartbeatResponse.decodeFrame(response, version: 4) == HeartbeatResponse())
    }

    @Test func `the response header of ApiVersions never has tags, since its reader knows nothing yet`() throws {
        var response = ApiVersionsResponse()
        response.throttleTimeMs = 9

        let frame = try response.encodeFrame(version: 3, correlationID: 1)
        var body = try #require(frame.first).getSlice(at: 8, length: frame[0].readableBytes - 8)!

        #expect(try ApiVersionsResponse.decode(body, version: 3) == response)
        #expect(try ApiVersionsResponse.decodeFrame(body, version: 3) == response)
        body.moveReaderIndex(forwardBy: 1)
        #expect(throws: WireError.self) { try ApiVersionsResponse.decodeFrame(body, version: 3) }
    }

    @Test func `every cut of a header is an error`() throws {
        var whole = ByteBuffer()
        try RequestHeader(apiKey: .fetch, apiVersion: 12, correlationID: 5, clientID: "me")
            .encode(into: &whole, isFlexible: false)

        for length in 0..<whole.readableBytes {
            var cut = whole.getSlice(at: 0, length: length)!
            #expect(throws: WireError.self) { try RequestHeader.decode(from: &cut) }
        }
        var noCorrelationID = ByteBuffer(bytes: [0, 0, 1])
        #expect(throws: WireError.truncated(at: 0, needed: 1)) {
            try ResponseHeader.decodeCorrelationID(from: &noCorrelationID)
        }
    }

    @Test(
        arguments: [
            [2, 1, 0, 1, 0],  // the same tag twice
            [2, 1, 0, 0, 0],  // out of order
            [1, 0, 9],  // a value that does not follow
            [255, 255, 255, 255, 15],  // four thousand million tags
            [128, 128, 128, 128, 128, 1],  // a number that does not end
        ] as [[UInt8]])
    func `malformed tags are an error`(bytes: [UInt8]) {
        var frame = ByteBuffer(bytes: bytes)
        #expect(throws: WireError.self) { try RequestHeader.skipTags(in: &frame) }
    }
}
