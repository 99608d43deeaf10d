/// AlterShareGroupOffsets (key 91): sets where an empty share group begins to read (KIP-932).
///
/// A group that does not exist is created by it.
public struct AlterShareGroupOffsetsRequest: KafkaRequest {
    public typealias Response = AlterShareGroupOffsetsResponse
    public static let apiKey = ApiKey.alterShareGroupOffsets
    public static let versions = ApiVersions(0...0, flexibleFrom: 0)

    public var groupID = ""
    public var topics: [AlterShareGroupOffsetsRequestTopic] = []

    public init() {}

    public mutating func code(_ wire: inout WireCoder) throws(WireError) {
        try wire.string(&groupID)
        try wire.array(&topics)
    }
}

extension AlterShareGroupOffsetsRequest {
    /// Partitions of one topic.
    public struct AlterShareGroupOffsetsRequestTopic: WireStruct {
        public var topicName = ""
        public var partitions: [AlterShareGroupOffsetsRequestPartition] = []

        public init() {}

        public mutating func code(_ wire: inout WireCoder) throws(WireError) {
            try wire.string(&topicName)
            try wire.array(&partitions)
        }
    }

    /// The offset to begin at in one partition.
    public struct AlterShareGroupOffsetsRequestPartition: WireStruct {
        public var partitionIndex: Int32 = 0
        public var startOffset: Int64 = 0

        public init() {}

        public mutating func code(_ wire: inout WireCoder) throws(WireError) {
            try wire.int32(&partitionIndex)
            try wire.int64(&startOffset)
        }
    }
}

/// Answer to ``AlterShareGroupOffsetsRequest``.
public struct AlterShareGroupOffsetsResponse: KafkaResponse {
    public static let apiKey = ApiKey.alterShareGroupOffsets
    public static let versions = ApiVersions(0...0, flexibleFrom: 0)

    public var throttleTimeMs: Int32 = 0
    public var errorCode = ErrorCode.none
    public var errorMessage: String?
    public var responses: [AlterShareGroupOffsetsResponseTopic] = []

    public init() {}

    public mutating func code(_ wire: inout WireCoder) throws(WireError) {
        try wire.int32(&throttleTimeMs)
        try wire.errorCode(&errorCode)
        try wire.nullableString(&errorMessage)
        try wire.array(&responses)
    }
}

extension AlterShareGroupOffsetsResponse {
    /// Results for one topic.
    public struct AlterShareGroupOffsetsResponseTopic: WireStruct {
        public var topicName = ""
        public var topicID = KafkaUUID.zero
        public var partitions: [AlterShareGroupOffsetsResponsePartition] = []

        public init() {}

        public mutating func code(_ wire: inout WireCoder) throws(WireError) {
            try wire.string(&topicName)
            try wire.uuid(&topicID)
            try wire.array(&partitions)
        }
    }

    /// Result for one partition.
    public struct AlterShareGroupOffsetsResponsePartition: WireStruct {
        public var partitionIndex: Int32 = 0
        public var errorCode = ErrorCode.none
        public var errorMessage: String?

        public init() {}

        public mutating func code(_ wire: inout WireCoder) throws(WireError) {
            try wire.int32(&partitionIndex)
            try wire.errorCode(&errorCode)
            try wire.nullableString(&errorMessage)
        }
    }
}
