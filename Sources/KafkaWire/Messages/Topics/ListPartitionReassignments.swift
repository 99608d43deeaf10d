/// ListPartitionReassignments (key 46): replica moves in progress.
public struct ListPartitionReassignmentsRequest: KafkaRequest {
    public typealias Response = ListPartitionReassignmentsResponse
    public static let apiKey = ApiKey.listPartitionReassignments
    public static let versions = ApiVersions(0...0, flexibleFrom: 0)

    public var timeoutMs: Int32 = 60000
    /// Nil for every move in progress.
    public var topics: [ListPartitionReassignmentsTopics]?

    public init() {}

    public mutating func code(_ wire: inout WireCoder) throws(WireError) {
        try wire.int32(&timeoutMs)
        try wire.nullableArray(&topics)
    }
}

extension ListPartitionReassignmentsRequest {
    /// Partitions of one topic.
    public struct ListPartitionReassignmentsTopics: WireStruct {
        public var name = ""
        public var partitionIndexes: [Int32] = []

        public init() {}

        public mutating func code(_ wire: inout WireCoder) throws(WireError) {
            try wire.string(&name)
            try wire.int32Array(&partitionIndexes)
        }
    }
}

/// Answer to ``ListPartitionReassignmentsRequest``.
public struct ListPartitionReassignmentsResponse: KafkaResponse {
    public static let apiKey = ApiKey.listPartitionReassignments
    public static let versions = ApiVersions(0...0, flexibleFrom: 0)

    public var throttleTimeMs: Int32 = 0
    public var errorCode = ErrorCode.none
    public var errorMessage: String? = ""
    public var topics: [OngoingTopicReassignment] = []

    public init() {}

    public mutating func code(_ wire: inout WireCoder) throws(WireError) {
        try wire.int32(&throttleTimeMs)
        try wire.errorCode(&errorCode)
        try wire.nullableString(&errorMessage)
        try wire.array(&topics)
    }
}

extension ListPartitionReassignmentsResponse {
    /// Moves within one topic.
    public struct OngoingTopicReassignment: WireStruct {
        public var name = ""
        public var partitions: [OngoingPartitionReassignment] = []

        public init() {}

        public mutating func code(_ wire: inout WireCoder) throws(WireError) {
            try wire.string(&name)
            try wire.array(&partitions)
        }
    }

    /// A partition whose replicas move.
    public struct OngoingPartitionReassignment: WireStruct {
        public var partitionIndex: Int32 = 0
        /// All present ones, those that come and go included.
        public var replicas: [Int32] = []
        public var addingReplicas: [Int32] = []
        public var removingReplicas: [Int32] = []

        public init() {}

        public mutating func code(_ wire: inout WireCoder) throws(WireError) {
            try wire.int32(&partitionIndex)
            try wire.int32Array(&replicas)
            try wire.int32Array(&addingReplicas)
            try wire.int32Array(&removingReplicas)
        }
    }
}
