/// DescribeLogDirs (key 35): sizes of replicas on a broker's disks, in bytes.
public struct DescribeLogDirsRequest: KafkaRequest {
    public typealias Response = DescribeLogDirsResponse
    public static let apiKey = ApiKey.describeLogDirs
    public static let versions = ApiVersions(0...5, flexibleFrom: 2)

    /// Nil for all.
    public var topics: [DescribableLogDirTopic]? = []

    public init() {}

    public mutating func code(_ wire: inout WireCoder) throws(WireError) {
        try wire.nullableArray(&topics)
    }
}

extension DescribeLogDirsRequest {
    /// Partitions of one topic.
    public struct DescribableLogDirTopic: WireStruct {
        public var topic = ""
        public var partitions: [Int32] = []

        public init() {}

        public mutating func code(_ wire: inout WireCoder) throws(WireError) {
            try wire.string(&topic)
            try wire.int32Array(&partitions)
        }
    }
}

/// Answer to ``DescribeLogDirsRequest``.
public struct DescribeLogDirsResponse: KafkaResponse {
    public static let apiKey = ApiKey.describeLogDirs
    public static let versions = ApiVersions(0...5, flexibleFrom: 2)

    public var throttleTimeMs: Int32 = 0
    /// From version 3; before it an unauthorized caller sees an empty answer.
    public var errorCode = ErrorCode.none
    public var results: [DescribeLogDirsResult] = []

    public init() {}

    public mutating func code(_ wire: inout WireCoder) throws(WireError) {
        try wire.int32(&throttleTimeMs)
        if wire.version >= 3 { try wire.errorCode(&errorCode) }
        try wire.array(&results)
    }
}

extension DescribeLogDirsResponse {
    /// One log directory.
    public struct DescribeLogDirsResult: WireStruct {
        public var errorCode = ErrorCode.none
        /// An absolute path on the broker.
        public var logDir = ""
        public var topics: [DescribeLogDirsTopic] = []
        /// Size of the volume; -1 when unknown (KIP-827).
        public var totalBytes: Int64 = -1
        /// Free bytes of the volume; -1 when unknown.
        public var usableBytes: Int64 = -1
        /// Takes no new replicas (KIP-1066).
        public var isCordoned = false

        public init() {}

        public mutating func code(_ wire: inout WireCoder) throws(WireError) {
            try wire.errorCode(&errorCode)
            try wire.string(&logDir)
            try wire.array(&topics)
            if wire.version >= 4 {
                try wire.int64(&totalBytes)
                try wire.int64(&usableBytes)
            }
            if wire.version >= 5 { try wire.bool(&isCordoned) }
        }
    }

    /// Replicas of one topic in the directory.
    public struct DescribeLogDirsTopic: WireStruct {
        public var name = ""
        public var partitions: [DescribeLogDirsPartition] = []

        public init() {}

        public mutating func code(_ wire: inout WireCoder) throws(WireError) {
            try wire.string(&name)
            try wire.array(&partitions)
        }
    }

    /// One replica.
    public struct DescribeLogDirsPartition: WireStruct {
        public var partitionIndex: Int32 = 0
        public var partitionSize: Int64 = 0
        /// The offsets by which the replica is behind the high watermark, or a future replica behind the current one.
        public var offsetLag: Int64 = 0
        /// A copy that will replace the current replica when it has caught up (KIP-113).
        public var isFutureKey = false

        public init() {}

        public mutating func code(_ wire: inout WireCoder) throws(WireError) {
            try wire.int32(&partitionIndex)
            try wire.int64(&partitionSize)
            try wire.int64(&offsetLag)
            try wire.bool(&isFutureKey)
        }
    }
}
