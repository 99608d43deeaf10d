/// DescribeConfigs (key 32): effective configuration of topics and brokers, with where each value comes from.
public struct DescribeConfigsRequest: KafkaRequest {
    public typealias Response = DescribeConfigsResponse
    public static let apiKey = ApiKey.describeConfigs
    public static let versions = ApiVersions(0...4, flexibleFrom: 4)

    public var resources: [DescribeConfigsResource] = []
    public var includeSynonyms = false
    public var includeDocumentation = false

    public init() {}

    public mutating func code(_ wire: inout WireCoder) throws(WireError) {
        try wire.array(&resources)
        if wire.version >= 1 { try wire.bool(&includeSynonyms) }
        if wire.version >= 3 { try wire.bool(&includeDocumentation) }
    }
}

extension DescribeConfigsRequest {
    public struct DescribeConfigsResource: WireStruct {
        public var resourceType: Int8 = 0
        public var resourceName = ""
        public var configurationKeys: [String]? = []

        public init() {}

        public mutating func code(_ wire: inout WireCoder) throws(WireError) {
            try wire.int8(&resourceType)
            try wire.string(&resourceName)
            try wire.nullableStringArray(&configurationKeys)
        }
    }
}

/// Answer to ``DescribeConfigsRequest``.
public struct DescribeConfigsResponse: KafkaResponse {
    public static let apiKey = ApiKey.describeConfigs
    public static let versions = ApiVersions(0...4, flexibleFrom: 4)

    public var throttleTimeMs: Int32 = 0
    public var results: [DescribeConfigsResult] = []

    public init() {}

    public mutating func code(_ wire: inout WireCoder) throws(WireError) {
        try wire.int32(&throttleTimeMs)
        try wire.array(&results)
    }
}

extension DescribeConfigsResponse {
    public struct DescribeConfigsResult: WireStruct {
        public var errorCode = ErrorCode.none
        public var errorMessage: String? = ""
        public var resourceType: Int8 = 0
        public var resourceName = ""
        public var configs: [DescribeConfigsResourceResult] = []

        public init() {}

        public mutating func code(_ wire: inout WireCoder) throws(WireError) {
            try wire.errorCode(&errorCode)
            try wire.nullableString(&errorMessage)
            try wire.int8(&resourceType)
            try wire.string(&resourceName)
            try wire.array(&configs)
        }
    }

    public struct DescribeConfigsResourceResult: WireStruct {
        public var name = ""
        public var value: String? = ""
        public var readOnly = false
        public var configSource: Int8 = -1
        public var isDefault = false
        public var isSensitive = false
        public var synonyms: [DescribeConfigsSynonym] = []
        public var configType: Int8 = 0
        public var documentation: String? = ""

        public init() {}

        public mutating func code(_ wire: inout WireCoder) throws(WireError) {
            try wire.string(&name)
            try wire.nullableString(&value)
            try wire.bool(&readOnly)
            if wire.version >= 1 { try wire.int8(&configSource) }
            if wire.version <= 0 { try wire.bool(&isDefault) }
            try wire.bool(&isSensitive)
            if wire.version >= 1 { try wire.array(&synonyms) }
            if wire.version >= 3 {
                try wire.int8(&configType)
                try wire.nullableString(&documentation)
            }
        }
    }

    public struct DescribeConfigsSynonym: WireStruct {
        public var name = ""
        public var value: String? = ""
        public var source: Int8 = 0

        public init() {}

        public mutating func code(_ wire: inout WireCoder) throws(WireError) {
            try wire.string(&name)
            try wire.nullableString(&value)
            try wire.int8(&source)
        }
    }
}
