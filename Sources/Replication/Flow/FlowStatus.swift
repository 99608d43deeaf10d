internal import KafkaClient

/// What a flow is doing, for `/api/status` and `replicator status`.
public struct FlowStatus: Sendable, Codable {
    public struct Partition: Sendable, Codable {
        public var topic: String
        public var partition: Int32
        public var targetTopic: String
        /// `active` or `failed`.
        public var state: String
        /// Why it failed.
        public var reason: String?
        /// Every source offset below it has passed.
        public var sourceOffset: Int64
        /// The source's high watermark when it was last seen; -1 before.
        public var sourceEnd: Int64
        /// Offset behind the last record written to the target; -1 before the first.
        public var targetOffset: Int64
        /// Source offsets that have not passed yet.
        public var lag: Int64
    }

    public var name: String
    public var source: String
    public var target: String
    /// `starting`, `running`, `draining` or `stopped`.
    public var state: String
    public var partitions: [Partition]
}

extension FlowStatus.Partition {
    init(_ partition: PartitionState) {
        topic = partition.source.topic
        self.partition = partition.source.partition
        targetTopic = partition.target.topic
        switch partition.status {
        case .active: state = "active"
        case .failed(let why):
            state = "failed"
            reason = why
        }
        sourceOffset = partition.passed
        sourceEnd = partition.highWatermark
        targetOffset = partition.targetEnd
        lag = partition.lag
    }
}
