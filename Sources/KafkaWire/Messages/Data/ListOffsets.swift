/// ListOffsets (key 2): the offset at a point in time, or at one of the log's ends.
///
/// Timestamps: -1 the end (or last stable offset), -2 the start, -3 the record with the largest timestamp.
public struct ListOffsetsRequest: KafkaRequest {
    public typealias Response = ListOffsetsResponse
    public static let apiKey = ApiKey.listOffsets
    public static let versions = ApiVersions(0...11, flexibleFrom: 6)

    public var replicaID: Int32 = 0
    public var isolationLevel: Int8 = 0
    public var topics: [ListOffsetsTopic] = []
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
    public struct ListOffsetsTopic: WireStruct {
        public var name = ""
        public var partitions: [ListOffsetsPartition] = []

        public init() {}

        public mutating func code(_ wire: inout WireCoder) throws(WireError) {
            try wire.string(&name)
            try wire.array(&partitions)
        }
    }

    public struct ListOffsetsPartition: WireStruct {
        public var partitionIndex: Int32 = 0
        public var currentLeaderEpoch: Int32 = -1
        public var timestamp: Int64 = 0
        public var maxNumOffsets: Int32 = 1

        public init() {}

        public mutating func code(_ wire: inout WireCoder) throws(WireError) {
            try wire.int32(&partitionIndex)
            if wire.version >= 4 { try wire.int32(&currentLeaderEpoch) }
            try wire.int64(&timestamp)
            if wire.version <= 0 { try wire.int32(&maxNumOffsets) }
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
    public struct ListOffsetsTopicResponse: WireStruct {
        public var name = ""
        public var partitions: [ListOffsetsPartitionResponse] = []

        public init() {}

        public mutating func code(_ wire: inout WireCoder) throws(WireError) {
            try wire.string(&name)
            try wire.array(&partitions)
        }
    }

    public struct ListOffsetsPartitionResponse: WireStruct {
        public var partitionIndex: Int32 = 0
        public var errorCode = ErrorCode.none
        public var oldStyleOffsets: [Int64] = []
        public var timestamp: Int64 = -1
        public var offset: Int64 = -1
        public var leaderEpoch: Int32 = -1

        public init() {}

        public mutating func code(_ wire: inout WireCoder) throws(WireError) {
            try wire.int32(&partitionIndex)
            try wire.errorCode(&errorCode)
            if wire.version <= 0 { try wire.int64Array(&oldStyleOffsets) }
            if wire.version >= 1 {
                try wire.int64(&timestamp)
                try wire.int64(&offset)
            }
            if wire.version >= 4 { try wire.int32(&leaderEpoch) }
        }
    }
}
