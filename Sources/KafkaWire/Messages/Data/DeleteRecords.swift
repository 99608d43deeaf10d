/// DeleteRecords (key 21): moves a partition's log start forward.
public struct DeleteRecordsRequest: KafkaRequest {
    public typealias Response = DeleteRecordsResponse
    public static let apiKey = ApiKey.deleteRecords
    public static let versions = ApiVersions(0...2, flexibleFrom: 2)

    public var topics: [DeleteRecordsTopic] = []
    /// The time that the leader may wait for its followers.
    public var timeoutMs: Int32 = 0

    public init() {}

    public mutating func code(_ wire: inout WireCoder) throws(WireError) {
        try wire.array(&topics)
        try wire.int32(&timeoutMs)
    }
}

extension DeleteRecordsRequest {
    /// Partitions of one topic to shorten.
    public struct DeleteRecordsTopic: WireStruct {
        public var name = ""
        public var partitions: [DeleteRecordsPartition] = []

        public init() {}

        public mutating func code(_ wire: inout WireCoder) throws(WireError) {
            try wire.string(&name)
            try wire.array(&partitions)
        }
    }

    /// The offset at which one partition shall begin.
    public struct DeleteRecordsPartition: WireStruct {
        public var partitionIndex: Int32 = 0
        /// The first offset to keep; -1 for the high watermark.
        public var offset: Int64 = 0

        public init() {}

        public mutating func code(_ wire: inout WireCoder) throws(WireError) {
            try wire.int32(&partitionIndex)
            try wire.int64(&offset)
        }
    }
}

/// Answer to ``DeleteRecordsRequest``.
public struct DeleteRecordsResponse: KafkaResponse {
    public static let apiKey = ApiKey.deleteRecords
    public static let versions = ApiVersions(0...2, flexibleFrom: 2)

    public var throttleTimeMs: Int32 = 0
    public var topics: [DeleteRecordsTopicResult] = []

    public init() {}

    public mutating func code(_ wire: inout WireCoder) throws(WireError) {
        try wire.int32(&throttleTimeMs)
        try wire.array(&topics)
    }
}

extension DeleteRecordsResponse {
    /// Results for one topic.
    public struct DeleteRecordsTopicResult: WireStruct {
        public var name = ""
        public var partitions: [DeleteRecordsPartitionResult] = []

        public init() {}

        public mutating func code(_ wire: inout WireCoder) throws(WireError) {
            try wire.string(&name)
            try wire.array(&partitions)
        }
    }

    /// The offset at which one partition now begins.
    public struct DeleteRecordsPartitionResult: WireStruct {
        public var partitionIndex: Int32 = 0
        /// The lowest log start among the partition's live replicas; -1 after an error.
        public var lowWatermark: Int64 = 0
        public var errorCode = ErrorCode.none

        public init() {}

        public mutating func code(_ wire: inout WireCoder) throws(WireError) {
            try wire.int32(&partitionIndex)
            try wire.int64(&lowWatermark)
            try wire.errorCode(&errorCode)
        }
    }
}
