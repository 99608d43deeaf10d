/// DescribeTopicPartitions (key 75): topic metadata in pages (KIP-966).
public struct DescribeTopicPartitionsRequest: KafkaRequest {
    public typealias Response = DescribeTopicPartitionsResponse
    public static let apiKey = ApiKey.describeTopicPartitions
    public static let versions = ApiVersions(0...0, flexibleFrom: 0)

    /// Empty for all.
    public var topics: [TopicRequest] = []
    /// Partitions in one page, over all topics.
    public var responsePartitionLimit: Int32 = 2000
    /// The start of the next page, as the last one told it; nil for the first.
    public var cursor: Cursor?

    public init() {}

    public mutating func code(_ wire: inout WireCoder) throws(WireError) {
        try wire.array(&topics)
        try wire.int32(&responsePartitionLimit)
        try wire.nullableStructure(&cursor)
    }
}

extension DescribeTopicPartitionsRequest {
    /// A topic to describe.
    public struct TopicRequest: WireStruct {
        public var name = ""

        public init() {}

        public mutating func code(_ wire: inout WireCoder) throws(WireError) {
            try wire.string(&name)
        }
    }

    /// The partition at which a page begins.
    public struct Cursor: WireStruct {
        public var topicName = ""
        public var partitionIndex: Int32 = 0

        public init() {}

        public mutating func code(_ wire: inout WireCoder) throws(WireError) {
            try wire.string(&topicName)
            try wire.int32(&partitionIndex)
        }
    }
}

/// Answer to ``DescribeTopicPartitionsRequest``.
public struct DescribeTopicPartitionsResponse: KafkaResponse {
    public static let apiKey = ApiKey.describeTopicPartitions
    public static let versions = ApiVersions(0...0, flexibleFrom: 0)

    public var throttleTimeMs: Int32 = 0
    public var topics: [DescribeTopicPartitionsResponseTopic] = []
    /// Nil on the last page.
    public var nextCursor: Cursor?

    public init() {}

    public mutating func code(_ wire: inout WireCoder) throws(WireError) {
        try wire.int32(&throttleTimeMs)
        try wire.array(&topics)
        try wire.nullableStructure(&nextCursor)
    }
}

extension DescribeTopicPartitionsResponse {
    /// One topic, perhaps not all of its partitions.
    public struct DescribeTopicPartitionsResponseTopic: WireStruct {
        public var errorCode = ErrorCode.none
        public var name: String? = ""
        public var topicID = KafkaUUID.zero
        public var isInternal = false
        public var partitions: [DescribeTopicPartitionsResponsePartition] = []
        /// A bit per ACL operation (KIP-430).
        public var topicAuthorizedOperations: Int32 = .min

        public init() {}

        public mutating func code(_ wire: inout WireCoder) throws(WireError) {
            try wire.errorCode(&errorCode)
            try wire.nullableString(&name)
            try wire.uuid(&topicID)
            try wire.bool(&isInternal)
            try wire.array(&partitions)
            try wire.int32(&topicAuthorizedOperations)
        }
    }

    /// A partition and its replicas.
    public struct DescribeTopicPartitionsResponsePartition: WireStruct {
        public var errorCode = ErrorCode.none
        public var partitionIndex: Int32 = 0
        /// -1 when there is none.
        public var leaderID: Int32 = 0
        public var leaderEpoch: Int32 = -1
        public var replicaNodes: [Int32] = []
        public var isrNodes: [Int32] = []
        /// Out of sync, but sure to have everything below the high watermark.
        public var eligibleLeaderReplicas: [Int32]?
        /// Remembered from before an unclean shutdown.
        public var lastKnownElr: [Int32]?
        public var offlineReplicas: [Int32] = []

        public init() {}

        public mutating func code(_ wire: inout WireCoder) throws(WireError) {
            try wire.errorCode(&errorCode)
            try wire.int32(&partitionIndex)
            try wire.int32(&leaderID)
            try wire.int32(&leaderEpoch)
            try wire.int32Array(&replicaNodes)
            try wire.int32Array(&isrNodes)
            try wire.nullableInt32Array(&eligibleLeaderReplicas)
            try wire.nullableInt32Array(&lastKnownElr)
            try wire.int32Array(&offlineReplicas)
        }
    }

    /// The partition at which a page begins.
    public struct Cursor: WireStruct {
        public var topicName = ""
        public var partitionIndex: Int32 = 0

        public init() {}

        public mutating func code(_ wire: inout WireCoder) throws(WireError) {
            try wire.string(&topicName)
            try wire.int32(&partitionIndex)
        }
    }
}
