public import NIOCore

/// CreateDelegationToken (key 38): makes a token that stands for a user (KIP-48).
public struct CreateDelegationTokenRequest: KafkaRequest {
    public typealias Response = CreateDelegationTokenResponse
    public static let apiKey = ApiKey.createDelegationToken
    public static let versions = ApiVersions(1...3, flexibleFrom: 2)

    /// Nil for the caller itself.
    public var ownerPrincipalType: String?
    public var ownerPrincipalName: String?
    public var renewers: [CreatableRenewers] = []
    /// -1 for the broker's default.
    public var maxLifetimeMs: Int64 = 0

    public init() {}

    public mutating func code(_ wire: inout WireCoder) throws(WireError) {
        if wire.version >= 3 {
            try wire.nullableString(&ownerPrincipalType)
            try wire.nullableString(&ownerPrincipalName)
        }
        try wire.array(&renewers)
        try wire.int64(&maxLifetimeMs)
    }
}

extension CreateDelegationTokenRequest {
    /// A principal that may renew the token.
    public struct CreatableRenewers: WireStruct {
        public var principalType = ""
        public var principalName = ""

        public init() {}

        public mutating func code(_ wire: inout WireCoder) throws(WireError) {
            try wire.string(&principalType)
            try wire.string(&principalName)
        }
    }
}

/// Answer to ``CreateDelegationTokenRequest``.
public struct CreateDelegationTokenResponse: KafkaResponse {
    public static let apiKey = ApiKey.createDelegationToken
    public static let versions = ApiVersions(1...3, flexibleFrom: 2)

    public var errorCode = ErrorCode.none
    public var principalType = ""
    public var principalName = ""
    public var tokenRequesterPrincipalType = ""
    public var tokenRequesterPrincipalName = ""
    /// Milliseconds since 1970, as the two that follow.
    public var issueTimestampMs: Int64 = 0
    public var expiryTimestampMs: Int64 = 0
    public var maxTimestampMs: Int64 = 0
    public var tokenID = ""
    /// The token's secret.
    public var hmac = ByteBuffer()
    public var throttleTimeMs: Int32 = 0

    public init() {}

    public mutating func code(_ wire: inout WireCoder) throws(WireError) {
        try wire.errorCode(&errorCode)
        try wire.string(&principalType)
        try wire.string(&principalName)
        if wire.version >= 3 {
            try wire.string(&tokenRequesterPrincipalType)
            try wire.string(&tokenRequesterPrincipalName)
        }
        try wire.int64(&issueTimestampMs)
        try wire.int64(&expiryTimestampMs)
        try wire.int64(&maxTimestampMs)
        try wire.string(&tokenID)
        try wire.bytes(&hmac)
        try wire.int32(&throttleTimeMs)
    }
}
