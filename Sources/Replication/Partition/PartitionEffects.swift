package import KafkaClient

/// Work that the events of a partition have left for its shard.
package struct PartitionEffects: Sendable {
    /// Frames of the budget that one batch each no longer needs.
    package var released: [Int] = []
    /// A frame of the budget that batches were taken from.
    package var held: HeldFrame?
    /// A broker that was thought to lead a partition does not.
    package var areLeadersStale = false
    /// Messages for the log, in order.
    package var reports: [PartitionReport] = []

    package struct HeldFrame: Hashable, Sendable {
        package var frame: Int
        package var bytes: Int
        package var batches: Int
        /// Size of the source's answer; ``bytes`` is more where batches were rebuilt from compressed ones.
        package var answered = 0
    }

    mutating func release(_ frames: [Int]) {
        if released.isEmpty { released = frames } else { released += frames }
    }
}

/// An event of a partition that the operator should know of.
package enum PartitionReport: Hashable, Sendable {
    /// The partition has failed with the source position at `offset`.
    case stopped(PartitionFailure, offset: Int64)
    /// A partition that had failed is tried again.
    case retried(PartitionFailure)
    /// Source offsets are lost, and policy is to continue.
    case lost(String, offsets: Int64)
    case quarantined(Quarantined)
    /// Batches of the source are not as a log should hold them; nothing of them is left out.
    case irregular(Quarantined)
    /// The source answers again and again with nothing that could be taken.
    case unhelpful(String, answers: Int)
    /// The target does not take a batch for now.
    case obstructed(String)
    /// The source has answered something that cannot be true.
    case impossibleAnswer(String)
    /// The last copies could not be compared with the source's records, for this reason.
    case notCompared(String)
    /// Records of an earlier run were found on the target that were not accounted for.
    case recovered(records: Int64)
    /// The target's log was truncated; so many source offsets are copied again.
    case targetTruncated(at: Int64, knownEnd: Int64, offsets: Int64)
    /// Records from a target offset on are copied again in their place.
    case duplicated(DuplicateCause, offset: Int64, records: Int64)
    /// Recovery has failed so often in a row.
    case recoveryFailed(KafkaError, attempt: Int)
}

/// A partition's wish to be fetched, as the session with its source broker is told of it.
package struct FetchWish: Hashable, Sendable {
    package var leader: PartitionLeader
    package var offset: Int64
    package var readEpoch: Int32
    /// Left out of fetches until the target has taken more of what was read.
    package var isFull: Bool
    /// Bytes to ask for where the usual number was too small for a batch.
    package var bytes: Int?
}

package struct PartitionLeader: Hashable, Sendable {
    package var broker: Int32
    package var epoch: Int32

    package init(broker: Int32, epoch: Int32) {
        self.broker = broker
        self.epoch = epoch
    }
}
