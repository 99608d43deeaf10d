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
    /// One group.
    public struct DescribedGroup: WireStruct {
        public var errorCode = ErrorCode.none
        /// From version 6 (KIP-1043).
        public var errorMessage: String?
        public var groupID = ""
        /// `Empty`, `PreparingRebalance`, `CompletingRebalance`, `Stable` or `Dead`.
        public var groupState = ""
        /// `consumer` for consumer groups; the application's own word elsewhere.
        public var protocolType = ""
        /// The assignor that the members agreed on.
        public var protocolData = ""
        public var members: [DescribedGroupMember] = []
        /// A bit per ACL operation; `.min` unless asked for (KIP-430).
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

    /// A member of the group.
    public struct DescribedGroupMember: WireStruct {
        public var memberID = ""
        /// The name of a static member; nil for a dynamic one (KIP-345).
        public var groupInstanceID: String?
        public var clientID = ""
        public var clientHost = ""
        /// Metadata that the member sent when it joined, in the form of its protocol type.
        public var memberMetadata = ByteBuffer()
        /// The assignment by the leader, in the form of its protocol type.
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
