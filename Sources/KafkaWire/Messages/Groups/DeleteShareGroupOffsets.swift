/// DeleteShareGroupOffsets (key 92): makes an empty share group forget topics (KIP-932).
public struct DeleteShareGroupOffsetsRequest: KafkaRequest {
    public typealias Response = DeleteShareGroupOffsetsResponse
    public static let apiKey = ApiKey.deleteShareGroupOffsets
    public static let versions = ApiVersions(0...0, flexibleFrom: 0)

    public var groupID = ""
    public var topics: [DeleteShareGroupOffsetsRequestTopic] = []

    public init() {}

    public mutating func code(_ wire: inout WireCoder) throws(WireError) {
        try wire.string(&groupID)
        try wire.array(&topics)
    }
}

extension DeleteShareGroupOffsetsRequest {
    /// A topic to forget.
    public struct DeleteShareGroupOffsetsRequestTopic: WireStruct {
        public var topicName = ""

        public init() {}

        public mutating func code(_ wire: inout WireCoder) throws(WireError) {
            try wire.string(&topicName)
        }
    }
}

/// Answer to ``DeleteShareGroupOffsetsRequest``.
public struct DeleteShareGroupOffsetsResponse: KafkaResponse {
    public static let apiKey = ApiKey.deleteShareGroupOffsets
    public static let versions = ApiVersions(0...0, flexibleFrom: 0)

    public var throttleTimeMs: Int32 = 0
    public var errorCode = ErrorCode.none
    public var errorMessage: String?
    public var responses: [DeleteShareGroupOffsetsResponseTopic] = []

    public init() {}

    public mutating func code(_ wire: inout WireCoder) throws(WireError) {
        try wire.int32(&throttleTimeMs)
        try wire.errorCode(&errorCode)
        try wire.nullableString(&errorMessage)
        try wire.array(&responses)
    }
}

extension DeleteShareGroupOffsetsResponse {
    /// Result for one topic.
    public struct DeleteShareGroupOffsetsResponseTopic: WireStruct {
        public var topicName = ""
        public var topicID = KafkaUUID.zero
        public var errorCode = ErrorCode.none
        public var errorMessage: String?

        public init() {}

        public mutating func code(_ wire: inout WireCoder) throws(WireError) {
            try wire.string(&topicName)
            try wire.uuid(&topicID)
            try wire.errorCode(&errorCode)
            try wire.nullableString(&errorMessage)
        }
    }
}
