package import KafkaWire

/// Producers whose transactional batches are aborted at the offset that is being read.
///
/// A fetch answer lists aborted transactions by producer and first offset; an abort marker ends each
/// (Kafka's `CompletedFetch.nextFetchedRecord`).
package struct AbortedTransactions: Sendable {
    /// Not yet begun, ordered by first offset.
    private var pending: ArraySlice<FetchResponse.AbortedTransaction>
    private var active: Set<Int64> = []

    package init(_ listed: [FetchResponse.AbortedTransaction]) {
        pending = listed.sorted { $0.firstOffset < $1.firstOffset }[...]
    }

    /// Tells whether the batch belongs to an aborted transaction. Call for every batch, in offset order.
    package mutating func contains(_ batch: RecordBatchHeader) -> Bool {
        while let next = pending.first, next.firstOffset <= batch.lastOffset {
            active.insert(next.producerID)
            pending.removeFirst()
        }
        guard batch.isTransactional else { return false }
        return active.contains(batch.producerID)
    }

    /// An abort marker ends its producer's aborted transaction; later batches of it count again.
    package mutating func end(with marker: RecordBatch) throws(WireError) {
        var records = RecordReader(payload: marker.payload, header: marker.header)
        guard let record = try records.next(), try ControlRecord(record).kind == .abort else { return }
        ended(producerID: marker.header.producerID)
    }

    /// The producer's transaction has ended with an abort marker.
    package mutating func ended(producerID: Int64) {
        active.remove(producerID)
    }
}
