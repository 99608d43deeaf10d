internal import KafkaCompression
package import KafkaWire

/// Fingerprint of a record's content in 64 bits, so that a long tail fits into memory. Only comparable within a
/// process.
package struct ContentFingerprint: Hashable, Sendable {
    private let bits: Int

    package init(_ record: Record, ignoringTimestamp: Bool) {
        bits = RecordFingerprint(record, ignoresTimestamp: ignoringTimestamp).content.hashValue
    }
}

extension RecordBatch {
    /// A fingerprint of each record, with its offset.
    func fingerprints(ignoringTimestamp: Bool) throws -> [(offset: Int64, fingerprint: ContentFingerprint)] {
        var reader = try records()
        var fingerprints: [(offset: Int64, fingerprint: ContentFingerprint)] = []
        while let record = try reader.next() {
            fingerprints.append((record.offset, ContentFingerprint(record, ignoringTimestamp: ignoringTimestamp)))
        }
        return fingerprints
    }
}
