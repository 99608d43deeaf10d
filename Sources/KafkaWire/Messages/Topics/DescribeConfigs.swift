/// DescribeConfigs (key 32): effective configuration of topics and brokers, with where each value comes from.
public struct DescribeConfigsRequest: KafkaRequest {
    public typealias Response = DescribeConfigsResponse
    public static let apiKey = ApiKey.describeConfigs
    public static let versions = ApiVersions(0...4, flexibleFrom: 4)

    public var resources: [DescribeConfigsResource] = []
    /// Also the values that a more specific one hides.
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
    /// A topic or broker, and the keys of interest.
    public struct DescribeConfigsResource: WireStruct {
        /// 2 topic, 4 broker, 8 broker logger, 16 client metrics, 32 group.
        public var resourceType: Int8 = 0
        /// For brokers the id as text, or empty for the cluster-wide default.
        public var resourceName = ""
        /// Nil for all; an empty list asks for none.
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
    /// The configuration of one resource.
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

    /// One key and its effective value.
    public struct DescribeConfigsResourceResult: WireStruct {
        public var name = ""
        /// Nil for sensitive values and unset ones.
        public var value: String? = ""
        public var readOnly = false
        /// 1 topic, 2 one broker (dynamic), 3 all brokers (dynamic), 4 the broker's properties file, 5 default, 6
        /// broker logger, 7 client metrics, 8 group.
        public var configSource: Int8 = -1
        /// Version 0 alone; ``configSource`` took its place.
        public var isDefault = false
        public var isSensitive = false
        /// The present value and those it hides, most specific first.
        public var synonyms: [DescribeConfigsSynonym] = []
        /// 1 boolean, 2 string, 3 int, 4 short, 5 long, 6 double, 7 list, 8 class, 9 password; 0 unknown (KIP-569).
        public var configType: Int8 = 0
        public var documentation: String? = ""

        public init() {}

        public mutating func code(_ wire: inout WireCoder) throws(WireError) {
            try wire.string(&name)
            try wire.nullableString(&value)
            try wire.bool(&readOnly)
            if wire.version >= 1 { try wire.int8(&configSource) }
            if wire.version == 0 { try wire.bool(&isDefault) }
            try wire.bool(&isSensitive)
            if wire.version >= 1 { try wire.array(&synonyms) }
            if wire.version >= 3 {
                try wire.int8(&configType)
                try wire.nullableString(&documentation)
            }
        }
    }

    /// A value that counts where no more specific one is set.
    public struct DescribeConfigsSynonym: WireStruct {
        public var name = ""
        public var value: String? = ""
        /// As in ``DescribeConfigsResourceResult/configSource``.
        public var source: Int8 = 0

        public init() {}

        public mutating func code(_ wire: inout WireCoder) throws(WireError) {
            try wire.string(&name)
            try wire.nullableString(&value)
            try wire.int8(&source)
        }
    }
}
