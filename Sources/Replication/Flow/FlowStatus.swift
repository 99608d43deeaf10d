internal import KafkaClient

/// What a flow is doing, for `/api/status` and `replicator status`.
public struct FlowStatus: Sendable, Codable {
    public struct Partition: Sendable, Codable {
        public var topic: String
        public var partition: Int32
        public var targetTopic: String
        /// `active`, `paused` or `failed`.
        public var state: String
        /// Why it failed.
        public var reason: String?
        /// What the target answers to records that it does not take for now; nil while it takes them.
        public var obstacle: String?
        /// Every source offset below it has passed.
        public var sourceOffset: Int64
        /// The source's high watermark when it was last seen; -1 before.
        public var sourceEnd: Int64
        /// Offset behind the last record written to the target; -1 before the first.
        public var targetOffset: Int64
        /// Source offsets that have not passed yet.
        public var lag: Int64
        /// Records that the target has got: of all source offsets that have passed, those that were not skipped.
        public var written: Int64
        /// Bytes that the batches read since the flow was started last take at the source.
        public var readBytes: Int64
        /// Source offsets that have passed without a record on the target, by reason.
        public var skipped: [String: Int64]
        /// Target offsets among ours that hold something else: other writers' records, markers.
        public var foreign: Int64
        /// Records that are on the target twice, since its log was cut while they were on their way. Counted again when they
        /// were cut off since.
        public var doubled: Int64
        /// How long it has made no progress although there is something to copy; nil when it does, or nobody watches.
        public var stuckForSeconds: Int?
        /// Bytes read that the target has yet to acknowledge.
        public var bufferedBytes: Int
        /// Broker that it is read from; nil while there is none.
        public var sourceLeader: Int32?
        /// Broker that it is written to; nil while there is none.
        public var targetLeader: Int32?
    }

    /// A consumer group whose positions are kept in step.
    public struct Group: Sendable, Codable {
        public var group: String
        public var targetGroup: String
        /// `synced`, `activeMembers` (somebody reads on the target), `refused` or `failed`: the worst of its partitions.
        public var state: String
        /// Why it is not in step.
        public var reason: String?
        public var partitions: [GroupPartition]
    }

    /// A group's position in one partition.
    public struct GroupPartition: Sendable, Codable {
        public var topic: String
        public var partition: Int32
        public var targetTopic: String
        /// What the group has committed at the source: the next offset it reads.
        public var sourceOffset: Int64
        /// The same position on the target; nil when it is not known.
        public var translatedOffset: Int64?
        /// What the group has committed on the target; nil when nothing.
        public var targetOffset: Int64?
        /// `synced`, `further` (the target's position is further), `activeMembers`, `refused` or `pending`.
        public var state: String
        /// Why it is refused.
        public var reason: String?
        /// Source offsets before the group's position that have not passed yet.
        public var aheadBy: Int64
    }

    public var name: String
    public var source: String
    public var target: String
    /// `starting`, `running`, `draining` or `stopped`.
    public var state: String
    /// What an operator has paused, in words.
    public var paused: [String]
    /// The flow's own limit; nil for none.
    public var bytesPerSecondLimit: Int?
    public var partitions: [Partition]
    public var groups: [Group] = []
}

extension FlowStatus.Partition {
    init(_ partition: PartitionReplicator) {
        topic = partition.source.topic
        self.partition = partition.source.partition
        targetTopic = partition.target.topic
        if case .failed(let failure, _) = partition.phase {
            state = "failed"
            reason = failure.explanation
        } else {
            state = partition.isPaused ? "paused" : "active"
            obstacle = partition.obstacle
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
