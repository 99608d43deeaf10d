/// CreateAcls (key 30): adds access rules.
public struct CreateAclsRequest: KafkaRequest {
    public typealias Response = CreateAclsResponse
    public static let apiKey = ApiKey.createAcls
    public static let versions = ApiVersions(0...3, flexibleFrom: 2)

    public var creations: [AclCreation] = []

    public init() {}

    public mutating func code(_ wire: inout WireCoder) throws(WireError) {
        try wire.array(&creations)
    }
}

extension CreateAclsRequest {
    public struct AclCreation: WireStruct {
        public var resourceType: Int8 = 0
        public var resourceName = ""
        public var resourcePatternType: Int8 = 3
        public var principal = ""
        public var host = ""
        public var operation: Int8 = 0
        public var permissionType: Int8 = 0

        public init() {}

        public mutating func code(_ wire: inout WireCoder) throws(WireError) {
            try wire.int8(&resourceType)
            try wire.string(&resourceName)
            if wire.version >= 1 { try wire.int8(&resourcePatternType) }
            try wire.string(&principal)
            try wire.string(&host)
            try wire.int8(&operation)
            try wire.int8(&permissionType)
        }
    }
}

/// Answer to ``CreateAclsRequest``.
public struct CreateAclsResponse: KafkaResponse {
    public static let apiKey = ApiKey.createAcls
    public static let versions = ApiVersions(0...3, flexibleFrom: 2)

    public var throttleTimeMs: Int32 = 0
    public var results: [AclCreationResult] = []

    public init() {}

    public mutating func code(_ wire: inout WireCoder) throws(WireError) {
        try wire.int32(&throttleTimeMs)
        try wire.array(&results)
    }
}

extension CreateAclsResponse {
    public struct AclCreationResult: WireStruct {
        public var errorCode = ErrorCode.none
        public var errorMessage: String? = ""

        public init() {}

        public mutating func code(_ wire: inout WireCoder) throws(WireError) {
            try wire.errorCode(&errorCode)
            try wire.nullableString(&errorMessage)
        }
    }
}
