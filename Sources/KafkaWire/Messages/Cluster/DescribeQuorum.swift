/// DescribeQuorum (key 55): the voters and observers of the metadata log, as its leader sees them (KIP-595).
public struct DescribeQuorumRequest: KafkaRequest {
    public typealias Response = DescribeQuorumResponse
    public static let apiKey = ApiKey.describeQuorum
    public static let versions = ApiVersions(0...2, flexibleFrom: 0)

    public var topics: [TopicData] = []

    public init() {}

    public mutating func code(_ wire: inout WireCoder) throws(WireError) {
        try wire.array(&topics)
    }
}

extension DescribeQuorumRequest {
    /// Partitions of one topic.
    public struct TopicData: WireStruct {
        public var topicName = ""
        public var partitions: [PartitionData] = []

        public init() {}

        public mutating func code(_ wire: inout WireCoder) throws(WireError) {
            try wire.string(&topicName)
            try wire.array(&partitions)
        }
    }

    /// One partition.
    public struct PartitionData: WireStruct {
        public var partitionIndex: Int32 = 0

        public init() {}

        public mutating func code(_ wire: inout WireCoder) throws(WireError) {
            try wire.int32(&partitionIndex)
        }
    }
}

/// Answer to ``DescribeQuorumRequest``.
public struct DescribeQuorumResponse: KafkaResponse {
    public static let apiKey = ApiKey.describeQuorum
    public static let versions = ApiVersions(0...2, flexibleFrom: 0)

    public var errorCode = ErrorCode.none
    public var errorMessage: String? = ""
    public var topics: [TopicData] = []
    public var nodes: [Node] = []

    public init() {}

    public mutating func code(_ wire: inout WireCoder) throws(WireError) {
        try wire.errorCode(&errorCode)
        if wire.version >= 2 { try wire.nullableString(&errorMessage) }
        try wire.array(&topics)
        if wire.version >= 2 { try wire.array(&nodes) }
    }
}

extension DescribeQuorumResponse {
    /// Partitions of one topic.
    public struct TopicData: WireStruct {
        public var topicName = ""
        public var partitions: [PartitionData] = []

        public init() {}

        public mutating func code(_ wire: inout WireCoder) throws(WireError) {
            try wire.string(&topicName)
            try wire.array(&partitions)
        }
    }

    /// One partition and its replicas.
    public struct PartitionData: WireStruct {
        public var partitionIndex: Int32 = 0
        public var errorCode = ErrorCode.none
        public var errorMessage: String? = ""
        /// -1 when unknown.
        public var leaderID: Int32 = 0
        public var leaderEpoch: Int32 = 0
        public var highWatermark: Int64 = 0
        public var currentVoters: [ReplicaState] = []
        public var observers: [ReplicaState] = []

        public init() {}

        public mutating func code(_ wire: inout WireCoder) throws(WireError) {
            try wire.int32(&partitionIndex)
            try wire.errorCode(&errorCode)
            if wire.version >= 2 { try wire.nullableString(&errorMessage) }
            try wire.int32(&leaderID)
            try wire.int32(&leaderEpoch)
            try wire.int64(&highWatermark)
            try wire.array(&currentVoters)
            try wire.array(&observers)
        }
    }

    /// One replica of the metadata log.
    public struct ReplicaState: WireStruct {
        public var replicaID: Int32 = 0
        public var replicaDirectoryID = KafkaUUID.zero
        /// -1 when unknown.
        public var logEndOffset: Int64 = 0
        /// Milliseconds since 1970; -1 for the leader and when unknown.
        public var lastFetchTimestamp: Int64 = -1
        public var lastCaughtUpTimestamp: Int64 = -1

        public init() {}

        public mutating func code(_ wire: inout WireCoder) throws(WireError) {
            try wire.int32(&replicaID)
            if wire.version >= 2 { try wire.uuid(&replicaDirectoryID) }
            try wire.int64(&logEndOffset)
            if wire.version >= 1 {
                try wire.int64(&lastFetchTimestamp)
                try wire.int64(&lastCaughtUpTimestamp)
            }
        }
    }

    /// Address on which a controller listens.
    public struct Node: WireStruct {
        public var nodeID: Int32 = 0
        public var listeners: [Listener] = []

        public init() {}

        public mutating func code(_ wire: inout WireCoder) throws(WireError) {
            try wire.int32(&nodeID)
            try wire.array(&listeners)
        }
    }

    /// One address of a controller.
    public struct Listener: WireStruct {
        public var name = ""
        public var host = ""
        public var port: UInt16 = 0

        public init() {}

        public mutating func code(_ wire: inout WireCoder) throws(WireError) {
            try wire.string(&name)
            try wire.string(&host)
            try wire.uint16(&port)
        }
    }
}
