/// CreatePartitions (key 37): raises the number of a topic's partitions.
public struct CreatePartitionsRequest: KafkaRequest {
    public typealias Response = CreatePartitionsResponse
    public static let apiKey = ApiKey.createPartitions
    public static let versions = ApiVersions(0...3, flexibleFrom: 2)

    public var topics: [CreatePartitionsTopic] = []
    public var timeoutMs: Int32 = 0
    /// Checks and changes nothing.
    public var validateOnly = false

    public init() {}

    public mutating func code(_ wire: inout WireCoder) throws(WireError) {
        try wire.array(&topics)
        try wire.int32(&timeoutMs)
        try wire.bool(&validateOnly)
    }
}

extension CreatePartitionsRequest {
    /// A topic to widen.
    public struct CreatePartitionsTopic: WireStruct {
        public var name = ""
        /// The number of partitions afterwards, not the number added.
        public var count: Int32 = 0
        /// One for each new partition; nil leaves the choice to the cluster.
        public var assignments: [CreatePartitionsAssignment]? = []

        public init() {}

        public mutating func code(_ wire: inout WireCoder) throws(WireError) {
            try wire.string(&name)
            try wire.int32(&count)
            try wire.nullableArray(&assignments)
        }
    }

    /// The replicas of one new partition.
    public struct CreatePartitionsAssignment: WireStruct {
        /// The preferred leader first.
        public var brokerIDs: [Int32] = []

        public init() {}

        public mutating func code(_ wire: inout WireCoder) throws(WireError) {
            try wire.int32Array(&brokerIDs)
        }
    }
}

/// Answer to ``CreatePartitionsRequest``.
public struct CreatePartitionsResponse: KafkaResponse {
    public static let apiKey = ApiKey.createPartitions
    public static let versions = ApiVersions(0...3, flexibleFrom: 2)

    public var throttleTimeMs: Int32 = 0
    public var results: [CreatePartitionsTopicResult] = []

    public init() {}

    public mutating func code(_ wire: inout WireCoder) throws(WireError) {
        try wire.int32(&throttleTimeMs)
        try wire.array(&results)
    }
}

extension CreatePartitionsResponse {
    /// The result for one topic.
    public struct CreatePartitionsTopicResult: WireStruct {
        public var name = ""
        public var errorCode = ErrorCode.none
        public var errorMessage: String?

        public init() {}

        public mutating func code(_ wire: inout WireCoder) throws(WireError) {
            try wire.string(&name)
            try wire.errorCode(&errorCode)
            try wire.nullableString(&errorMessage)
        }
    }
}
