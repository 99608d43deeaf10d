public import NIOCore

/// Assembles a record batch (magic 2) from records, one after the other.
///
/// `finish()` gives the uncompressed batch; `KafkaCompression` adds `batch(codec:)`. Either leaves the builder empty,
/// with the same settings, ready for the next batch.
public struct RecordBatchBuilder: Sendable {
    /// The fields that the caller decides on; the others follow from the records.
    private let template: RecordBatchHeader
    private var header: RecordBatchHeader
    /// Room for the header, then the records.
    private var buffer: ByteBuffer
    private var hasUnorderedOffsets = false

    /// - Parameters:
    ///   - reserving: bytes of records to make room for at once.
    ///   - deleteHorizon: when tombstones of the batch may go, in milliseconds since 1970; log cleaners set it (KIP-534).
    public init(
        baseOffset: Int64 = 0, partitionLeaderEpoch: Int32 = -1, timestampType: TimestampType = .createTime,
        producerID: Int64 = -1, producerEpoch: Int16 = -1, baseSequence: Int32 = -1, isTransactional: Bool = false,
        isControl: Bool = false, reserving: Int = 0, deleteHorizon: Int64? = nil
    ) {
        var header = RecordBatchHeader()
        header.baseOffset = baseOffset
        header.partitionLeaderEpoch = partitionLeaderEpoch
        header.producerID = producerID
        header.producerEpoch = producerEpoch
        header.baseSequence = baseSequence
        header.timestampType = timestampType
        header.isTransactional = isTransactional
        header.isControl = isControl
        header.lastOffsetDelta = -1
        if let deleteHorizon {
            header.hasDeleteHorizon = true
            header.baseTimestamp = deleteHorizon
        }
        template = header
        self.header = header
        buffer = RecordBatchDraft.emptyBuffer(reserving: reserving)
    }

    public var recordCount: Int { Int(header.recordCount) }
    public var isEmpty: Bool { header.recordCount == 0 }

    /// Size of the batch so far, uncompressed, with its header.
    public var sizeInBytes: Int { buffer.readableBytes }

    /// The largest timestamp so far; -1 without records.
    public var maxTimestamp: Int64 { header.maxTimestamp }

    /// The records so far, as they will be compressed.
    public var uncompressedPayload: ByteBuffer {
        RecordBatchDraft(header: header, bytes: buffer).payload
    }

    /// An upper bound of what a record adds to ``sizeInBytes``.
    public static func sizeBound(
        key: ByteBuffer?, value: ByteBuffer?, headers: [RecordHeader] = []
    ) -> Int {
        // Length 5, attributes 1, timestamp delta 10, offset delta 5, header count 5.
        26 + ByteWriter.size(nullable: key) + ByteWriter.size(nullable: value) + ByteWriter.size(headers: headers)
    }

    /// An upper bound of what headers add to a record, in bytes.
    public static func sizeBound(of headers: [RecordHeader]) -> Int {
        5 + ByteWriter.size(headers: headers)
    }

    /// Adds a record.
    ///
    /// - Parameter offsetDelta: its distance from the base offset, for batches with holes; by default the next one.
    public mutating func append(
        timestamp: Int64, key: ByteBuffer?, value: ByteBuffer?, headers: [RecordHeader] = [],
        offsetDelta: Int32? = nil
    ) {
        let body =
            ByteWriter.size(nullable: key) + ByteWriter.size(nullable: value)
            + ByteWriter.size(varint: headers.count) + ByteWriter.size(headers: headers)
        append(timestamp: timestamp, offsetDelta: offsetDelta, bodySize: body) { writer in
            writer.nullable(key)
            writer.nullable(value)
            writer.varint(headers.count)
            for header in headers { writer.header(header) }
        }
    }

    /// Adds a record with its own timestamp and headers, at the next offset.
    public mutating func append(_ record: Record) {
        append(timestamp: record.timestamp, key: record.key, value: record.value, headers: record.headers)
    }

