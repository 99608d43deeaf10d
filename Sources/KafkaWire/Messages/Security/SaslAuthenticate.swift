public import NIOCore

/// SaslAuthenticate (key 36): one step of the SASL exchange.
public struct SaslAuthenticateRequest: KafkaRequest {
    public typealias Response = SaslAuthenticateResponse
    public static let apiKey = ApiKey.saslAuthenticate
    public static let versions = ApiVersions(0...2, flexibleFrom: 2)

    /// Bytes in the form that the mechanism defines.
    public var authBytes = ByteBuffer()

    public init() {}

    public mutating func code(_ wire: inout WireCoder) throws(WireError) {
        try wire.bytes(&authBytes)
    }
}

/// Answer to ``SaslAuthenticateRequest``.
public struct SaslAuthenticateResponse: KafkaResponse {
    public static let apiKey = ApiKey.saslAuthenticate
    public static let versions = ApiVersions(0...2, flexibleFrom: 2)

    public var errorCode = ErrorCode.none
    public var errorMessage: String? = ""
    public var authBytes = ByteBuffer()
    /// After which the connection must authenticate again; 0 for never (KIP-368).
    public var sessionLifetimeMs: Int64 = 0

    public init() {}

    public mutating func code(_ wire: inout WireCoder) throws(WireError) {
        try wire.errorCode(&errorCode)
        try wire.nullableString(&errorMessage)
        try wire.bytes(&authBytes)
        if wire.version >= 1 { try wire.int64(&sessionLifetimeMs) }
    }
}
