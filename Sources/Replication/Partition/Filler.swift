internal import KafkaCompression
internal import KafkaWire
internal import NIOCore

/// Batches of empty records that bring the end of a new topic's log to an offset. They are deleted before the first record
/// of the source is written.
package enum Filler {
    /// Records in one batch, at most. Compressed that is some hundred kilobytes; brokers walk over them one by one.
    package static let largest: Int64 = 250_000

    /// A batch of so many records.
    ///
    /// - Parameter timestamp: of all of them, in milliseconds since 1970. Brokers forget producers whose records are old.
    static func batch(_ count: Int64, timestamp: Int64) throws -> RecordBatch {
        var builder = RecordBatchBuilder(reserving: Int(count) * 12)
        for _ in 0..<count { builder.append(timestamp: timestamp, key: nil, value: nil) }
        return try builder.batch(codec: .zstd)
    }
}
