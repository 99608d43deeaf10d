/// WriteTxnMarkers (key 27): appends commit or abort markers to partitions.
public struct WriteTxnMarkersRequest: KafkaRequest {
    public typealias Response = WriteTxnMarkersResponse
    public static let apiKey = ApiKey.writeTxnMarkers
    public static let versions = ApiVersions(0...2, flexibleFrom: 1)

    public var markers: [WritableTxnMarker] = []

    public init() {}

    public mutating func code(_ wire: inout WireCoder) throws(WireError) {
        try wire.array(&markers)
    }
}

extension WriteTxnMarkersRequest {
    /// The end of one producer's transaction.
    public struct WritableTxnMarker: WireStruct {
        public var producerID: Int64 = 0
        public var producerEpoch: Int16 = 0
        /// True commits.
        public var transactionResult = false
        public var topics: [WritableTxnMarkerTopic] = []
        /// Fences coordinators that were replaced.
        public var coordinatorEpoch: Int32 = 0
        /// Version of the transaction protocol; 2 has stricter epochs (KIP-1228).
        public var transactionVersion: Int8 = 0

        public init() {}

        public mutating func code(_ wire: inout WireCoder) throws(WireError) {
            try wire.int64(&producerID)
            try wire.int16(&producerEpoch)
            try wire.bool(&transactionResult)
            try wire.array(&topics)
            try wire.int32(&coordinatorEpoch)
            if wire.version >= 2 { try wire.int8(&transactionVersion) }
        }
    }

    /// Partitions of one topic.
    public struct WritableTxnMarkerTopic: WireStruct {
        public var name = ""
        public var partitionIndexes: [Int32] = []

        public init() {}

        public mutating func code(_ wire: inout WireCoder) throws(WireError) {
            try wire.string(&name)
            try wire.int32Array(&partitionIndexes)
        }
    }
}

/// Answer to ``WriteTxnMarkersRequest``.
public struct WriteTxnMarkersResponse: KafkaResponse {
    public static let apiKey = ApiKey.writeTxnMarkers
    public static let versions = ApiVersions(0...2, flexibleFrom: 1)

    public var markers: [WritableTxnMarkerResult] = []

    public init() {}

    public mutating func code(_ wire: inout WireCoder) throws(WireError) {
        try wire.array(&markers)
    }
}

extension WriteTxnMarkersResponse {
    /// Results for one producer.
    public struct WritableTxnMarkerResult: WireStruct {
        public var producerID: Int64 = 0
        public var topics: [WritableTxnMarkerTopicResult] = []

        public init() {}

        public mutating func code(_ wire: inout WireCoder) throws(WireError) {
            try wire.int64(&producerID)
            try wire.array(&topics)
        }
    }

    /// Results for one topic.
    public struct WritableTxnMarkerTopicResult: WireStruct {
        public var name = ""
        public var partitions: [WritableTxnMarkerPartitionResult] = []

        public init() {}

        public mutating func code(_ wire: inout WireCoder) throws(WireError) {
            try wire.string(&name)
            try wire.array(&partitions)
        }
    }

    /// The result for one partition.
    public struct WritableTxnMarkerPartitionResult: WireStruct {
        public var partitionIndex: Int32 = 0
        public var errorCode = ErrorCode.none

        public init() {}

        public mutating func code(_ wire: inout WireCoder) throws(WireError) {
            try wire.int32(&partitionIndex)
            try wire.errorCode(&errorCode)
        }
    }
}
