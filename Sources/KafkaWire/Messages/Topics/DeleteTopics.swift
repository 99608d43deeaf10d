/// DeleteTopics (key 20): deletes topics by name, or from version 6 by id.
public struct DeleteTopicsRequest: KafkaRequest {
    public typealias Response = DeleteTopicsResponse
    public static let apiKey = ApiKey.deleteTopics
    public static let versions = ApiVersions(0...6, flexibleFrom: 4)

    /// From version 6.
    public var topics: [DeleteTopicState] = []
    /// Up to version 5.
    public var topicNames: [String] = []
    public var timeoutMs: Int32 = 0

    public init() {}

    public mutating func code(_ wire: inout WireCoder) throws(WireError) {
        if wire.version >= 6 { try wire.array(&topics) }
        if wire.version <= 5 { try wire.stringArray(&topicNames) }
        try wire.int32(&timeoutMs)
    }
}

extension DeleteTopicsRequest {
    /// A topic, by name or by id.
    public struct DeleteTopicState: WireStruct {
        /// Nil when the topic goes by id.
        public var name: String?
        /// Zero when the topic goes by name.
        public var topicID = KafkaUUID.zero

        public init() {}

        public mutating func code(_ wire: inout WireCoder) throws(WireError) {
            try wire.nullableString(&name)
            try wire.uuid(&topicID)
        }
    }
}

/// Answer to ``DeleteTopicsRequest``.
public struct DeleteTopicsResponse: KafkaResponse {
    public static let apiKey = ApiKey.deleteTopics
    public static let versions = ApiVersions(0...6, flexibleFrom: 4)

    public var throttleTimeMs: Int32 = 0
    public var responses: [DeletableTopicResult] = []

    public init() {}

    public mutating func code(_ wire: inout WireCoder) throws(WireError) {
        if wire.version >= 1 { try wire.int32(&throttleTimeMs) }
        try wire.array(&responses)
    }
}

extension DeleteTopicsResponse {
    /// The result for one topic.
    public struct DeletableTopicResult: WireStruct {
        /// Nil when the caller may not know the name behind an id.
        public var name: String? = ""
        public var topicID = KafkaUUID.zero
        public var errorCode = ErrorCode.none
        public var errorMessage: String?

        public init() {}

        public mutating func code(_ wire: inout WireCoder) throws(WireError) {
            try wire.nullableString(&name, since: 6)
            if wire.version >= 6 { try wire.uuid(&topicID) }
            try wire.errorCode(&errorCode)
            if wire.version >= 5 { try wire.nullableString(&errorMessage) }
        }
    }
}
