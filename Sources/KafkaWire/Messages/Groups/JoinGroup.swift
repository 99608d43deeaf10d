public import NIOCore

/// JoinGroup (key 11): a member enters a classic consumer group, or a new generation of it.
public struct JoinGroupRequest: KafkaRequest {
    public typealias Response = JoinGroupResponse
    public static let apiKey = ApiKey.joinGroup
    public static let versions = ApiVersions(0...9, flexibleFrom: 6)

    public var groupID = ""
    /// The time for which the member may be silent.
    public var sessionTimeoutMs: Int32 = 0
    /// The time that the others wait for it to rejoin; version 0 takes the session's time instead.
    public var rebalanceTimeoutMs: Int32 = -1
    /// Empty the first time; a broker answers error 79 with one to come back with (KIP-394).
    public var memberID = ""
    /// The name of a static member; nil for a dynamic one (KIP-345).
    public var groupInstanceID: String?
    /// `consumer` for consumer groups; all members must agree on it.
    public var protocolType = ""
    /// The assignors that the member knows, best first.
    public var protocols: [JoinGroupRequestProtocol] = []
    /// The reason why it joins, for the broker's log (KIP-800).
    public var reason: String?

    public init() {}

    public mutating func code(_ wire: inout WireCoder) throws(WireError) {
        try wire.string(&groupID)
        try wire.int32(&sessionTimeoutMs)
        if wire.version >= 1 { try wire.int32(&rebalanceTimeoutMs) }
        try wire.string(&memberID)
        if wire.version >= 5 { try wire.nullableString(&groupInstanceID) }
        try wire.string(&protocolType)
        try wire.array(&protocols)
        if wire.version >= 8 { try wire.nullableString(&reason) }
    }
}

extension JoinGroupRequest {
    /// An assignor, and what the member tells it.
    public struct JoinGroupRequestProtocol: WireStruct {
        public var name = ""
        /// The member's subscription, in the form of the protocol type.
        public var metadata = ByteBuffer()

        public init() {}

        public mutating func code(_ wire: inout WireCoder) throws(WireError) {
            try wire.string(&name)
            try wire.bytes(&metadata)
        }
    }
}

/// Answer to ``JoinGroupRequest``.
public struct JoinGroupResponse: KafkaResponse {
    public static let apiKey = ApiKey.joinGroup
    public static let versions = ApiVersions(0...9, flexibleFrom: 6)

    public var throttleTimeMs: Int32 = 0
    public var errorCode = ErrorCode.none
    /// -1 after an error.
    public var generationID: Int32 = -1
    public var protocolType: String?
    /// The assignor that was chosen. Nil when none was, from version 7.
    public var protocolName: String? = ""
    /// The member that has to make the assignment.
    public var leader = ""
    /// Tells a static leader that came back that the old assignment holds (KIP-814).
    public var skipAssignment = false
    public var memberID = ""
    /// For the leader; empty for everyone else.
    public var members: [JoinGroupResponseMember] = []

    public init() {}

    public mutating func code(_ wire: inout WireCoder) throws(WireError) {
        if wire.version >= 2 { try wire.int32(&throttleTimeMs) }
        try wire.errorCode(&errorCode)
        try wire.int32(&generationID)
        if wire.version >= 7 { try wire.nullableString(&protocolType) }
        try wire.nullableString(&protocolName, since: 7)
        try wire.string(&leader)
        if wire.version >= 9 { try wire.bool(&skipAssignment) }
        try wire.string(&memberID)
        try wire.array(&members)
    }
}

extension JoinGroupResponse {
    /// A member, as its leader sees it.
    public struct JoinGroupResponseMember: WireStruct {
        public var memberID = ""
        public var groupInstanceID: String?
        /// The member's subscription for the chosen assignor.
        public var metadata = ByteBuffer()

        public init() {}

        public mutating func code(_ wire: inout WireCoder) throws(WireError) {
            try wire.string(&memberID)
            if wire.version >= 5 { try wire.nullableString(&groupInstanceID) }
            try wire.bytes(&metadata)
        }
    }
}
