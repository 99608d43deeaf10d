/// ElectLeaders (key 43): elects the preferred replica, or any at all, as leader (KIP-460).
public struct ElectLeadersRequest: KafkaRequest {
    public typealias Response = ElectLeadersResponse
    public static let apiKey = ApiKey.electLeaders
    public static let versions = ApiVersions(0...2, flexibleFrom: 2)

    /// 0 the preferred replica, 1 any replica even if records are lost.
    public var electionType: Int8 = 0
    /// Nil for every partition.
    public var topicPartitions: [TopicPartitions]? = []
    public var timeoutMs: Int32 = 60000

    public init() {}

    public mutating func code(_ wire: inout WireCoder) throws(WireError) {
        if wire.version >= 1 { try wire.int8(&electionType) }
        try wire.nullableArray(&topicPartitions)
        try wire.int32(&timeoutMs)
    }
}

extension ElectLeadersRequest {
    /// Partitions of one topic.
    public struct TopicPartitions: WireStruct {
        public var topic = ""
        public var partitions: [Int32] = []

        public init() {}

        public mutating func code(_ wire: inout WireCoder) throws(WireError) {
            try wire.string(&topic)
            try wire.int32Array(&partitions)
        }
    }
}

/// Answer to ``ElectLeadersRequest``.
public struct ElectLeadersResponse: KafkaResponse {
    public static let apiKey = ApiKey.electLeaders
    public static let versions = ApiVersions(0...2, flexibleFrom: 2)

    public var throttleTimeMs: Int32 = 0
    /// Concerns the request as a whole.
    public var errorCode = ErrorCode.none
    public var replicaElectionResults: [ReplicaElectionResult] = []

    public init() {}

    public mutating func code(_ wire: inout WireCoder) throws(WireError) {
        try wire.int32(&throttleTimeMs)
        if wire.version >= 1 { try wire.errorCode(&errorCode) }
        try wire.array(&replicaElectionResults)
    }
}

extension ElectLeadersResponse {
    /// Results for one topic.
    public struct ReplicaElectionResult: WireStruct {
        public var topic = ""
        public var partitionResult: [PartitionResult] = []

        public init() {}

        public mutating func code(_ wire: inout WireCoder) throws(WireError) {
            try wire.string(&topic)
            try wire.array(&partitionResult)
        }
    }

    /// The result for one partition.
    public struct PartitionResult: WireStruct {
        public var partitionID: Int32 = 0
        public var errorCode = ErrorCode.none
        public var errorMessage: String? = ""

        public init() {}

        public mutating func code(_ wire: inout WireCoder) throws(WireError) {
            try wire.int32(&partitionID)
            try wire.errorCode(&errorCode)
            try wire.nullableString(&errorMessage)
        }
    }
}
