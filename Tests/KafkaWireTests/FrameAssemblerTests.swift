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

/// Reading into place: whoever reads the stream asks for a buffer, as a channel does.
@Suite(.printsSeed) struct FrameRoomTests {
    /// A socket that has `bytes`: each read appends to the buffer that it is given, in its place.
    private struct Socket {
        var bytes = ByteBuffer()

        mutating func write(_ frame: ByteBuffer) {
            bytes.writeInteger(Int32(frame.readableBytes))
            bytes.writeImmutableBuffer(frame)
        }

        mutating func read(into buffer: inout ByteBuffer, atMost most: Int = .max) {
            let count = min(most, buffer.writableBytes, bytes.readableBytes)
            buffer.withUnsafeMutableWritableBytes { room in
                bytes.withUnsafeReadableBytes { room.copyMemory(from: .init(rebasing: $0.prefix(count))) }
            }
            buffer.moveWriterIndex(forwardBy: count)
            bytes.moveReaderIndex(forwardBy: count)
        }
    }

    private static func frame(_ length: Int) -> ByteBuffer {
        var frame = ByteBuffer()
        while frame.readableBytes < length { frame.writeInteger(UInt64(frame.readableBytes &* 31 &+ length)) }
        frame.moveWriterIndex(to: length)
        return frame
    }

    private static func place(_ buffer: ByteBuffer) -> UInt {
        buffer.withUnsafeReadableBytes { UInt(bitPattern: $0.baseAddress) }
    }

    private func room(of assembler: inout FrameAssembler) throws -> ByteBuffer {
        let room = assembler.room()
        return try #require(room)
    }

    /// Reads until the socket is empty; the buffers that were read into are gone when a frame is used.
    private func receive(
        _ socket: inout Socket, _ assembler: inout FrameAssembler, atMost most: () -> Int = { .max },
        room watch: (ByteBuffer) -> Void = { _ in }
    ) throws -> [ByteBuffer] {
        var frames: [ByteBuffer] = []
        while socket.bytes.readableBytes > 0 {
            var bytes = try room(of: &assembler)
            watch(bytes)
            socket.read(into: &bytes, atMost: most())
            while let frame = try assembler.nextFrame(from: &bytes) { frames.append(frame) }
            assembler.giveBack(head: bytes)
        }
        return frames
    }

    @Test(arguments: 0..<10 as Range<UInt64>)
    func `reads of any sizes give the same frames`(seed: UInt64) throws {
        var random = seeded(seed)
        var assembler = FrameAssembler(limit: 1 << 20, reusesBuffers: true)
        let largest = 1 << Int.random(in: 3...20, using: &random)

        for _ in 0..<3 {
            let frames = (0..<6).map { _ in
                Self.frame(Int.random(in: 0...(1 << Int.random(in: 1...17, using: &random)), using: &random))
            }
            var socket = Socket()
            for frame in frames { socket.write(frame) }

            let received = try receive(&socket, &assembler, atMost: { Int.random(in: 1...largest, using: &random) })
            #expect(received == frames)
        }
        #expect(!assembler.isMidFrame)
    }

    @Test func `bytes of a frame behind its head stay where they were read`() throws {
        var assembler = FrameAssembler(limit: 1 << 20, reusesBuffers: true)
        var socket = Socket()
        // How long frames are is known by then.
        socket.write(Self.frame(400_000))
        _ = try receive(&socket, &assembler)
        socket.write(Self.frame(300_000))
        var places: [UInt] = []
        var rooms: [Int] = []

        let received = try receive(&socket, &assembler, atMost: { 100_000 }) { room in
            places.append(Self.place(room))
            rooms.append(room.writableBytes)
        }
        let frame = try #require(received.first)

        #expect(places.count == 4)
        #expect(places.dropFirst().allSatisfy { $0 == Self.place(frame) })
        let missing = 300_000 - (FrameAssembler.headBytes - 4)
        #expect(rooms == [FrameAssembler.headBytes, missing, missing - 100_000, missing - 200_000])
    }

    @Test func `memory of a frame is used again once nobody holds any of it, and not before`() throws {
        var assembler = FrameAssembler(limit: 1 << 20, reusesBuffers: true)
        var socket = Socket()
        var places: [UInt] = []
        var held: ByteBuffer?
        for number in 0..<6 {
            socket.write(Self.frame(200_000 + number))
            let received = try receive(&socket, &assembler)
            let frame = try #require(received.first)
            #expect(frame == Self.frame(200_000 + number))
            places.append(Self.place(frame))
            if number == 3 { held = frame.getSlice(at: 100_000, length: 10) }
        }

        #expect(places[2] == places[1] && places[3] == places[2])
        #expect(places[4] != places[3] && places[5] == places[4])
        #expect(held == Self.frame(200_003).getSlice(at: 100_000, length: 10))
    }

    @Test func `memory is not used for frames much shorter than those it has held`() throws {
        var assembler = FrameAssembler(limit: 1 << 21, reusesBuffers: true)
        var socket = Socket()
        socket.write(Self.frame(1_000_000))
        socket.write(Self.frame(1_000_000))
        let large = Set(try receive(&socket, &assembler).map(Self.place))
        socket.write(Self.frame(600_000))

        let received = try receive(&socket, &assembler)
        let small = try #require(received.first)

        #expect(!large.contains(Self.place(small)))
    }

    @Test func `memory that is not used again is forgotten`() throws {
        var assembler = FrameAssembler(limit: 1 << 20, reusesBuffers: true)
        var socket = Socket()
        socket.write(Self.frame(200_000))
        _ = try receive(&socket, &assembler)
        #expect(assembler.remembersBuffers)

        assembler.forgetUnusedBuffers()
        #expect(assembler.remembersBuffers)
        assembler.forgetUnusedBuffers()
        #expect(!assembler.remembersBuffers)
    }

    @Test func `between frames there is room for a head only, and an announcement reserves little`() throws {
        var assembler = FrameAssembler(limit: .max, reusesBuffers: true)
        var socket = Socket()
        socket.write(Self.frame(100_000))
        _ = try receive(&socket, &assembler)

        var head = try room(of: &assembler)
        #expect(head.writableBytes == FrameAssembler.headBytes)
        head.writeInteger(Int32.max)
        let frame = try assembler.nextFrame(from: &head)
        #expect(frame == nil)
        let reserved = try room(of: &assembler)
        #expect(reserved.writableBytes <= 1 << 17)
    }

    @Test func `a buffer that does not come back leaves no place in the stream`() throws {
        var assembler = FrameAssembler(limit: 1 << 20)
        var head = try room(of: &assembler)
        head.writeInteger(Int32(100))
        let frame = try assembler.nextFrame(from: &head)
        #expect(frame == nil)

        let first = assembler.room()
        let second = assembler.room()
        #expect(first != nil)
        #expect(second == nil)
    }
}
