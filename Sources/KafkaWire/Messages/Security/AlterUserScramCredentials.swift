public import NIOCore

/// AlterUserScramCredentials (key 51): sets or removes users' SCRAM credentials (KIP-554).
public struct AlterUserScramCredentialsRequest: KafkaRequest {
    public typealias Response = AlterUserScramCredentialsResponse
    public static let apiKey = ApiKey.alterUserScramCredentials
    public static let versions = ApiVersions(0...0, flexibleFrom: 0)

    public var deletions: [ScramCredentialDeletion] = []
    public var upsertions: [ScramCredentialUpsertion] = []

    public init() {}

    public mutating func code(_ wire: inout WireCoder) throws(WireError) {
        try wire.array(&deletions)
        try wire.array(&upsertions)
    }
}

extension AlterUserScramCredentialsRequest {
    /// A credential to remove.
    public struct ScramCredentialDeletion: WireStruct {
        public var name = ""
        /// 1 SCRAM-SHA-256, 2 SCRAM-SHA-512.
        public var mechanism: Int8 = 0

        public init() {}

        public mutating func code(_ wire: inout WireCoder) throws(WireError) {
            try wire.string(&name)
            try wire.int8(&mechanism)
        }
    }

    /// A credential to add or replace.
    public struct ScramCredentialUpsertion: WireStruct {
        public var name = ""
        /// 1 SCRAM-SHA-256, 2 SCRAM-SHA-512.
        public var mechanism: Int8 = 0
        /// Kafka accepts 4,096 to 16,384.
        public var iterations: Int32 = 0
        public var salt = ByteBuffer()
        /// Hashed by the client; the password itself never travels.
        public var saltedPassword = ByteBuffer()

        public init() {}

        public mutating func code(_ wire: inout WireCoder) throws(WireError) {
            try wire.string(&name)
            try wire.int8(&mechanism)
            try wire.int32(&iterations)
            try wire.bytes(&salt)
            try wire.bytes(&saltedPassword)
        }
    }
}

/// Answer to ``AlterUserScramCredentialsRequest``.
public struct AlterUserScramCredentialsResponse: KafkaResponse {
    public static let apiKey = ApiKey.alterUserScramCredentials
    public static let versions = ApiVersions(0...0, flexibleFrom: 0)

    public var throttleTimeMs: Int32 = 0
    public var results: [AlterUserScramCredentialsResult] = []

    public init() {}

    public mutating func code(_ wire: inout WireCoder) throws(WireError) {
        try wire.int32(&throttleTimeMs)
        try wire.array(&results)
    }
}

extension AlterUserScramCredentialsResponse {
    /// The result for one user.
    public struct AlterUserScramCredentialsResult: WireStruct {
        public var user = ""
        public var errorCode = ErrorCode.none
        public var errorMessage: String? = ""

        public init() {}

        public mutating func code(_ wire: inout WireCoder) throws(WireError) {
            try wire.string(&user)
            try wire.errorCode(&errorCode)
            try wire.nullableString(&errorMessage)
        }
    }
}
