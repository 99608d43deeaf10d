extension Shard {
    /// Traffic of each partition, whatever its state.
    var traffic: [PartitionTraffic] {
        var traffic: [PartitionTraffic] = []
        scheduler.forEach { partition in
            traffic.append(
                PartitionTraffic(
                    partition: partition.source, bytes: partition.writtenBytes, batches: partition.writtenBatches))
        }
        return traffic
    }
}
