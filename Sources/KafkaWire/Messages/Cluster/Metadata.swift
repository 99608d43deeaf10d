/// Metadata (key 3): brokers, topics and partition leaders.
///
/// `topics` nil asks for all; in version 0 an empty list does.
public struct MetadataRequest: KafkaRequest {
    public typealias Response = MetadataResponse
    public static let apiKey = ApiKey.metadata
    public static let versions = ApiVersions(0...13, flexibleFrom: 9)

    public var topics: [MetadataRequestTopic]? = []
    /// True if asking for a missing topic may create it, where the broker does that at all.
    public var allowAutoTopicCreation = true
    /// Versions 8 to 10; DescribeCluster took it over.
    public var includeClusterAuthorizedOperations = false
    public var includeTopicAuthorizedOperations = false

    public init() {}

    public mutating func code(_ wire: inout WireCoder) throws(WireError) {
        try wire.nullableArray(&topics, since: 1)
        if wire.version >= 4 { try wire.bool(&allowAutoTopicCreation) }
        if (8...10).contains(wire.version) { try wire.bool(&includeClusterAuthorizedOperations) }
        if wire.version >= 8 { try wire.bool(&includeTopicAuthorizedOperations) }
    }
}

extension MetadataRequest {
    /// A topic, by name or by id.
    public struct MetadataRequestTopic: WireStruct {
        /// Zero when asking by name.
        public var topicID = KafkaUUID.zero
        /// Nil when asking by id, from version 12.
        public var name: String? = ""

        public init() {}

        public mutating func code(_ wire: inout WireCoder) throws(WireError) {
            if wire.version >= 10 { try wire.uuid(&topicID) }
            try wire.nullableString(&name, since: 10)
        }
    }
}

/// Answer to ``MetadataRequest``.
public struct MetadataResponse: KafkaResponse {
    public static let apiKey = ApiKey.metadata
    public static let versions = ApiVersions(0...13, flexibleFrom: 9)

    public var throttleTimeMs: Int32 = 0
    public var brokers: [MetadataResponseBroker] = []
    public var clusterID: String?
    /// -1 when unknown. In KRaft, any broker that forwards to the controller.
    public var controllerID: Int32 = -1
    public var topics: [MetadataResponseTopic] = []
    /// A bit per ACL operation; `.min` unless asked for (KIP-430).
    public var clusterAuthorizedOperations: Int32 = .min
    /// From version 13: the whole cluster has to be looked up again (KIP-1102).
    public var errorCode = ErrorCode.none

    public init() {}

    public mutating func code(_ wire: inout WireCoder) throws(WireError) {
        if wire.version >= 3 { try wire.int32(&throttleTimeMs) }
        try wire.array(&brokers)
        if wire.version >= 2 { try wire.nullableString(&clusterID) }
        if wire.version >= 1 { try wire.int32(&controllerID) }
        try wire.array(&topics)
        if (8...10).contains(wire.version) { try wire.int32(&clusterAuthorizedOperations) }
        if wire.version >= 13 { try wire.errorCode(&errorCode) }
    }
}

extension MetadataResponse {
    /// A live broker.
    public struct MetadataResponseBroker: WireStruct {
        public var nodeID: Int32 = 0
        public var host = ""
        public var port: Int32 = 0
        public var rack: String?

        public init() {}

        public mutating func code(_ wire: inout WireCoder) throws(WireError) {
            try wire.int32(&nodeID)
            try wire.string(&host)
            try wire.int32(&port)
            if wire.version >= 1 { try wire.nullableString(&rack) }
        }
    }

    /// A topic and its partitions.
    public struct MetadataResponseTopic: WireStruct {
        public var errorCode = ErrorCode.none
        /// Nil for an unknown id.
        public var name: String? = ""
        /// Zero before version 10, and for topics older than ids.
        public var topicID = KafkaUUID.zero
        /// Such as `__consumer_offsets`.
        public var isInternal = false
        public var partitions: [MetadataResponsePartition] = []
        /// A bit per ACL operation; `.min` unless asked for (KIP-430).
        public var topicAuthorizedOperations: Int32 = .min

        public init() {}

        public mutating func code(_ wire: inout WireCoder) throws(WireError) {
            try wire.errorCode(&errorCode)
            try wire.nullableString(&name, since: 12)
            if wire.version >= 10 { try wire.uuid(&topicID) }
            if wire.version >= 1 { try wire.bool(&isInternal) }
            try wire.array(&partitions)
            if wire.version >= 8 { try wire.int32(&topicAuthorizedOperations) }
        }
    }

    /// A partition and its replicas.
    public struct MetadataResponsePartition: WireStruct {
        public var errorCode = ErrorCode.none
        public var partitionIndex: Int32 = 0
        /// -1 when there is none.
        public var leaderID: Int32 = 0
        /// Rises with every election (KIP-320); -1 when unknown.
        public var leaderEpoch: Int32 = -1
        /// All replicas, the preferred leader first.
        public var replicaNodes: [Int32] = []
        /// Replicas in sync with the leader.
        public var isrNodes: [Int32] = []
        /// Replicas on dead brokers or failed disks.
        public var offlineReplicas: [Int32] = []

        public init() {}

        public mutating func code(_ wire: inout WireCoder) throws(WireError) {
            try wire.errorCode(&errorCode)
            try wire.int32(&partitionIndex)
            try wire.int32(&leaderID)
            if wire.version >= 7 { try wire.int32(&leaderEpoch) }
            try wire.int32Array(&replicaNodes)
            try wire.int32Array(&isrNodes)
            if wire.version >= 5 { try wire.int32Array(&offlineReplicas) }
        }
    }
}
