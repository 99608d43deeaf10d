/// ConsumerGroupHeartbeat (key 68): membership and assignment in the consumer protocol of KIP-848.
public struct ConsumerGroupHeartbeatRequest: KafkaRequest {
    public typealias Response = ConsumerGroupHeartbeatResponse
    public static let apiKey = ApiKey.consumerGroupHeartbeat
    public static let versions = ApiVersions(0...1, flexibleFrom: 0)

    public var groupID = ""
    /// Chosen by the member from version 1; before it empty when joining.
    public var memberID = ""
    /// 0 joins, -1 leaves, -2 leaves for a while as a static member; otherwise as last told.
    public var memberEpoch: Int32 = 0
    /// The name of a static member; nil for a dynamic one (KIP-345).
    public var instanceID: String?
    public var rackID: String?
    /// The time that the member may take to let partitions go; -1 when unchanged.
    public var rebalanceTimeoutMs: Int32 = -1
    /// Nil when unchanged since the last heartbeat, as in the fields that follow.
    public var subscribedTopicNames: [String]?
    /// In the syntax of RE2/J, from version 1.
    public var subscribedTopicRegex: String?
    public var serverAssignor: String?
    /// The partitions that the member holds now.
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
    /// Partitions of one topic.
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
    /// -1 tells that the member has left.
    public var memberEpoch: Int32 = 0
    public var heartbeatIntervalMs: Int32 = 0
    /// Nil when it is still as last told.
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
    /// The partitions that the member shall hold.
    public struct Assignment: WireStruct {
        public var topicPartitions: [TopicPartitions] = []

        public init() {}

        public mutating func code(_ wire: inout WireCoder) throws(WireError) {
            try wire.array(&topicPartitions)
        }
    }

    /// Partitions of one topic.
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
