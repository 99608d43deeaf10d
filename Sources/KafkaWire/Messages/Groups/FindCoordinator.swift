/// FindCoordinator (key 10): the broker that coordinates a group or a transactional id.
public struct FindCoordinatorRequest: KafkaRequest {
    public typealias Response = FindCoordinatorResponse
    public static let apiKey = ApiKey.findCoordinator
    public static let versions = ApiVersions(0...6, flexibleFrom: 3)

    /// A group or a transactional id, up to version 3.
    public var key = ""
    /// 0 group, 1 transaction, 2 share group.
    public var keyType: Int8 = 0
    /// From version 4 (KIP-699).
    public var coordinatorKeys: [String] = []

    public init() {}

    public mutating func code(_ wire: inout WireCoder) throws(WireError) {
        if wire.version <= 3 { try wire.string(&key) }
        if wire.version >= 1 { try wire.int8(&keyType) }
        if wire.version >= 4 { try wire.stringArray(&coordinatorKeys) }
    }
}

/// Answer to ``FindCoordinatorRequest``.
public struct FindCoordinatorResponse: KafkaResponse {
    public static let apiKey = ApiKey.findCoordinator
    public static let versions = ApiVersions(0...6, flexibleFrom: 3)

    public var throttleTimeMs: Int32 = 0
    /// This one and the fields up to the port: up to version 3.
    public var errorCode = ErrorCode.none
    public var errorMessage: String? = ""
    /// -1 after an error.
    public var nodeID: Int32 = 0
    public var host = ""
    public var port: Int32 = 0
    /// From version 4, one for each key.
    public var coordinators: [Coordinator] = []

    public init() {}

    public mutating func code(_ wire: inout WireCoder) throws(WireError) {
        if wire.version >= 1 { try wire.int32(&throttleTimeMs) }
        if wire.version <= 3 { try wire.errorCode(&errorCode) }
        if (1...3).contains(wire.version) { try wire.nullableString(&errorMessage) }
        if wire.version <= 3 {
            try wire.int32(&nodeID)
            try wire.string(&host)
            try wire.int32(&port)
        }
        if wire.version >= 4 { try wire.array(&coordinators) }
    }
}

extension FindCoordinatorResponse {
    /// The broker responsible for one key.
    public struct Coordinator: WireStruct {
        public var key = ""
        /// -1 after an error.
        public var nodeID: Int32 = 0
        public var host = ""
        public var port: Int32 = 0
        public var errorCode = ErrorCode.none
        public var errorMessage: String? = ""

        public init() {}

        public mutating func code(_ wire: inout WireCoder) throws(WireError) {
            try wire.string(&key)
            try wire.int32(&nodeID)
            try wire.string(&host)
            try wire.int32(&port)
            try wire.errorCode(&errorCode)
            try wire.nullableString(&errorMessage)
        }
    }
}
