import KafkaWire
import NIOCore
import Testing

/// A peer's bytes may be anything: whatever they are, reading them ends in a message or in an error.
struct HostileInputTests {
    @Test func `every message cut short anywhere is an error`() throws {
        for golden in try GoldenMessage.all.get() where golden.variant == "full" {
            for length in 0..<golden.bytes.readableBytes {
                let cut = golden.bytes.getSlice(at: 0, length: length)!
                if (try? golden.message.type.decode(cut, version: golden.message.version)) != nil {
                    Issue.record("\(golden.description) was read from its first \(length) bytes")
                }
            }
        }
    }

    @Test func `bytes after a message's end are an error`() throws {
        for golden in try GoldenMessage.all.get() {
            var longer = golden.bytes
            longer.writeInteger(UInt8(0))
            let end = golden.bytes.readableBytes

            #expect(throws: WireError.trailingBytes(at: end, count: 1), "\(golden.description)") {
                try golden.message.type.decode(longer, version: golden.message.version)
            }
        }
    }

    @Test func `tags that we do not know are passed over`() throws {
        for golden in try GoldenMessage.all.get() where golden.variant == "sparse" {
            guard golden.message.type.versions.isFlexible(golden.message.version) else { continue }
            // A sparse message ends with its own empty tag section.
            var tagged = golden.bytes.getSlice(at: 0, length: golden.bytes.readableBytes - 1)!
            tagged.writeBytes([2, 0xC8, 0x01, 2, 0xAA, 0xBB, 0xC9, 0x01, 0])

            let message = try golden.message.type.decode(tagged, version: golden.message.version)
            #expect(golden.values.differences(from: message) == [], "\(golden.description)")
        }
    }
}

/// Tag sections by hand, at the end of fetch requests that are otherwise sound.
struct HostileTagTests {
    private func decode(tags: [UInt8]) throws -> FetchRequest {
        var request = FetchRequest()
        request.maxWaitMs = 1
        var bytes = try request.encodeContiguously(version: 12)
        bytes = bytes.getSlice(at: 0, length: bytes.readableBytes - 1)!
        bytes.writeBytes(tags)
        return try FetchRequest.decode(bytes, version: 12)
    }

    /// Where the tag section begins.
    private let end = 28

    @Test func `a known tag among unknown ones is read`() throws {
        #expect(try decode(tags: [3, 0, 2, 2, 0x63, 5, 0, 9, 1, 7]).clusterID == "c")
    }

    @Test func `a tag that comes twice is an error, known or not`() {
        #expect(throws: WireError.invalidTag(at: end + 5)) { try decode(tags: [2, 0, 2, 2, 0x63, 0, 2, 2, 0x63]) }
        #expect(throws: WireError.invalidTag(at: end + 4)) { try decode(tags: [2, 9, 1, 7, 9, 1, 7]) }
    }

    @Test func `tags out of order are an error, known or not`() {
        #expect(throws: WireError.invalidTag(at: end + 4)) { try decode(tags: [2, 5, 1, 7, 0, 2, 2, 0x63]) }
        #expect(throws: WireError.invalidTag(at: end + 4)) { try decode(tags: [2, 9, 1, 7, 8, 1, 7]) }
    }

    @Test func `a tag's value must be as long as announced`() {
        #expect(throws: WireError.invalidTag(at: end + 5)) { try decode(tags: [1, 0, 3, 2, 0x63, 0x64]) }
        #expect(throws: WireError.truncated(at: end + 3, needed: 1)) { try decode(tags: [1, 0, 1, 2, 0x63]) }
        #expect(throws: WireError.truncated(at: end + 3, needed: 98)) { try decode(tags: [1, 0, 100, 2, 0x63]) }
    }

    @Test func `more tags announced than there are is an error`() {
        #expect(throws: WireError.self) { try decode(tags: [2, 9, 1, 7]) }
        #expect(throws: WireError.self) { try decode(tags: [0xFF, 0xFF, 0xFF, 0xFF, 0x0F, 9, 1, 7]) }
        #expect(throws: WireError.invalidVarint(at: end)) { try decode(tags: [0xFF, 0xFF, 0xFF, 0xFF, 0x1F]) }
        #expect(throws: WireError.invalidVarint(at: end)) { try decode(tags: [0x80, 0x80, 0x80, 0x80, 0x80, 0]) }
    }
}

