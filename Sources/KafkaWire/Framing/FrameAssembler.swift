public import NIOCore

/// Cuts a byte stream into length-prefixed frames, each in a buffer of its own.
///
/// A frame's buffer grows with the bytes that have arrived, so announcing much costs a peer as much as sending it. Where
/// buffers are used again, what frames before it have filled is reserved at once. Bytes that arrive in buffers of others
/// are copied once. The reader of the stream may ask for ``room()`` instead: from the second read on the bytes of a frame
/// come into their place, and no read reaches beyond the frame's end.
///
/// ```
/// room() ─▶ [head of 4 KiB] ─read─▶ nextFrame(from:) ─▶ the frame has begun ─▶ room() ─▶ [the frame itself] ─read─▶ …
/// ```
public struct FrameAssembler: Sendable {
    /// The largest frame accepted, in bytes, without its length prefix.
    public var limit: Int
    private var prefix = ByteBuffer()
    private var frame: ByteBuffer?
    private var announced = 0
    /// Bytes of the present frame's buffer that were written to when it was used before.
    private var touched = 0
    /// True while the reader of the stream has the frame's buffer.
    private var isLent = false
    /// Length of the longest frame so far.
    private var longest = 0
    /// The buffer that takes reads between frames, unless the reader has it.
    private var head = ByteBuffer()
    private var isHeadLent = false
    private var buffers: FrameBuffers?

    /// Memory reserved on the strength of an announcement alone: what one read of a socket brings.
    private static let largestReservation = 1 << 16
    /// Bytes read at once while it is not known how long the next frame is.
    package static let headBytes = 4 << 10

    /// - Parameter reusesBuffers: keeps memory of frames for later ones; ``forgetUnusedBuffers()`` gives it back.
    public init(limit: Int, reusesBuffers: Bool = false) {
        self.limit = limit
        if reusesBuffers { buffers = FrameBuffers() }
    }

    /// True if a frame has begun and not yet ended.
    public var isMidFrame: Bool { frame != nil || isLent || prefix.readableBytes > 0 }

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
        if isLent { return takeBack(&bytes) }
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
        reserve(min(announced, max(Self.largestReservation, buffers == nil ? 0 : longest)))
        return true
    }

    private mutating func reserve(_ length: Int) {
        if length >= FrameBuffers.smallest, let (buffer, touched) = buffers?.take(length) {
            frame = buffer
            self.touched = touched
            return
        }
        var buffer = ByteBuffer()
        buffer.reserveCapacity(length)
        frame = buffer
        touched = 0
    }

    private mutating func fill(_ bytes: inout ByteBuffer) -> ByteBuffer? {
        guard var buffer = frame.take() else { return nil }
        let missing = announced - buffer.readableBytes
        if var part = bytes.readSlice(length: min(missing, bytes.readableBytes)) {
            Self.grow(&buffer, by: part.readableBytes, announced)
            buffer.writeBuffer(&part)
        }
        return completed(buffer)
    }

    private static func grow(_ buffer: inout ByteBuffer, by count: Int, _ announced: Int) {
        let needed = buffer.readableBytes + count
        guard needed > buffer.capacity else { return }
        buffer.reserveCapacity(min(announced, max(needed, buffer.capacity * 4)))
    }

    /// The frame when it is whole; otherwise it is kept.
    private mutating func completed(_ buffer: ByteBuffer) -> ByteBuffer? {
        guard buffer.readableBytes >= announced else {
            frame = buffer
            return nil
        }
        longest = max(longest, announced)
        buffers?.handedOut(buffer, touched: max(touched, announced))
        return buffer
    }
}

// Reading into place.
extension FrameAssembler {
    /// An empty buffer, or the frame that has begun, for the next read to append to. What was read comes back through
    /// ``nextFrame(from:)``, in the same buffer.
    ///
    /// - Returns: nil when the buffer before has not come back: its bytes are lost, and the stream's place with them.
    package mutating func room() -> ByteBuffer? {
        guard !isLent else { return nil }
        guard var buffer = frame.take() else { return takeHead() }
        Self.grow(&buffer, by: 1, announced)
        isLent = true
        return buffer.bounded(to: announced)
    }

    private mutating func takeHead() -> ByteBuffer {
        isHeadLent = true
        // Slices of it may still be held, and a buffer that is kept here would be copied when it is written to.
        var buffer = ByteBuffer()
        swap(&buffer, &head)
        guard buffer.storageCapacity == Self.headBytes, buffer.modifyIfUniquelyOwned({ $0.clear() }) != nil else {
            buffer = ByteBuffer()
            buffer.reserveCapacity(Self.headBytes)
            return buffer
        }
        return buffer
    }

    /// A read between frames is over: its buffer may be used for another.
    package mutating func giveBack(head bytes: ByteBuffer) {
        if isHeadLent { head = bytes }
        isHeadLent = false
    }

    private mutating func takeBack(_ bytes: inout ByteBuffer) -> ByteBuffer? {
        var buffer = ByteBuffer()
        swap(&buffer, &bytes)
        isLent = false
        return completed(buffer)
    }

    /// True if memory of frames that were handed out is remembered, to be used again.
    package var remembersBuffers: Bool { buffers?.isEmpty == false }

    /// Forgets buffers that were not used again since the last call.
    package mutating func forgetUnusedBuffers() {
        buffers?.forgetUnused()
    }
}

extension ByteBuffer {
    /// The same storage and content, with room for `length` bytes altogether and no more, unless there is less.
    fileprivate consuming func bounded(to length: Int) -> ByteBuffer {
        guard capacity > length else { return self }
        let written = writerIndex
        moveWriterIndex(to: length)
        guard var slice = getSlice(at: 0, length: length) else { return self }
        slice.moveWriterIndex(to: written)
        return slice
    }
}
