/// ApiVersions (key 18): which requests a broker answers, in which versions.
///
/// A broker that does not know the version asked with answers error 35 in the form of version 0.
public struct ApiVersionsRequest: KafkaRequest {
    public typealias Response = ApiVersionsResponse
    public static let apiKey = ApiKey.apiVersions
    public static let versions = ApiVersions(0...5, flexibleFrom: 3)

    /// Letters, digits, dots and dashes, or the broker refuses it (KIP-511).
    public var clientSoftwareName = ""
    public var clientSoftwareVersion = ""
    /// The cluster that the client means to have reached; nil when it does not know (KIP-1242).
    public var clusterID: String?
    /// The broker that the client means to have reached; -1 when it does not know.
    public var nodeID: Int32 = -1

    public init() {}

    public mutating func code(_ wire: inout WireCoder) throws(WireError) {
        if wire.version >= 3 {
            try wire.string(&clientSoftwareName)
            try wire.string(&clientSoftwareVersion)
        }
        if wire.version >= 5 {
            try wire.nullableString(&clusterID)
            try wire.int32(&nodeID)
        }
    }
}

/// Answer to ``ApiVersionsRequest``.
public struct ApiVersionsResponse: KafkaResponse {
    public static let apiKey = ApiKey.apiVersions
    public static let versions = ApiVersions(0...5, flexibleFrom: 3)

    public var errorCode = ErrorCode.none
    public var apiKeys: [ApiVersion] = []
    public var throttleTimeMs: Int32 = 0
    /// The features that the broker supports.
    public var supportedFeatures: [SupportedFeatureKey] = []
    /// -1 when unknown (KIP-584).
    public var finalizedFeaturesEpoch: Int64 = -1
    /// The features that the cluster has agreed to.
    public var finalizedFeatures: [FinalizedFeatureKey] = []
    /// A KRaft controller's state while the cluster leaves ZooKeeper (KIP-866).
    public var zkMigrationReady = false

    public init() {}

    public mutating func code(_ wire: inout WireCoder) throws(WireError) {
        try wire.errorCode(&errorCode)
        try wire.array(&apiKeys)
        if wire.version >= 1 { try wire.int32(&throttleTimeMs) }
    }

    public mutating func codeTags(_ tags: inout WireTags) throws(WireError) {
        try tags.array(0, &supportedFeatures)
        try tags.int64(1, &finalizedFeaturesEpoch, default: -1)
        try tags.array(2, &finalizedFeatures)
        try tags.bool(3, &zkMigrationReady)
    }
}

extension ApiVersionsResponse {
    /// One request and the versions it is answered in.
    public struct ApiVersion: WireStruct {
        public var apiKey: Int16 = 0
        public var minVersion: Int16 = 0
        public var maxVersion: Int16 = 0

        public init() {}

        public mutating func code(_ wire: inout WireCoder) throws(WireError) {
            try wire.int16(&apiKey)
            try wire.int16(&minVersion)
            try wire.int16(&maxVersion)
        }
    }

    /// A feature and the levels the broker knows.
    public struct SupportedFeatureKey: WireStruct {
        public var name = ""
        public var minVersion: Int16 = 0
        public var maxVersion: Int16 = 0

        public init() {}

        public mutating func code(_ wire: inout WireCoder) throws(WireError) {
            try wire.string(&name)
            try wire.int16(&minVersion)
            try wire.int16(&maxVersion)
        }
    }

    /// A feature and the levels the cluster runs at.
    public struct FinalizedFeatureKey: WireStruct {
        public var name = ""
        public var maxVersionLevel: Int16 = 0
        public var minVersionLevel: Int16 = 0

        public init() {}

        public mutating func code(_ wire: inout WireCoder) throws(WireError) {
            try wire.string(&name)
            try wire.int16(&maxVersionLevel)
            try wire.int16(&minVersionLevel)
        }
    }
}
