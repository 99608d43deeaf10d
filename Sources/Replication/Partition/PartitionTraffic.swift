internal import KafkaClient

/// Bytes and batches that the target has got of a partition since it was begun with.
struct PartitionTraffic: Sendable {
    var partition: TopicPartition
    var bytes: Int64
    var batches: Int64
}
