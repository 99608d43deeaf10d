public import NIOCore

/// One record batch (magic 2): a view over its bytes with the header parsed once. The records are not touched.
public struct RecordBatch: Hashable, Sendable {
    /// The whole batch, header and payload.
    public let bytes: ByteBuffer
    public let header: RecordBatchHeader

    /// Takes bytes that hold exactly one batch.
    ///
    /// Checks what makes the header safe to compute with: its size, magic 2, counts that are not negative, offsets that
    /// do not overflow. Neither the checksum nor the records are looked at.
    public init(_ bytes: ByteBuffer) throws(WireError) {
        let header = try RecordBatchHeader(parsing: bytes)
        guard header.magic == 2 else { throw .invalidRecords(reason: "magic \(header.magic) is not a record batch") }
        guard header.sizeInBytes == bytes.readableBytes else {
            throw .invalidRecords(
                reason: "batch announces \(header.sizeInBytes) bytes and has \(bytes.readableBytes)")
        }
        guard header.recordCount >= 0, header.lastOffsetDelta >= 0 else {
            throw .invalidRecords(
                reason: "record count \(header.recordCount), last offset delta \(header.lastOffsetDelta)")
        }
        guard header.baseOffset < .max - Int64(header.lastOffsetDelta) else {
            throw .invalidRecords(reason: "offsets from \(header.baseOffset) overflow")
        }
        self.init(bytes: bytes, header: header)
    }

    /// The 61 bytes that log cleaners leave of a batch whose records are all gone, so that its offsets and its producer's
    /// sequence numbers stay known. Counts no records and is not compressed, whatever `header` says.
    package init(withoutRecords header: RecordBatchHeader) throws(WireError) {
        var header = header
        header.codec = CompressionCodec.none
        header.recordCount = 0
        header.batchLength = Int32(RecordBatchHeader.length - RecordBatchHeader.logOverhead)
        var bytes = ByteBuffer()
        header.encode(into: &bytes)
        header.checksum = bytes.withUnsafeReadableBytes { bytes in
            CRC32C.checksum(of: .init(rebasing: bytes[RecordBatchHeader.checksumStart...]), continuing: 0)
        }
        bytes.clear()
        header.encode(into: &bytes)
        try self.init(bytes)
    }

    /// For bytes whose header is known to be `header`.
    init(bytes: ByteBuffer, header: RecordBatchHeader) {
        self.bytes = bytes
        self.header = header
    }

    /// The records as they travel: compressed if the header says so. A slice, not a copy.
    public var payload: ByteBuffer {
        // Never absent: a batch has at least the header's bytes.
        bytes.getSlice(
            at: bytes.readerIndex + RecordBatchHeader.length, length: bytes.readableBytes - RecordBatchHeader.length)
            ?? ByteBuffer()
    }

    public var sizeInBytes: Int { bytes.readableBytes }

    /// Computes the checksum over the whole batch and compares.
    public var isChecksumValid: Bool {
        bytes.withUnsafeReadableBytes { bytes in
            CRC32C.checksum(of: .init(rebasing: bytes[RecordBatchHeader.checksumStart...]), continuing: 0)
                == header.checksum
        }
    }
}
