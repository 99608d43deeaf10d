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
    /// A rule to add.
    public struct AclCreation: WireStruct {
        /// 2 topic, 3 group, 4 cluster, 5 transactional id, 6 delegation token, 7 user.
        public var resourceType: Int8 = 0
        public var resourceName = ""
        /// 3 literal, 4 prefixed. Version 0 knows only literal names.
        public var resourcePatternType: Int8 = 3
        /// Principal such as `User:alice`.
        public var principal = ""
        /// An address, or `*` for any.
        public var host = ""
        /// 2 all, 3 read, 4 write, 5 create, 6 delete, 7 alter, 8 describe, 9 cluster action, 10 describe configs, 11
        /// alter configs, 12 idempotent write, 13 create tokens, 14 describe tokens, 15 two-phase commit.
        public var operation: Int8 = 0
        /// 2 deny, 3 allow.
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
    /// The result for one rule.
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
