/// ConsumerGroupDescribe (key 69): state and members of KIP-848 groups.
public struct ConsumerGroupDescribeRequest: KafkaRequest {
    public typealias Response = ConsumerGroupDescribeResponse
    public static let apiKey = ApiKey.consumerGroupDescribe
    public static let versions = ApiVersions(0...1, flexibleFrom: 0)

    public var groupIDs: [String] = []
    public var includeAuthorizedOperations = false

    public init() {}

    public mutating func code(_ wire: inout WireCoder) throws(WireError) {
        try wire.stringArray(&groupIDs)
        try wire.bool(&includeAuthorizedOperations)
    }
}

/// Answer to ``ConsumerGroupDescribeRequest``.
public struct ConsumerGroupDescribeResponse: KafkaResponse {
    public static let apiKey = ApiKey.consumerGroupDescribe
    public static let versions = ApiVersions(0...1, flexibleFrom: 0)

    public var throttleTimeMs: Int32 = 0
    public var groups: [DescribedGroup] = []

    public init() {}

    public mutating func code(_ wire: inout WireCoder) throws(WireError) {
        try wire.int32(&throttleTimeMs)
        try wire.array(&groups)
    }
}

extension ConsumerGroupDescribeResponse {
    /// One group.
    public struct DescribedGroup: WireStruct {
        public var errorCode = ErrorCode.none
        public var errorMessage: String?
        public var groupID = ""
        public var groupState = ""
        /// Rises whenever members or subscriptions change.
        public var groupEpoch: Int32 = 0
        /// The group epoch for which the target assignment was made.
        public var assignmentEpoch: Int32 = 0
        public var assignorName = ""
        public var members: [Member] = []
        /// A bit per ACL operation; `.min` unless asked for (KIP-430).
        public var authorizedOperations: Int32 = .min

        public init() {}

        public mutating func code(_ wire: inout WireCoder) throws(WireError) {
            try wire.errorCode(&errorCode)
            try wire.nullableString(&errorMessage)
            try wire.string(&groupID)
            try wire.string(&groupState)
            try wire.int32(&groupEpoch)
            try wire.int32(&assignmentEpoch)
            try wire.string(&assignorName)
            try wire.array(&members)
            try wire.int32(&authorizedOperations)
        }
    }

    /// A member, its subscription and its partitions.
    public struct Member: WireStruct {
        public var memberID = ""
        /// The name of a static member; nil for a dynamic one (KIP-345).
        public var instanceID: String?
        public var rackID: String?
        public var memberEpoch: Int32 = 0
        public var clientID = ""
        public var clientHost = ""
        public var subscribedTopicNames: [String] = []
        public var subscribedTopicRegex: String?
        /// The partitions that the member has now.
        public var assignment = Assignment()
        /// The partitions that it will have when the others have let go.
        public var targetAssignment = Assignment()
        /// -1 unknown, 0 classic protocol, 1 consumer protocol (KIP-1099).
        public var memberType: Int8 = -1

        public init() {}

        public mutating func code(_ wire: inout WireCoder) throws(WireError) {
            try wire.string(&memberID)
            try wire.nullableString(&instanceID)
            try wire.nullableString(&rackID)
            try wire.int32(&memberEpoch)
            try wire.string(&clientID)
            try wire.string(&clientHost)
            try wire.stringArray(&subscribedTopicNames)
            try wire.nullableString(&subscribedTopicRegex)
            try wire.structure(&assignment)
            try wire.structure(&targetAssignment)
            if wire.version >= 1 { try wire.int8(&memberType) }
        }
    }

    /// Partitions of a member.
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
        public var topicName = ""
        public var partitions: [Int32] = []

        public init() {}

        public mutating func code(_ wire: inout WireCoder) throws(WireError) {
            try wire.uuid(&topicID)
            try wire.string(&topicName)
            try wire.int32Array(&partitions)
        }
    }
}
