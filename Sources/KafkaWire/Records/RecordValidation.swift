import NIOCore

/// Facts about a batch's records that a broker needs before it appends them.
public struct RecordSummary: Hashable, Sendable {
    public var recordCount: Int32
    /// The smallest timestamp of a record, in milliseconds; the batch's own for LogAppendTime.
    public var minTimestamp: Int64
    /// The largest timestamp of a record, in milliseconds; the batch's own for LogAppendTime.
    public var maxTimestamp: Int64
    /// The offset of the first record that has ``maxTimestamp``, in terms of the header's base offset.
    public var offsetOfMaxTimestamp: Int64
    /// The index of the first record without a key; such a record is refused by a compacted topic.
    public var firstNullKey: Int32?
}

extension RecordReader {
    /// Walks all records without building one and checks what a broker checks: whole records, as many as the header
    /// says, with offset deltas 0, 1, 2, … (Kafka's `LogValidator`). Works from the first record, wherever the reader is.
    public func validateDense() throws(WireError) -> RecordSummary {
        guard header.recordCount > 0 else { throw .invalidRecords(reason: "batch without records") }
        guard header.isDense else {
            throw .invalidRecords(
                reason: "\(header.recordCount) records do not fill offset deltas 0...\(header.lastOffsetDelta)")
        }
        var summary = RecordSummary(
            recordCount: header.recordCount, minTimestamp: .max, maxTimestamp: .min, offsetOfMaxTimestamp: -1,
            firstNullKey: nil)
        try payload.readableBytesSpan.withUnsafeBytes { bytes throws(WireError) in
            var cursor = ByteCursor(bytes, at: 0)
            for index in 0..<header.recordCount {
                let layout = try RecordLayout(&cursor)
                guard layout.offsetDelta == index else {
                    throw .invalidRecords(reason: "record \(index) has offset delta \(layout.offsetDelta)")
                }
                let timestamp = header.baseTimestamp &+ layout.timestampDelta
                if timestamp < summary.minTimestamp { summary.minTimestamp = timestamp }
                if timestamp > summary.maxTimestamp || index == 0 {
                    summary.maxTimestamp = timestamp
                    summary.offsetOfMaxTimestamp = header.baseOffset &+ Int64(index)
                }
                if layout.keyLength < 0, summary.firstNullKey == nil { summary.firstNullKey = index }
            }
            guard cursor.remaining == 0 else {
                throw .trailingBytes(at: cursor.position, count: cursor.remaining)
            }
        }
        if header.timestampType == .logAppendTime {
            summary.minTimestamp = header.maxTimestamp
            summary.maxTimestamp = header.maxTimestamp
            summary.offsetOfMaxTimestamp = header.baseOffset
        }
        return summary
    }
}
