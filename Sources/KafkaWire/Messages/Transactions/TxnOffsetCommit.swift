/// TxnOffsetCommit (key 28): stores a group's positions, visible once the transaction commits.
public struct TxnOffsetCommitRequest: KafkaRequest {
    public typealias Response = TxnOffsetCommitResponse
    public static let apiKey = ApiKey.txnOffsetCommit
    public static let versions = ApiVersions(0...5, flexibleFrom: 3)

    public var transactionalID = ""
    public var groupID = ""
    public var producerID: Int64 = 0
    public var producerEpoch: Int16 = 0
    /// Generation of the consumer that read the records; -1 when it is in no group (KIP-447).
    public var generationID: Int32 = -1
    /// Empty when the consumer is in no group.
    public var memberID = ""
    public var groupInstanceID: String?
    public var topics: [TxnOffsetCommitRequestTopic] = []

    public init() {}

    public mutating func code(_ wire: inout WireCoder) throws(WireError) {
        try wire.string(&transactionalID)
        try wire.string(&groupID)
        try wire.int64(&producerID)
        try wire.int16(&producerEpoch)
        if wire.version >= 3 {
            try wire.int32(&generationID)
            try wire.string(&memberID)
            try wire.nullableString(&groupInstanceID)
        }
        try wire.array(&topics)
    }
}

extension TxnOffsetCommitRequest {
    /// Positions in one topic.
    public struct TxnOffsetCommitRequestTopic: WireStruct {
        public var name = ""
        public var partitions: [TxnOffsetCommitRequestPartition] = []

        public init() {}

        public mutating func code(_ wire: inout WireCoder) throws(WireError) {
            try wire.string(&name)
            try wire.array(&partitions)
        }
    }

    /// The position in one partition.
    public struct TxnOffsetCommitRequestPartition: WireStruct {
        public var partitionIndex: Int32 = 0
        /// The next offset to read.
        public var committedOffset: Int64 = 0
        /// Leader epoch of the record before it; -1 when unknown.
        public var committedLeaderEpoch: Int32 = -1
        public var committedMetadata: String? = ""

        public init() {}

        public mutating func code(_ wire: inout WireCoder) throws(WireError) {
            try wire.int32(&partitionIndex)
            try wire.int64(&committedOffset)
            if wire.version >= 2 { try wire.int32(&committedLeaderEpoch) }
            try wire.nullableString(&committedMetadata)
        }
    }
}

/// Answer to ``TxnOffsetCommitRequest``.
public struct TxnOffsetCommitResponse: KafkaResponse {
    public static let apiKey = ApiKey.txnOffsetCommit
    public static let versions = ApiVersions(0...5, flexibleFrom: 3)

    public var throttleTimeMs: Int32 = 0
    public var topics: [TxnOffsetCommitResponseTopic] = []

    public init() {}

    public mutating func code(_ wire: inout WireCoder) throws(WireError) {
        try wire.int32(&throttleTimeMs)
        try wire.array(&topics)
    }
}

extension TxnOffsetCommitResponse {
    /// Results for one topic.
    public struct TxnOffsetCommitResponseTopic: WireStruct {
        public var name = ""
        public var partitions: [TxnOffsetCommitResponsePartition] = []

        public init() {}

        public mutating func code(_ wire: inout WireCoder) throws(WireError) {
            try wire.string(&name)
            try wire.array(&partitions)
        }
    }

    /// The result for one partition.
    public struct TxnOffsetCommitResponsePartition: WireStruct {
        public var partitionIndex: Int32 = 0
        public var errorCode = ErrorCode.none

        public init() {}

        public mutating func code(_ wire: inout WireCoder) throws(WireError) {
            try wire.int32(&partitionIndex)
            try wire.errorCode(&errorCode)
        }
    }
}
