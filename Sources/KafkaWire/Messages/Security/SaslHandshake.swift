/// SaslHandshake (key 17): chooses a SASL mechanism.
public struct SaslHandshakeRequest: KafkaRequest {
    public typealias Response = SaslHandshakeResponse
    public static let apiKey = ApiKey.saslHandshake
    public static let versions = ApiVersions(0...1, flexibleFrom: nil)

    /// Mechanism such as `SCRAM-SHA-512`. After version 0 the exchange continues unframed, after version 1 in
    /// SaslAuthenticate.
    public var mechanism = ""

    public init() {}

    public mutating func code(_ wire: inout WireCoder) throws(WireError) {
        try wire.string(&mechanism)
    }
}

/// Answer to ``SaslHandshakeRequest``.
public struct SaslHandshakeResponse: KafkaResponse {
    public static let apiKey = ApiKey.saslHandshake
    public static let versions = ApiVersions(0...1, flexibleFrom: nil)

    public var errorCode = ErrorCode.none
    /// The mechanisms that the broker offers, also when it refuses.
    public var mechanisms: [String] = []

    public init() {}

    public mutating func code(_ wire: inout WireCoder) throws(WireError) {
        try wire.errorCode(&errorCode)
        try wire.stringArray(&mechanisms)
    }
}
