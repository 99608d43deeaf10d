/// StreamsGroupDescribe (key 89): state, topology and members of Kafka Streams groups (KIP-1071).
public struct StreamsGroupDescribeRequest: KafkaRequest {
    public typealias Response = StreamsGroupDescribeResponse
    public static let apiKey = ApiKey.streamsGroupDescribe
    public static let versions = ApiVersions(0...0, flexibleFrom: 0)

    public var groupIDs: [String] = []
    public var includeAuthorizedOperations = false

    public init() {}

    public mutating func code(_ wire: inout WireCoder) throws(WireError) {
        try wire.stringArray(&groupIDs)
        try wire.bool(&includeAuthorizedOperations)
    }
}

/// Answer to ``StreamsGroupDescribeRequest``.
public struct StreamsGroupDescribeResponse: KafkaResponse {
    public static let apiKey = ApiKey.streamsGroupDescribe
    public static let versions = ApiVersions(0...0, flexibleFrom: 0)

    public var throttleTimeMs: Int32 = 0
    public var groups: [DescribedGroup] = []

    public init() {}

    public mutating func code(_ wire: inout WireCoder) throws(WireError) {
        try wire.int32(&throttleTimeMs)
        try wire.array(&groups)
    }
}

extension StreamsGroupDescribeResponse {
    /// One group.
    public struct DescribedGroup: WireStruct {
        public var errorCode = ErrorCode.none
        public var errorMessage: String?
        public var groupID = ""
        public var groupState = ""
        /// Rises whenever members or topology change.
        public var groupEpoch: Int32 = 0
        /// The group epoch for which the target assignment was made.
        public var assignmentEpoch: Int32 = 0
        /// Nil after an error.
        public var topology: Topology?
        public var members: [Member] = []
        /// A bit per ACL operation; `.min` unless asked for (KIP-430).
        public var authorizedOperations: Int32 = .min

        public init() {}

        public mutating func code(_ wire: inout WireCoder) throws(WireError) {
            try wire.errorCode(&errorCode)
            try wire.nullableString(&errorMessage)
            try wire.string(&groupID)
            try wire.string(&groupState)
            try wire.int32(&groupEpoch)
            try wire.int32(&assignmentEpoch)
            try wire.nullableStructure(&topology)
            try wire.array(&members)
            try wire.int32(&authorizedOperations)
        }
    }

    /// The topology that the group runs.
    public struct Topology: WireStruct {
        public var epoch: Int32 = 0
        /// Nil while the group is not initialized or its source topics are missing.
        public var subtopologies: [Subtopology]?

        public init() {}

        public mutating func code(_ wire: inout WireCoder) throws(WireError) {
            try wire.int32(&epoch)
            try wire.nullableArray(&subtopologies)
        }
    }

    /// A part of a topology whose tasks share topics.
    public struct Subtopology: WireStruct {
        public var subtopologyID = ""
        public var sourceTopics: [String] = []
        public var repartitionSinkTopics: [String] = []
        public var stateChangelogTopics: [TopicInfo] = []
        public var repartitionSourceTopics: [TopicInfo] = []

        public init() {}

        public mutating func code(_ wire: inout WireCoder) throws(WireError) {
            try wire.string(&subtopologyID)
            try wire.stringArray(&sourceTopics)
            try wire.stringArray(&repartitionSinkTopics)
            try wire.array(&stateChangelogTopics)
            try wire.array(&repartitionSourceTopics)
        }
    }

    /// An internal topic.
    public struct TopicInfo: WireStruct {
        public var name = ""
        /// 0 when the number is not fixed, as of every changelog topic.
        public var partitions: Int32 = 0
        /// 0 for the broker's default.
        public var replicationFactor: Int16 = 0
        public var topicConfigs: [KeyValue] = []

        public init() {}

        public mutating func code(_ wire: inout WireCoder) throws(WireError) {
            try wire.string(&name)
            try wire.int32(&partitions)
            try wire.int16(&replicationFactor)
            try wire.array(&topicConfigs)
        }
    }

    /// A setting or a tag.
    public struct KeyValue: WireStruct {
        public var key = ""
        public var value = ""

        public init() {}

        public mutating func code(_ wire: inout WireCoder) throws(WireError) {
            try wire.string(&key)
            try wire.string(&value)
        }
    }

    /// A member and its tasks.
    public struct Member: WireStruct {
        public var memberID = ""
        public var memberEpoch: Int32 = 0
        /// The name of a static member; nil for a dynamic one (KIP-345).
        public var instanceID: String?
        public var rackID: String?
        public var clientID = ""
        public var clientHost = ""
        public var topologyEpoch: Int32 = 0
        /// The program that several members may belong to.
        public var processID = ""
        /// The address at which interactive queries are answered.
        public var userEndpoint: Endpoint?
        public var clientTags: [KeyValue] = []
        public var taskOffsets: [TaskOffset] = []
        public var taskEndOffsets: [TaskOffset] = []
        /// The tasks of the member now.
        public var assignment = Assignment()
        /// The tasks it will have when the others have let go.
        public var targetAssignment = Assignment()
        public var isClassic = false

        public init() {}

        public mutating func code(_ wire: inout WireCoder) throws(WireError) {
            try wire.string(&memberID)
            try wire.int32(&memberEpoch)
            try wire.nullableString(&instanceID)
            try wire.nullableString(&rackID)
            try wire.string(&clientID)
            try wire.string(&clientHost)
            try wire.int32(&topologyEpoch)
            try wire.string(&processID)
            try wire.nullableStructure(&userEndpoint)
            try wire.array(&clientTags)
            try wire.array(&taskOffsets)
            try wire.array(&taskEndOffsets)
            try wire.structure(&assignment)
            try wire.structure(&targetAssignment)
            try wire.bool(&isClassic)
        }
    }

    /// An address.
    public struct Endpoint: WireStruct {
        public var host = ""
        public var port: UInt16 = 0

        public init() {}

        public mutating func code(_ wire: inout WireCoder) throws(WireError) {
            try wire.string(&host)
            try wire.uint16(&port)
        }
    }

    /// A task's place in its changelog.
    public struct TaskOffset: WireStruct {
        public var subtopologyID = ""
        public var partition: Int32 = 0
        public var offset: Int64 = 0

        public init() {}

        public mutating func code(_ wire: inout WireCoder) throws(WireError) {
            try wire.string(&subtopologyID)
            try wire.int32(&partition)
            try wire.int64(&offset)
        }
    }

    /// Tasks of a member.
    public struct Assignment: WireStruct {
        public var activeTasks: [TaskIDs] = []
        public var standbyTasks: [TaskIDs] = []
        public var warmupTasks: [TaskIDs] = []

        public init() {}

        public mutating func code(_ wire: inout WireCoder) throws(WireError) {
            try wire.array(&activeTasks)
            try wire.array(&standbyTasks)
            try wire.array(&warmupTasks)
        }
    }

    /// Tasks of one subtopology.
    public struct TaskIDs: WireStruct {
        public var subtopologyID = ""
        public var partitions: [Int32] = []

        public init() {}

        public mutating func code(_ wire: inout WireCoder) throws(WireError) {
            try wire.string(&subtopologyID)
            try wire.int32Array(&partitions)
        }
    }
}
