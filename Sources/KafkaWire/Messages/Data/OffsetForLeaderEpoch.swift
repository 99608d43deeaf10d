/// OffsetForLeaderEpoch (key 23): where a leader epoch ended, which tells whether a log was truncated (KIP-320).
public struct OffsetForLeaderEpochRequest: KafkaRequest {
    public typealias Response = OffsetForLeaderEpochResponse
    public static let apiKey = ApiKey.offsetForLeaderEpoch
    public static let versions = ApiVersions(0...4, flexibleFrom: 4)

    /// -1 for a consumer, -2 for debugging.
    public var replicaID: Int32 = -2
    public var topics: [OffsetForLeaderTopic] = []

    public init() {}

    public mutating func code(_ wire: inout WireCoder) throws(WireError) {
        if wire.version >= 3 { try wire.int32(&replicaID) }
        try wire.array(&topics)
    }
}

extension OffsetForLeaderEpochRequest {
    /// Partitions of one topic.
    public struct OffsetForLeaderTopic: WireStruct {
        public var topic = ""
        public var partitions: [OffsetForLeaderPartition] = []

        public init() {}

        public mutating func code(_ wire: inout WireCoder) throws(WireError) {
            try wire.string(&topic)
            try wire.array(&partitions)
        }
    }

    /// One partition and the epoch to look up.
    public struct OffsetForLeaderPartition: WireStruct {
        public var partition: Int32 = 0
        /// The leader epoch that the caller knows; -1 skips the check.
        public var currentLeaderEpoch: Int32 = -1
        /// The epoch whose end is asked for.
        public var leaderEpoch: Int32 = 0

        public init() {}

        public mutating func code(_ wire: inout WireCoder) throws(WireError) {
            try wire.int32(&partition)
            if wire.version >= 2 { try wire.int32(&currentLeaderEpoch) }
            try wire.int32(&leaderEpoch)
        }
    }
}

/// Answer to ``OffsetForLeaderEpochRequest``.
public struct OffsetForLeaderEpochResponse: KafkaResponse {
    public static let apiKey = ApiKey.offsetForLeaderEpoch
    public static let versions = ApiVersions(0...4, flexibleFrom: 4)

    public var throttleTimeMs: Int32 = 0
    public var topics: [OffsetForLeaderTopicResult] = []

    public init() {}

    public mutating func code(_ wire: inout WireCoder) throws(WireError) {
        if wire.version >= 2 { try wire.int32(&throttleTimeMs) }
        try wire.array(&topics)
    }
}

extension OffsetForLeaderEpochResponse {
    /// Results for one topic.
    public struct OffsetForLeaderTopicResult: WireStruct {
        public var topic = ""
        public var partitions: [EpochEndOffset] = []

        public init() {}

        public mutating func code(_ wire: inout WireCoder) throws(WireError) {
            try wire.string(&topic)
            try wire.array(&partitions)
        }
    }

    /// The end of the epoch in one partition.
    public struct EpochEndOffset: WireStruct {
        public var errorCode = ErrorCode.none
        public var partition: Int32 = 0
        /// The largest epoch not above the one asked for; -1 when there is none.
        public var leaderEpoch: Int32 = -1
        /// One past that epoch's last record; -1 when there is none.
        public var endOffset: Int64 = -1

        public init() {}

        public mutating func code(_ wire: inout WireCoder) throws(WireError) {
            try wire.errorCode(&errorCode)
            try wire.int32(&partition)
            if wire.version >= 1 { try wire.int32(&leaderEpoch) }
            try wire.int64(&endOffset)
        }
    }
}
