public import NIOCore

/// The header of every request body (KIP-511, KIP-482).
///
/// Version 2, with a tag section, goes with flexible bodies, version 1 with all others. The client id stays a
/// plain string in both.
public struct RequestHeader: Hashable, Sendable {
    public var apiKey: ApiKey
    public var apiVersion: Int16
    public var correlationID: Int32
    public var clientID: String?

    public init(apiKey: ApiKey, apiVersion: Int16, correlationID: Int32, clientID: String?) {
        self.apiKey = apiKey
        self.apiVersion = apiVersion
        self.correlationID = correlationID
        self.clientID = clientID
    }

    /// Writes the header alone.
    public func encode(into buffer: inout ByteBuffer, isFlexible: Bool) throws(WireError) {
        buffer.writeInteger(apiKey.rawValue)
        buffer.writeInteger(apiVersion)
        buffer.writeInteger(correlationID)
        var coder = WireCoder(writingVersion: 1, isFlexible: false, into: buffer)
        // With one owner the buffer is written to where it is.
        buffer = ByteBuffer()
        var clientID = clientID
        try coder.nullableString(&clientID)
        buffer = coder.writtenContiguously()
        if isFlexible { buffer.writeInteger(0, as: UInt8.self) }  // no tags
    }

    /// The four fields that every request begins with; leaves `frame` at what follows them.
    ///
    /// - Throws: `WireError` when the frame ends too early.
    public static func decode(from frame: inout ByteBuffer) throws(WireError) -> RequestHeader {
        let start = frame.readerIndex
        var coder = WireCoder(reading: frame, version: 1, isFlexible: false)
        var header = RequestHeader(apiKey: ApiKey(rawValue: 0), apiVersion: 0, correlationID: 0, clientID: nil)
        var key: Int16 = 0
        try coder.int16(&key)
        try coder.int16(&header.apiVersion)
        try coder.int32(&header.correlationID)
        try coder.nullableString(&header.clientID)
        header.apiKey = ApiKey(rawValue: key)
        frame.moveReaderIndex(to: start + coder.position)
        return header
    }

    /// Passes over the tag section of header version 2.
    public static func skipTags(in frame: inout ByteBuffer) throws(WireError) {
        let start = frame.readerIndex
        var coder = WireCoder(reading: frame, version: 2, isFlexible: true)
        try coder.skipTagSection()
        frame.moveReaderIndex(to: start + coder.position)
    }
}

/// The header of every response body: the correlation id, and a tag section when the body is flexible.
///
/// ApiVersions keeps version 0 of the header for ever: its reader does not yet know what the broker speaks.
public enum ResponseHeader {
    public static func isFlexible(_ api: ApiKey, bodyIsFlexible: Bool) -> Bool {
        bodyIsFlexible && api != .apiVersions
    }

    public static func encode(correlationID: Int32, isFlexible: Bool, into buffer: inout ByteBuffer) {
        buffer.writeInteger(correlationID)
        if isFlexible { buffer.writeInteger(0, as: UInt8.self) }
    }

    /// - Returns: the correlation id; `frame` is left at what follows it, which may still be a tag section.
    public static func decodeCorrelationID(from frame: inout ByteBuffer) throws(WireError) -> Int32 {
        guard let correlationID = frame.readInteger(as: Int32.self) else {
            throw .truncated(at: 0, needed: 4 - frame.readableBytes)
        }
        return correlationID
    }
}
