/// DescribeTopicPartitions (key 75): topic metadata in pages (KIP-966).
public struct DescribeTopicPartitionsRequest: KafkaRequest {
    public typealias Response = DescribeTopicPartitionsResponse
    public static let apiKey = ApiKey.describeTopicPartitions
    public static let versions = ApiVersions(0...0, flexibleFrom: 0)

    public var topics: [TopicRequest] = []
    public var responsePartitionLimit: Int32 = 2000
    public var cursor: Cursor?

    public init() {}

    public mutating func code(_ wire: inout WireCoder) throws(WireError) {
        try wire.array(&topics)
        try wire.int32(&responsePartitionLimit)
        try wire.nullableStructure(&cursor)
    }
}

extension DescribeTopicPartitionsRequest {
    public struct TopicRequest: WireStruct {
        public var name = ""

        public init() {}

        public mutating func code(_ wire: inout WireCoder) throws(WireError) {
            try wire.string(&name)
        }
    }

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
    public var nextCursor: Cursor?

    public init() {}

    public mutating func code(_ wire: inout WireCoder) throws(WireError) {
        try wire.int32(&throttleTimeMs)
        try wire.array(&topics)
        try wire.nullableStructure(&nextCursor)
    }
}

extension DescribeTopicPartitionsResponse {
    public struct DescribeTopicPartitionsResponseTopic: WireStruct {
        public var errorCode = ErrorCode.none
        public var name: String? = ""
        public var topicID = KafkaUUID.zero
        public var isInternal = false
        public var partitions: [DescribeTopicPartitionsResponsePartition] = []
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

    public struct DescribeTopicPartitionsResponsePartition: WireStruct {
        public var errorCode = ErrorCode.none
        public var partitionIndex: Int32 = 0
        public var leaderID: Int32 = 0
        public var leaderEpoch: Int32 = -1
        public var replicaNodes: [Int32] = []
        public var isrNodes: [Int32] = []
        public var eligibleLeaderReplicas: [Int32]?
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
