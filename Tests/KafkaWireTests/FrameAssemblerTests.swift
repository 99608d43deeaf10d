import KafkaWire
import NIOCore
import TestSupport
import Testing

@Suite(.printsSeed) struct FrameAssemblerTests {
    private static let frames: [ByteBuffer] = [0, 1, 3, 4, 5, 200, 70_000, 0, 300_000].map { length in
        ByteBuffer(bytes: (0..<length).map { UInt8(truncatingIfNeeded: $0 &* 31 &+ length) })
    }

    private static let stream = frames.reduce(into: ByteBuffer()) { stream, frame in
        stream.writeInteger(Int32(frame.readableBytes))
        stream.writeImmutableBuffer(frame)
    }

    /// Hands `stream` over in pieces and collects the frames.
    private func frames(of stream: ByteBuffer, limit: Int = 1 << 20, pieceLength: () -> Int) throws -> [ByteBuffer] {
        var assembler = FrameAssembler(limit: limit)
        var stream = stream
        var frames: [ByteBuffer] = []
        while stream.readableBytes > 0 {
            var piece = stream.readSlice(length: min(stream.readableBytes, pieceLength()))!
            while let frame = try assembler.nextFrame(from: &piece) { frames.append(frame) }
            #expect(piece.readableBytes == 0)
        }
        #expect(!assembler.isMidFrame)
        return frames
    }

    @Test(arguments: [1, 2, 3, 4, 5, 7, 64, 1000, 65_536, 10_000_000])
    func `pieces of any one size give the same frames`(size: Int) throws {
        #expect(try frames(of: Self.stream) { size } == Self.frames)
    }

    @Test(arguments: 0..<20 as Range<UInt64>)
    func `pieces of any sizes give the same frames`(seed: UInt64) throws {
        var random = seeded(seed)
        let largest = 1 << Int.random(in: 4...18, using: &random)

        #expect(try frames(of: Self.stream) { Int.random(in: 1...largest, using: &random) } == Self.frames)
    }

    @Test func `a frame of the limit passes, one more byte is refused before it arrives`() throws {
        #expect(try frames(of: Self.stream, limit: 300_000) { 1000 } == Self.frames)

        var assembler = FrameAssembler(limit: 299_999)
        var announcement = ByteBuffer(integer: Int32(300_000))
        #expect(throws: WireError.frameTooLarge(announced: 300_000, limit: 299_999)) {
            try assembler.nextFrame(from: &announcement)
        }
    }

    @Test func `a negative length is refused`() {
        var assembler = FrameAssembler(limit: 100)
        var announcement = ByteBuffer(integer: Int32(-1))

        #expect(throws: WireError.invalidLength(at: 0, length: -1)) { try assembler.nextFrame(from: &announcement) }
    }

    @Test func `a frame that has begun and not ended is known`() throws {
        var assembler = FrameAssembler(limit: 100)
        #expect(!assembler.isMidFrame)

        var part = ByteBuffer(bytes: [0, 0])
        #expect(try assembler.nextFrame(from: &part) == nil)
        #expect(assembler.isMidFrame)

        part = ByteBuffer(bytes: [0, 2, 9])
        #expect(try assembler.nextFrame(from: &part) == nil)
        #expect(assembler.isMidFrame)

        part = ByteBuffer(bytes: [8])
        #expect(try assembler.nextFrame(from: &part) == ByteBuffer(bytes: [9, 8]))
        #expect(!assembler.isMidFrame)
    }

    @Test func `memory follows what has arrived, not what is announced`() throws {
        var assembler = FrameAssembler(limit: .max)
        var bytes = ByteBuffer(integer: Int32.max)
        #expect(try assembler.nextFrame(from: &bytes) == nil)
        #expect(assembler.reservedBytes <= 1 << 16)

        for arrived in stride(from: 50_000, through: 1_000_000, by: 50_000) {
            bytes = ByteBuffer(repeating: 1, count: 50_000)
            #expect(try assembler.nextFrame(from: &bytes) == nil)
            #expect(assembler.reservedBytes <= max(1 << 16, 8 * arrived))
        }
    }
}
