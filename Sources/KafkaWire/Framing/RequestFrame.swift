public import NIOCore

/// Whole frames: length prefix, header and body.
extension KafkaRequest {
    /// The request as it is sent, in pieces that follow one another.
    public func encodeFrame(
        version: Int16, correlationID: Int32, clientID: String?
    ) throws(WireError) -> [ByteBuffer] {
        var prefix = emptyPrefix()
        let header = RequestHeader(
            apiKey: Self.apiKey, apiVersion: version, correlationID: correlationID, clientID: clientID)
        try header.encode(into: &prefix, isFlexible: Self.versions.isFlexible(version))
        return try withLength(encode(version: version, after: consume prefix))
    }
}

extension KafkaResponse {
    /// The response as it is sent, in pieces that follow one another.
    public func encodeFrame(version: Int16, correlationID: Int32) throws(WireError) -> [ByteBuffer] {
        var prefix = emptyPrefix()
        let isFlexible = ResponseHeader.isFlexible(
            Self.apiKey, bodyIsFlexible: Self.versions.isFlexible(version))
        ResponseHeader.encode(correlationID: correlationID, isFlexible: isFlexible, into: &prefix)
        return try withLength(encode(version: version, after: consume prefix))
    }

    /// Reads what follows the correlation id of a response frame.
    public static func decodeFrame(_ frame: ByteBuffer, version: Int16) throws(WireError) -> Self {
        var body = frame
        if ResponseHeader.isFlexible(apiKey, bodyIsFlexible: versions.isFlexible(version)) {
            try RequestHeader.skipTags(in: &body)
        }
        return try decode(body, version: version)
    }
}

/// Room for the length, with memory for a header and the fields of most messages behind it.
private func emptyPrefix() -> ByteBuffer {
    var prefix = ByteBuffer()
    prefix.reserveCapacity(2 * WireCoder.pieceCapacity)
    prefix.writeInteger(0, as: Int32.self)
    return prefix
}

/// Fills in the length prefix; `pieces` is consumed so that its first buffer is changed in place.
private func withLength(_ pieces: consuming [ByteBuffer]) throws(WireError) -> [ByteBuffer] {
    let total = pieces.reduce(-4) { $0 + $1.readableBytes }
    guard let length = Int32(exactly: total) else { throw .tooLong(length: total, limit: Int(Int32.max)) }
    pieces[0].setInteger(length, at: pieces[0].readerIndex)
    return pieces
}
