package import Replication

/// Numbers of all that a flow has, whatever part of it a document lists.
package struct FlowCounts: Sendable, Hashable, Codable {
    /// Selected topics, also those of which nothing is copied.
    package var topics = 0
    package var partitions = 0
    /// Partitions that have stopped.
    package var failed = 0
    /// Partitions without progress although there is something to copy, or nobody knows whether there is.
    package var stuck = 0
    /// Partitions that an operator has paused.
    package var paused = 0
    /// Topics of which something, or all, is not copied.
    package var waitingTopics = 0
    /// Partitions whose lag is not known.
    package var lagUnknown = 0
    /// Partitions whose copies' logs are being brought to an offset, where copies keep those of their source; nil for none.
    package var filling: Filling?

    /// The progress of bringing logs to the offsets at which the next records follow.
    package struct Filling: Sendable, Hashable, Codable {
        package var partitions: Int
        /// Offsets that the logs have reached, and those that they are brought to; sums.
        package var done: Int64
        package var end: Int64

        package init(partitions: Int = 0, done: Int64 = 0, end: Int64 = 0) {
            self.partitions = partitions
            self.done = done
            self.end = end
        }

        package mutating func add(_ other: Filling) {
            partitions = partitions.adding(other.partitions)
            done = done.adding(other.done)
            end = end.adding(other.end)
        }
    }

    package init(_ status: FlowStatus) {
        var names: Set<String> = []
        for partition in status.partitions {
            names.insert(partition.topic)
            partitions += 1
            if partition.state == .failed { failed += 1 }
            if partition.state == .paused { paused += 1 }
            if partition.stuckForSeconds != nil { stuck += 1 }
            if partition.lag == nil { lagUnknown += 1 }
            if let end = partition.fillsUpTo {
                var sum = filling ?? Filling()
                sum.add(Filling(partitions: 1, done: max(0, partition.targetOffset), end: end))
                filling = sum
            }
        }
        for waiting in status.waiting ?? [] { names.insert(waiting.topic) }
        waitingTopics = status.waiting?.count ?? 0
        topics = names.count
    }

    /// Partitions that are meant to move.
    var moving: Int { partitions - paused }
}
