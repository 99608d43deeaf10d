/// CreateTopics (key 19): creates topics with partitions and configuration.
public struct CreateTopicsRequest: KafkaRequest {
    public typealias Response = CreateTopicsResponse
    public static let apiKey = ApiKey.createTopics
    public static let versions = ApiVersions(0...7, flexibleFrom: 5)

    public var topics: [CreatableTopic] = []
    public var timeoutMs: Int32 = 60000
    public var validateOnly = false

    public init() {}

    public mutating func code(_ wire: inout WireCoder) throws(WireError) {
        try wire.array(&topics)
        try wire.int32(&timeoutMs)
        if wire.version >= 1 { try wire.bool(&validateOnly) }
    }
}

extension CreateTopicsRequest {
    public struct CreatableTopic: WireStruct {
        public var name = ""
        public var numPartitions: Int32 = 0
        public var replicationFactor: Int16 = 0
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

    public struct CreatableReplicaAssignment: WireStruct {
        public var partitionIndex: Int32 = 0
        public var brokerIDs: [Int32] = []

        public init() {}

        public mutating func code(_ wire: inout WireCoder) throws(WireError) {
            try wire.int32(&partitionIndex)
            try wire.int32Array(&brokerIDs)
        }
    }

    public struct CreatableTopicConfig: WireStruct {
        public var name = ""
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
    public struct CreatableTopicResult: WireStruct {
        public var name = ""
        public var topicID = KafkaUUID.zero
        public var errorCode = ErrorCode.none
        public var errorMessage: String? = ""
        public var topicConfigErrorCode = ErrorCode.none
        public var numPartitions: Int32 = -1
        public var replicationFactor: Int16 = -1
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

    public struct CreatableTopicConfigs: WireStruct {
        public var name = ""
        public var value: String? = ""
        public var readOnly = false
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
