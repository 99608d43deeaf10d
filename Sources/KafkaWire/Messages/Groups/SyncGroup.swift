public import NIOCore

/// SyncGroup (key 14): the leader hands in the assignment and every member receives its part.
public struct SyncGroupRequest: KafkaRequest {
    public typealias Response = SyncGroupResponse
    public static let apiKey = ApiKey.syncGroup
    public static let versions = ApiVersions(0...5, flexibleFrom: 4)

    public var groupID = ""
    public var generationID: Int32 = 0
    public var memberID = ""
    /// The name of a static member; nil for a dynamic one (KIP-345).
    public var groupInstanceID: String?
    /// From version 5, checked against the group when not nil (KIP-559).
    public var protocolType: String?
    public var protocolName: String?
    /// From the leader, one for each member; empty from everyone else.
    public var assignments: [SyncGroupRequestAssignment] = []

    public init() {}

    public mutating func code(_ wire: inout WireCoder) throws(WireError) {
        try wire.string(&groupID)
        try wire.int32(&generationID)
        try wire.string(&memberID)
        if wire.version >= 3 { try wire.nullableString(&groupInstanceID) }
        if wire.version >= 5 {
            try wire.nullableString(&protocolType)
            try wire.nullableString(&protocolName)
        }
        try wire.array(&assignments)
    }
}

extension SyncGroupRequest {
    /// The leader's assignment for one member.
    public struct SyncGroupRequestAssignment: WireStruct {
        public var memberID = ""
        /// In the form of the group's protocol type.
        public var assignment = ByteBuffer()

        public init() {}

        public mutating func code(_ wire: inout WireCoder) throws(WireError) {
            try wire.string(&memberID)
            try wire.bytes(&assignment)
        }
    }
}

/// Answer to ``SyncGroupRequest``.
public struct SyncGroupResponse: KafkaResponse {
    public static let apiKey = ApiKey.syncGroup
    public static let versions = ApiVersions(0...5, flexibleFrom: 4)

    public var throttleTimeMs: Int32 = 0
    public var errorCode = ErrorCode.none
    public var protocolType: String?
    public var protocolName: String?
    /// The member's own part; empty after an error.
    public var assignment = ByteBuffer()

    public init() {}

    public mutating func code(_ wire: inout WireCoder) throws(WireError) {
        if wire.version >= 1 { try wire.int32(&throttleTimeMs) }
        try wire.errorCode(&errorCode)
        if wire.version >= 5 {
            try wire.nullableString(&protocolType)
            try wire.nullableString(&protocolName)
        }
        try wire.bytes(&assignment)
    }
}
