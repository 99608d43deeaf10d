/// InitProducerId (key 22): a producer id and epoch; with a transactional id also fences earlier owners of it.
public struct InitProducerIdRequest: KafkaRequest {
    public typealias Response = InitProducerIdResponse
    public static let apiKey = ApiKey.initProducerId
    public static let versions = ApiVersions(0...6, flexibleFrom: 2)

    /// Nil for an idempotent producer without transactions.
    public var transactionalID: String? = ""
    /// Time after which the coordinator aborts an idle transaction.
    public var transactionTimeoutMs: Int32 = 0
    /// The present one, to have its epoch raised; -1 for a fresh one (KIP-360).
    public var producerID: Int64 = -1
    public var producerEpoch: Int16 = -1
    /// Such transactions never time out (KIP-939).
    public var enable2Pc = false
    /// Leaves a prepared transaction open instead of aborting it (KIP-939).
    public var keepPreparedTxn = false

    public init() {}

    public mutating func code(_ wire: inout WireCoder) throws(WireError) {
        try wire.nullableString(&transactionalID)
        try wire.int32(&transactionTimeoutMs)
        if wire.version >= 3 {
            try wire.int64(&producerID)
            try wire.int16(&producerEpoch)
        }
        if wire.version >= 6 {
            try wire.bool(&enable2Pc)
            try wire.bool(&keepPreparedTxn)
        }
    }
}

/// Answer to ``InitProducerIdRequest``.
public struct InitProducerIdResponse: KafkaResponse {
    public static let apiKey = ApiKey.initProducerId
    public static let versions = ApiVersions(0...6, flexibleFrom: 2)

    public var throttleTimeMs: Int32 = 0
    public var errorCode = ErrorCode.none
    /// -1 after an error.
    public var producerID: Int64 = -1
    public var producerEpoch: Int16 = 0
    /// Producer id of the transaction that was kept; -1 for none.
    public var ongoingTxnProducerID: Int64 = -1
    public var ongoingTxnProducerEpoch: Int16 = -1

    public init() {}

    public mutating func code(_ wire: inout WireCoder) throws(WireError) {
        try wire.int32(&throttleTimeMs)
        try wire.errorCode(&errorCode)
        try wire.int64(&producerID)
        try wire.int16(&producerEpoch)
        if wire.version >= 6 {
            try wire.int64(&ongoingTxnProducerID)
            try wire.int16(&ongoingTxnProducerEpoch)
        }
    }
}
