internal import KafkaCompression
package import KafkaWire

/// What a record says, in 64 bits: key, value, headers other than ours, and timestamp. Only comparable within a
/// process.
package struct RecordPrint: Hashable, Sendable {
    private let bits: Int

    package init(_ record: Record, ignoringTimestamp: Bool) {
        var hasher = Hasher()
        if !ignoringTimestamp { hasher.combine(record.timestamp) }
        hasher.combine(record.key)
        hasher.combine(record.value)
        for header in record.headers where header.key != LoopHeader.keyBytes {
            hasher.combine(header.key)
            hasher.combine(header.value)
        }
        bits = hasher.finalize()
    }
}

extension RecordBatch {
    /// A print of each record, with its offset.
    func prints(ignoringTimestamp: Bool) throws -> [(offset: Int64, print: RecordPrint)] {
        var reader = try records()
        var prints: [(offset: Int64, print: RecordPrint)] = []
        while let record = try reader.next() {
            prints.append((record.offset, RecordPrint(record, ignoringTimestamp: ignoringTimestamp)))
        }
        return prints
    }
}
