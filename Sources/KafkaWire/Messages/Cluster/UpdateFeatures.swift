/// UpdateFeatures (key 57): raises or lowers the levels that the cluster's features run at (KIP-584, KIP-778).
public struct UpdateFeaturesRequest: KafkaRequest {
    public typealias Response = UpdateFeaturesResponse
    public static let apiKey = ApiKey.updateFeatures
    public static let versions = ApiVersions(0...2, flexibleFrom: 0)

    public var timeoutMs: Int32 = 60_000
    public var featureUpdates: [FeatureUpdateKey] = []
    public var validateOnly = false

    public init() {}

    public mutating func code(_ wire: inout WireCoder) throws(WireError) {
        try wire.int32(&timeoutMs)
        try wire.array(&featureUpdates)
        if wire.version >= 1 { try wire.bool(&validateOnly) }
    }
}

extension UpdateFeaturesRequest {
    /// One feature and its new level.
    public struct FeatureUpdateKey: WireStruct {
        public var feature = ""
        /// Below 1 the feature is to be out of use.
        public var maxVersionLevel: Int16 = 0
        public var allowDowngrade = false
        /// 1 for an upgrade, 2 for a downgrade that loses nothing, 3 for any downgrade.
        public var upgradeType: Int8 = 1

        public init() {}

        public mutating func code(_ wire: inout WireCoder) throws(WireError) {
            try wire.string(&feature)
            try wire.int16(&maxVersionLevel)
            if wire.version == 0 { try wire.bool(&allowDowngrade) }
            if wire.version >= 1 { try wire.int8(&upgradeType) }
        }
    }
}

/// Answer to ``UpdateFeaturesRequest``.
public struct UpdateFeaturesResponse: KafkaResponse {
    public static let apiKey = ApiKey.updateFeatures
    public static let versions = ApiVersions(0...2, flexibleFrom: 0)

    public var throttleTimeMs: Int32 = 0
    public var errorCode = ErrorCode.none
    public var errorMessage: String? = ""
    /// From version 2 on all are changed or none.
    public var results: [UpdatableFeatureResult] = []

    public init() {}

    public mutating func code(_ wire: inout WireCoder) throws(WireError) {
        try wire.int32(&throttleTimeMs)
        try wire.errorCode(&errorCode)
        try wire.nullableString(&errorMessage)
        if wire.version <= 1 { try wire.array(&results) }
    }
}

extension UpdateFeaturesResponse {
    /// Outcome of one feature.
    public struct UpdatableFeatureResult: WireStruct {
        public var feature = ""
        public var errorCode = ErrorCode.none
        public var errorMessage: String? = ""

        public init() {}

        public mutating func code(_ wire: inout WireCoder) throws(WireError) {
            try wire.string(&feature)
            try wire.errorCode(&errorCode)
            try wire.nullableString(&errorMessage)
        }
    }
}
