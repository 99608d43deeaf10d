package import NIOCore

/// A batch whose header does not yet say how long it is, nor carries a checksum: 61 bytes of room, then the records.
package struct RecordBatchDraft: Sendable {
    package var header: RecordBatchHeader
    private var bytes: ByteBuffer

    init(header: RecordBatchHeader, bytes: ByteBuffer) {
        self.header = header
        self.bytes = bytes
    }

    /// The records.
    package var payload: ByteBuffer {
        bytes.part(RecordBatchHeader.length, bytes.readableBytes - RecordBatchHeader.length) ?? ByteBuffer()
    }

    /// The same batch with its records as `compress` leaves them: it appends them to the buffer it is given.
    package func compressed<Failure: Error>(
        _ codec: CompressionCodec, with compress: (ByteBuffer, inout ByteBuffer) throws(Failure) -> Void
    ) throws(Failure) -> RecordBatchDraft {
        var header = header
        header.codec = codec
        var compressed = Self.emptyBuffer(reserving: 0)
        try compress(payload, &compressed)
        return RecordBatchDraft(header: header, bytes: compressed)
    }

    /// Fills in the header in front of the records.
    ///
    /// - Throws: `WireError.tooLong` beyond 2 GiB.
    package consuming func sealed() throws(WireError) -> RecordBatch {
        let length = bytes.readableBytes - RecordBatchHeader.logOverhead
        guard let batchLength = Int32(exactly: length) else { throw .tooLong(length: length, limit: Int(Int32.max)) }
        header.batchLength = batchLength
        var sealed = bytes
        bytes = ByteBuffer()
        var header = header
        sealed.withUnsafeMutableReadableBytes { bytes in
            header.store(into: bytes)
            header.checksum = CRC32C.checksum(
                of: .init(rebasing: bytes[RecordBatchHeader.checksumStart...]), continuing: 0)
            header.store(into: bytes)
        }
        return try RecordBatch(sealed)
    }

    static func emptyBuffer(reserving: Int) -> ByteBuffer {
        var buffer = ByteBuffer()
        buffer.reserveCapacity(RecordBatchHeader.length + reserving)
        buffer.writeRepeatingByte(0, count: RecordBatchHeader.length)
        return buffer
    }
}
