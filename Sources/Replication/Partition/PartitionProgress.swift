package import KafkaClient

/// Progress of a partition that has changed since it was last taken.
package struct PartitionProgress: Sendable {
    package let source: TopicPartition
    /// Nil while the partition must not be recorded.
    package let checkpoint: Checkpoint?
    package let map: OffsetMap
    /// The partition continues only once the checkpoint is recorded.
    package let isAwaited: Bool

    init(_ partition: PartitionReplicator) {
        source = partition.source
        checkpoint = partition.checkpoint
        map = partition.map
        isAwaited = partition.isAwaitingCheckpoint
    }
}
