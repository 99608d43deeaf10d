public import NIOCore

/// DescribeDelegationToken (key 41): the tokens that the caller may see (KIP-48).
public struct DescribeDelegationTokenRequest: KafkaRequest {
    public typealias Response = DescribeDelegationTokenResponse
    public static let apiKey = ApiKey.describeDelegationToken
    public static let versions = ApiVersions(1...3, flexibleFrom: 2)

    /// Nil for all.
    public var owners: [DescribeDelegationTokenOwner]?

    public init() {}

    public mutating func code(_ wire: inout WireCoder) throws(WireError) {
        try wire.nullableArray(&owners)
    }
}

extension DescribeDelegationTokenRequest {
    /// A user whose tokens are asked for.
    public struct DescribeDelegationTokenOwner: WireStruct {
        public var principalType = ""
        public var principalName = ""

        public init() {}

        public mutating func code(_ wire: inout WireCoder) throws(WireError) {
            try wire.string(&principalType)
            try wire.string(&principalName)
        }
    }
}

/// Answer to ``DescribeDelegationTokenRequest``.
public struct DescribeDelegationTokenResponse: KafkaResponse {
    public static let apiKey = ApiKey.describeDelegationToken
    public static let versions = ApiVersions(1...3, flexibleFrom: 2)

    public var errorCode = ErrorCode.none
    public var tokens: [DescribedDelegationToken] = []
    public var throttleTimeMs: Int32 = 0

    public init() {}

    public mutating func code(_ wire: inout WireCoder) throws(WireError) {
        try wire.errorCode(&errorCode)
        try wire.array(&tokens)
        try wire.int32(&throttleTimeMs)
    }
}

extension DescribeDelegationTokenResponse {
    /// One token.
    public struct DescribedDelegationToken: WireStruct {
        public var principalType = ""
        public var principalName = ""
        public var tokenRequesterPrincipalType = ""
        public var tokenRequesterPrincipalName = ""
        /// Milliseconds since 1970, as the two that follow.
        public var issueTimestamp: Int64 = 0
        public var expiryTimestamp: Int64 = 0
        public var maxTimestamp: Int64 = 0
        public var tokenID = ""
        /// The token's secret.
        public var hmac = ByteBuffer()
        public var renewers: [DescribedDelegationTokenRenewer] = []

        public init() {}

        public mutating func code(_ wire: inout WireCoder) throws(WireError) {
            try wire.string(&principalType)
            try wire.string(&principalName)
            if wire.version >= 3 {
                try wire.string(&tokenRequesterPrincipalType)
                try wire.string(&tokenRequesterPrincipalName)
            }
            try wire.int64(&issueTimestamp)
            try wire.int64(&expiryTimestamp)
            try wire.int64(&maxTimestamp)
            try wire.string(&tokenID)
            try wire.bytes(&hmac)
            try wire.array(&renewers)
        }
    }

    /// A principal that may renew the token.
    public struct DescribedDelegationTokenRenewer: WireStruct {
        public var principalType = ""
        public var principalName = ""

        public init() {}

        public mutating func code(_ wire: inout WireCoder) throws(WireError) {
            try wire.string(&principalType)
            try wire.string(&principalName)
        }
    }
}
