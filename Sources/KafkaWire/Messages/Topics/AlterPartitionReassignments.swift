/// AlterPartitionReassignments (key 45): moves replicas between brokers (KIP-455).
public struct AlterPartitionReassignmentsRequest: KafkaRequest {
    public typealias Response = AlterPartitionReassignmentsResponse
    public static let apiKey = ApiKey.alterPartitionReassignments
    public static let versions = ApiVersions(0...1, flexibleFrom: 0)

    public var timeoutMs: Int32 = 60000
    /// Without it a move must keep the number of replicas (KIP-860).
    public var allowReplicationFactorChange = true
    public var topics: [ReassignableTopic] = []

    public init() {}

    public mutating func code(_ wire: inout WireCoder) throws(WireError) {
        try wire.int32(&timeoutMs)
        if wire.version >= 1 { try wire.bool(&allowReplicationFactorChange) }
        try wire.array(&topics)
    }
}

extension AlterPartitionReassignmentsRequest {
    /// Partitions of one topic.
    public struct ReassignableTopic: WireStruct {
        public var name = ""
        public var partitions: [ReassignablePartition] = []

        public init() {}

        public mutating func code(_ wire: inout WireCoder) throws(WireError) {
            try wire.string(&name)
            try wire.array(&partitions)
        }
    }

    /// The brokers for one partition's replicas.
    public struct ReassignablePartition: WireStruct {
        public var partitionIndex: Int32 = 0
        /// Broker ids, the preferred leader first; nil cancels a move in progress.
        public var replicas: [Int32]?

        public init() {}

        public mutating func code(_ wire: inout WireCoder) throws(WireError) {
            try wire.int32(&partitionIndex)
            try wire.nullableInt32Array(&replicas)
        }
    }
}

/// Answer to ``AlterPartitionReassignmentsRequest``.
public struct AlterPartitionReassignmentsResponse: KafkaResponse {
    public static let apiKey = ApiKey.alterPartitionReassignments
    public static let versions = ApiVersions(0...1, flexibleFrom: 0)

    public var throttleTimeMs: Int32 = 0
    /// As asked.
    public var allowReplicationFactorChange = true
    /// Concerns the request as a whole.
    public var errorCode = ErrorCode.none
    public var errorMessage: String? = ""
    public var responses: [ReassignableTopicResponse] = []

    public init() {}

    public mutating func code(_ wire: inout WireCoder) throws(WireError) {
        try wire.int32(&throttleTimeMs)
        if wire.version >= 1 { try wire.bool(&allowReplicationFactorChange) }
        try wire.errorCode(&errorCode)
        try wire.nullableString(&errorMessage)
        try wire.array(&responses)
    }
}

extension AlterPartitionReassignmentsResponse {
    /// Results for one topic.
    public struct ReassignableTopicResponse: WireStruct {
        public var name = ""
        public var partitions: [ReassignablePartitionResponse] = []

        public init() {}

        public mutating func code(_ wire: inout WireCoder) throws(WireError) {
            try wire.string(&name)
            try wire.array(&partitions)
        }
    }

    /// The result for one partition.
    public struct ReassignablePartitionResponse: WireStruct {
        public var partitionIndex: Int32 = 0
        public var errorCode = ErrorCode.none
        public var errorMessage: String? = ""

        public init() {}

        public mutating func code(_ wire: inout WireCoder) throws(WireError) {
            try wire.int32(&partitionIndex)
            try wire.errorCode(&errorCode)
            try wire.nullableString(&errorMessage)
        }
    }
}
