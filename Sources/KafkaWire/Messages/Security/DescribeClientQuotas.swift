/// DescribeClientQuotas (key 48): quotas of users and client ids (KIP-546).
public struct DescribeClientQuotasRequest: KafkaRequest {
    public typealias Response = DescribeClientQuotasResponse
    public static let apiKey = ApiKey.describeClientQuotas
    public static let versions = ApiVersions(0...1, flexibleFrom: 1)

    public var components: [ComponentData] = []
    /// Leaves out entities that have further components.
    public var strict = false

    public init() {}

    public mutating func code(_ wire: inout WireCoder) throws(WireError) {
        try wire.array(&components)
        try wire.bool(&strict)
    }
}

extension DescribeClientQuotasRequest {
    /// A part of who the quotas are for, such as the user.
    public struct ComponentData: WireStruct {
        /// `user`, `client-id` or `ip`.
        public var entityType = ""
        /// 0 the name in ``match``, 1 the default, 2 any name.
        public var matchType: Int8 = 0
        /// Nil unless a name is asked for.
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
    /// Nil after an error.
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
    /// The quotas of one entity.
    public struct EntryData: WireStruct {
        public var entity: [EntityData] = []
        public var values: [ValueData] = []

        public init() {}

        public mutating func code(_ wire: inout WireCoder) throws(WireError) {
            try wire.array(&entity)
            try wire.array(&values)
        }
    }

    /// A part of who the quotas are for, such as the user.
    public struct EntityData: WireStruct {
        public var entityType = ""
        /// Nil for the default of that type.
        public var entityName: String? = ""

        public init() {}

        public mutating func code(_ wire: inout WireCoder) throws(WireError) {
            try wire.string(&entityType)
            try wire.nullableString(&entityName)
        }
    }

    /// One quota; rates are in bytes a second, percentages in parts of one thread's hundred.
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
