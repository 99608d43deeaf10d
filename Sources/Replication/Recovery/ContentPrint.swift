internal import KafkaCompression
package import KafkaWire

/// What a record says, in 64 bits, so that a long tail fits into memory. Only comparable within a process.
package struct ContentPrint: Hashable, Sendable {
    private let bits: Int

    package init(_ record: Record, ignoringTimestamp: Bool) {
        bits = RecordFingerprint(record, ignoresTimestamp: ignoringTimestamp).content.hashValue
    }
}

extension RecordBatch {
    /// A print of each record, with its offset.
    func prints(ignoringTimestamp: Bool) throws -> [(offset: Int64, print: ContentPrint)] {
        var reader = try records()
        var prints: [(offset: Int64, print: ContentPrint)] = []
        while let record = try reader.next() {
            prints.append((record.offset, ContentPrint(record, ignoringTimestamp: ignoringTimestamp)))
        }
        return prints
    }
}
