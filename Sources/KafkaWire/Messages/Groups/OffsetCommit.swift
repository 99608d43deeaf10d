/// OffsetCommit (key 8): stores a group's positions.
public struct OffsetCommitRequest: KafkaRequest {
    public typealias Response = OffsetCommitResponse
    public static let apiKey = ApiKey.offsetCommit
    public static let versions = ApiVersions(0...10, flexibleFrom: 8)

    public var groupID = ""
    public var generationIDOrMemberEpoch: Int32 = -1
    public var memberID = ""
    public var groupInstanceID: String?
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
    public struct OffsetCommitRequestTopic: WireStruct {
        public var name = ""
        public var topicID = KafkaUUID.zero
        public var partitions: [OffsetCommitRequestPartition] = []

        public init() {}

        public mutating func code(_ wire: inout WireCoder) throws(WireError) {
            if wire.version <= 9 { try wire.string(&name) }
            if wire.version >= 10 { try wire.uuid(&topicID) }
            try wire.array(&partitions)
        }
    }

    public struct OffsetCommitRequestPartition: WireStruct {
        public var partitionIndex: Int32 = 0
        public var committedOffset: Int64 = 0
        public var committedLeaderEpoch: Int32 = -1
        public var commitTimestamp: Int64 = -1
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
    public struct OffsetCommitResponseTopic: WireStruct {
        public var name = ""
        public var topicID = KafkaUUID.zero
        public var partitions: [OffsetCommitResponsePartition] = []

        public init() {}

        public mutating func code(_ wire: inout WireCoder) throws(WireError) {
            if wire.version <= 9 { try wire.string(&name) }
            if wire.version >= 10 { try wire.uuid(&topicID) }
            try wire.array(&partitions)
        }
    }

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
