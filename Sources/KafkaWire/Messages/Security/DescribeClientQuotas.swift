/// DescribeClientQuotas (key 48): quotas of users and client ids (KIP-546).
public struct DescribeClientQuotasRequest: KafkaRequest {
    public typealias Response = DescribeClientQuotasResponse
    public static let apiKey = ApiKey.describeClientQuotas
    public static let versions = ApiVersions(0...1, flexibleFrom: 1)

    public var components: [ComponentData] = []
    public var strict = false

    public init() {}

    public mutating func code(_ wire: inout WireCoder) throws(WireError) {
        try wire.array(&components)
        try wire.bool(&strict)
    }
}

extension DescribeClientQuotasRequest {
    public struct ComponentData: WireStruct {
        public var entityType = ""
        public var matchType: Int8 = 0
        public var match: String? = ""

        public init() {}

        public mutating func code(_ wire: inout WireCoder) throws(WireError) {
            try wire.string(&entityType)
            try wire.int8(&matchType)
            try wire.nullableString(&match)
        }
    }
}

/// Answer to ``DescribeClientQuotasRequest``.
public struct DescribeClientQuotasResponse: KafkaResponse {
    public static let apiKey = ApiKey.describeClientQuotas
    public static let versions = ApiVersions(0...1, flexibleFrom: 1)

    public var throttleTimeMs: Int32 = 0
    public var errorCode = ErrorCode.none
    public var errorMessage: String? = ""
    public var entries: [EntryData]? = []

    public init() {}

    public mutating func code(_ wire: inout WireCoder) throws(WireError) {
        try wire.int32(&throttleTimeMs)
        try wire.errorCode(&errorCode)
        try wire.nullableString(&errorMessage)
        try wire.nullableArray(&entries)
    }
}

extension DescribeClientQuotasResponse {
    public struct EntryData: WireStruct {
        public var entity: [EntityData] = []
        public var values: [ValueData] = []

        public init() {}

        public mutating func code(_ wire: inout WireCoder) throws(WireError) {
            try wire.array(&entity)
            try wire.array(&values)
        }
    }

    public struct EntityData: WireStruct {
        public var entityType = ""
        public var entityName: String? = ""

        public init() {}

        public mutating func code(_ wire: inout WireCoder) throws(WireError) {
            try wire.string(&entityType)
            try wire.nullableString(&entityName)
        }
    }

    public struct ValueData: WireStruct {
        public var key = ""
        public var value: Double = 0

        public init() {}

        public mutating func code(_ wire: inout WireCoder) throws(WireError) {
            try wire.string(&key)
            try wire.float64(&value)
        }
    }
}
