/// AddOffsetsToTxn (key 25): a group's offsets become part of a transaction.
public struct AddOffsetsToTxnRequest: KafkaRequest {
    public typealias Response = AddOffsetsToTxnResponse
    public static let apiKey = ApiKey.addOffsetsToTxn
    public static let versions = ApiVersions(0...4, flexibleFrom: 3)

    public var transactionalID = ""
    public var producerID: Int64 = 0
    public var producerEpoch: Int16 = 0
    public var groupID = ""

    public init() {}

    public mutating func code(_ wire: inout WireCoder) throws(WireError) {
        try wire.string(&transactionalID)
        try wire.int64(&producerID)
        try wire.int16(&producerEpoch)
        try wire.string(&groupID)
    }
}

/// Answer to ``AddOffsetsToTxnRequest``.
public struct AddOffsetsToTxnResponse: KafkaResponse {
    public static let apiKey = ApiKey.addOffsetsToTxn
    public static let versions = ApiVersions(0...4, flexibleFrom: 3)

    public var throttleTimeMs: Int32 = 0
    public var errorCode = ErrorCode.none

    public init() {}

    public mutating func code(_ wire: inout WireCoder) throws(WireError) {
        try wire.int32(&throttleTimeMs)
        try wire.errorCode(&errorCode)
    }
}
