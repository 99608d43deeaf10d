/// ListConfigResources (key 74): names of things that have settings (KIP-1142).
///
/// Version 0 is ListClientMetricsResources (KIP-1000), which knows subscriptions to metrics alone.
public struct ListConfigResourcesRequest: KafkaRequest {
    public typealias Response = ListConfigResourcesResponse
    public static let apiKey = ApiKey.listConfigResources
    public static let versions = ApiVersions(0...1, flexibleFrom: 0)

    /// Empty for all.
    public var resourceTypes: [Int8] = []

    public init() {}

    public mutating func code(_ wire: inout WireCoder) throws(WireError) {
        if wire.version >= 1 { try wire.int8Array(&resourceTypes) }
    }
}

/// Answer to ``ListConfigResourcesRequest``.
public struct ListConfigResourcesResponse: KafkaResponse {
    public static let apiKey = ApiKey.listConfigResources
    public static let versions = ApiVersions(0...1, flexibleFrom: 0)

    public var throttleTimeMs: Int32 = 0
    public var errorCode = ErrorCode.none
    public var configResources: [ConfigResource] = []

    public init() {}

    public mutating func code(_ wire: inout WireCoder) throws(WireError) {
        try wire.int32(&throttleTimeMs)
        try wire.errorCode(&errorCode)
        try wire.array(&configResources)
    }
}

extension ListConfigResourcesResponse {
    /// One thing that has settings.
    public struct ConfigResource: WireStruct {
        public var resourceName = ""
        /// A subscription to metrics unless told.
        public var resourceType: Int8 = 16

        public init() {}

        public mutating func code(_ wire: inout WireCoder) throws(WireError) {
            try wire.string(&resourceName)
            if wire.version >= 1 { try wire.int8(&resourceType) }
        }
    }
}
