internal import KafkaCompression
package import KafkaWire
internal import NIOCore

/// Batches of empty records that bring the end of a log to an offset: in front of the first copy, where they are deleted
/// before it is written, and in long holes of compacted topics, where the cleaner takes them.
package enum Filler {
    /// Records in one batch, at most. Compressed that is some hundred kilobytes; brokers walk over them one by one.
    package static let largest: Int64 = 250_000

    /// Key of filler in compacted topics, which take no records without one. The cleaner keeps the last record of a key, and
    /// that one goes as a tombstone.
    package static let key = "__replicator.filler"

    /// A batch of so many records.
    ///
    /// - Parameters:
    ///   - timestamp: of all of them, in milliseconds since 1970. Brokers forget producers whose records are old.
    ///   - isKeyed: for a compacted topic.
    static func batch(_ count: Int64, timestamp: Int64, isKeyed: Bool) throws -> RecordBatch {
        let key = isKeyed ? ByteBuffer(string: Self.key) : nil
        var builder = RecordBatchBuilder(reserving: Int(count) * (12 + (key?.readableBytes ?? 0)))
        for _ in 0..<count { builder.append(timestamp: timestamp, key: key, value: nil) }
        return try builder.batch(codec: .zstd)
    }

    /// Tells whether these records are filler of a compacted topic.
    package static func isFiller(_ batch: RecordBatch) -> Bool {
        guard !batch.header.isControl, var records = try? RecordStream(batch, limit: RecordStream.ordinaryLimit),
            let first = try? records.nextRaw(), first.value == nil, let key = first.key
        else { return false }
        return key.readableBytes == Self.key.utf8.count && key.readableBytesView.elementsEqual(Self.key.utf8)
    }
}
