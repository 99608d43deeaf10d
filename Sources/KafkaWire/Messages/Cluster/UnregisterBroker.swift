/// UnregisterBroker (key 64): makes a cluster forget a broker that will not come back (KIP-631).
public struct UnregisterBrokerRequest: KafkaRequest {
    public typealias Response = UnregisterBrokerResponse
    public static let apiKey = ApiKey.unregisterBroker
    public static let versions = ApiVersions(0...0, flexibleFrom: 0)

    public var brokerID: Int32 = 0

    public init() {}

    public mutating func code(_ wire: inout WireCoder) throws(WireError) {
        try wire.int32(&brokerID)
    }
}

/// Answer to ``UnregisterBrokerRequest``.
public struct UnregisterBrokerResponse: KafkaResponse {
    public static let apiKey = ApiKey.unregisterBroker
    public static let versions = ApiVersions(0...0, flexibleFrom: 0)

    public var throttleTimeMs: Int32 = 0
    public var errorCode = ErrorCode.none
    public var errorMessage: String?

    public init() {}

    public mutating func code(_ wire: inout WireCoder) throws(WireError) {
        try wire.int32(&throttleTimeMs)
        try wire.errorCode(&errorCode)
        try wire.nullableString(&errorMessage)
    }
}
