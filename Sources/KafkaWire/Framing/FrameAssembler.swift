public import NIOCore

/// Cuts a byte stream into length-prefixed frames, each in a buffer of its own.
///
/// NIO hands bytes over in pieces of at most 64 KiB. Appending them to a growing buffer would copy a
/// multi-megabyte fetch response several times; here each byte is copied once. A frame's buffer grows with the
/// bytes that have arrived, so announcing much costs a peer as much as sending it.
public struct FrameAssembler: Sendable {
    /// The largest frame accepted, in bytes, without its length prefix.
    public var limit: Int
    private var prefix = ByteBuffer()
    private var frame: ByteBuffer?
    private var announced = 0

    /// Memory reserved on the strength of an announcement alone: what one read of a socket brings.
    private static let largestReservation = 1 << 16

    public init(limit: Int) {
        self.limit = limit
    }

    /// Whether a frame has begun and not yet ended.
    public var isMidFrame: Bool { frame != nil || prefix.readableBytes > 0 }

    /// Bytes of the frame that has begun, and those that it still lacks; nil between frames.
    package var progress: (arrived: Int, missing: Int)? {
        frame.map { ($0.readableBytes, announced - $0.readableBytes) }
    }

    /// Memory held for the frame that has begun, in bytes.
    package var reservedBytes: Int { frame?.capacity ?? 0 }

    /// Takes in `bytes` up to the end of one frame; call again until it returns nil.
    ///
    /// - Throws: `WireError.frameTooLarge` or `.invalidLength`; the stream has lost its framing then.
    public mutating func nextFrame(from bytes: inout ByteBuffer) throws(WireError) -> ByteBuffer? {
        if frame == nil {
            guard try begin(&bytes) else { return nil }
        }
        return fill(&bytes)
    }

    /// Reads the length prefix; false while it is incomplete.
    private mutating func begin(_ bytes: inout ByteBuffer) throws(WireError) -> Bool {
        let missing = 4 - prefix.readableBytes
        guard var part = bytes.readSlice(length: min(missing, bytes.readableBytes)) else { return false }
        prefix.writeBuffer(&part)
        guard let length = prefix.getInteger(at: prefix.readerIndex, as: Int32.self) else { return false }
        prefix.clear()
        guard length >= 0 else { throw .invalidLength(at: 0, length: Int(length)) }
        guard Int(length) <= limit else { throw .frameTooLarge(announced: Int(length), limit: limit) }
        announced = Int(length)
        var buffer = ByteBuffer()
        buffer.reserveCapacity(min(announced, Self.largestReservation))
        frame = buffer
        return true
    }

    private mutating func fill(_ bytes: inout ByteBuffer) -> ByteBuffer? {
        guard var buffer = frame.take() else { return nil }
        let missing = announced - buffer.readableBytes
        if var part = bytes.readSlice(length: min(missing, bytes.readableBytes)) {
            let needed = buffer.readableBytes + part.readableBytes
            if needed > buffer.capacity { buffer.reserveCapacity(min(announced, max(needed, buffer.capacity * 4))) }
            buffer.writeBuffer(&part)
        }
        guard buffer.readableBytes < announced else { return buffer }
        frame = buffer
        return nil
    }
}
