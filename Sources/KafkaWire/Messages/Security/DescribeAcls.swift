/// DescribeAcls (key 29): the access rules that match a filter.
public struct DescribeAclsRequest: KafkaRequest {
    public typealias Response = DescribeAclsResponse
    public static let apiKey = ApiKey.describeAcls
    public static let versions = ApiVersions(0...3, flexibleFrom: 2)

    /// Codes are those of ``CreateAclsRequest/AclCreation``, and 1 for any in every filter.
    public var resourceTypeFilter: Int8 = 0
    /// Nil for any, as in all filters.
    public var resourceNameFilter: String? = ""
    /// 1 any, 2 whatever applies to the name, 3 literal, 4 prefixed. Version 0 knows only 3.
    public var patternTypeFilter: Int8 = 3
    public var principalFilter: String? = ""
    public var hostFilter: String? = ""
    public var operation: Int8 = 0
    public var permissionType: Int8 = 0

    public init() {}

    public mutating func code(_ wire: inout WireCoder) throws(WireError) {
        try wire.int8(&resourceTypeFilter)
        try wire.nullableString(&resourceNameFilter)
        if wire.version >= 1 { try wire.int8(&patternTypeFilter) }
        try wire.nullableString(&principalFilter)
        try wire.nullableString(&hostFilter)
        try wire.int8(&operation)
        try wire.int8(&permissionType)
    }
}

/// Answer to ``DescribeAclsRequest``.
public struct DescribeAclsResponse: KafkaResponse {
    public static let apiKey = ApiKey.describeAcls
    public static let versions = ApiVersions(0...3, flexibleFrom: 2)

    public var throttleTimeMs: Int32 = 0
    public var errorCode = ErrorCode.none
    public var errorMessage: String? = ""
    public var resources: [DescribeAclsResource] = []

    public init() {}

    public mutating func code(_ wire: inout WireCoder) throws(WireError) {
        try wire.int32(&throttleTimeMs)
        try wire.errorCode(&errorCode)
        try wire.nullableString(&errorMessage)
        try wire.array(&resources)
    }
}

extension DescribeAclsResponse {
    /// The rules for one resource pattern.
    public struct DescribeAclsResource: WireStruct {
        public var resourceType: Int8 = 0
        public var resourceName = ""
        /// 3 literal, 4 prefixed.
        public var patternType: Int8 = 3
        public var acls: [AclDescription] = []

        public init() {}

        public mutating func code(_ wire: inout WireCoder) throws(WireError) {
            try wire.int8(&resourceType)
            try wire.string(&resourceName)
            if wire.version >= 1 { try wire.int8(&patternType) }
            try wire.array(&acls)
        }
    }

    /// A rule; its codes are those of ``CreateAclsRequest/AclCreation``.
    public struct AclDescription: WireStruct {
        public var principal = ""
        public var host = ""
        public var operation: Int8 = 0
        public var permissionType: Int8 = 0

        public init() {}

        public mutating func code(_ wire: inout WireCoder) throws(WireError) {
            try wire.string(&principal)
            try wire.string(&host)
            try wire.int8(&operation)
            try wire.int8(&permissionType)
        }
    }
}
