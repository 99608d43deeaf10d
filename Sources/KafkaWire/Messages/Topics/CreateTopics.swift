/// CreateTopics (key 19): creates topics with partitions and configuration.
public struct CreateTopicsRequest: KafkaRequest {
    public typealias Response = CreateTopicsResponse
    public static let apiKey = ApiKey.createTopics
    public static let versions = ApiVersions(0...7, flexibleFrom: 5)

    public var topics: [CreatableTopic] = []
    public var timeoutMs: Int32 = 60000
    /// Checks and creates nothing.
    public var validateOnly = false

    public init() {}

    public mutating func code(_ wire: inout WireCoder) throws(WireError) {
        try wire.array(&topics)
        try wire.int32(&timeoutMs)
        if wire.version >= 1 { try wire.bool(&validateOnly) }
    }
}

extension CreateTopicsRequest {
    /// A topic to create.
    public struct CreatableTopic: WireStruct {
        public var name = ""
        /// -1 for the broker's default, or when ``assignments`` says it (KIP-464).
        public var numPartitions: Int32 = 0
        /// -1 for the broker's default, or when ``assignments`` says it.
        public var replicationFactor: Int16 = 0
        /// Empty to leave the choice to the cluster.
        public var assignments: [CreatableReplicaAssignment] = []
        public var configs: [CreatableTopicConfig] = []

        public init() {}

        public mutating func code(_ wire: inout WireCoder) throws(WireError) {
            try wire.string(&name)
            try wire.int32(&numPartitions)
            try wire.int16(&replicationFactor)
            try wire.array(&assignments)
            try wire.array(&configs)
        }
    }

    /// The replicas of one partition.
    public struct CreatableReplicaAssignment: WireStruct {
        public var partitionIndex: Int32 = 0
        /// The preferred leader first.
        public var brokerIDs: [Int32] = []

        public init() {}

        public mutating func code(_ wire: inout WireCoder) throws(WireError) {
            try wire.int32(&partitionIndex)
            try wire.int32Array(&brokerIDs)
        }
    }

    /// A key that differs from the broker's default.
    public struct CreatableTopicConfig: WireStruct {
        public var name = ""
        /// Kafka refuses nil.
        public var value: String? = ""

        public init() {}

        public mutating func code(_ wire: inout WireCoder) throws(WireError) {
            try wire.string(&name)
            try wire.nullableString(&value)
        }
    }
}

/// Answer to ``CreateTopicsRequest``.
public struct CreateTopicsResponse: KafkaResponse {
    public static let apiKey = ApiKey.createTopics
    public static let versions = ApiVersions(0...7, flexibleFrom: 5)

    public var throttleTimeMs: Int32 = 0
    public var topics: [CreatableTopicResult] = []

    public init() {}

    public mutating func code(_ wire: inout WireCoder) throws(WireError) {
        if wire.version >= 2 { try wire.int32(&throttleTimeMs) }
        try wire.array(&topics)
    }
}

extension CreateTopicsResponse {
    /// The topic that was created, or the reason why not.
    public struct CreatableTopicResult: WireStruct {
        public var name = ""
        /// Zero before version 7.
        public var topicID = KafkaUUID.zero
        public var errorCode = ErrorCode.none
        public var errorMessage: String? = ""
        /// The reason why ``configs`` is nil.
        public var topicConfigErrorCode = ErrorCode.none
        /// -1 when the caller may not know (KIP-525).
        public var numPartitions: Int32 = -1
        /// -1 when the caller may not know.
        public var replicationFactor: Int16 = -1
        /// Nil when the caller may not describe them.
        public var configs: [CreatableTopicConfigs]? = []

        public init() {}

        public mutating func code(_ wire: inout WireCoder) throws(WireError) {
            try wire.string(&name)
            if wire.version >= 7 { try wire.uuid(&topicID) }
            try wire.errorCode(&errorCode)
            if wire.version >= 1 { try wire.nullableString(&errorMessage) }
            if wire.version >= 5 {
                try wire.int32(&numPartitions)
                try wire.int16(&replicationFactor)
                try wire.nullableArray(&configs)
            }
        }

        public mutating func codeTags(_ tags: inout WireTags) throws(WireError) {
            try tags.errorCode(0, &topicConfigErrorCode)
        }
    }

    /// One effective key of the new topic.
    public struct CreatableTopicConfigs: WireStruct {
        public var name = ""
        /// Nil for sensitive values.
        public var value: String? = ""
        public var readOnly = false
        /// As in ``DescribeConfigsResponse/DescribeConfigsResourceResult/configSource``.
        public var configSource: Int8 = -1
        public var isSensitive = false

        public init() {}

        public mutating func code(_ wire: inout WireCoder) throws(WireError) {
            try wire.string(&name)
            try wire.nullableString(&value)
            try wire.bool(&readOnly)
            try wire.int8(&configSource)
            try wire.bool(&isSensitive)
        }
    }
}
