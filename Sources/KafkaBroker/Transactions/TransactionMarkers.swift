import KafkaWire

/// The end of a transaction on one partition.
extension Cluster {
    /// Appends a marker. On a partition of `__consumer_offsets` it also settles the offsets that the producer committed.
    func mark(
        _ partition: Partition, producerID: Int64, epoch: Int16, commit: Bool, coordinatorEpoch: Int32,
        transactionVersion: Int16, now: Int64
    ) throws(ProduceRefusal) {
        _ = try partition.log.appendControlMarker(
            producerID: producerID, epoch: epoch, commit: commit, coordinatorEpoch: coordinatorEpoch,
            leaderEpoch: partition.leaderEpoch, transactionVersion: transactionVersion, now: now)
        if partition.topic == TopicName.offsets { settleOffsets(of: producerID, in: partition, commit: commit) }
        // More than the marker's bytes: readers of committed records now see what the transaction wrote.
        partition.changed()
    }
}
