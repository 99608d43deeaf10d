public import NIOCore

/// Iterates over the records of an uncompressed payload, lazily; keys, values and headers are slices of it.
///
/// It is strict: lengths lie inside their bounds, a record fills its length, offsets lie in the batch's range, the count
/// matches the header and no bytes are left over. Anything else is an error, never a shorter list.
public struct RecordReader: Sendable {
    public let header: RecordBatchHeader
    let payload: ByteBuffer
    /// From the start of the payload.
    private var position = 0
    private var recordsRead: Int32 = 0

    /// - Parameter payload: the records, already decompressed.
    public init(payload: ByteBuffer, header: RecordBatchHeader) {
        self.payload = payload
        self.header = header
    }

    /// The next record, or nil after the last. After an error the same error comes again.
    public mutating func next() throws(WireError) -> Record? {
        guard let layout = try nextLayout() else { return nil }
        return Record(
            offset: header.baseOffset &+ Int64(layout.offsetDelta), timestamp: timestamp(of: layout),
            key: payload.part(layout.keyStart, layout.keyLength),
            value: payload.part(layout.valueStart, layout.valueLength),
            headers: layout.headerCount == 0
                ? [] : try payload.recordHeaders(count: layout.headerCount, at: layout.headersStart))
    }

    /// The next record with its key, value and headers still encoded, for copies; nil after the last.
    public mutating func nextRaw() throws(WireError) -> RawRecord? {
        guard let layout = try nextLayout() else { return nil }
        return RawRecord(
            offset: header.baseOffset &+ Int64(layout.offsetDelta), timestamp: timestamp(of: layout), layout: layout,
            payload: payload)
    }

    /// All records that ``next()`` has not returned yet.
    public mutating func readAll() throws(WireError) -> [Record] {
        var records: [Record] = []
        // Memory follows the bytes that came: the smallest record takes seven.
        records.reserveCapacity(min(Int(header.recordCount - recordsRead), (payload.readableBytes - position) / 7))
        while let record = try next() { records.append(record) }
        return records
    }

    private mutating func nextLayout() throws(WireError) -> RecordLayout? {
        guard recordsRead < header.recordCount else {
            guard position == payload.readableBytes else {
                throw .trailingBytes(at: position, count: payload.readableBytes - position)
            }
            return nil
        }
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
        return layout
    }

    /// A batch with LogAppendTime has one time for all of its records.
    private func timestamp(of layout: RecordLayout) -> Int64 {
        switch header.timestampType {
        case .createTime: header.baseTimestamp &+ layout.timestampDelta
        case .logAppendTime: header.maxTimestamp
        }
    }
}

extension RecordLayout {
    var valueEnd: Int { valueStart + max(valueLength, 0) }
}

extension ByteBuffer {
    /// A slice by its distance from the first readable byte; nil for a negative length, which means null.
    func part(_ start: Int, _ length: Int) -> ByteBuffer? {
        getSlice(at: readerIndex + start, length: length)
    }

    /// Record headers whose first begins `start` bytes after the first readable one.
    func recordHeaders(count: Int, at start: Int) throws(WireError) -> [RecordHeader] {
        var headers: [RecordHeader] = []
        var next = start
        for _ in 0..<count {
            let at = next
            let (layout, end) = try readableBytesSpan.withUnsafeBytes { bytes throws(WireError) in
                var cursor = ByteCursor(bytes, at: at)
                return (try HeaderLayout(&cursor), cursor.position)
            }
            headers.append(
                RecordHeader(
                    key: part(layout.keyStart, layout.keyLength) ?? ByteBuffer(),
                    value: part(layout.valueStart, layout.valueLength)))
            next = end
        }
        return headers
    }
}
