/// EndTxn (key 26): commits or aborts a transaction.
public struct EndTxnRequest: KafkaRequest {
    public typealias Response = EndTxnResponse
    public static let apiKey = ApiKey.endTxn
    public static let versions = ApiVersions(0...5, flexibleFrom: 3)

    public var transactionalID = ""
    public var producerID: Int64 = 0
    public var producerEpoch: Int16 = 0
    /// False aborts.
    public var committed = false

    public init() {}

    public mutating func code(_ wire: inout WireCoder) throws(WireError) {
        try wire.string(&transactionalID)
        try wire.int64(&producerID)
        try wire.int16(&producerEpoch)
        try wire.bool(&committed)
    }
}

/// Answer to ``EndTxnRequest``.
public struct EndTxnResponse: KafkaResponse {
    public static let apiKey = ApiKey.endTxn
    public static let versions = ApiVersions(0...5, flexibleFrom: 3)

    public var throttleTimeMs: Int32 = 0
    public var errorCode = ErrorCode.none
    /// For the next transaction, from version 5; -1 when nothing changed (KIP-890).
    public var producerID: Int64 = -1
    /// For the next transaction, from version 5.
    public var producerEpoch: Int16 = -1

    public init() {}

    public mutating func code(_ wire: inout WireCoder) throws(WireError) {
        try wire.int32(&throttleTimeMs)
        try wire.errorCode(&errorCode)
        if wire.version >= 5 {
            try wire.int64(&producerID)
            try wire.int16(&producerEpoch)
        }
    }
}
