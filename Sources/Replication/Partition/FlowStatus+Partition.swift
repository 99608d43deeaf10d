internal import KafkaClient

extension FlowStatus.Partition {
    init(_ partition: PartitionReplicator) {
        topic = partition.source.topic
        self.partition = partition.source.partition
        targetTopic = partition.target.topic
        if case .failed(let failure, _) = partition.phase {
            state = .failed
            reason = failure.explanation
        } else {
            state = partition.isPaused ? .paused : .active
            obstacle = partition.obstacle ?? partition.impossibleAnswer
        }
        sourceOffset = partition.completedOffset
        sourceEnd = partition.highWatermark
        targetOffset = partition.targetLog.endOffset
        lag = partition.lag
        written = partition.accounting.written
        readBytes = partition.readBytes
        skipped = partition.accounting.skipped
        foreign = partition.accounting.foreign
        doubled = partition.accounting.doubled ?? 0
        bufferedBytes = partition.bufferedBytes
        sourceLeader = partition.sourceLeader?.broker
        targetLeader = partition.targetLog.leader
    }
}
