import NIOCore

/// One coder for the whole protocol: it reads, writes, samples or traces the fields that a message names.
///
/// Methods are named after wire types, one name per type. Whether a length is compact follows from
/// ``isFlexible``, so a message says only what its fields are and since which version.
public struct WireCoder {
    enum Direction: UInt8 { case read, write, sample, trace }

    /// The message's version, for `if wire.version >= n` around fields that came later.
    public let version: Int16
    /// Compact lengths and tag sections (KIP-482).
    public let isFlexible: Bool
    let direction: Direction

    /// Input when reading, the piece being written when writing.
    var buffer: ByteBuffer
    /// The index of position 0 in `buffer`.
    let origin: Int
    /// Elements of arrays that may still be read: in memory they take far more than on the wire.
    var elementsLeft = Int.max
    /// Pieces already finished when writing; record bytes are referenced here, never copied.
    var pieces: [ByteBuffer] = []
    var generator = SeededGenerator(seed: 0)
    var traced: [String] = []

    /// - Parameter position: what errors shall call the first byte of `buffer`.
    init(reading buffer: ByteBuffer, version: Int16, isFlexible: Bool, position: Int = 0) {
        self.init(
            version: version, isFlexible: isFlexible, direction: .read, buffer: buffer,
            origin: buffer.readerIndex - position)
    }

    init(writingVersion version: Int16, isFlexible: Bool, into buffer: ByteBuffer = ByteBuffer()) {
        self.init(version: version, isFlexible: isFlexible, direction: .write, buffer: buffer)
    }

    init(samplingFrom source: SeededGenerator, version: Int16, isFlexible: Bool) {
        self.init(version: version, isFlexible: isFlexible, direction: .sample)
        generator = source
    }

    init(tracingVersion version: Int16, isFlexible: Bool) {
        self.init(version: version, isFlexible: isFlexible, direction: .trace)
    }

    private init(
        version: Int16, isFlexible: Bool, direction: Direction, buffer: ByteBuffer = ByteBuffer(), origin: Int = 0
    ) {
        self.version = version
        self.isFlexible = isFlexible
        self.direction = direction
        self.buffer = buffer
        self.origin = origin
    }
}
