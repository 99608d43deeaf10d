import KafkaWire
import NIOCore
import TestSupport
import Testing

/// Damaged messages, frames and streams by the thousand: as many, and from the seed, that ``FuzzSeeds`` says. A trap
/// ends the process: the last line printed narrows it down.
@Suite(.printsSeed) struct MessageFuzzTests {
    private static let count: UInt64 = 50_000

    private let golden: [GoldenMessage]

    init() throws {
        golden = try GoldenMessage.all.get()
    }

    @Test func `a damaged message is an error, or a message that can be written and read again`() throws {
        var inputs = 0
        for seed in FuzzSeeds(count: Self.count) {
            inputs += 1
            if seed % 10_000 == 0 { FuzzSeeds.say("fuzzing messages from seed \(seed)") }
            var random = seeded(seed)
            let message = DefinedMessage.all.randomElement(using: &random)!
            let bytes = try damagedBody(of: message, using: &random)

            do throws(WireError) {
                try reread(message.type, bytes, message.version, seed)
            } catch {
                Issue.record("\(message), seed \(seed): what was read cannot be written: \(error)")
            }
        }
        FuzzSeeds.report("messages", inputs: inputs)
    }

    @Test func `a damaged stream gives frames and headers, or an error`() throws {
        var inputs = 0
        for seed in FuzzSeeds(count: Self.count / 10) {
            inputs += 1
            var random = seeded(seed)
            var stream = ByteBuffer()
            for _ in 0..<Int.random(in: 1...4, using: &random) {
                let golden = golden.randomElement(using: &random)!
                var header = ByteBuffer()
                let (api, version) = (golden.message.api, golden.message.version)
                try RequestHeader(apiKey: api, apiVersion: version, correlationID: 7, clientID: "c")
                    .encode(into: &header, isFlexible: true)
                stream.writeInteger(Int32(header.readableBytes + golden.bytes.readableBytes))
                stream.writeImmutableBuffer(header)
                stream.writeImmutableBuffer(golden.bytes)
            }
            damage(&stream, using: &random)

            readStream(stream, using: &random)
        }
        FuzzSeeds.report("streams", inputs: inputs)
    }

    private func reread<Message: KafkaMessage>(
        _ type: Message.Type, _ bytes: ByteBuffer, _ version: Int16, _ seed: UInt64
    ) throws(WireError) {
        guard let message = try? Message.decode(bytes, version: version) else { return }
        let written = try message.encodeContiguously(version: version)
        let again = try Message.decode(written, version: version).encodeContiguously(version: version)
        #expect(written == again, "\(Message.self) \(version), seed \(seed)")
    }

    private func readStream(_ stream: ByteBuffer, using random: inout SeededGenerator) {
        var stream = stream
        var assembler = FrameAssembler(limit: 1 << 16)
        do throws(WireError) {
            while stream.readableBytes > 0 {
                let length = min(stream.readableBytes, Int.random(in: 1...100, using: &random))
                guard var piece = stream.readSlice(length: length) else { return }
                while var frame = try assembler.nextFrame(from: &piece) {
                    let header = try RequestHeader.decode(from: &frame)
                    try RequestHeader.skipTags(in: &frame)
                    let request = ApiKey.definedRequests.first { $0.apiKey == header.apiKey }
                    _ = try request?.decode(frame, version: header.apiVersion)
                }
            }
        } catch {}
    }

    /// A golden or sampled message with a few things wrong, or plain noise.
    private func damagedBody(of message: DefinedMessage, using random: inout SeededGenerator) throws -> ByteBuffer {
        var bytes: ByteBuffer
        switch random.next() % 8 {
        case 0:
            let length = Int.random(in: 0...80, using: &random)
            bytes = ByteBuffer(bytes: (0..<length).map { _ in UInt8(truncatingIfNeeded: random.next()) })
        case 1, 2:
            bytes = golden.randomElement(using: &random)!.bytes
        default:
            bytes = try sample(message.type, version: message.version, using: &random)
        }
        damage(&bytes, using: &random)
        return bytes
    }

    private func sample<Message: KafkaMessage>(
        _ type: Message.Type, version: Int16, using random: inout SeededGenerator
    ) throws -> ByteBuffer {
        try Message.sample(version: version, from: &random).encodeContiguously(version: version)
    }

    /// Lengths and counts that no frame can honour, and some that it might.
    private static let lies: [[UInt8]] = [
        [0x7F, 0xFF, 0xFF, 0xFF], [0xFF, 0xFF, 0xFF, 0xFF], [0x80, 0, 0, 0], [0xFF, 0xFF], [0x7F, 0xFF],
        [0xFF, 0xFF, 0xFF, 0xFF, 0x0F], [0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0x7F], [0x80, 0x80, 0x02], [0, 0, 0x10, 0],
        [0], [1], [0xFF],
    ]

    private func damage(_ buffer: inout ByteBuffer, using random: inout SeededGenerator) {
        var bytes = Array(buffer.readableBytesView)
        for _ in 0..<Int.random(in: 0...4, using: &random) {
            let at = Int.random(in: 0...bytes.count, using: &random)
            let length = Int.random(in: 0...min(8, bytes.count - at), using: &random)
            switch random.next() % 6 {
            case 0 where at < bytes.count: bytes[at] ^= 1 << UInt8(random.next() % 8)
            case 1 where at < bytes.count: bytes[at] = UInt8(truncatingIfNeeded: random.next())
            case 2: bytes.removeSubrange(at..<at + length)
            case 3: bytes.insert(contentsOf: bytes[at..<at + length], at: at)
            case 4: bytes.removeSubrange(at...)
            default:
                let lie = Self.lies.randomElement(using: &random)!
                bytes.replaceSubrange(at..<min(at + lie.count, bytes.count), with: lie)
            }
        }
        buffer = ByteBuffer(bytes: bytes)
    }
}
