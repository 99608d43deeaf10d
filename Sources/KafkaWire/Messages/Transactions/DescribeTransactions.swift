/// DescribeTransactions (key 65): the state of transactional ids.
public struct DescribeTransactionsRequest: KafkaRequest {
    public typealias Response = DescribeTransactionsResponse
    public static let apiKey = ApiKey.describeTransactions
    public static let versions = ApiVersions(0...0, flexibleFrom: 0)

    public var transactionalIDs: [String] = []

    public init() {}

    public mutating func code(_ wire: inout WireCoder) throws(WireError) {
        try wire.stringArray(&transactionalIDs)
    }
}

/// Answer to ``DescribeTransactionsRequest``.
public struct DescribeTransactionsResponse: KafkaResponse {
    public static let apiKey = ApiKey.describeTransactions
    public static let versions = ApiVersions(0...0, flexibleFrom: 0)

    public var throttleTimeMs: Int32 = 0
    public var transactionStates: [TransactionState] = []

    public init() {}

    public mutating func code(_ wire: inout WireCoder) throws(WireError) {
        try wire.int32(&throttleTimeMs)
        try wire.array(&transactionStates)
    }
}

extension DescribeTransactionsResponse {
    /// One transactional id.
    public struct TransactionState: WireStruct {
        public var errorCode = ErrorCode.none
        public var transactionalID = ""
        /// `Empty`, `Ongoing`, `PrepareCommit`, `PrepareAbort`, `CompleteCommit` and so on.
        public var transactionState = ""
        public var transactionTimeoutMs: Int32 = 0
        /// Milliseconds since 1970; -1 when none is open.
        public var transactionStartTimeMs: Int64 = 0
        public var producerID: Int64 = 0
        public var producerEpoch: Int16 = 0
        public var topics: [TopicData] = []

        public init() {}

        public mutating func code(_ wire: inout WireCoder) throws(WireError) {
            try wire.errorCode(&errorCode)
            try wire.string(&transactionalID)
            try wire.string(&transactionState)
            try wire.int32(&transactionTimeoutMs)
            try wire.int64(&transactionStartTimeMs)
            try wire.int64(&producerID)
            try wire.int16(&producerEpoch)
            try wire.array(&topics)
        }
    }

    /// Partitions of one topic in the open transaction.
    public struct TopicData: WireStruct {
        public var topic = ""
        public var partitions: [Int32] = []

        public init() {}

        public mutating func code(_ wire: inout WireCoder) throws(WireError) {
            try wire.string(&topic)
            try wire.int32Array(&partitions)
        }
    }
}
