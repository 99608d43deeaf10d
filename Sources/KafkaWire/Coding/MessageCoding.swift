public import NIOCore

extension KafkaMessage {
    /// Reads a body that must fill `buffer` to its last byte.
    ///
    /// - Parameter ignoringTrailingBytes: lets bytes follow, as Kafka's brokers do with requests: librdkafka sends
    ///   some (Metadata for all topics in flexible versions).
    /// - Throws: `WireError`, also for a version outside ``versions``.
    public static func decode(
        _ buffer: ByteBuffer, version: Int16, ignoringTrailingBytes: Bool = false
    ) throws(WireError) -> Self {
        var coder = WireCoder(
            reading: buffer, version: try checked(version), isFlexible: versions.isFlexible(version))
        var message = Self()
        try coder.structure(&message)
        guard coder.remaining == 0 || ignoringTrailingBytes else { throw .trailingBytes(at: coder.position, count: coder.remaining) }
        return message
    }

    /// Writes the body as pieces that follow one another on the wire; record bytes are referenced, not copied.
    ///
    /// - Parameter prefix: bytes already written, such as a frame's length and header; they begin the first piece.
    public func encode(version: Int16, after prefix: ByteBuffer = ByteBuffer()) throws(WireError) -> [ByteBuffer] {
        var coder = WireCoder(
            writingVersion: try Self.checked(version), isFlexible: Self.versions.isFlexible(version), into: prefix)
        var copy = self
        try coder.structure(&copy)
        return coder.writtenPieces()
    }

    /// Writes the body into one buffer.
    public func encodeContiguously(version: Int16) throws(WireError) -> ByteBuffer {
        var all = ByteBuffer()
        for piece in try encode(version: version) { all.writeImmutableBuffer(piece) }
        return all
    }

    /// A message whose fields hold seeded values, for property tests.
    public static func sample(version: Int16, from source: inout SampleSource) throws(WireError) -> Self {
        var coder = WireCoder(
            samplingFrom: source, version: try checked(version), isFlexible: versions.isFlexible(version))
        var message = Self()
        try coder.structure(&message)
        source = coder.sampleSource
        return message
    }

    /// The wire types of a version's fields, in order: `int16 [ string int32 ] <0:string?>`.
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
