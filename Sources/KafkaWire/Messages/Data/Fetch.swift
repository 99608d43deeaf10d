/// Fetch (key 1): a long poll for record batches, answered by partition leaders.
///
/// From version 7 a session (KIP-227) remembers partitions between requests; from version 13 topics go by id.
public struct FetchRequest: KafkaRequest {
    public typealias Response = FetchResponse
    public static let apiKey = ApiKey.fetch
    public static let versions = ApiVersions(0...18, flexibleFrom: 12)

    public var clusterID: String?
    public var replicaID: Int32 = -1
    public var replicaState = ReplicaState()
    public var maxWaitMs: Int32 = 0
    public var minBytes: Int32 = 0
    public var maxBytes: Int32 = .max
    public var isolationLevel: Int8 = 0
    public var sessionID: Int32 = 0
    public var sessionEpoch: Int32 = -1
    public var topics: [FetchTopic] = []
    public var forgottenTopicsData: [ForgottenTopic] = []
    public var rackID = ""

    public init() {}

    public mutating func code(_ wire: inout WireCoder) throws(WireError) {
        if wire.version <= 14 { try wire.int32(&replicaID) }
        try wire.int32(&maxWaitMs)
        try wire.int32(&minBytes)
        if wire.version >= 3 { try wire.int32(&maxBytes) }
        if wire.version >= 4 { try wire.int8(&isolationLevel) }
        if wire.version >= 7 {
            try wire.int32(&sessionID)
            try wire.int32(&sessionEpoch)
        }
        try wire.array(&topics)
        if wire.version >= 7 { try wire.array(&forgottenTopicsData) }
        if wire.version >= 11 { try wire.string(&rackID) }
    }

    public mutating func codeTags(_ tags: inout WireTags) throws(WireError) {
        try tags.nullableString(0, &clusterID)
        if tags.version >= 15 { try tags.structure(1, &replicaState) }
    }
}

extension FetchRequest {
    public struct ReplicaState: WireStruct {
        public var replicaID: Int32 = -1
        public var replicaEpoch: Int64 = -1

        public init() {}

        public mutating func code(_ wire: inout WireCoder) throws(WireError) {
            try wire.int32(&replicaID)
            try wire.int64(&replicaEpoch)
        }
    }

    public struct FetchTopic: WireStruct {
        public var topic = ""
        public var topicID = KafkaUUID.zero
        public var partitions: [FetchPartition] = []

        public init() {}

        public mutating func code(_ wire: inout WireCoder) throws(WireError) {
            if wire.version <= 12 { try wire.string(&topic) }
            if wire.version >= 13 { try wire.uuid(&topicID) }
            try wire.array(&partitions)
        }
    }

    public struct FetchPartition: WireStruct {
        public var partition: Int32 = 0
        public var currentLeaderEpoch: Int32 = -1
        public var fetchOffset: Int64 = 0
        public var lastFetchedEpoch: Int32 = -1
        public var logStartOffset: Int64 = -1
        public var partitionMaxBytes: Int32 = 0
        public var replicaDirectoryID = KafkaUUID.zero
        public var highWatermark: Int64 = .max

        public init() {}

        public mutating func code(_ wire: inout WireCoder) throws(WireError) {
            try wire.int32(&partition)
            if wire.version >= 9 { try wire.int32(&currentLeaderEpoch) }
            try wire.int64(&fetchOffset)
            if wire.version >= 12 { try wire.int32(&lastFetchedEpoch) }
            if wire.version >= 5 { try wire.int64(&logStartOffset) }
            try wire.int32(&partitionMaxBytes)
        }

        public mutating func codeTags(_ tags: inout WireTags) throws(WireError) {
            if tags.version >= 17 { try tags.uuid(0, &replicaDirectoryID) }
            if tags.version >= 18 { try tags.int64(1, &highWatermark, default: .max) }
        }
    }

    public struct ForgottenTopic: WireStruct {
        public var topic = ""
        public var topicID = KafkaUUID.zero
        public var partitions: [Int32] = []

        public init() {}

        public mutating func code(_ wire: inout WireCoder) throws(WireError) {
            if wire.version <= 12 { try wire.string(&topic) }
            if wire.version >= 13 { try wire.uuid(&topicID) }
            try wire.int32Array(&partitions)
        }
    }
}

