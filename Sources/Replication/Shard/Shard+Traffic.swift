extension Shard {
    /// Of each partition, whatever its state.
    var traffic: [PartitionTraffic] {
        scheduler.partitions.map {
            PartitionTraffic(partition: $0.source, bytes: $0.writtenBytes, batches: $0.writtenBatches)
        }
    }
}
