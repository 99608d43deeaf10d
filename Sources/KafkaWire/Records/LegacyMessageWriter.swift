public import NIOCore

/// Writes message sets of magic 0 or 1, for clients that ask with Fetch versions before 4.
///
/// These formats have no headers: they are dropped, as stock brokers do. Magic 0 has no timestamps either.
public struct LegacyMessageWriter: Sendable {
    /// 0 or 1.
    public let magic: Int8
    private let timestampType: TimestampType
    private var messages = ByteBuffer()
    private var count = 0
    private var firstOffset: Int64 = 0
    private var lastOffset: Int64 = 0
    private var maxTimestamp: Int64 = -1

    /// - Parameter magic: 0 or 1.
    public init(magic: Int8, timestampType: TimestampType = .createTime) {
        precondition(magic == 0 || magic == 1, "magic \(magic) is not a message format")
        self.magic = magic
        self.timestampType = timestampType
    }

    public var recordCount: Int { count }
    public var sizeInBytes: Int { messages.readableBytes }

    /// Adds a record at its own offset.
    public mutating func append(_ record: Record) {
        append(offset: record.offset, timestamp: record.timestamp, key: record.key, value: record.value)
    }

    public mutating func append(offset: Int64, timestamp: Int64, key: ByteBuffer?, value: ByteBuffer?) {
        if count == 0 { firstOffset = offset }
        count += 1
        lastOffset = offset
        maxTimestamp = max(maxTimestamp, timestamp)
        Self.write(
            into: &messages, magic: magic, offset: offset, attributes: attributes(codec: .none), timestamp: timestamp,
            key: key, value: value)
    }

    /// The messages one after the other, not compressed.
    public var messageSet: ByteBuffer { messages }

    /// The messages as the inner set of a compressed entry: magic 1 counts its offsets from the first message's.
    package var innerSet: ByteBuffer {
        guard magic == 1 else { return messages }
        var inner = messages
        var position = inner.readerIndex
        while position < inner.writerIndex, let offset = inner.getInteger(at: position, as: Int64.self),
            let size = inner.getInteger(at: position + 8, as: Int32.self)
        {
            inner.setInteger(offset &- firstOffset, at: position)
            position += RecordBatchHeader.logOverhead + Int(size)
        }
        return inner
    }

    /// The entry that carries `compressed`, the compressed ``innerSet``.
    package func wrapper(codec: CompressionCodec, compressed: ByteBuffer) -> ByteBuffer {
        var entry = ByteBuffer()
        Self.write(
            into: &entry, magic: magic, offset: lastOffset, attributes: attributes(codec: codec),
            timestamp: maxTimestamp, key: nil, value: compressed)
        return entry
    }

    private func attributes(codec: CompressionCodec) -> Int8 {
        Int8(codec.rawValue) | (magic == 1 && timestampType == .logAppendTime ? 0x08 : 0)
    }

    private static func write(
        into messages: inout ByteBuffer, magic: Int8, offset: Int64, attributes: Int8, timestamp: Int64,
        key: ByteBuffer?, value: ByteBuffer?
    ) {
        var message = ByteBuffer()
        message.reserveCapacity(18 + (key?.readableBytes ?? 0) + (value?.readableBytes ?? 0))
        message.writeMultipleIntegers(magic, attributes)
        if magic == 1 { message.writeInteger(timestamp) }
        for field in [key, value] {
            message.writeInteger(Int32(truncatingIfNeeded: field?.readableBytes ?? -1))
            if let field { message.writeImmutableBuffer(field) }
        }
        messages.writeMultipleIntegers(
            offset, Int32(truncatingIfNeeded: 4 + message.readableBytes), CRC32.checksum(of: message))
        messages.writeBuffer(&message)
    }
}
