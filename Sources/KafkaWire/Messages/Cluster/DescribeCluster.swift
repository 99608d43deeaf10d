/// DescribeCluster (key 60): the cluster's id, controller and brokers.
public struct DescribeClusterRequest: KafkaRequest {
    public typealias Response = DescribeClusterResponse
    public static let apiKey = ApiKey.describeCluster
    public static let versions = ApiVersions(0...2, flexibleFrom: 0)

    public var includeClusterAuthorizedOperations = false
    /// 1 brokers, 2 controllers (KIP-919).
    public var endpointType: Int8 = 1
    /// Also brokers that are registered but not serving (KIP-1073).
    public var includeFencedBrokers = false

    public init() {}

    public mutating func code(_ wire: inout WireCoder) throws(WireError) {
        try wire.bool(&includeClusterAuthorizedOperations)
        if wire.version >= 1 { try wire.int8(&endpointType) }
        if wire.version >= 2 { try wire.bool(&includeFencedBrokers) }
    }
}

/// Answer to ``DescribeClusterRequest``.
public struct DescribeClusterResponse: KafkaResponse {
    public static let apiKey = ApiKey.describeCluster
    public static let versions = ApiVersions(0...2, flexibleFrom: 0)

    public var throttleTimeMs: Int32 = 0
    public var errorCode = ErrorCode.none
    public var errorMessage: String?
    /// 1 brokers, 2 controllers.
    public var endpointType: Int8 = 1
    public var clusterID = ""
    /// -1 when unknown. In KRaft, any broker that forwards to the controller.
    public var controllerID: Int32 = -1
    public var brokers: [DescribeClusterBroker] = []
    /// A bit per ACL operation; `.min` unless asked for (KIP-430).
    public var clusterAuthorizedOperations: Int32 = .min

    public init() {}

    public mutating func code(_ wire: inout WireCoder) throws(WireError) {
        try wire.int32(&throttleTimeMs)
        try wire.errorCode(&errorCode)
        try wire.nullableString(&errorMessage)
        if wire.version >= 1 { try wire.int8(&endpointType) }
        try wire.string(&clusterID)
        try wire.int32(&controllerID)
        try wire.array(&brokers)
        try wire.int32(&clusterAuthorizedOperations)
    }
}

extension DescribeClusterResponse {
    /// A broker, or a controller when those were asked for.
    public struct DescribeClusterBroker: WireStruct {
        public var brokerID: Int32 = 0
        public var host = ""
        public var port: Int32 = 0
        public var rack: String?
        public var isFenced = false

        public init() {}

        public mutating func code(_ wire: inout WireCoder) throws(WireError) {
            try wire.int32(&brokerID)
            try wire.string(&host)
            try wire.int32(&port)
            try wire.nullableString(&rack)
            if wire.version >= 2 { try wire.bool(&isFenced) }
        }
    }
}
