/// AlterConfigs (key 33): replaces a resource's whole configuration; superseded by IncrementalAlterConfigs.
public struct AlterConfigsRequest: KafkaRequest {
    public typealias Response = AlterConfigsResponse
    public static let apiKey = ApiKey.alterConfigs
    public static let versions = ApiVersions(0...2, flexibleFrom: 2)

    public var resources: [AlterConfigsResource] = []
    /// Checks and changes nothing.
    public var validateOnly = false

    public init() {}

    public mutating func code(_ wire: inout WireCoder) throws(WireError) {
        try wire.array(&resources)
        try wire.bool(&validateOnly)
    }
}

extension AlterConfigsRequest {
    /// A topic or broker and all that it shall be configured with.
    public struct AlterConfigsResource: WireStruct {
        /// 2 topic, 4 broker, 8 broker logger.
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

    /// One key; those not named go back to their defaults.
    public struct AlterableConfig: WireStruct {
        public var name = ""
        /// Nil for the default.
        public var value: String? = ""

        public init() {}

        public mutating func code(_ wire: inout WireCoder) throws(WireError) {
            try wire.string(&name)
            try wire.nullableString(&value)
        }
    }
}

/// Answer to ``AlterConfigsRequest``.
public struct AlterConfigsResponse: KafkaResponse {
    public static let apiKey = ApiKey.alterConfigs
    public static let versions = ApiVersions(0...2, flexibleFrom: 2)

    public var throttleTimeMs: Int32 = 0
    public var responses: [AlterConfigsResourceResponse] = []

    public init() {}

    public mutating func code(_ wire: inout WireCoder) throws(WireError) {
        try wire.int32(&throttleTimeMs)
        try wire.array(&responses)
    }
}

extension AlterConfigsResponse {
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
