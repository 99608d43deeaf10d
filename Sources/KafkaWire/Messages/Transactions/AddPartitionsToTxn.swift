/// AddPartitionsToTxn (key 24): partitions become part of a transaction before their first record does.
public struct AddPartitionsToTxnRequest: KafkaRequest {
    public typealias Response = AddPartitionsToTxnResponse
    public static let apiKey = ApiKey.addPartitionsToTxn
    public static let versions = ApiVersions(0...5, flexibleFrom: 3)

    /// From version 4, which brokers alone send (KIP-890).
    public var transactions: [AddPartitionsToTxnTransaction] = []
    public var v3AndBelowTransactionalID = ""
    public var v3AndBelowProducerID: Int64 = 0
    public var v3AndBelowProducerEpoch: Int16 = 0
    public var v3AndBelowTopics: [AddPartitionsToTxnTopic] = []

    public init() {}

    public mutating func code(_ wire: inout WireCoder) throws(WireError) {
        if wire.version >= 4 { try wire.array(&transactions) }
        if wire.version <= 3 {
            try wire.string(&v3AndBelowTransactionalID)
            try wire.int64(&v3AndBelowProducerID)
            try wire.int16(&v3AndBelowProducerEpoch)
            try wire.array(&v3AndBelowTopics)
        }
    }
}

extension AddPartitionsToTxnRequest {
    /// One producer's transaction.
    public struct AddPartitionsToTxnTransaction: WireStruct {
        public var transactionalID = ""
        public var producerID: Int64 = 0
        public var producerEpoch: Int16 = 0
        /// Asks whether the partitions are in the transaction, and adds none.
        public var verifyOnly = false
        public var topics: [AddPartitionsToTxnTopic] = []

        public init() {}

        public mutating func code(_ wire: inout WireCoder) throws(WireError) {
            try wire.string(&transactionalID)
            try wire.int64(&producerID)
            try wire.int16(&producerEpoch)
            try wire.bool(&verifyOnly)
            try wire.array(&topics)
        }
    }

    /// Partitions of one topic.
    public struct AddPartitionsToTxnTopic: WireStruct {
        public var name = ""
        public var partitions: [Int32] = []

        public init() {}

        public mutating func code(_ wire: inout WireCoder) throws(WireError) {
            try wire.string(&name)
            try wire.int32Array(&partitions)
        }
    }
}

/// Answer to ``AddPartitionsToTxnRequest``.
public struct AddPartitionsToTxnResponse: KafkaResponse {
    public static let apiKey = ApiKey.addPartitionsToTxn
    public static let versions = ApiVersions(0...5, flexibleFrom: 3)

    public var throttleTimeMs: Int32 = 0
    /// Concerns the request as a whole, from version 4.
    public var errorCode = ErrorCode.none
    /// From version 4.
    public var resultsByTransaction: [AddPartitionsToTxnResult] = []
    public var resultsByTopicV3AndBelow: [AddPartitionsToTxnTopicResult] = []

    public init() {}

    public mutating func code(_ wire: inout WireCoder) throws(WireError) {
        try wire.int32(&throttleTimeMs)
        if wire.version >= 4 {
            try wire.errorCode(&errorCode)
            try wire.array(&resultsByTransaction)
        }
        if wire.version <= 3 { try wire.array(&resultsByTopicV3AndBelow) }
    }
}

extension AddPartitionsToTxnResponse {
    /// Results for one transaction.
    public struct AddPartitionsToTxnResult: WireStruct {
        public var transactionalID = ""
        public var topicResults: [AddPartitionsToTxnTopicResult] = []

        public init() {}

        public mutating func code(_ wire: inout WireCoder) throws(WireError) {
            try wire.string(&transactionalID)
            try wire.array(&topicResults)
        }
    }

    /// Results for one topic.
    public struct AddPartitionsToTxnTopicResult: WireStruct {
        public var name = ""
        public var resultsByPartition: [AddPartitionsToTxnPartitionResult] = []

        public init() {}

        public mutating func code(_ wire: inout WireCoder) throws(WireError) {
            try wire.string(&name)
            try wire.array(&resultsByPartition)
        }
    }

    /// The result for one partition.
    public struct AddPartitionsToTxnPartitionResult: WireStruct {
        public var partitionIndex: Int32 = 0
        public var partitionErrorCode = ErrorCode.none

        public init() {}

        public mutating func code(_ wire: inout WireCoder) throws(WireError) {
            try wire.int32(&partitionIndex)
            try wire.errorCode(&partitionErrorCode)
        }
    }
}