    /// Adds a record of another batch by copying its bytes.
    public mutating func append(_ record: RawRecord, offsetDelta: Int32? = nil) {
        append(record, offsetDelta: offsetDelta, moreHeaders: 0, size: 0) { _ in }
    }

    /// Adds a record of another batch by copying its bytes, with `header` behind its own.
    public mutating func append(_ record: RawRecord, adding header: RecordHeader) {
        append(record, moreHeaders: 1, size: ByteWriter.size(headers: [header])) { $0.header(header) }
    }

    /// Adds a record of another batch by copying its key and value, with other headers.
    public mutating func append(_ record: RawRecord, replacingHeaders headers: [RecordHeader]) {
        append(timestamp: record.timestamp, key: record.key, value: record.value, headers: headers)
    }

    /// Adds a record of another batch by copying its bytes, with a stamp behind its own headers.
    public mutating func append(_ record: RawRecord, adding stamp: HeaderStamp, _ number: Int64) {
        append(record, moreHeaders: 1, size: stamp.sizeInBytes) { $0.stamp(stamp, number) }
    }

    @inline(__always)
    private mutating func append(
        _ record: RawRecord, offsetDelta: Int32? = nil, moreHeaders: Int, size: Int,
        writeHeaders: (inout ByteWriter) -> Void
    ) {
        let headerCount = record.headerCount + moreHeaders
        let body =
            record.keyAndValue.count + ByteWriter.size(varint: headerCount) + record.encodedHeaders.count + size
        append(timestamp: record.timestamp, offsetDelta: offsetDelta, bodySize: body) { writer in
            record.payload.withUnsafeReadableBytes { payload in
                writer.raw(payload, record.keyAndValue)
                writer.varint(headerCount)
                writer.raw(payload, record.encodedHeaders)
            }
            writeHeaders(&writer)
        }
    }

    /// The batch, not compressed. Leaves the builder empty.
    ///
    /// - Throws: `WireError.tooLong` beyond 2 GiB, `.invalidRecords` without records or if offset deltas did not rise.
    public mutating func finish() throws(WireError) -> RecordBatch {
        try takeDraft().sealed()
    }

    /// The contents, to be compressed by the caller. Leaves the builder empty.
    package mutating func takeDraft() throws(WireError) -> RecordBatchDraft {
        let draft = RecordBatchDraft(header: header, bytes: buffer)
        let wasUnordered = hasUnorderedOffsets
        header = template
        buffer = RecordBatchDraft.emptyBuffer(reserving: 0)
        hasUnorderedOffsets = false
        guard draft.header.recordCount > 0 else { throw .invalidRecords(reason: "batch without records") }
        guard !wasUnordered else { throw .invalidRecords(reason: "offset deltas must rise from record to record") }
        return draft
    }

    private mutating func append(
        timestamp: Int64, offsetDelta: Int32?, bodySize: Int, writeBody: (inout ByteWriter) -> Void
    ) {
        // With a delete horizon that is what the deltas are relative to.
        if isEmpty, !header.hasDeleteHorizon { header.baseTimestamp = timestamp }
        let timestampDelta = Int(timestamp &- header.baseTimestamp)
        // Counts cannot overflow: 2^31 records of seven bytes are more than a buffer holds.
        let delta = offsetDelta ?? header.lastOffsetDelta + 1
        if delta <= header.lastOffsetDelta { hasUnorderedOffsets = true }
        header.lastOffsetDelta = delta
        header.recordCount += 1
        header.maxTimestamp = isFirst ? timestamp : max(header.maxTimestamp, timestamp)

        let length = 1 + ByteWriter.size(varint: timestampDelta) + ByteWriter.size(varint: Int(delta)) + bodySize
        let size = ByteWriter.size(varint: length) + length
        buffer.writeWithUnsafeMutableBytes(minimumWritableBytes: size) { bytes in
            var writer = ByteWriter(bytes)
            writer.varint(length)
            writer.byte(0)
            writer.varint(timestampDelta)
            writer.varint(Int(delta))
            writeBody(&writer)
            return writer.position
        }
    }

    private var isFirst: Bool { header.recordCount == 1 }
}
