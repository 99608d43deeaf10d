/// Heartbeat (key 12): keeps a member in its group and tells it of a rebalance.
public struct HeartbeatRequest: KafkaRequest {
    public typealias Response = HeartbeatResponse
    public static let apiKey = ApiKey.heartbeat
    public static let versions = ApiVersions(0...4, flexibleFrom: 4)

    public var groupID = ""
    public var generationID: Int32 = 0
    public var memberID = ""
    /// The name of a static member; nil for a dynamic one (KIP-345).
    public var groupInstanceID: String?

    public init() {}

    public mutating func code(_ wire: inout WireCoder) throws(WireError) {
        try wire.string(&groupID)
        try wire.int32(&generationID)
        try wire.string(&memberID)
        if wire.version >= 3 { try wire.nullableString(&groupInstanceID) }
    }
}

/// Answer to ``HeartbeatRequest``.
public struct HeartbeatResponse: KafkaResponse {
    public static let apiKey = ApiKey.heartbeat
    public static let versions = ApiVersions(0...4, flexibleFrom: 4)

    public var throttleTimeMs: Int32 = 0
    public var errorCode = ErrorCode.none

    public init() {}

    public mutating func code(_ wire: inout WireCoder) throws(WireError) {
        if wire.version >= 1 { try wire.int32(&throttleTimeMs) }
        try wire.errorCode(&errorCode)
    }
}
