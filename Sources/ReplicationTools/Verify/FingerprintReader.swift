internal import KafkaClient
internal import KafkaCompression
internal import KafkaWire
internal import NIOCore
internal import Replication

/// Turns log entries into the fingerprints that are compared.
struct FingerprintReader: Sendable {
    /// For targets that stamp records themselves.
    var ignoresTimestamp: Bool
    /// Sampling of keys; nil where all are read.
    var keys: Sampling?
    /// Names of the headers that count; nil for all.
    var countedHeaders: Set<ByteBuffer>?

    /// Calls `body` with each record of the entry whose key is looked at, legacy formats included.
    ///
    /// - Parameter isWanted: asked about each record before it is hashed; formats before headers always take part.
    /// - Throws: `WireError` or `CompressionError` when the entry cannot be read.
    func read(
        _ entry: LogEntry, isWanted: (RawRecord) throws -> Bool, _ body: (RecordFingerprint) -> Void
    ) throws {
        guard entry.isChecksumValid else { throw WireError.invalidRecords(reason: "the checksum does not match") }
        switch entry {
        case .batch(let batch):
            var reader = try RecordStream(batch, limit: RecordStream.ordinaryLimit)
            while let record = try reader.nextRaw() {
                guard keys?.includes(key: record.key) ?? true, try isWanted(record) else { continue }
                body(
                    try RecordFingerprint(record, ignoresTimestamp: ignoresTimestamp, counted: countedHeaders))
            }
        case .legacy(let legacy):
            var reader = try LegacyRecordStream(legacy, limit: RecordStream.ordinaryLimit)
            while let record = try reader.next() {
                guard keys?.includes(key: record.key) ?? true else { continue }
                body(RecordFingerprint(record, ignoresTimestamp: ignoresTimestamp, counted: countedHeaders))
            }
        }
    }
}

extension RecordBatch {
    /// Tells whether two batches hold the same records, told without decompressing: the same bytes under headers that give
    /// them the same meaning. False says nothing.
    func holdsSameRecords(as other: RecordBatch) -> Bool {
        header.recordCount == other.header.recordCount
            && header.lastOffsetDelta == other.header.lastOffsetDelta
            && header.baseTimestamp == other.header.baseTimestamp
            && header.maxTimestamp == other.header.maxTimestamp
            && header.codec == other.header.codec
            && header.timestampType == .createTime && other.header.timestampType == .createTime
            && !header.hasDeleteHorizon && !other.header.hasDeleteHorizon
            && payload == other.payload
    }
}
