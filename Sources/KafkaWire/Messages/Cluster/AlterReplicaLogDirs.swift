/// AlterReplicaLogDirs (key 34): moves replicas between a broker's disks (KIP-113).
public struct AlterReplicaLogDirsRequest: KafkaRequest {
    public typealias Response = AlterReplicaLogDirsResponse
    public static let apiKey = ApiKey.alterReplicaLogDirs
    public static let versions = ApiVersions(1...2, flexibleFrom: 2)

    public var dirs: [AlterReplicaLogDir] = []

    public init() {}

    public mutating func code(_ wire: inout WireCoder) throws(WireError) {
        try wire.array(&dirs)
    }
}

extension AlterReplicaLogDirsRequest {
    /// One directory and what is to be in it.
    public struct AlterReplicaLogDir: WireStruct {
        /// An absolute path on the broker.
        public var path = ""
        public var topics: [AlterReplicaLogDirTopic] = []

        public init() {}

        public mutating func code(_ wire: inout WireCoder) throws(WireError) {
            try wire.string(&path)
            try wire.array(&topics)
        }
    }

    /// Partitions of one topic.
    public struct AlterReplicaLogDirTopic: WireStruct {
        public var name = ""
        public var partitions: [Int32] = []

        public init() {}

        public mutating func code(_ wire: inout WireCoder) throws(WireError) {
            try wire.string(&name)
            try wire.int32Array(&partitions)
        }
    }
}

/// Answer to ``AlterReplicaLogDirsRequest``.
public struct AlterReplicaLogDirsResponse: KafkaResponse {
    public static let apiKey = ApiKey.alterReplicaLogDirs
    public static let versions = ApiVersions(1...2, flexibleFrom: 2)

    public var throttleTimeMs: Int32 = 0
    public var results: [AlterReplicaLogDirTopicResult] = []

    public init() {}

    public mutating func code(_ wire: inout WireCoder) throws(WireError) {
        try wire.int32(&throttleTimeMs)
        try wire.array(&results)
    }
}

extension AlterReplicaLogDirsResponse {
    /// Outcomes of the partitions of one topic.
    public struct AlterReplicaLogDirTopicResult: WireStruct {
        public var topicName = ""
        public var partitions: [AlterReplicaLogDirPartitionResult] = []

        public init() {}

        public mutating func code(_ wire: inout WireCoder) throws(WireError) {
            try wire.string(&topicName)
            try wire.array(&partitions)
        }
    }

    /// Outcome of one partition.
    public struct AlterReplicaLogDirPartitionResult: WireStruct {
        public var partitionIndex: Int32 = 0
        public var errorCode = ErrorCode.none

        public init() {}

        public mutating func code(_ wire: inout WireCoder) throws(WireError) {
            try wire.int32(&partitionIndex)
            try wire.errorCode(&errorCode)
        }
    }
}
