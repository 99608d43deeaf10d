/// Offsets of the parts of one encoded record in its payload.
///
/// ```
/// length varint | attributes int8 | timestampDelta varlong | offsetDelta varint
/// | keyLength varint | key | valueLength varint | value | headerCount varint
/// | for each header: keyLength varint | key | valueLength varint | value
/// ```
/// A negative length of a key or value means null, as in Kafka's `DefaultRecord`.
struct RecordLayout {
    var timestampDelta: Int64
    var offsetDelta: Int32
    /// Offsets of key length, key, value length and value.
    var keyFieldStart: Int
    var keyStart: Int
    /// Negative for null.
    var keyLength: Int
    var valueStart: Int
    /// Negative for null.
    var valueLength: Int
    var headerCount: Int
    var headersStart: Int
    var end: Int

    /// Reads one record to its last byte and leaves the cursor behind it.
    @inline(__always)
    init(_ cursor: inout ByteCursor) throws(WireError) {
        let at = cursor.position
        let length = Int(try cursor.varint())
        guard length >= 0 else { throw .invalidLength(at: at, length: length) }
        guard length <= cursor.remaining else {
            throw .truncated(at: cursor.position, needed: length - cursor.remaining)
        }
        end = cursor.position + length
        try cursor.skip(1)
        timestampDelta = try cursor.varlong()
        offsetDelta = try cursor.varint()
        keyFieldStart = cursor.position
        keyLength = Int(try cursor.varint())
        keyStart = cursor.position
        try cursor.skip(max(keyLength, 0))
        valueLength = Int(try cursor.varint())
        valueStart = cursor.position
        try cursor.skip(max(valueLength, 0))
        let countAt = cursor.position
        headerCount = Int(try cursor.varint())
        headersStart = cursor.position
        // A header takes two bytes at least, which bounds what a liar can announce.
        guard headerCount >= 0, headerCount <= cursor.remaining / 2 else {
            throw .invalidLength(at: countAt, length: headerCount)
        }
        for _ in 0..<headerCount { _ = try HeaderLayout(&cursor) }
        guard cursor.position == end else {
            throw .invalidRecords(
                reason: "record of \(length) bytes at byte \(at) holds fields of \(cursor.position - end + length)")
        }
    }
}

/// Offsets of the parts of one record header.
struct HeaderLayout {
    var keyStart: Int
    var keyLength: Int
    var valueStart: Int
    /// Negative for null.
    var valueLength: Int

    init(_ cursor: inout ByteCursor) throws(WireError) {
        let at = cursor.position
        keyLength = Int(try cursor.varint())
        guard keyLength >= 0 else { throw .invalidLength(at: at, length: keyLength) }
        keyStart = cursor.position
        try cursor.skip(keyLength)
        valueLength = Int(try cursor.varint())
        valueStart = cursor.position
        try cursor.skip(max(valueLength, 0))
    }
}
