public import NIOCore

/// The 61 bytes in front of the records of a batch (magic 2), with Kafka's names for its fields.
///
/// ```
///  0 baseOffset int64            | not covered  | 23 lastOffsetDelta int32  | covered by
///  8 batchLength int32           | by the       | 27 baseTimestamp int64    | the checksum,
/// 12 partitionLeaderEpoch int32  | checksum     | 35 maxTimestamp int64     | as are the
/// 16 magic int8                  |              | 43 producerID int64       | records
/// 17 checksum uint32             |              | 51 producerEpoch int16    |
/// 21 attributes int16            | covered      | 53 baseSequence int32     |
///                                |              | 57 recordCount int32      |
/// ```
public struct RecordBatchHeader: Hashable, Sendable {
    public var baseOffset: Int64 = 0
    /// Bytes that follow this field: 49 of the header and the payload.
    public var batchLength: Int32 = 49
    public var partitionLeaderEpoch: Int32 = -1
    public var magic: Int8 = 2
    public var checksum: UInt32 = 0
    public var attributes: Int16 = 0
    public var lastOffsetDelta: Int32 = 0
    /// The base of the records' timestamp deltas. With ``hasDeleteHorizon`` it is the delete horizon instead.
    public var baseTimestamp: Int64 = -1
    public var maxTimestamp: Int64 = -1
    public var producerID: Int64 = -1
    public var producerEpoch: Int16 = -1
    public var baseSequence: Int32 = -1
    public var recordCount: Int32 = 0

    /// Bytes of an encoded header.
    public static let length = 61
    /// Bytes of `baseOffset` and `batchLength`, which `batchLength` does not count.
    static let logOverhead = 12
    /// The offset at which the checksum's coverage begins: at `attributes`.
    static let checksumStart = 21

    public init() {}
}

// Attributes

extension RecordBatchHeader {
    private static let codecMask: Int16 = 0x07
    private static let timestampTypeBit: Int16 = 0x08
    private static let transactionalBit: Int16 = 0x10
    private static let controlBit: Int16 = 0x20
    private static let deleteHorizonBit: Int16 = 0x40

    /// Nil for a codec number that nobody has defined. Setting nil is the same as `none`.
    public var codec: CompressionCodec? {
        get { CompressionCodec(rawValue: UInt8(attributes & Self.codecMask)) }
        set { attributes = attributes & ~Self.codecMask | Int16(newValue?.rawValue ?? 0) }
    }

    public var timestampType: TimestampType {
        get { attributes & Self.timestampTypeBit == 0 ? .createTime : .logAppendTime }
        set { set(Self.timestampTypeBit, newValue == .logAppendTime) }
    }

    public var isTransactional: Bool {
        get { attributes & Self.transactionalBit != 0 }
        set { set(Self.transactionalBit, newValue) }
    }

    /// True if the records are transaction markers or other notes of brokers to each other, hidden from applications.
    public var isControl: Bool {
        get { attributes & Self.controlBit != 0 }
        set { set(Self.controlBit, newValue) }
    }

    /// True if a log cleaner put the time at which tombstones may go into `baseTimestamp` (KIP-534).
    public var hasDeleteHorizon: Bool {
        get { attributes & Self.deleteHorizonBit != 0 }
        set { set(Self.deleteHorizonBit, newValue) }
    }

    private mutating func set(_ bit: Int16, _ isOn: Bool) {
        attributes = isOn ? attributes | bit : attributes & ~bit
    }
}

// Derived

extension RecordBatchHeader {
    /// The offset of the last record that the batch had when it was produced; compaction keeps it.
    public var lastOffset: Int64 { baseOffset &+ Int64(lastOffsetDelta) }

    /// The offset after the batch.
    public var nextOffset: Int64 { lastOffset &+ 1 }

    /// True if no record of the batch was compacted away, going by the counts alone.
    public var isDense: Bool { Int64(recordCount) == Int64(lastOffsetDelta) + 1 }

    /// The sequence number of the last record, or -1; sequences wrap from the largest `Int32` to 0.
    public var lastSequence: Int32 {
        guard baseSequence >= 0, lastOffsetDelta >= 0 else { return -1 }
        return Int32(truncatingIfNeeded: (Int64(baseSequence) + Int64(lastOffsetDelta)) & Int64(Int32.max))
    }

    /// Whole size of the batch in bytes, as announced.
    public var sizeInBytes: Int { Self.logOverhead + Int(batchLength) }
}

// Coding

extension RecordBatchHeader {
    /// Reads the first 61 readable bytes. Checks nothing but that they are there: see ``RecordBatch/init(_:)``.
    public init(parsing bytes: ByteBuffer) throws(WireError) {
        guard bytes.readableBytes >= Self.length else {
            throw .truncated(at: bytes.readableBytes, needed: Self.length - bytes.readableBytes)
        }
        // In bounds: every field ends at or before byte 61.
        self = bytes.withUnsafeReadableBytes { bytes in
            func field<Value: FixedWidthInteger & BitwiseCopyable>(_ offset: Int, as type: Value.Type) -> Value {
                Value(bigEndian: bytes.loadUnaligned(fromByteOffset: offset, as: type))
            }
            var header = RecordBatchHeader()
            header.baseOffset = field(0, as: Int64.self)
            header.batchLength = field(8, as: Int32.self)
            header.partitionLeaderEpoch = field(12, as: Int32.self)
            header.magic = field(16, as: Int8.self)
            header.checksum = field(17, as: UInt32.self)
            header.attributes = field(21, as: Int16.self)
            header.lastOffsetDelta = field(23, as: Int32.self)
            header.baseTimestamp = field(27, as: Int64.self)
            header.maxTimestamp = field(35, as: Int64.self)
            header.producerID = field(43, as: Int64.self)
            header.producerEpoch = field(51, as: Int16.self)
            header.baseSequence = field(53, as: Int32.self)
            header.recordCount = field(57, as: Int32.self)
            return header
        }
    }

    /// Appends the 61 bytes.
    public func encode(into buffer: inout ByteBuffer) {
        buffer.writeWithUnsafeMutableBytes(minimumWritableBytes: Self.length) { bytes in
            store(into: bytes)
            return Self.length
        }
    }

    /// Overwrites the first 61 bytes; there must be as many.
    func store(into bytes: UnsafeMutableRawBufferPointer) {
        func field<Value: FixedWidthInteger & BitwiseCopyable>(_ offset: Int, _ value: Value) {
            bytes.storeBytes(of: value.bigEndian, toByteOffset: offset, as: Value.self)
        }
        field(0, baseOffset)
        field(8, batchLength)
        field(12, partitionLeaderEpoch)
        field(16, magic)
        field(17, checksum)
        field(21, attributes)
        field(23, lastOffsetDelta)
        field(27, baseTimestamp)
        field(35, maxTimestamp)
        field(43, producerID)
        field(51, producerEpoch)
        field(53, baseSequence)
        field(57, recordCount)
    }
}
