/// DescribeUserScramCredentials (key 50): users that have SCRAM credentials; never the credentials.
public struct DescribeUserScramCredentialsRequest: KafkaRequest {
    public typealias Response = DescribeUserScramCredentialsResponse
    public static let apiKey = ApiKey.describeUserScramCredentials
    public static let versions = ApiVersions(0...0, flexibleFrom: 0)

    /// Nil or empty for all.
    public var users: [UserName]? = []

    public init() {}

    public mutating func code(_ wire: inout WireCoder) throws(WireError) {
        try wire.nullableArray(&users)
    }
}

extension DescribeUserScramCredentialsRequest {
    /// A user to describe.
    public struct UserName: WireStruct {
        public var name = ""

        public init() {}

        public mutating func code(_ wire: inout WireCoder) throws(WireError) {
            try wire.string(&name)
        }
    }
}

/// Answer to ``DescribeUserScramCredentialsRequest``.
public struct DescribeUserScramCredentialsResponse: KafkaResponse {
    public static let apiKey = ApiKey.describeUserScramCredentials
    public static let versions = ApiVersions(0...0, flexibleFrom: 0)

    public var throttleTimeMs: Int32 = 0
    public var errorCode = ErrorCode.none
    public var errorMessage: String? = ""
    public var results: [DescribeUserScramCredentialsResult] = []

    public init() {}

    public mutating func code(_ wire: inout WireCoder) throws(WireError) {
        try wire.int32(&throttleTimeMs)
        try wire.errorCode(&errorCode)
        try wire.nullableString(&errorMessage)
        try wire.array(&results)
    }
}

extension DescribeUserScramCredentialsResponse {
    /// One user.
    public struct DescribeUserScramCredentialsResult: WireStruct {
        public var user = ""
        public var errorCode = ErrorCode.none
        public var errorMessage: String? = ""
        public var credentialInfos: [CredentialInfo] = []

        public init() {}

        public mutating func code(_ wire: inout WireCoder) throws(WireError) {
            try wire.string(&user)
            try wire.errorCode(&errorCode)
            try wire.nullableString(&errorMessage)
            try wire.array(&credentialInfos)
        }
    }

    /// A mechanism the user can authenticate with.
    public struct CredentialInfo: WireStruct {
        /// 1 SCRAM-SHA-256, 2 SCRAM-SHA-512; 0 unknown.
        public var mechanism: Int8 = 0
        public var iterations: Int32 = 0

        public init() {}

        public mutating func code(_ wire: inout WireCoder) throws(WireError) {
            try wire.int8(&mechanism)
            try wire.int32(&iterations)
        }
    }
}
