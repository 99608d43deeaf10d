public import NIOCore

/// ExpireDelegationToken (key 40): lets a token end sooner (KIP-48).
public struct ExpireDelegationTokenRequest: KafkaRequest {
    public typealias Response = ExpireDelegationTokenResponse
    public static let apiKey = ApiKey.expireDelegationToken
    public static let versions = ApiVersions(1...2, flexibleFrom: 2)

    /// The token's secret.
    public var hmac = ByteBuffer()
    public var expiryTimePeriodMs: Int64 = 0

    public init() {}

    public mutating func code(_ wire: inout WireCoder) throws(WireError) {
        try wire.bytes(&hmac)
        try wire.int64(&expiryTimePeriodMs)
    }
}

/// Answer to ``ExpireDelegationTokenRequest``.
public struct ExpireDelegationTokenResponse: KafkaResponse {
    public static let apiKey = ApiKey.expireDelegationToken
    public static let versions = ApiVersions(1...2, flexibleFrom: 2)

    public var errorCode = ErrorCode.none
    /// Milliseconds since 1970.
    public var expiryTimestampMs: Int64 = 0
    public var throttleTimeMs: Int32 = 0

    public init() {}

    public mutating func code(_ wire: inout WireCoder) throws(WireError) {
        try wire.errorCode(&errorCode)
        try wire.int64(&expiryTimestampMs)
        try wire.int32(&throttleTimeMs)
    }
}
