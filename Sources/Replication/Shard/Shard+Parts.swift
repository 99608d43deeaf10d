internal import KafkaClient
internal import Logging

// Partitions that come from other instances and go to them.
extension Shard {
    /// Reads partitions no further; ``takeReleased()`` has them once the target has what was read.
    func release(_ partitions: [TopicPartition]) {
        scheduler.release(partitions)
        perform()
    }

    /// Partitions that were released and that the target has everything of, with their last progress.
    func takeReleased() -> [PartitionProgress] {
        defer { perform() }
        return scheduler.takeReleased()
    }

    /// Drops partitions at once, without another word to the target.
    ///
    /// - Parameter partitions: nil for all.
    func letGo(_ partitions: [TopicPartition]? = nil) {
        scheduler.letGo(partitions)
        perform()
        endIfDrained()
    }

    /// Partitions that others have taken over although they were ours, since the last call.
    func takeFenced() -> [TopicPartition] {
        defer { fenced = [] }
        return fenced
    }

    /// Others may take partitions over: one of them that does is no failure.
    func setShared(_ isShared: Bool) {
        givesUpFenced = isShared
    }

    /// Has the progress of partitions recorded once more.
    func tellAgain(_ partitions: [TopicPartition]) {
        scheduler.tellAgain(partitions)
        perform()
    }

    /// Another instance has shut this one out of a partition.
    ///
    /// - Returns: whether the partition is given up for it; elsewhere it has failed, since nobody else has a right to it.
    func isGivenUp(_ partition: TopicPartition, _ failure: PartitionFailure, offset: Int64) -> Bool {
        guard failure.reason == .fenced, givesUpFenced || !lease.isHeld else { return false }
        fenced.append(partition)
        logger.warning(
            "this instance was fenced and gives the partition up",
            metadata: [
                "topic": "\(partition.topic)", "partition": "\(partition.partition)", "offset": "\(offset)",
                "reason": "\(failure.explanation)",
            ])
        partsDue.notify()
        return true
    }
}
