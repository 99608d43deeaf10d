public import NIOCore

/// The record of a control batch that ends a transaction of one producer on one partition.
///
/// Key: version int16, type int16. Value: version int16, coordinator epoch int32 (Kafka's `EndTransactionMarker`).
public struct ControlRecord: Hashable, Sendable {
    /// Open: brokers of a KRaft cluster also write control records of other types in their own topics.
    public struct Kind: RawRepresentable, Hashable, Sendable {
        public let rawValue: Int16
        public init(rawValue: Int16) { self.rawValue = rawValue }
        public static let abort = Kind(rawValue: 0)
        public static let commit = Kind(rawValue: 1)
    }

    public var kind: Kind
    public var coordinatorEpoch: Int32

    public init(kind: Kind, coordinatorEpoch: Int32) {
        self.kind = kind
        self.coordinatorEpoch = coordinatorEpoch
    }

    /// Reads a control record. Later versions of key and value may be longer; their known part is read.
    public init(_ record: Record) throws(WireError) {
        guard var key = record.key, let (version, type) = key.readMultipleIntegers(as: (Int16, Int16).self),
            version >= 0
        else { throw .invalidRecords(reason: "control record without a valid key") }
        kind = Kind(rawValue: type)
        guard kind == .abort || kind == .commit else {
            coordinatorEpoch = -1
            return
        }
        guard var value = record.value, let (valueVersion, epoch) = value.readMultipleIntegers(as: (Int16, Int32).self),
            valueVersion >= 0
        else { throw .invalidRecords(reason: "transaction marker without a valid value") }
        coordinatorEpoch = epoch
    }

    public var key: ByteBuffer {
        var key = ByteBuffer()
        key.writeMultipleIntegers(Int16(0), kind.rawValue)
        return key
    }

    public var value: ByteBuffer {
        var value = ByteBuffer()
        value.writeMultipleIntegers(Int16(0), coordinatorEpoch)
        return value
    }

    /// The batch of one record that a partition leader appends when a coordinator ends a transaction.
    ///
    /// - Parameter timestamp: milliseconds since 1970.
    public static func markerBatch(
        _ kind: Kind, producerID: Int64, producerEpoch: Int16, coordinatorEpoch: Int32, timestamp: Int64,
        baseOffset: Int64 = 0, partitionLeaderEpoch: Int32 = -1
    ) throws(WireError) -> RecordBatch {
        let record = ControlRecord(kind: kind, coordinatorEpoch: coordinatorEpoch)
        var builder = RecordBatchBuilder(
            baseOffset: baseOffset, partitionLeaderEpoch: partitionLeaderEpoch, producerID: producerID,
            producerEpoch: producerEpoch, isTransactional: true, isControl: true)
        builder.append(timestamp: timestamp, key: record.key, value: record.value)
        return try builder.finish()
    }
}
