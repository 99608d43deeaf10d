package import KafkaClient

/// Progress of a partition that has changed since it was last taken.
package struct PartitionProgress: Sendable {
    package let source: TopicPartition
    /// Nil while the partition must not be recorded.
    package let checkpoint: Checkpoint?
    package let map: OffsetMap
    /// Source offsets that are not completed yet; none of a topic that is no longer selected.
    package let lag: Int64
    /// The partition continues only once the checkpoint is recorded.
    package let isAwaited: Bool

    init(_ partition: PartitionReplicator) {
        source = partition.source
        checkpoint = partition.checkpoint
        map = partition.map
        lag = partition.isSelected ? partition.lag : 0
        isAwaited = partition.isAwaitingCheckpoint
    }
}
