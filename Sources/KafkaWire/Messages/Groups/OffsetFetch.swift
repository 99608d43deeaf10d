/// OffsetFetch (key 9): reads a group's positions; from version 8 of several groups.
public struct OffsetFetchRequest: KafkaRequest {
    public typealias Response = OffsetFetchResponse
    public static let apiKey = ApiKey.offsetFetch
    public static let versions = ApiVersions(0...10, flexibleFrom: 6)

    public var groupID = ""
    public var topics: [OffsetFetchRequestTopic]? = []
    public var groups: [OffsetFetchRequestGroup] = []
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
    public struct OffsetFetchRequestTopic: WireStruct {
        public var name = ""
        public var partitionIndexes: [Int32] = []

        public init() {}

        public mutating func code(_ wire: inout WireCoder) throws(WireError) {
            if wire.version <= 7 {
                try wire.string(&name)
                try wire.int32Array(&partitionIndexes)
            }
        }
    }

    public struct OffsetFetchRequestGroup: WireStruct {
        public var groupID = ""
        public var memberID: String?
        public var memberEpoch: Int32 = -1
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

    public struct OffsetFetchRequestTopics: WireStruct {
        public var name = ""
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
    public struct OffsetFetchResponseTopic: WireStruct {
        public var name = ""
        public var partitions: [OffsetFetchResponsePartition] = []

        public init() {}

        public mutating func code(_ wire: inout WireCoder) throws(WireError) {
            if wire.version <= 7 {
                try wire.string(&name)
                try wire.array(&partitions)
            }
        }
    }

    public struct OffsetFetchResponsePartition: WireStruct {
        public var partitionIndex: Int32 = 0
        public var committedOffset: Int64 = 0
        public var committedLeaderEpoch: Int32 = -1
        public var metadata: String? = ""
        public var errorCode = ErrorCode.none

        public init() {}

        public mutating func code(_ wire: inout WireCoder) throws(WireError) {
            if wire.version <= 7 {
                try wire.int32(&partitionIndex)
                try wire.int64(&committedOffset)
            }
            if (5...7).contains(wire.version) { try wire.int32(&committedLeaderEpoch) }
            if wire.version <= 7 {
                try wire.nullableString(&metadata)
                try wire.errorCode(&errorCode)
            }
        }
    }

    public struct OffsetFetchResponseGroup: WireStruct {
        public var groupID = ""
        public var topics: [OffsetFetchResponseTopics] = []
        public var errorCode = ErrorCode.none

        public init() {}

        public mutating func code(_ wire: inout WireCoder) throws(WireError) {
            try wire.string(&groupID)
            try wire.array(&topics)
            try wire.errorCode(&errorCode)
        }
    }

    public struct OffsetFetchResponseTopics: WireStruct {
        public var name = ""
        public var topicID = KafkaUUID.zero
        public var partitions: [OffsetFetchResponsePartitions] = []

        public init() {}

        public mutating func code(_ wire: inout WireCoder) throws(WireError) {
            if wire.version <= 9 { try wire.string(&name) }
            if wire.version >= 10 { try wire.uuid(&topicID) }
            try wire.array(&partitions)
        }
    }

    public struct OffsetFetchResponsePartitions: WireStruct {
        public var partitionIndex: Int32 = 0
        public var committedOffset: Int64 = 0
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
