/// ListOffsets (key 2): the offset at a point in time, or at one of the log's ends.
///
/// Timestamps: -1 the end (or last stable offset), -2 the start, -3 the record with the largest timestamp.
public struct ListOffsetsRequest: KafkaRequest {
    public typealias Response = ListOffsetsResponse
    public static let apiKey = ApiKey.listOffsets
    public static let versions = ApiVersions(0...11, flexibleFrom: 6)

    /// -1 for a consumer, -2 for debugging (any replica answers).
    public var replicaID: Int32 = 0
    /// With 1 the end is the last stable offset instead of the high watermark.
    public var isolationLevel: Int8 = 0
    public var topics: [ListOffsetsTopic] = []
    /// The time that the broker may search remote storage (KIP-1075).
    public var timeoutMs: Int32 = 0

    public init() {}

    public mutating func code(_ wire: inout WireCoder) throws(WireError) {
        try wire.int32(&replicaID)
        if wire.version >= 2 { try wire.int8(&isolationLevel) }
        try wire.array(&topics)
        if wire.version >= 10 { try wire.int32(&timeoutMs) }
    }
}

extension ListOffsetsRequest {
    /// Partitions of one topic.
    public struct ListOffsetsTopic: WireStruct {
        public var name = ""
        public var partitions: [ListOffsetsPartition] = []

        public init() {}

        public mutating func code(_ wire: inout WireCoder) throws(WireError) {
            try wire.string(&name)
            try wire.array(&partitions)
        }
    }

    /// One partition and the time to look for.
    public struct ListOffsetsPartition: WireStruct {
        public var partitionIndex: Int32 = 0
        /// The leader epoch that the caller knows; -1 skips the check.
        public var currentLeaderEpoch: Int32 = -1
        /// Milliseconds since 1970, or one of the negative values above.
        public var timestamp: Int64 = 0
        /// Version 0 alone, which answers with segment starts.
        public var maxNumOffsets: Int32 = 1

        public init() {}

        public mutating func code(_ wire: inout WireCoder) throws(WireError) {
            try wire.int32(&partitionIndex)
            if wire.version >= 4 { try wire.int32(&currentLeaderEpoch) }
            try wire.int64(&timestamp)
            if wire.version == 0 { try wire.int32(&maxNumOffsets) }
        }
    }
}

/// Answer to ``ListOffsetsRequest``.
public struct ListOffsetsResponse: KafkaResponse {
    public static let apiKey = ApiKey.listOffsets
    public static let versions = ApiVersions(0...11, flexibleFrom: 6)

    public var throttleTimeMs: Int32 = 0
    public var topics: [ListOffsetsTopicResponse] = []

    public init() {}

    public mutating func code(_ wire: inout WireCoder) throws(WireError) {
        if wire.version >= 2 { try wire.int32(&throttleTimeMs) }
        try wire.array(&topics)
    }
}

extension ListOffsetsResponse {
    /// Results for one topic.
    public struct ListOffsetsTopicResponse: WireStruct {
        public var name = ""
        public var partitions: [ListOffsetsPartitionResponse] = []

        public init() {}

        public mutating func code(_ wire: inout WireCoder) throws(WireError) {
            try wire.string(&name)
            try wire.array(&partitions)
        }
    }

    /// The offset found in one partition.
    public struct ListOffsetsPartitionResponse: WireStruct {
        public var partitionIndex: Int32 = 0
        public var errorCode = ErrorCode.none
        /// Version 0 alone: latest first.
        public var oldStyleOffsets: [Int64] = []
        /// Timestamp of the record found; -1 when a log's end was asked for.
        public var timestamp: Int64 = -1
        /// -1 when no record is that late.
        public var offset: Int64 = -1
        public var leaderEpoch: Int32 = -1

        public init() {}

        public mutating func code(_ wire: inout WireCoder) throws(WireError) {
            try wire.int32(&partitionIndex)
            try wire.errorCode(&errorCode)
            if wire.version == 0 { try wire.int64Array(&oldStyleOffsets) }
            if wire.version >= 1 {
                try wire.int64(&timestamp)
                try wire.int64(&offset)
            }
            if wire.version >= 4 { try wire.int32(&leaderEpoch) }
        }
    }
}
