/// DescribeShareGroupOffsets (key 90): where share groups begin to read their partitions (KIP-932).
public struct DescribeShareGroupOffsetsRequest: KafkaRequest {
    public typealias Response = DescribeShareGroupOffsetsResponse
    public static let apiKey = ApiKey.describeShareGroupOffsets
    public static let versions = ApiVersions(0...1, flexibleFrom: 0)

    public var groups: [DescribeShareGroupOffsetsRequestGroup] = []

    public init() {}

    public mutating func code(_ wire: inout WireCoder) throws(WireError) {
        try wire.array(&groups)
    }
}

extension DescribeShareGroupOffsetsRequest {
    /// One group.
    public struct DescribeShareGroupOffsetsRequestGroup: WireStruct {
        public var groupID = ""
        /// Nil for all partitions of which the group knows something.
        public var topics: [DescribeShareGroupOffsetsRequestTopic]?

        public init() {}

        public mutating func code(_ wire: inout WireCoder) throws(WireError) {
            try wire.string(&groupID)
            try wire.nullableArray(&topics)
        }
    }

    /// Partitions of one topic.
    public struct DescribeShareGroupOffsetsRequestTopic: WireStruct {
        public var topicName = ""
        public var partitions: [Int32] = []

        public init() {}

        public mutating func code(_ wire: inout WireCoder) throws(WireError) {
            try wire.string(&topicName)
            try wire.int32Array(&partitions)
        }
    }
}

/// Answer to ``DescribeShareGroupOffsetsRequest``.
public struct DescribeShareGroupOffsetsResponse: KafkaResponse {
    public static let apiKey = ApiKey.describeShareGroupOffsets
    public static let versions = ApiVersions(0...1, flexibleFrom: 0)

    public var throttleTimeMs: Int32 = 0
    public var groups: [DescribeShareGroupOffsetsResponseGroup] = []

    public init() {}

    public mutating func code(_ wire: inout WireCoder) throws(WireError) {
        try wire.int32(&throttleTimeMs)
        try wire.array(&groups)
    }
}

extension DescribeShareGroupOffsetsResponse {
    /// One group.
    public struct DescribeShareGroupOffsetsResponseGroup: WireStruct {
        public var groupID = ""
        public var topics: [DescribeShareGroupOffsetsResponseTopic] = []
        public var errorCode = ErrorCode.none
        public var errorMessage: String?

        public init() {}

        public mutating func code(_ wire: inout WireCoder) throws(WireError) {
            try wire.string(&groupID)
            try wire.array(&topics)
            try wire.errorCode(&errorCode)
            try wire.nullableString(&errorMessage)
        }
    }

    /// Partitions of one topic.
    public struct DescribeShareGroupOffsetsResponseTopic: WireStruct {
        public var topicName = ""
        public var topicID = KafkaUUID.zero
        public var partitions: [DescribeShareGroupOffsetsResponsePartition] = []

        public init() {}

        public mutating func code(_ wire: inout WireCoder) throws(WireError) {
            try wire.string(&topicName)
            try wire.uuid(&topicID)
            try wire.array(&partitions)
        }
    }

    /// The offset at which the group begins to read one partition.
    public struct DescribeShareGroupOffsetsResponsePartition: WireStruct {
        public var partitionIndex: Int32 = 0
        /// The first offset that is not yet acknowledged; -1 while the group has none.
        public var startOffset: Int64 = 0
        public var leaderEpoch: Int32 = 0
        /// Records that are still to be delivered; -1 when unknown (KIP-1226).
        public var lag: Int64 = -1
        public var errorCode = ErrorCode.none
        public var errorMessage: String?

        public init() {}

        public mutating func code(_ wire: inout WireCoder) throws(WireError) {
            try wire.int32(&partitionIndex)
            try wire.int64(&startOffset)
            try wire.int32(&leaderEpoch)
            if wire.version >= 1 { try wire.int64(&lag) }
            try wire.errorCode(&errorCode)
            try wire.nullableString(&errorMessage)
        }
    }
}
