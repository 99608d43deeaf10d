package import NIOCore

/// Iterates over the records of a payload that arrives in parts, so that never all of it has to be in memory.
///
/// As strict as ``RecordReader``. A part may end anywhere; a record that it ends in is read once the next one has come.
package struct RecordPartReader: Sendable {
    package let header: RecordBatchHeader
    /// The bytes that have arrived, from the first record on that is not read yet, or a little before.
    private var payload = ByteBuffer()
    private var position = 0
    private var recordsRead: Int32 = 0

    package init(header: RecordBatchHeader) {
        self.header = header
    }

    /// Bytes that have arrived and were not read.
    package var unreadBytes: Int { payload.readableBytes - position }

    /// The bytes that follow. Records handed out before keep theirs.
    package mutating func append(_ part: ByteBuffer) {
        guard unreadBytes > 0 else {
            payload = part
            position = 0
            return
        }
        // A slice that is written to is copied, and then nobody else's.
        if position > 0, let rest = payload.part(position, unreadBytes) { payload = rest }
        position = 0
        payload.writeImmutableBuffer(part)
    }

    /// Bytes that the next record takes with its length in front; nil while its length has not arrived.
    ///
    /// - Throws: for a length that is none.
    package var nextSize: Int? {
        get throws(WireError) {
            let start = position
            return try payload.readableBytesSpan.withUnsafeBytes { bytes throws(WireError) in
                var cursor = ByteCursor(bytes, at: start)
                let length: Int
                do throws(WireError) {
                    length = Int(try cursor.varint())
                } catch .truncated {
                    return nil
                }
                guard length >= 0 else { throw .invalidLength(at: start, length: length) }
                return cursor.position - start + length
            }
        }
    }

    /// True if all records that the header counts were read.
    package var isDone: Bool { recordsRead >= header.recordCount }

    /// The next record; call it with all of it here, or nothing more to come.
    package mutating func nextRaw() throws(WireError) -> RawRecord {
        let start = position
        let layout = try payload.readableBytesSpan.withUnsafeBytes { bytes throws(WireError) in
            var cursor = ByteCursor(bytes, at: start)
            return try RecordLayout(&cursor)
        }
        guard layout.offsetDelta >= 0, layout.offsetDelta <= header.lastOffsetDelta else {
            throw .invalidRecords(
                reason: "offset delta \(layout.offsetDelta) lies outside 0...\(header.lastOffsetDelta)")
        }
        position = layout.end
        recordsRead += 1
        let timestamp =
            header.timestampType == .createTime ? header.baseTimestamp &+ layout.timestampDelta : header.maxTimestamp
        return RawRecord(
            offset: header.baseOffset &+ Int64(layout.offsetDelta), timestamp: timestamp, layout: layout,
            payload: payload)
    }
}
