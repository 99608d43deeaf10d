/// DeleteGroups (key 42): removes groups without members.
public struct DeleteGroupsRequest: KafkaRequest {
    public typealias Response = DeleteGroupsResponse
    public static let apiKey = ApiKey.deleteGroups
    public static let versions = ApiVersions(0...2, flexibleFrom: 2)

    public var groupsNames: [String] = []

    public init() {}

    public mutating func code(_ wire: inout WireCoder) throws(WireError) {
        try wire.stringArray(&groupsNames)
    }
}

/// Answer to ``DeleteGroupsRequest``.
public struct DeleteGroupsResponse: KafkaResponse {
    public static let apiKey = ApiKey.deleteGroups
    public static let versions = ApiVersions(0...2, flexibleFrom: 2)

    public var throttleTimeMs: Int32 = 0
    public var results: [DeletableGroupResult] = []

    public init() {}

    public mutating func code(_ wire: inout WireCoder) throws(WireError) {
        try wire.int32(&throttleTimeMs)
        try wire.array(&results)
    }
}

extension DeleteGroupsResponse {
    /// The result for one group.
    public struct DeletableGroupResult: WireStruct {
        public var groupID = ""
        public var errorCode = ErrorCode.none

        public init() {}

        public mutating func code(_ wire: inout WireCoder) throws(WireError) {
            try wire.string(&groupID)
            try wire.errorCode(&errorCode)
        }
    }
}
