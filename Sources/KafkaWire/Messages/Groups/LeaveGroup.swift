/// LeaveGroup (key 13): members leave a group at once, without waiting for their session to end.
public struct LeaveGroupRequest: KafkaRequest {
    public typealias Response = LeaveGroupResponse
    public static let apiKey = ApiKey.leaveGroup
    public static let versions = ApiVersions(0...5, flexibleFrom: 4)

    public var groupID = ""
    /// Up to version 2.
    public var memberID = ""
    /// From version 3 (KIP-345).
    public var members: [MemberIdentity] = []

    public init() {}

    public mutating func code(_ wire: inout WireCoder) throws(WireError) {
        try wire.string(&groupID)
        if wire.version <= 2 { try wire.string(&memberID) }
        if wire.version >= 3 { try wire.array(&members) }
    }
}

extension LeaveGroupRequest {
    /// A member that leaves.
    public struct MemberIdentity: WireStruct {
        /// Empty when a static member goes by its name alone.
        public var memberID = ""
        public var groupInstanceID: String?
        /// For the broker's log (KIP-800).
        public var reason: String?

        public init() {}

        public mutating func code(_ wire: inout WireCoder) throws(WireError) {
            try wire.string(&memberID)
            try wire.nullableString(&groupInstanceID)
            if wire.version >= 5 { try wire.nullableString(&reason) }
        }
    }
}

/// Answer to ``LeaveGroupRequest``.
public struct LeaveGroupResponse: KafkaResponse {
    public static let apiKey = ApiKey.leaveGroup
    public static let versions = ApiVersions(0...5, flexibleFrom: 4)

    public var throttleTimeMs: Int32 = 0
    public var errorCode = ErrorCode.none
    public var members: [MemberResponse] = []

    public init() {}

    public mutating func code(_ wire: inout WireCoder) throws(WireError) {
        if wire.version >= 1 { try wire.int32(&throttleTimeMs) }
        try wire.errorCode(&errorCode)
        if wire.version >= 3 { try wire.array(&members) }
    }
}

extension LeaveGroupResponse {
    /// The result for one member.
    public struct MemberResponse: WireStruct {
        public var memberID = ""
        public var groupInstanceID: String? = ""
        public var errorCode = ErrorCode.none

        public init() {}

        public mutating func code(_ wire: inout WireCoder) throws(WireError) {
            try wire.string(&memberID)
            try wire.nullableString(&groupInstanceID)
            try wire.errorCode(&errorCode)
        }
    }
}
