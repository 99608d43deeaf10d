/// DeleteAcls (key 31): removes the access rules that match filters.
public struct DeleteAclsRequest: KafkaRequest {
    public typealias Response = DeleteAclsResponse
    public static let apiKey = ApiKey.deleteAcls
    public static let versions = ApiVersions(0...3, flexibleFrom: 2)

    public var filters: [DeleteAclsFilter] = []

    public init() {}

    public mutating func code(_ wire: inout WireCoder) throws(WireError) {
        try wire.array(&filters)
    }
}

extension DeleteAclsRequest {
    /// A filter for the rules to remove.
    public struct DeleteAclsFilter: WireStruct {
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
}

/// Answer to ``DeleteAclsRequest``.
public struct DeleteAclsResponse: KafkaResponse {
    public static let apiKey = ApiKey.deleteAcls
    public static let versions = ApiVersions(0...3, flexibleFrom: 2)

    public var throttleTimeMs: Int32 = 0
    public var filterResults: [DeleteAclsFilterResult] = []

    public init() {}

    public mutating func code(_ wire: inout WireCoder) throws(WireError) {
        try wire.int32(&throttleTimeMs)
        try wire.array(&filterResults)
    }
}

extension DeleteAclsResponse {
    /// The rules that one filter removed.
    public struct DeleteAclsFilterResult: WireStruct {
        public var errorCode = ErrorCode.none
        public var errorMessage: String? = ""
        public var matchingACLs: [DeleteAclsMatchingAcl] = []

        public init() {}

        public mutating func code(_ wire: inout WireCoder) throws(WireError) {
            try wire.errorCode(&errorCode)
            try wire.nullableString(&errorMessage)
            try wire.array(&matchingACLs)
        }
    }

    /// A rule that matched.
    public struct DeleteAclsMatchingAcl: WireStruct {
        /// The reason why the rule could not be removed.
        public var errorCode = ErrorCode.none
        public var errorMessage: String? = ""
        public var resourceType: Int8 = 0
        public var resourceName = ""
        public var patternType: Int8 = 3
        public var principal = ""
        public var host = ""
        public var operation: Int8 = 0
        public var permissionType: Int8 = 0

        public init() {}

        public mutating func code(_ wire: inout WireCoder) throws(WireError) {
            try wire.errorCode(&errorCode)
            try wire.nullableString(&errorMessage)
            try wire.int8(&resourceType)
            try wire.string(&resourceName)
            if wire.version >= 1 { try wire.int8(&patternType) }
            try wire.string(&principal)
            try wire.string(&host)
            try wire.int8(&operation)
            try wire.int8(&permissionType)
        }
    }
}