/// Lengths, counts and text by hand.
struct HostileLengthTests {
    /// DeleteTopics: `[ string ] int32`, legacy in version 1, compact in version 4.
    private func topics(_ version: Int16, _ bytes: [UInt8]) throws -> [String] {
        try DeleteTopicsRequest.decode(ByteBuffer(bytes: bytes), version: version).topicNames
    }

    @Test func `counts and lengths below null are an error`() {
        #expect(throws: WireError.invalidLength(at: 0, length: -2)) { try topics(1, [0xFF, 0xFF, 0xFF, 0xFE]) }
        #expect(throws: WireError.invalidLength(at: 4, length: -2)) { try topics(1, [0, 0, 0, 1, 0xFF, 0xFE, 0, 0]) }
    }

    @Test func `null where the version has none is an error`() {
        #expect(throws: WireError.unexpectedNull(at: 0)) { try topics(1, [0xFF, 0xFF, 0xFF, 0xFF, 0, 0, 0, 0]) }
        #expect(throws: WireError.unexpectedNull(at: 0)) { try topics(4, [0, 0, 0, 0, 0, 0]) }
        #expect(throws: WireError.unexpectedNull(at: 4)) { try topics(1, [0, 0, 0, 1, 0xFF, 0xFF, 0, 0, 0, 0]) }
        #expect(throws: WireError.unexpectedNull(at: 0)) {
            try SaslAuthenticateRequest.decode(ByteBuffer(bytes: [0, 0]), version: 2)
        }
    }

    @Test func `text must be UTF-8`() {
        #expect(throws: WireError.invalidString(at: 1)) { try topics(4, [2, 3, 0xC3, 0x28, 0, 0, 0, 0, 0]) }
    }

    @Test func `a compact string may not be longer than a legacy one could`() throws {
        let longest = [UInt8](repeating: 0x61, count: 32_767)
        #expect(try topics(4, [2, 0x80, 0x80, 0x02] + longest + [0, 0, 0, 0, 0]).count == 1)
        #expect(throws: WireError.invalidLength(at: 1, length: 32_768)) {
            try topics(4, [2, 0x81, 0x80, 0x02] + longest + [0x61, 0, 0, 0, 0, 0])
        }
    }

    @Test func `more bytes announced than the frame holds are an error`() {
        #expect(throws: WireError.truncated(at: 1, needed: 3)) { try topics(4, [2, 9, 0x61, 0, 0, 0, 0]) }
        #expect(throws: WireError.truncated(at: 0, needed: Int(Int32.max) - 2)) {
            try SaslAuthenticateRequest.decode(ByteBuffer(bytes: [0x7F, 0xFF, 0xFF, 0xFF, 0, 0]), version: 1)
        }
    }

    @Test func `more elements announced than the frame can hold are refused before any is read`() throws {
        #expect(throws: WireError.invalidLength(at: 0, length: Int(Int32.max))) {
            try topics(1, [0x7F, 0xFF, 0xFF, 0xFF])
        }
        #expect(throws: WireError.invalidLength(at: 0, length: Int(UInt32.max) - 1)) {
            try topics(4, [0xFF, 0xFF, 0xFF, 0xFF, 0x0F, 0])
        }
        // A broker takes at least ten bytes in Metadata version 0: there is a byte for each, but not ten.
        var frame = ByteBuffer(integer: Int32(110_000))
        frame.writeRepeatingByte(0, count: 1_000_000)
        #expect(throws: WireError.invalidLength(at: 0, length: 110_000)) {
            try MetadataResponse.decode(frame, version: 0)
        }
        // As many as can be there are there.
        frame = ByteBuffer(integer: Int32(100_000))
        frame.writeRepeatingByte(0, count: 1_000_000 + 4)
        #expect(try MetadataResponse.decode(frame, version: 0).brokers.count == 100_000)
    }
}
