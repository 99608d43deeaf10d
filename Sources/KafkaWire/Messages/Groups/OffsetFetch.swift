/// OffsetFetch (key 9): reads a group's positions; from version 8 of several groups.
public struct OffsetFetchRequest: KafkaRequest {
    public typealias Response = OffsetFetchResponse
    public static let apiKey = ApiKey.offsetFetch
    public static let versions = ApiVersions(0...10, flexibleFrom: 6)

    /// This one and ``topics``: up to version 7.
    public var groupID = ""
    /// Nil for every partition that has a position, from version 2.
    public var topics: [OffsetFetchRequestTopic]? = []
    /// From version 8 (KIP-709).
    public var groups: [OffsetFetchRequestGroup] = []
    /// Refuses to answer, with error 88, while a transaction may still change a position (KIP-447).
    public var requireStable = false

    public init() {}

    public mutating func code(_ wire: inout WireCoder) throws(WireError) {
        if wire.version <= 7 {
            try wire.string(&groupID)
            try wire.nullableArray(&topics, since: 2)
        }
        if wire.version >= 8 { try wire.array(&groups) }
        if wire.version >= 7 { try wire.bool(&requireStable) }
    }
}

extension OffsetFetchRequest {
    /// Partitions of one topic, up to version 7.
    public struct OffsetFetchRequestTopic: WireStruct {
        public var name = ""
        public var partitionIndexes: [Int32] = []

        public init() {}

        public mutating func code(_ wire: inout WireCoder) throws(WireError) {
            try wire.string(&name)
            try wire.int32Array(&partitionIndexes)
        }
    }

    /// A group and the partitions of interest, from version 8.
    public struct OffsetFetchRequestGroup: WireStruct {
        public var groupID = ""
        public var memberID: String?
        /// Checked against the group when not -1 (KIP-848).
        public var memberEpoch: Int32 = -1
        /// Nil for every partition that has a position.
        public var topics: [OffsetFetchRequestTopics]? = []

        public init() {}

        public mutating func code(_ wire: inout WireCoder) throws(WireError) {
            try wire.string(&groupID)
            if wire.version >= 9 {
                try wire.nullableString(&memberID)
                try wire.int32(&memberEpoch)
            }
            try wire.nullableArray(&topics)
        }
    }

    /// Partitions of one topic, from version 8.
    public struct OffsetFetchRequestTopics: WireStruct {
        /// Up to version 9.
        public var name = ""
        /// From version 10.
        public var topicID = KafkaUUID.zero
        public var partitionIndexes: [Int32] = []

        public init() {}

        public mutating func code(_ wire: inout WireCoder) throws(WireError) {
            if wire.version <= 9 { try wire.string(&name) }
            if wire.version >= 10 { try wire.uuid(&topicID) }
            try wire.int32Array(&partitionIndexes)
        }
    }
}

/// Answer to ``OffsetFetchRequest``.
public struct OffsetFetchResponse: KafkaResponse {
    public static let apiKey = ApiKey.offsetFetch
    public static let versions = ApiVersions(0...10, flexibleFrom: 6)

    public var throttleTimeMs: Int32 = 0
    public var topics: [OffsetFetchResponseTopic] = []
    /// Versions 2 to 7.
    public var errorCode = ErrorCode.none
    public var groups: [OffsetFetchResponseGroup] = []

    public init() {}

    public mutating func code(_ wire: inout WireCoder) throws(WireError) {
        if wire.version >= 3 { try wire.int32(&throttleTimeMs) }
        if wire.version <= 7 { try wire.array(&topics) }
        if (2...7).contains(wire.version) { try wire.errorCode(&errorCode) }
        if wire.version >= 8 { try wire.array(&groups) }
    }
}

extension OffsetFetchResponse {
    /// Positions in one topic, up to version 7.
    public struct OffsetFetchResponseTopic: WireStruct {
        public var name = ""
        public var partitions: [OffsetFetchResponsePartition] = []

        public init() {}

        public mutating func code(_ wire: inout WireCoder) throws(WireError) {
            try wire.string(&name)
            try wire.array(&partitions)
        }
    }

    /// The position in one partition, up to version 7.
    public struct OffsetFetchResponsePartition: WireStruct {
        public var partitionIndex: Int32 = 0
        /// The next offset to read; -1 when there is none.
        public var committedOffset: Int64 = 0
        /// Leader epoch of the record before it; -1 when unknown.
        public var committedLeaderEpoch: Int32 = -1
        public var metadata: String? = ""
        public var errorCode = ErrorCode.none

        public init() {}

        public mutating func code(_ wire: inout WireCoder) throws(WireError) {
            try wire.int32(&partitionIndex)
            try wire.int64(&committedOffset)
            if wire.version >= 5 { try wire.int32(&committedLeaderEpoch) }
            try wire.nullableString(&metadata)
            try wire.errorCode(&errorCode)
        }
    }

    /// Positions of one group, from version 8.
    public struct OffsetFetchResponseGroup: WireStruct {
        public var groupID = ""
        public var topics: [OffsetFetchResponseTopics] = []
        /// Concerns the group as a whole.
        public var errorCode = ErrorCode.none

        public init() {}

        public mutating func code(_ wire: inout WireCoder) throws(WireError) {
            try wire.string(&groupID)
            try wire.array(&topics)
            try wire.errorCode(&errorCode)
        }
    }

    /// Positions in one topic, from version 8.
    public struct OffsetFetchResponseTopics: WireStruct {
        /// Up to version 9.
        public var name = ""
        /// From version 10.
        public var topicID = KafkaUUID.zero
        public var partitions: [OffsetFetchResponsePartitions] = []

        public init() {}

        public mutating func code(_ wire: inout WireCoder) throws(WireError) {
            if wire.version <= 9 { try wire.string(&name) }
            if wire.version >= 10 { try wire.uuid(&topicID) }
            try wire.array(&partitions)
        }
    }

    /// The position in one partition, from version 8.
    public struct OffsetFetchResponsePartitions: WireStruct {
        public var partitionIndex: Int32 = 0
        /// The next offset to read; -1 when there is none.
        public var committedOffset: Int64 = 0
        /// Leader epoch of the record before it; -1 when unknown.
        public var committedLeaderEpoch: Int32 = -1
        public var metadata: String? = ""
        public var errorCode = ErrorCode.none

        public init() {}

        public mutating func code(_ wire: inout WireCoder) throws(WireError) {
            try wire.int32(&partitionIndex)
            try wire.int64(&committedOffset)
            try wire.int32(&committedLeaderEpoch)
            try wire.nullableString(&metadata)
            try wire.errorCode(&errorCode)
        }
    }
}
