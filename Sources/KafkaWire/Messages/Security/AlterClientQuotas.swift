/// AlterClientQuotas (key 49): sets or removes quotas of users and client ids (KIP-546).
public struct AlterClientQuotasRequest: KafkaRequest {
    public typealias Response = AlterClientQuotasResponse
    public static let apiKey = ApiKey.alterClientQuotas
    public static let versions = ApiVersions(0...1, flexibleFrom: 1)

    public var entries: [EntryData] = []
    /// Checks and changes nothing.
    public var validateOnly = false

    public init() {}

    public mutating func code(_ wire: inout WireCoder) throws(WireError) {
        try wire.array(&entries)
        try wire.bool(&validateOnly)
    }
}

extension AlterClientQuotasRequest {
    /// One entity: its quotas in the request, the result in the answer.
    public struct EntryData: WireStruct {
        public var entity: [EntityData] = []
        public var ops: [OpData] = []

        public init() {}

        public mutating func code(_ wire: inout WireCoder) throws(WireError) {
            try wire.array(&entity)
            try wire.array(&ops)
        }
    }

    /// A part of who the quota is for, such as the user.
    public struct EntityData: WireStruct {
        /// `user`, `client-id` or `ip`.
        public var entityType = ""
        /// Nil for the default of that type.
        public var entityName: String? = ""

        public init() {}

        public mutating func code(_ wire: inout WireCoder) throws(WireError) {
            try wire.string(&entityType)
            try wire.nullableString(&entityName)
        }
    }

    /// A change to one quota.
    public struct OpData: WireStruct {
        /// `producer_byte_rate`, `consumer_byte_rate`, `request_percentage`, `controller_mutation_rate` or
        /// `connection_creation_rate`.
        public var key = ""
        public var value: Double = 0
        /// Removes the quota; ``value`` does not count then.
        public var remove = false

        public init() {}

        public mutating func code(_ wire: inout WireCoder) throws(WireError) {
            try wire.string(&key)
            try wire.float64(&value)
            try wire.bool(&remove)
        }
    }
}

/// Answer to ``AlterClientQuotasRequest``.
public struct AlterClientQuotasResponse: KafkaResponse {
    public static let apiKey = ApiKey.alterClientQuotas
    public static let versions = ApiVersions(0...1, flexibleFrom: 1)

    public var throttleTimeMs: Int32 = 0
    public var entries: [EntryData] = []

    public init() {}

    public mutating func code(_ wire: inout WireCoder) throws(WireError) {
        try wire.int32(&throttleTimeMs)
        try wire.array(&entries)
    }
}

extension AlterClientQuotasResponse {
    /// One entity: its quotas in the request, the result in the answer.
    public struct EntryData: WireStruct {
        public var errorCode = ErrorCode.none
        public var errorMessage: String? = ""
        public var entity: [EntityData] = []

        public init() {}

        public mutating func code(_ wire: inout WireCoder) throws(WireError) {
            try wire.errorCode(&errorCode)
            try wire.nullableString(&errorMessage)
            try wire.array(&entity)
        }
    }

    /// A part of who the quota is for, such as the user.
    public struct EntityData: WireStruct {
        /// `user`, `client-id` or `ip`.
        public var entityType = ""
        /// Nil for the default of that type.
        public var entityName: String? = ""

        public init() {}

        public mutating func code(_ wire: inout WireCoder) throws(WireError) {
            try wire.string(&entityType)
            try wire.nullableString(&entityName)
        }
    }
}
