/// AlterClientQuotas (key 49): sets or removes quotas of users and client ids (KIP-546).
public struct AlterClientQuotasRequest: KafkaRequest {
    public typealias Response = AlterClientQuotasResponse
    public static let apiKey = ApiKey.alterClientQuotas
    public static let versions = ApiVersions(0...1, flexibleFrom: 1)

    public var entries: [EntryData] = []
    public var validateOnly = false

    public init() {}

    public mutating func code(_ wire: inout WireCoder) throws(WireError) {
        try wire.array(&entries)
        try wire.bool(&validateOnly)
    }
}

extension AlterClientQuotasRequest {
    public struct EntryData: WireStruct {
        public var entity: [EntityData] = []
        public var ops: [OpData] = []

        public init() {}

        public mutating func code(_ wire: inout WireCoder) throws(WireError) {
            try wire.array(&entity)
            try wire.array(&ops)
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

    public struct OpData: WireStruct {
        public var key = ""
        public var value: Double = 0
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

    public struct EntityData: WireStruct {
        public var entityType = ""
        public var entityName: String? = ""

        public init() {}

        public mutating func code(_ wire: inout WireCoder) throws(WireError) {
            try wire.string(&entityType)
            try wire.nullableString(&entityName)
        }
    }
}
