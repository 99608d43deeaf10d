package import KafkaWire

/// Offsets of a batch's records, each with one of its own, in the order of the records.
///
/// Brokers store uncompressed batches as producers send them, offset deltas that repeat or go back included. Such
/// records keep their order, and take the offsets of the batch one after the other; everybody who counts does it with
/// these offsets. Deltas that rise, as all clients write them, are kept: log compaction leaves holes between them.
package struct RecordPlaces: Hashable, Sendable {
    private var next: Int64
    private let end: Int64
    /// Records still to come.
    private var left: Int64
    /// A record has not got the offset that it says.
    package private(set) var areIrregular = false

    /// - Throws: for a batch with more records than offsets.
    package init(_ header: RecordBatchHeader) throws(WireError) {
        next = header.baseOffset
        end = header.nextOffset
        left = Int64(header.recordCount)
        guard left <= end - next else {
            throw .invalidRecords(reason: "\(left) records share \(end - next) offsets")
        }
    }

    /// The place of the next record, which says that it has this offset.
    package mutating func place(_ offset: Int64) -> Int64 {
        let place = min(max(offset, next), end - left)
        if place != offset { areIrregular = true }
        next = place + 1
        left -= 1
        return place
    }
}
