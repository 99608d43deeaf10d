/// ListGroups (key 16): the groups that a broker coordinates.
public struct ListGroupsRequest: KafkaRequest {
    public typealias Response = ListGroupsResponse
    public static let apiKey = ApiKey.listGroups
    public static let versions = ApiVersions(0...5, flexibleFrom: 3)

    /// Empty for all (KIP-518).
    public var statesFilter: [String] = []
    /// `classic`, `consumer` and so on; empty for all (KIP-848).
    public var typesFilter: [String] = []

    public init() {}

    public mutating func code(_ wire: inout WireCoder) throws(WireError) {
        if wire.version >= 4 { try wire.stringArray(&statesFilter) }
        if wire.version >= 5 { try wire.stringArray(&typesFilter) }
    }
}

/// Answer to ``ListGroupsRequest``.
public struct ListGroupsResponse: KafkaResponse {
    public static let apiKey = ApiKey.listGroups
    public static let versions = ApiVersions(0...5, flexibleFrom: 3)

    public var throttleTimeMs: Int32 = 0
    public var errorCode = ErrorCode.none
    public var groups: [ListedGroup] = []

    public init() {}

    public mutating func code(_ wire: inout WireCoder) throws(WireError) {
        if wire.version >= 1 { try wire.int32(&throttleTimeMs) }
        try wire.errorCode(&errorCode)
        try wire.array(&groups)
    }
}

extension ListGroupsResponse {
    /// One group.
    public struct ListedGroup: WireStruct {
        public var groupID = ""
        /// Empty for groups that only commit offsets.
        public var protocolType = ""
        public var groupState = ""
        public var groupType = ""

        public init() {}

        public mutating func code(_ wire: inout WireCoder) throws(WireError) {
            try wire.string(&groupID)
            try wire.string(&protocolType)
            if wire.version >= 4 { try wire.string(&groupState) }
            if wire.version >= 5 { try wire.string(&groupType) }
        }
    }
}
