public import NIOCore

/// DescribeGroups (key 15): state and members of classic groups.
public struct DescribeGroupsRequest: KafkaRequest {
    public typealias Response = DescribeGroupsResponse
    public static let apiKey = ApiKey.describeGroups
    public static let versions = ApiVersions(0...6, flexibleFrom: 5)

    public var groups: [String] = []
    public var includeAuthorizedOperations = false

    public init() {}

    public mutating func code(_ wire: inout WireCoder) throws(WireError) {
        try wire.stringArray(&groups)
        if wire.version >= 3 { try wire.bool(&includeAuthorizedOperations) }
    }
}

/// Answer to ``DescribeGroupsRequest``.
public struct DescribeGroupsResponse: KafkaResponse {
    public static let apiKey = ApiKey.describeGroups
    public static let versions = ApiVersions(0...6, flexibleFrom: 5)

    public var throttleTimeMs: Int32 = 0
    public var groups: [DescribedGroup] = []

    public init() {}

    public mutating func code(_ wire: inout WireCoder) throws(WireError) {
        if wire.version >= 1 { try wire.int32(&throttleTimeMs) }
        try wire.array(&groups)
    }
}

extension DescribeGroupsResponse {
    public struct DescribedGroup: WireStruct {
        public var errorCode = ErrorCode.none
        public var errorMessage: String?
        public var groupID = ""
        public var groupState = ""
        public var protocolType = ""
        public var protocolData = ""
        public var members: [DescribedGroupMember] = []
        public var authorizedOperations: Int32 = .min

        public init() {}

        public mutating func code(_ wire: inout WireCoder) throws(WireError) {
            try wire.errorCode(&errorCode)
            if wire.version >= 6 { try wire.nullableString(&errorMessage) }
            try wire.string(&groupID)
            try wire.string(&groupState)
            try wire.string(&protocolType)
            try wire.string(&protocolData)
            try wire.array(&members)
            if wire.version >= 3 { try wire.int32(&authorizedOperations) }
        }
    }

    public struct DescribedGroupMember: WireStruct {
        public var memberID = ""
        public var groupInstanceID: String?
        public var clientID = ""
        public var clientHost = ""
        public var memberMetadata = ByteBuffer()
        public var memberAssignment = ByteBuffer()

        public init() {}

        public mutating func code(_ wire: inout WireCoder) throws(WireError) {
            try wire.string(&memberID)
            if wire.version >= 4 { try wire.nullableString(&groupInstanceID) }
            try wire.string(&clientID)
            try wire.string(&clientHost)
            try wire.bytes(&memberMetadata)
            try wire.bytes(&memberAssignment)
        }
    }
}
