/// OffsetCommit (key 8): stores a group's positions.
public struct OffsetCommitRequest: KafkaRequest {
    public typealias Response = OffsetCommitResponse
    public static let apiKey = ApiKey.offsetCommit
    public static let versions = ApiVersions(0...10, flexibleFrom: 8)

    public var groupID = ""
    /// The generation in the classic protocol, the epoch in KIP-848's; -1 when no member commits.
    public var generationIDOrMemberEpoch: Int32 = -1
    /// Empty when no member commits.
    public var memberID = ""
    /// The name of a static member; nil for a dynamic one (KIP-345).
    public var groupInstanceID: String?
    /// Versions 2 to 4; -1 for the broker's.
    public var retentionTimeMs: Int64 = -1
    public var topics: [OffsetCommitRequestTopic] = []

    public init() {}

    public mutating func code(_ wire: inout WireCoder) throws(WireError) {
        try wire.string(&groupID)
        if wire.version >= 1 {
            try wire.int32(&generationIDOrMemberEpoch)
            try wire.string(&memberID)
        }
        if wire.version >= 7 { try wire.nullableString(&groupInstanceID) }
        if (2...4).contains(wire.version) { try wire.int64(&retentionTimeMs) }
        try wire.array(&topics)
    }
}

extension OffsetCommitRequest {
    /// Positions in one topic.
    public struct OffsetCommitRequestTopic: WireStruct {
        /// Up to version 9.
        public var name = ""
        /// From version 10.
        public var topicID = KafkaUUID.zero
        public var partitions: [OffsetCommitRequestPartition] = []

        public init() {}

        public mutating func code(_ wire: inout WireCoder) throws(WireError) {
            if wire.version <= 9 { try wire.string(&name) }
            if wire.version >= 10 { try wire.uuid(&topicID) }
            try wire.array(&partitions)
        }
    }

    /// The position in one partition.
    public struct OffsetCommitRequestPartition: WireStruct {
        public var partitionIndex: Int32 = 0
        /// The next offset to read.
        public var committedOffset: Int64 = 0
        /// Leader epoch of the record before it; -1 when unknown (KIP-320).
        public var committedLeaderEpoch: Int32 = -1
        /// Version 1 alone, in milliseconds since 1970; -1 for the time of arrival.
        public var commitTimestamp: Int64 = -1
        /// A note of the consumer's own.
        public var committedMetadata: String? = ""

        public init() {}

        public mutating func code(_ wire: inout WireCoder) throws(WireError) {
            try wire.int32(&partitionIndex)
            try wire.int64(&committedOffset)
            if wire.version >= 6 { try wire.int32(&committedLeaderEpoch) }
            if wire.version == 1 { try wire.int64(&commitTimestamp) }
            try wire.nullableString(&committedMetadata)
        }
    }
}

/// Answer to ``OffsetCommitRequest``.
public struct OffsetCommitResponse: KafkaResponse {
    public static let apiKey = ApiKey.offsetCommit
    public static let versions = ApiVersions(0...10, flexibleFrom: 8)

    public var throttleTimeMs: Int32 = 0
    public var topics: [OffsetCommitResponseTopic] = []

    public init() {}

    public mutating func code(_ wire: inout WireCoder) throws(WireError) {
        if wire.version >= 3 { try wire.int32(&throttleTimeMs) }
        try wire.array(&topics)
    }
}

extension OffsetCommitResponse {
    /// Results for one topic.
    public struct OffsetCommitResponseTopic: WireStruct {
        /// Up to version 9.
        public var name = ""
        /// From version 10.
        public var topicID = KafkaUUID.zero
        public var partitions: [OffsetCommitResponsePartition] = []

        public init() {}

        public mutating func code(_ wire: inout WireCoder) throws(WireError) {
            if wire.version <= 9 { try wire.string(&name) }
            if wire.version >= 10 { try wire.uuid(&topicID) }
            try wire.array(&partitions)
        }
    }

    /// The result for one partition.
    public struct OffsetCommitResponsePartition: WireStruct {
        public var partitionIndex: Int32 = 0
        public var errorCode = ErrorCode.none

        public init() {}

        public mutating func code(_ wire: inout WireCoder) throws(WireError) {
            try wire.int32(&partitionIndex)
            try wire.errorCode(&errorCode)
        }
    }
}
