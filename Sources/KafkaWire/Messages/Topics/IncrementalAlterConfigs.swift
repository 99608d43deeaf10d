/// IncrementalAlterConfigs (key 44): changes single configuration keys (KIP-339).
public struct IncrementalAlterConfigsRequest: KafkaRequest {
    public typealias Response = IncrementalAlterConfigsResponse
    public static let apiKey = ApiKey.incrementalAlterConfigs
    public static let versions = ApiVersions(0...1, flexibleFrom: 1)

    public var resources: [AlterConfigsResource] = []
    /// Checks and changes nothing.
    public var validateOnly = false

    public init() {}

    public mutating func code(_ wire: inout WireCoder) throws(WireError) {
        try wire.array(&resources)
        try wire.bool(&validateOnly)
    }
}

extension IncrementalAlterConfigsRequest {
    /// A topic or broker and the keys to change.
    public struct AlterConfigsResource: WireStruct {
        /// 2 topic, 4 broker, 8 broker logger, 16 client metrics, 32 group.
        public var resourceType: Int8 = 0
        /// For brokers the id as text, or empty for the cluster-wide default.
        public var resourceName = ""
        public var configs: [AlterableConfig] = []

        public init() {}

        public mutating func code(_ wire: inout WireCoder) throws(WireError) {
            try wire.int8(&resourceType)
            try wire.string(&resourceName)
            try wire.array(&configs)
        }
    }

    /// A change to one key.
    public struct AlterableConfig: WireStruct {
        public var name = ""
        /// 0 set, 1 delete, 2 append to a list, 3 subtract from a list.
        public var configOperation: Int8 = 0
        /// Nil only to delete.
        public var value: String? = ""

        public init() {}

        public mutating func code(_ wire: inout WireCoder) throws(WireError) {
            try wire.string(&name)
            try wire.int8(&configOperation)
            try wire.nullableString(&value)
        }
    }
}

/// Answer to ``IncrementalAlterConfigsRequest``.
public struct IncrementalAlterConfigsResponse: KafkaResponse {
    public static let apiKey = ApiKey.incrementalAlterConfigs
    public static let versions = ApiVersions(0...1, flexibleFrom: 1)

    public var throttleTimeMs: Int32 = 0
    public var responses: [AlterConfigsResourceResponse] = []

    public init() {}

    public mutating func code(_ wire: inout WireCoder) throws(WireError) {
        try wire.int32(&throttleTimeMs)
        try wire.array(&responses)
    }
}

extension IncrementalAlterConfigsResponse {
    /// The result for one resource.
    public struct AlterConfigsResourceResponse: WireStruct {
        public var errorCode = ErrorCode.none
        public var errorMessage: String? = ""
        public var resourceType: Int8 = 0
        public var resourceName = ""

        public init() {}

        public mutating func code(_ wire: inout WireCoder) throws(WireError) {
            try wire.errorCode(&errorCode)
            try wire.nullableString(&errorMessage)
            try wire.int8(&resourceType)
            try wire.string(&resourceName)
        }
    }
}
