/// Produce (key 0): appends record batches to partitions, sent to their leaders.
///
/// From version 3 a partition carries exactly one batch of magic 2. With `acks` 0 there is no answer at all.
public struct ProduceRequest: KafkaRequest {
    public typealias Response = ProduceResponse
    public static let apiKey = ApiKey.produce
    public static let versions = ApiVersions(0...13, flexibleFrom: 9)

    /// Nil outside transactions.
    public var transactionalID: String?
    /// 0 none, 1 the leader, -1 all in-sync replicas.
    public var acks: Int16 = 0
    /// The time that the leader may wait for ``acks``.
    public var timeoutMs: Int32 = 0
    public var topicData: [TopicProduceData] = []

    public init() {}

    public mutating func code(_ wire: inout WireCoder) throws(WireError) {
        if wire.version >= 3 { try wire.nullableString(&transactionalID) }
        try wire.int16(&acks)
        try wire.int32(&timeoutMs)
        try wire.array(&topicData)
    }
}

extension ProduceRequest {
    /// Batches for one topic.
    public struct TopicProduceData: WireStruct {
        /// Up to version 12.
        public var name = ""
        /// From version 13 (KIP-516).
        public var topicID = KafkaUUID.zero
        public var partitionData: [PartitionProduceData] = []

        public init() {}

        public mutating func code(_ wire: inout WireCoder) throws(WireError) {
            if wire.version <= 12 { try wire.string(&name) }
            if wire.version >= 13 { try wire.uuid(&topicID) }
            try wire.array(&partitionData)
        }
    }

    /// The batch for one partition.
    public struct PartitionProduceData: WireStruct {
        public var index: Int32 = 0
        public var records: RecordBytes?

        public init() {}

        public mutating func code(_ wire: inout WireCoder) throws(WireError) {
            try wire.int32(&index)
            try wire.records(&records)
        }
    }
}

/// Answer to ``ProduceRequest``.
public struct ProduceResponse: KafkaResponse {
    public static let apiKey = ApiKey.produce
    public static let versions = ApiVersions(0...13, flexibleFrom: 9)

    public var responses: [TopicProduceResponse] = []
    public var throttleTimeMs: Int32 = 0
    /// Addresses of the leaders that partitions name in ``PartitionProduceResponse/currentLeader`` (KIP-951).
    public var nodeEndpoints: [NodeEndpoint] = []

    public init() {}

    public mutating func code(_ wire: inout WireCoder) throws(WireError) {
        try wire.array(&responses)
        if wire.version >= 1 { try wire.int32(&throttleTimeMs) }
    }

    public mutating func codeTags(_ tags: inout WireTags) throws(WireError) {
        if tags.version >= 10 { try tags.array(0, &nodeEndpoints) }
    }
}

extension ProduceResponse {
    /// Results for one topic.
    public struct TopicProduceResponse: WireStruct {
        /// Up to version 12.
        public var name = ""
        /// From version 13.
        public var topicID = KafkaUUID.zero
        public var partitionResponses: [PartitionProduceResponse] = []

        public init() {}

        public mutating func code(_ wire: inout WireCoder) throws(WireError) {
            if wire.version <= 12 { try wire.string(&name) }
            if wire.version >= 13 { try wire.uuid(&topicID) }
            try wire.array(&partitionResponses)
        }
    }

    /// The place of one partition's batch, or the reason why it was refused.
    public struct PartitionProduceResponse: WireStruct {
        public var index: Int32 = 0
        public var errorCode = ErrorCode.none
        /// The first record's offset; -1 after an error.
        public var baseOffset: Int64 = 0
        /// Milliseconds since 1970; -1 unless the topic stamps records itself.
        public var logAppendTimeMs: Int64 = -1
        public var logStartOffset: Int64 = -1
        /// The records that spoiled the batch (KIP-467).
        public var recordErrors: [BatchIndexAndErrorMessage] = []
        public var errorMessage: String?
        /// Given when this broker is not the leader.
        public var currentLeader = LeaderIDAndEpoch()

        public init() {}

        public mutating func code(_ wire: inout WireCoder) throws(WireError) {
            try wire.int32(&index)
            try wire.errorCode(&errorCode)
            try wire.int64(&baseOffset)
            if wire.version >= 2 { try wire.int64(&logAppendTimeMs) }
            if wire.version >= 5 { try wire.int64(&logStartOffset) }
            if wire.version >= 8 {
                try wire.array(&recordErrors)
                try wire.nullableString(&errorMessage)
            }
        }

        public mutating func codeTags(_ tags: inout WireTags) throws(WireError) {
            if tags.version >= 10 { try tags.structure(0, &currentLeader) }
        }
    }

    /// A record that was refused.
    public struct BatchIndexAndErrorMessage: WireStruct {
        /// The record's place in its batch, from 0.
        public var batchIndex: Int32 = 0
        public var batchIndexErrorMessage: String?

        public init() {}

        public mutating func code(_ wire: inout WireCoder) throws(WireError) {
            try wire.int32(&batchIndex)
            try wire.nullableString(&batchIndexErrorMessage)
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
