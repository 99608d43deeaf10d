/// ShareGroupDescribe (key 77): state and members of share groups (KIP-932).
///
/// Version 0 was Kafka 4.0's preview and is gone since 4.1.
public struct ShareGroupDescribeRequest: KafkaRequest {
    public typealias Response = ShareGroupDescribeResponse
    public static let apiKey = ApiKey.shareGroupDescribe
    public static let versions = ApiVersions(1...1, flexibleFrom: 0)

    public var groupIDs: [String] = []
    public var includeAuthorizedOperations = false

    public init() {}

    public mutating func code(_ wire: inout WireCoder) throws(WireError) {
        try wire.stringArray(&groupIDs)
        try wire.bool(&includeAuthorizedOperations)
    }
}

/// Answer to ``ShareGroupDescribeRequest``.
public struct ShareGroupDescribeResponse: KafkaResponse {
    public static let apiKey = ApiKey.shareGroupDescribe
    public static let versions = ApiVersions(1...1, flexibleFrom: 0)

    public var throttleTimeMs: Int32 = 0
    public var groups: [DescribedGroup] = []

    public init() {}

    public mutating func code(_ wire: inout WireCoder) throws(WireError) {
        try wire.int32(&throttleTimeMs)
        try wire.array(&groups)
    }
}

extension ShareGroupDescribeResponse {
    /// One group.
    public struct DescribedGroup: WireStruct {
        public var errorCode = ErrorCode.none
        public var errorMessage: String?
        public var groupID = ""
        public var groupState = ""
        /// Rises whenever members or subscriptions change.
        public var groupEpoch: Int32 = 0
        /// The group epoch for which the assignment was made.
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
        public var rackID: String?
        public var memberEpoch: Int32 = 0
        public var clientID = ""
        public var clientHost = ""
        public var subscribedTopicNames: [String] = []
        public var assignment = Assignment()

        public init() {}

        public mutating func code(_ wire: inout WireCoder) throws(WireError) {
            try wire.string(&memberID)
            try wire.nullableString(&rackID)
            try wire.int32(&memberEpoch)
            try wire.string(&clientID)
            try wire.string(&clientHost)
            try wire.stringArray(&subscribedTopicNames)
            try wire.structure(&assignment)
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
