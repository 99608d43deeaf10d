internal import KafkaClient
internal import NIOCore

extension FlowStatus.Partition {
    /// - Parameter obstacle: what is in its way, if anything is.
    init(_ partition: PartitionReplicator, obstacle: String?, at now: NIODeadline) {
        topic = partition.source.topic
        self.partition = partition.source.partition
        targetTopic = partition.target.topic
        if case .failed(let failure, _) = partition.phase {
            state = .failed
            reason = failure.explanation
        } else {
            state = partition.isPaused ? .paused : .active
            self.obstacle = obstacle
        }
        sourceOffset = partition.completedOffset
        sourceEnd = partition.highWatermark
        targetOffset = partition.targetLog.endOffset
        fillsUpTo = partition.fillsUpTo
        sourceEndAge = partition.sourceEnd.age(at: now).map { Int($0.nanoseconds / 1_000_000_000) }
        written = partition.accounting.written
        readBytes = partition.readBytes
        writtenBytes = partition.writtenBytes
        skipped = partition.accounting.skipped
        foreign = partition.accounting.foreign
        doubled = partition.accounting.doubled ?? 0
        adopted = partition.accounting.adopted
        bufferedBytes = partition.bufferedBytes
        sourceLeader = partition.sourceLeader?.broker
        targetLeader = partition.targetLog.leader
        let behind = partition.lag(at: now)
        lag = behind.offsets
        if case .unknown(let reason) = behind { lagUnknown = reason }
    }
}

extension PartitionReplicator {
    /// The source offset that the target's log is brought to before the next record can follow; nil while no more is missing
    /// than one request brings.
    var fillsUpTo: Int64? {
        guard let alignment, isStreaming, targetLog.endOffset >= 0 else { return nil }
        if alignment.isBeginning { return alignment.start }
        let next = window.oldest?.batch.sources.first.lowerBound ?? cursor.position
        return next - targetLog.endOffset > OffsetAlignment.mostMarkers ? next : nil
    }
}
