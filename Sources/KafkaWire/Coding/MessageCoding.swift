public import NIOCore

extension KafkaMessage {
    /// Reads a body that must fill `buffer` to its last byte.
    ///
    /// Byte and record fields are slices that share `buffer`'s storage.
    ///
    /// - Parameters:
    ///   - ignoringTrailingBytes: lets bytes follow, as Kafka's brokers do with requests: librdkafka sends
    ///     some (Metadata for all topics in flexible versions).
    ///   - maxElements: how many elements all arrays may have together.
    /// - Throws: `WireError`, also for a version outside ``versions``.
    public static func decode(
        _ buffer: ByteBuffer, version: Int16, ignoringTrailingBytes: Bool = false, maxElements: Int = .max
    ) throws(WireError) -> Self {
        var coder = WireCoder(
            reading: buffer, version: try checked(version), isFlexible: versions.isFlexible(version))
        coder.elementsLeft = maxElements
        var message = Self()
        try coder.structure(&message)
        guard coder.remaining == 0 || ignoringTrailingBytes else {
            throw .trailingBytes(at: coder.position, count: coder.remaining)
        }
        return message
    }

    /// Writes the body as pieces that follow one another on the wire; record bytes are referenced, not copied.
    ///
    /// - Parameter prefix: bytes already written, such as a frame's length and header; they begin the first piece.
    public func encode(
        version: Int16, after prefix: consuming ByteBuffer = ByteBuffer()
    ) throws(WireError) -> [ByteBuffer] {
        try written(version: version, after: prefix).writtenPieces()
    }

    /// Writes the body into one buffer.
    public func encodeContiguously(version: Int16) throws(WireError) -> ByteBuffer {
        try written(version: version, after: ByteBuffer()).writtenContiguously()
    }

    private func written(version: Int16, after prefix: consuming ByteBuffer) throws(WireError) -> WireCoder {
        var coder = WireCoder(
            writingVersion: try Self.checked(version), isFlexible: Self.versions.isFlexible(version), into: prefix)
        coder.buffer.reserveCapacity(minimumWritableBytes: WireCoder.pieceCapacity)
        var message = self
        try coder.structure(&message)
        return coder
    }

    /// A message whose fields hold seeded values, for property tests.
    package static func sample(version: Int16, from source: inout SeededGenerator) throws(WireError) -> Self {
        var coder = WireCoder(
            samplingFrom: source, version: try checked(version), isFlexible: versions.isFlexible(version))
        var message = Self()
        try coder.structure(&message)
        source = coder.generator
        return message
    }

    /// The wire types of a version's fields, in order, as in `int16 [ string int32=-1 ] <0:string?=null>`: arrays in
    /// square brackets, nullable structures in braces, tagged fields in angle brackets, `?` where null is allowed, and
    /// the initial value wherever it is not zero, empty or false.
    public static func trace(version: Int16) throws(WireError) -> String {
        var coder = WireCoder(tracingVersion: try checked(version), isFlexible: versions.isFlexible(version))
        var message = Self()
        try coder.structure(&message)
        return coder.traceText
    }

    private static func checked(_ version: Int16) throws(WireError) -> Int16 {
        guard versions.range.contains(version) else { throw .unsupportedVersion(api: apiKey, version: version) }
        return version
    }
}