/// Answer to ``FetchRequest``.
public struct FetchResponse: KafkaResponse {
    public static let apiKey = ApiKey.fetch
    public static let versions = ApiVersions(0...18, flexibleFrom: 12)

    public var throttleTimeMs: Int32 = 0
    public var errorCode = ErrorCode.none
    public var sessionID: Int32 = 0
    public var responses: [FetchableTopicResponse] = []
    public var nodeEndpoints: [NodeEndpoint] = []

    public init() {}

    public mutating func code(_ wire: inout WireCoder) throws(WireError) {
        if wire.version >= 1 { try wire.int32(&throttleTimeMs) }
        if wire.version >= 7 {
            try wire.errorCode(&errorCode)
            try wire.int32(&sessionID)
        }
        try wire.array(&responses)
    }

    public mutating func codeTags(_ tags: inout WireTags) throws(WireError) {
        if tags.version >= 16 { try tags.array(0, &nodeEndpoints) }
    }
}

extension FetchResponse {
    public struct FetchableTopicResponse: WireStruct {
        public var topic = ""
        public var topicID = KafkaUUID.zero
        public var partitions: [PartitionData] = []

        public init() {}

        public mutating func code(_ wire: inout WireCoder) throws(WireError) {
            if wire.version <= 12 { try wire.string(&topic) }
            if wire.version >= 13 { try wire.uuid(&topicID) }
            try wire.array(&partitions)
        }
    }

    public struct PartitionData: WireStruct {
        public var partitionIndex: Int32 = 0
        public var errorCode = ErrorCode.none
        public var highWatermark: Int64 = 0
        public var lastStableOffset: Int64 = -1
        public var logStartOffset: Int64 = -1
        public var divergingEpoch = EpochEndOffset()
        public var currentLeader = LeaderIDAndEpoch()
        public var snapshotID = SnapshotID()
        public var abortedTransactions: [AbortedTransaction]? = []
        public var preferredReadReplica: Int32 = -1
        public var records: RecordBytes?

        public init() {}

        public mutating func code(_ wire: inout WireCoder) throws(WireError) {
            try wire.int32(&partitionIndex)
            try wire.errorCode(&errorCode)
            try wire.int64(&highWatermark)
            if wire.version >= 4 { try wire.int64(&lastStableOffset) }
            if wire.version >= 5 { try wire.int64(&logStartOffset) }
            if wire.version >= 4 { try wire.nullableArray(&abortedTransactions) }
            if wire.version >= 11 { try wire.int32(&preferredReadReplica) }
            try wire.records(&records)
        }

        public mutating func codeTags(_ tags: inout WireTags) throws(WireError) {
            try tags.structure(0, &divergingEpoch)
            try tags.structure(1, &currentLeader)
            try tags.structure(2, &snapshotID)
        }
    }

    public struct EpochEndOffset: WireStruct {
        public var epoch: Int32 = -1
        public var endOffset: Int64 = -1

        public init() {}

        public mutating func code(_ wire: inout WireCoder) throws(WireError) {
            try wire.int32(&epoch)
            try wire.int64(&endOffset)
        }
    }

    public struct LeaderIDAndEpoch: WireStruct {
        public var leaderID: Int32 = -1
        public var leaderEpoch: Int32 = -1

        public init() {}

        public mutating func code(_ wire: inout WireCoder) throws(WireError) {
            try wire.int32(&leaderID)
            try wire.int32(&leaderEpoch)
        }
    }

    public struct SnapshotID: WireStruct {
        public var endOffset: Int64 = -1
        public var epoch: Int32 = -1

        public init() {}

        public mutating func code(_ wire: inout WireCoder) throws(WireError) {
            try wire.int64(&endOffset)
            try wire.int32(&epoch)
        }
    }

    public struct AbortedTransaction: WireStruct {
        public var producerID: Int64 = 0
        public var firstOffset: Int64 = 0

        public init() {}

        public mutating func code(_ wire: inout WireCoder) throws(WireError) {
            try wire.int64(&producerID)
            try wire.int64(&firstOffset)
        }
    }

    public struct NodeEndpoint: WireStruct {
        public var nodeID: Int32 = 0
        public var host = ""
        public var port: Int32 = 0
        public var rack: String?

        public init() {}

        public mutating func code(_ wire: inout WireCoder) throws(WireError) {
            try wire.int32(&nodeID)
            try wire.string(&host)
            try wire.int32(&port)
            try wire.nullableString(&rack)
        }
    }
}
