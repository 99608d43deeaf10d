internal import KafkaCompression
package import KafkaWire
internal import NIOCore

/// Fingerprint of a record's content in 64 bits, so that a long tail fits into memory. Only comparable within a
/// process.
package struct ContentFingerprint: Hashable, Sendable {
    private let bits: Int

    package init(_ record: Record, ignoringTimestamp: Bool) {
        bits = RecordFingerprint(record, ignoresTimestamp: ignoringTimestamp).content.hashValue
    }

    /// Makes the fingerprint of a batch that is known only as it is in the log.
    init(_ batch: RecordBatch) {
        bits = batch.payload.hashValue
    }

    init(_ record: RawRecord, ignoringTimestamp: Bool) throws(WireError) {
        bits = try RecordFingerprint(record, ignoresTimestamp: ignoringTimestamp).content.hashValue
    }
}

extension RecordBatch {
    /// Calls `body` with a fingerprint of each record, in order, and the record's place among the batch's offsets.
    ///
    /// - Returns: false for a batch that stands for more than anybody wants to decompress (``RecordStream``). `body` may
    ///   have been called for some of its records. Such a batch passes whole, so that the fingerprint of its payload
    ///   stands for its last record, and of the others nothing is known but their number.
    func forEachFingerprint(
        ignoringTimestamp: Bool, _ body: (_ offset: Int64, _ fingerprint: ContentFingerprint) throws -> Void
    ) throws -> Bool {
        do {
            var records = try SourceRecords(self, limit: RecordStream.ordinaryLimit)
            while let record = try records.next() {
                try body(records.offset, ContentFingerprint(record, ignoringTimestamp: ignoringTimestamp))
            }
            return true
        } catch CompressionError.outputTooLarge {
            return false
        }
    }
}
