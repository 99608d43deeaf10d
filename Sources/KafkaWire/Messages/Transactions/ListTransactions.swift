/// ListTransactions (key 66): the transactional ids that a broker coordinates.
public struct ListTransactionsRequest: KafkaRequest {
    public typealias Response = ListTransactionsResponse
    public static let apiKey = ApiKey.listTransactions
    public static let versions = ApiVersions(0...2, flexibleFrom: 0)

    /// Empty for all.
    public var stateFilters: [String] = []
    /// Empty for all.
    public var producerIDFilters: [Int64] = []
    /// Only transactions open for at least so many milliseconds; -1 for all (KIP-994).
    public var durationFilter: Int64 = -1
    /// In the syntax of RE2/J; nil or empty for all (KIP-1152).
    public var transactionalIDPattern: String?

    public init() {}

    public mutating func code(_ wire: inout WireCoder) throws(WireError) {
        try wire.stringArray(&stateFilters)
        try wire.int64Array(&producerIDFilters)
        if wire.version >= 1 { try wire.int64(&durationFilter) }
        if wire.version >= 2 { try wire.nullableString(&transactionalIDPattern) }
    }
}

/// Answer to ``ListTransactionsRequest``.
public struct ListTransactionsResponse: KafkaResponse {
    public static let apiKey = ApiKey.listTransactions
    public static let versions = ApiVersions(0...2, flexibleFrom: 0)

    public var throttleTimeMs: Int32 = 0
    public var errorCode = ErrorCode.none
    /// States asked for that the broker does not know.
    public var unknownStateFilters: [String] = []
    public var transactionStates: [TransactionState] = []

    public init() {}

    public mutating func code(_ wire: inout WireCoder) throws(WireError) {
        try wire.int32(&throttleTimeMs)
        try wire.errorCode(&errorCode)
        try wire.stringArray(&unknownStateFilters)
        try wire.array(&transactionStates)
    }
}

extension ListTransactionsResponse {
    /// One transactional id.
    public struct TransactionState: WireStruct {
        public var transactionalID = ""
        public var producerID: Int64 = 0
        public var transactionState = ""

        public init() {}

        public mutating func code(_ wire: inout WireCoder) throws(WireError) {
            try wire.string(&transactionalID)
            try wire.int64(&producerID)
            try wire.string(&transactionState)
        }
    }
}
