/// SaslHandshake (key 17): chooses a SASL mechanism.
public struct SaslHandshakeRequest: KafkaRequest {
    public typealias Response = SaslHandshakeResponse
    public static let apiKey = ApiKey.saslHandshake
    public static let versions = ApiVersions(0...1, flexibleFrom: nil)

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
    public var mechanisms: [String] = []

    public init() {}

    public mutating func code(_ wire: inout WireCoder) throws(WireError) {
        try wire.errorCode(&errorCode)
        try wire.stringArray(&mechanisms)
    }
}
