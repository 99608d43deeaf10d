public import NIOCore

/// JoinGroup (key 11): a member enters a classic consumer group, or a new generation of it.
public struct JoinGroupRequest: KafkaRequest {
    public typealias Response = JoinGroupResponse
    public static let apiKey = ApiKey.joinGroup
    public static let versions = ApiVersions(0...9, flexibleFrom: 6)

    public var groupID = ""
    public var sessionTimeoutMs: Int32 = 0
    public var rebalanceTimeoutMs: Int32 = -1
    public var memberID = ""
    public var groupInstanceID: String?
    public var protocolType = ""
    public var protocols: [JoinGroupRequestProtocol] = []
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
    public struct JoinGroupRequestProtocol: WireStruct {
        public var name = ""
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
    public var generationID: Int32 = -1
    public var protocolType: String?
    public var protocolName: String? = ""
    public var leader = ""
    public var skipAssignment = false
    public var memberID = ""
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
    public struct JoinGroupResponseMember: WireStruct {
        public var memberID = ""
        public var groupInstanceID: String?
        public var metadata = ByteBuffer()

        public init() {}

        public mutating func code(_ wire: inout WireCoder) throws(WireError) {
            try wire.string(&memberID)
            if wire.version >= 5 { try wire.nullableString(&groupInstanceID) }
            try wire.bytes(&metadata)
        }
    }
}
