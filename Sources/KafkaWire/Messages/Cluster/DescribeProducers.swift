/// DescribeProducers (key 61): the idempotent producers that a partition leader remembers (KIP-664).
public struct DescribeProducersRequest: KafkaRequest {
    public typealias Response = DescribeProducersResponse
    public static let apiKey = ApiKey.describeProducers
    public static let versions = ApiVersions(0...0, flexibleFrom: 0)

    public var topics: [TopicRequest] = []

    public init() {}

    public mutating func code(_ wire: inout WireCoder) throws(WireError) {
        try wire.array(&topics)
    }
}

extension DescribeProducersRequest {
    /// Partitions of one topic.
    public struct TopicRequest: WireStruct {
        public var name = ""
        public var partitionIndexes: [Int32] = []

        public init() {}

        public mutating func code(_ wire: inout WireCoder) throws(WireError) {
            try wire.string(&name)
            try wire.int32Array(&partitionIndexes)
        }
    }
}

/// Answer to ``DescribeProducersRequest``.
public struct DescribeProducersResponse: KafkaResponse {
    public static let apiKey = ApiKey.describeProducers
    public static let versions = ApiVersions(0...0, flexibleFrom: 0)

    public var throttleTimeMs: Int32 = 0
    public var topics: [TopicResponse] = []

    public init() {}

    public mutating func code(_ wire: inout WireCoder) throws(WireError) {
        try wire.int32(&throttleTimeMs)
        try wire.array(&topics)
    }
}

extension DescribeProducersResponse {
    /// Results for one topic.
    public struct TopicResponse: WireStruct {
        public var name = ""
        public var partitions: [PartitionResponse] = []

        public init() {}

        public mutating func code(_ wire: inout WireCoder) throws(WireError) {
            try wire.string(&name)
            try wire.array(&partitions)
        }
    }

    /// The producers of one partition.
    public struct PartitionResponse: WireStruct {
        public var partitionIndex: Int32 = 0
        public var errorCode = ErrorCode.none
        public var errorMessage: String?
        public var activeProducers: [ProducerState] = []

        public init() {}

        public mutating func code(_ wire: inout WireCoder) throws(WireError) {
            try wire.int32(&partitionIndex)
            try wire.errorCode(&errorCode)
            try wire.nullableString(&errorMessage)
            try wire.array(&activeProducers)
        }
    }

    /// The state that a partition keeps of a producer.
    public struct ProducerState: WireStruct {
        public var producerID: Int64 = 0
        public var producerEpoch: Int32 = 0
        /// -1 before the first batch.
        public var lastSequence: Int32 = -1
        /// Largest timestamp of the last batch, in milliseconds since 1970: what expiry goes by.
        public var lastTimestamp: Int64 = -1
        /// Coordinator epoch of the last transaction marker; -1 for none.
        public var coordinatorEpoch: Int32 = 0
        /// -1 when no transaction is open.
        public var currentTxnStartOffset: Int64 = -1

        public init() {}

        public mutating func code(_ wire: inout WireCoder) throws(WireError) {
            try wire.int64(&producerID)
            try wire.int32(&producerEpoch)
            try wire.int32(&lastSequence)
            try wire.int64(&lastTimestamp)
            try wire.int32(&coordinatorEpoch)
            try wire.int64(&currentTxnStartOffset)
        }
    }
}
