public import NIOCore

/// RenewDelegationToken (key 39): lets a token live longer (KIP-48).
public struct RenewDelegationTokenRequest: KafkaRequest {
    public typealias Response = RenewDelegationTokenResponse
    public static let apiKey = ApiKey.renewDelegationToken
    public static let versions = ApiVersions(1...2, flexibleFrom: 2)

    /// The token's secret.
    public var hmac = ByteBuffer()
    public var renewPeriodMs: Int64 = 0

    public init() {}

    public mutating func code(_ wire: inout WireCoder) throws(WireError) {
        try wire.bytes(&hmac)
        try wire.int64(&renewPeriodMs)
    }
}

/// Answer to ``RenewDelegationTokenRequest``.
public struct RenewDelegationTokenResponse: KafkaResponse {
    public static let apiKey = ApiKey.renewDelegationToken
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
