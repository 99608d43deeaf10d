/// OffsetDelete (key 47): removes a group's positions of partitions that it does not subscribe to.
public struct OffsetDeleteRequest: KafkaRequest {
    public typealias Response = OffsetDeleteResponse
    public static let apiKey = ApiKey.offsetDelete
    public static let versions = ApiVersions(0...0, flexibleFrom: nil)

    public var groupID = ""
    public var topics: [OffsetDeleteRequestTopic] = []

    public init() {}

    public mutating func code(_ wire: inout WireCoder) throws(WireError) {
        try wire.string(&groupID)
        try wire.array(&topics)
    }
}

extension OffsetDeleteRequest {
    /// Partitions of one topic.
    public struct OffsetDeleteRequestTopic: WireStruct {
        public var name = ""
        public var partitions: [OffsetDeleteRequestPartition] = []

        public init() {}

        public mutating func code(_ wire: inout WireCoder) throws(WireError) {
            try wire.string(&name)
            try wire.array(&partitions)
        }
    }

    /// A partition whose position goes.
    public struct OffsetDeleteRequestPartition: WireStruct {
        public var partitionIndex: Int32 = 0

        public init() {}

        public mutating func code(_ wire: inout WireCoder) throws(WireError) {
            try wire.int32(&partitionIndex)
        }
    }
}

/// Answer to ``OffsetDeleteRequest``.
public struct OffsetDeleteResponse: KafkaResponse {
    public static let apiKey = ApiKey.offsetDelete
    public static let versions = ApiVersions(0...0, flexibleFrom: nil)

    /// Concerns the group as a whole.
    public var errorCode = ErrorCode.none
    public var throttleTimeMs: Int32 = 0
    public var topics: [OffsetDeleteResponseTopic] = []

    public init() {}

    public mutating func code(_ wire: inout WireCoder) throws(WireError) {
        try wire.errorCode(&errorCode)
        try wire.int32(&throttleTimeMs)
        try wire.array(&topics)
    }
}

extension OffsetDeleteResponse {
    /// Results for one topic.
    public struct OffsetDeleteResponseTopic: WireStruct {
        public var name = ""
        public var partitions: [OffsetDeleteResponsePartition] = []

        public init() {}

        public mutating func code(_ wire: inout WireCoder) throws(WireError) {
            try wire.string(&name)
            try wire.array(&partitions)
        }
    }

    /// The result for one partition.
    public struct OffsetDeleteResponsePartition: WireStruct {
        public var partitionIndex: Int32 = 0
        public var errorCode = ErrorCode.none

        public init() {}

        public mutating func code(_ wire: inout WireCoder) throws(WireError) {
            try wire.int32(&partitionIndex)
            try wire.errorCode(&errorCode)
        }
    }
}
