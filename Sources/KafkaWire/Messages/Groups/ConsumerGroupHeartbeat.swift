/// ConsumerGroupHeartbeat (key 68): membership and assignment in the consumer protocol of KIP-848.
public struct ConsumerGroupHeartbeatRequest: KafkaRequest {
    public typealias Response = ConsumerGroupHeartbeatResponse
    public static let apiKey = ApiKey.consumerGroupHeartbeat
    public static let versions = ApiVersions(0...1, flexibleFrom: 0)

    public var groupID = ""
    public var memberID = ""
    public var memberEpoch: Int32 = 0
    public var instanceID: String?
    public var rackID: String?
    public var rebalanceTimeoutMs: Int32 = -1
    public var subscribedTopicNames: [String]?
    public var subscribedTopicRegex: String?
    public var serverAssignor: String?
    public var topicPartitions: [TopicPartitions]?

    public init() {}

    public mutating func code(_ wire: inout WireCoder) throws(WireError) {
        try wire.string(&groupID)
        try wire.string(&memberID)
        try wire.int32(&memberEpoch)
        try wire.nullableString(&instanceID)
        try wire.nullableString(&rackID)
        try wire.int32(&rebalanceTimeoutMs)
        try wire.nullableStringArray(&subscribedTopicNames)
        if wire.version >= 1 { try wire.nullableString(&subscribedTopicRegex) }
        try wire.nullableString(&serverAssignor)
        try wire.nullableArray(&topicPartitions)
    }
}

extension ConsumerGroupHeartbeatRequest {
    public struct TopicPartitions: WireStruct {
        public var topicID = KafkaUUID.zero
        public var partitions: [Int32] = []

        public init() {}

        public mutating func code(_ wire: inout WireCoder) throws(WireError) {
            try wire.uuid(&topicID)
            try wire.int32Array(&partitions)
        }
    }
}

/// Answer to ``ConsumerGroupHeartbeatRequest``.
public struct ConsumerGroupHeartbeatResponse: KafkaResponse {
    public static let apiKey = ApiKey.consumerGroupHeartbeat
    public static let versions = ApiVersions(0...1, flexibleFrom: 0)

    public var throttleTimeMs: Int32 = 0
    public var errorCode = ErrorCode.none
    public var errorMessage: String?
    public var memberID: String?
    public var memberEpoch: Int32 = 0
    public var heartbeatIntervalMs: Int32 = 0
    public var assignment: Assignment?

    public init() {}

    public mutating func code(_ wire: inout WireCoder) throws(WireError) {
        try wire.int32(&throttleTimeMs)
        try wire.errorCode(&errorCode)
        try wire.nullableString(&errorMessage)
        try wire.nullableString(&memberID)
        try wire.int32(&memberEpoch)
        try wire.int32(&heartbeatIntervalMs)
        try wire.nullableStructure(&assignment)
    }
}

extension ConsumerGroupHeartbeatResponse {
    public struct Assignment: WireStruct {
        public var topicPartitions: [TopicPartitions] = []

        public init() {}

        public mutating func code(_ wire: inout WireCoder) throws(WireError) {
            try wire.array(&topicPartitions)
        }
    }

    public struct TopicPartitions: WireStruct {
        public var topicID = KafkaUUID.zero
        public var partitions: [Int32] = []

        public init() {}

        public mutating func code(_ wire: inout WireCoder) throws(WireError) {
            try wire.uuid(&topicID)
            try wire.int32Array(&partitions)
        }
    }
}
