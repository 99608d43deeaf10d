/// Fetch (key 1): a long poll for record batches, answered by partition leaders.
///
/// From version 7 a session (KIP-227) remembers partitions between requests; from version 13 topics go by id.
public struct FetchRequest: KafkaRequest {
    public typealias Response = FetchResponse
    public static let apiKey = ApiKey.fetch
    public static let versions = ApiVersions(0...18, flexibleFrom: 12)

    /// Followers in KRaft state theirs; a broker of another cluster refuses them. Consumers leave it out.
    public var clusterID: String?
    /// -1 for a consumer; the broker's id when a follower asks. Up to version 14.
    public var replicaID: Int32 = -1
    /// The follower that asks, from version 15 (KIP-903).
    public var replicaState = ReplicaState()
    /// The time that the broker may wait for ``minBytes`` to gather.
    public var maxWaitMs: Int32 = 0
    public var minBytes: Int32 = 0
    /// For the whole answer. Not absolute: the first batch comes even when it is larger, so that reading continues.
    public var maxBytes: Int32 = .max
    /// 0 reads everything, 1 up to the last stable offset with aborted transactions named.
    public var isolationLevel: Int8 = 0
    /// 0 while there is none (KIP-227).
    public var sessionID: Int32 = 0
    /// 0 asks for a new session, -1 for an answer without one; otherwise one more than the last time.
    public var sessionEpoch: Int32 = -1
    /// Partitions to read; within a session only those that are new or changed.
    public var topics: [FetchTopic] = []
    /// Partitions that leave the session.
    public var forgottenTopicsData: [ForgottenTopic] = []
    /// The reader's rack, so that the leader may name a replica nearby (KIP-392).
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
    /// The follower that asks.
    public struct ReplicaState: WireStruct {
        public var replicaID: Int32 = -1
        /// Tells incarnations of the broker apart (KIP-903).
        public var replicaEpoch: Int64 = -1

        public init() {}

        public mutating func code(_ wire: inout WireCoder) throws(WireError) {
            try wire.int32(&replicaID)
            try wire.int64(&replicaEpoch)
        }
    }

    /// Partitions of one topic to read.
    public struct FetchTopic: WireStruct {
        /// Up to version 12.
        public var topic = ""
        /// From version 13 (KIP-516).
        public var topicID = KafkaUUID.zero
        public var partitions: [FetchPartition] = []

        public init() {}

        public mutating func code(_ wire: inout WireCoder) throws(WireError) {
            if wire.version <= 12 { try wire.string(&topic) }
            if wire.version >= 13 { try wire.uuid(&topicID) }
            try wire.array(&partitions)
        }
    }

    /// The offset to read one partition from, and the most bytes of it.
    public struct FetchPartition: WireStruct {
        public var partition: Int32 = 0
        /// The leader epoch that the reader knows; another one is answered with an error. -1 skips the check (KIP-320).
        public var currentLeaderEpoch: Int32 = -1
        public var fetchOffset: Int64 = 0
        /// Leader epoch of the last record read, which shows a divergence at once; -1 when unknown (KIP-595).
        public var lastFetchedEpoch: Int32 = -1
        /// A follower's own log start; -1 from consumers.
        public var logStartOffset: Int64 = -1
        /// Like ``FetchRequest/maxBytes``, for this partition.
        public var partitionMaxBytes: Int32 = 0
        /// The follower's log directory (KIP-853).
        public var replicaDirectoryID = KafkaUUID.zero
        /// The follower's high watermark; `.max` when it does not say (KIP-1166).
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

    /// Partitions of one topic to drop from the session.
    public struct ForgottenTopic: WireStruct {
        /// Up to version 12.
        public var topic = ""
        /// From version 13.
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
    /// Concerns the session or the request as a whole, never one partition.
    public var errorCode = ErrorCode.none
    /// 0 when the broker keeps none.
    public var sessionID: Int32 = 0
    public var responses: [FetchableTopicResponse] = []
    /// Addresses of the leaders that partitions name in ``PartitionData/currentLeader`` (KIP-951).
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
    /// Answers for one topic.
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

    /// The answer for one partition.
    public struct PartitionData: WireStruct {
        public var partitionIndex: Int32 = 0
        public var errorCode = ErrorCode.none
        /// The end of what is replicated; -1 after an error.
        public var highWatermark: Int64 = 0
        /// No transaction is open below it.
        public var lastStableOffset: Int64 = -1
        public var logStartOffset: Int64 = -1
        /// The point where the reader's log and the leader's part, and to which the reader has to go back.
        public var divergingEpoch = EpochEndOffset()
        /// Given when this broker is not the leader (KIP-951).
        public var currentLeader = LeaderIDAndEpoch()
        /// In KRaft's metadata log: the snapshot to fetch when the offset is below the log's start.
        public var snapshotID = SnapshotID()
        /// Transactions whose records in this answer do not count; nil unless committed ones were asked for.
        public var abortedTransactions: [AbortedTransaction]? = []
        /// The broker to read from instead, -1 for none (KIP-392).
        public var preferredReadReplica: Int32 = -1
        /// Whole batches, except that the last may be cut short.
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

    /// A leader epoch and one past its last record.
    public struct EpochEndOffset: WireStruct {
        /// -1 for none.
        public var epoch: Int32 = -1
        public var endOffset: Int64 = -1

        public init() {}

        public mutating func code(_ wire: inout WireCoder) throws(WireError) {
            try wire.int32(&epoch)
            try wire.int64(&endOffset)
        }
    }

    /// The leader of a partition, and the epoch of its election.
    public struct LeaderIDAndEpoch: WireStruct {
        /// -1 when unknown.
        public var leaderID: Int32 = -1
        public var leaderEpoch: Int32 = -1

        public init() {}

        public mutating func code(_ wire: inout WireCoder) throws(WireError) {
            try wire.int32(&leaderID)
            try wire.int32(&leaderEpoch)
        }
    }

    /// The end of a snapshot of KRaft's metadata log.
    public struct SnapshotID: WireStruct {
        public var endOffset: Int64 = -1
        public var epoch: Int32 = -1

        public init() {}

        public mutating func code(_ wire: inout WireCoder) throws(WireError) {
            try wire.int64(&endOffset)
            try wire.int32(&epoch)
        }
    }

    /// A transaction to leave out.
    public struct AbortedTransaction: WireStruct {
        public var producerID: Int64 = 0
        /// From here to the producer's abort marker its records are aborted.
        public var firstOffset: Int64 = 0

        public init() {}

        public mutating func code(_ wire: inout WireCoder) throws(WireError) {
            try wire.int64(&producerID)
            try wire.int64(&firstOffset)
        }
    }

    /// A broker's address.
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
