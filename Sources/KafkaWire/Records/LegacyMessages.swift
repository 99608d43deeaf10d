public import NIOCore

/// An entry of the message formats before record batches (magic 0 and 1): a message, or a compressed set of them.
///
/// ```
/// offset int64 | size int32 | crc uint32 | magic int8 | attributes int8 | timestamp int64 (magic 1 only)
/// | keyLength int32 | key | valueLength int32 | value
/// ```
public struct LegacyEntry: Hashable, Sendable {
    /// The whole entry, offset and size included.
    public let bytes: ByteBuffer
    /// The message's offset; that of the last inner message if this is a compressed set.
    public let offset: Int64
    public let checksum: UInt32
    /// 0 or 1.
    public let magic: Int8
    public let attributes: Int8
    /// Milliseconds since 1970; -1 in magic 0, which has none.
    public let timestamp: Int64
    public let key: ByteBuffer?
    /// The message's value, or the compressed set.
    public let value: ByteBuffer?

    /// Where the checksum's coverage begins: at the magic byte.
    private static let checksumStart = 16

    /// Takes bytes that hold exactly one entry. The checksum is not verified.
    public init(_ bytes: ByteBuffer) throws(WireError) {
        var rest = bytes
        guard let (offset, size) = rest.readMultipleIntegers(as: (Int64, Int32).self), Int(size) == rest.readableBytes
        else { throw .invalidRecords(reason: "message does not have the size that it announces") }
        guard let (checksum, magic, attributes) = rest.readMultipleIntegers(as: (UInt32, Int8, Int8).self) else {
            throw .truncated(at: bytes.readableBytes, needed: 1)
        }
        guard magic == 0 || magic == 1 else { throw .invalidRecords(reason: "magic \(magic) is not a message") }
        guard offset < .max else { throw .invalidRecords(reason: "offset \(offset) overflows") }
        if magic == 1 {
            guard let read = rest.readInteger(as: Int64.self) else {
                throw .truncated(at: bytes.readableBytes, needed: 8)
            }
            timestamp = read
        } else {
            timestamp = -1
        }
        key = try rest.readLegacyField()
        value = try rest.readLegacyField()
        guard rest.readableBytes == 0 else {
            throw .trailingBytes(at: bytes.readableBytes - rest.readableBytes, count: rest.readableBytes)
        }
        self.bytes = bytes
        self.offset = offset
        self.checksum = checksum
        self.magic = magic
        self.attributes = attributes
    }

    /// Nil for a codec number that these formats do not define; zstd came after them.
    public var codec: CompressionCodec? {
        let codec = CompressionCodec(rawValue: UInt8(attributes & 0x07))
        return codec == .zstd ? nil : codec
    }

    public var timestampType: TimestampType {
        magic == 1 && attributes & 0x08 != 0 ? .logAppendTime : .createTime
    }

    public var isChecksumValid: Bool {
        bytes.part(Self.checksumStart, bytes.readableBytes - Self.checksumStart)
            .map { CRC32.checksum(of: $0) == checksum } ?? false
    }

    /// The one record of an entry that is not compressed.
    public var record: Record {
        Record(offset: offset, timestamp: timestamp, key: key, value: value)
    }

    /// The records of a compressed entry.
    ///
    /// In magic 0 the inner messages carry their offsets; in magic 1 they count from 0 and the entry carries the offset
    /// of the last (KIP-31), except that old librdkafka producers leave 0 there. With LogAppendTime the entry's time is
    /// that of all.
    ///
    /// - Parameter innerSet: the entry's value, decompressed.
    public func records(innerSet: ByteBuffer) throws(WireError) -> [Record] {
        var reader = LogEntryReader(innerSet)
        var records: [Record] = []
        while let entry = try reader.next() {
            guard case .legacy(let inner) = entry else {
                throw .invalidRecords(reason: "record batch inside a compressed message set")
            }
            guard inner.codec == CompressionCodec.none else {
                throw .invalidRecords(reason: "compressed message inside a compressed message set")
            }
            guard inner.magic == magic else {
                throw .invalidRecords(reason: "message of magic \(inner.magic) inside a set of magic \(magic)")
            }
            var record = inner.record
            if timestampType == .logAppendTime { record.timestamp = timestamp }
            records.append(record)
        }
        guard reader.partialBytes == 0 else {
            throw .invalidRecords(reason: "compressed message set ends inside a message")
        }
        guard let last = records.last?.offset else {
            throw .invalidRecords(reason: "compressed message set without messages")
        }
        guard magic == 1, offset != 0 else { return records }
        guard last >= 0, last <= offset else {
            throw .invalidRecords(reason: "last inner offset \(last) lies outside 0...\(offset)")
        }
        for index in records.indices { records[index].offset = try absolute(records[index].offset, last: last) }
        return records
    }

    private func absolute(_ inner: Int64, last: Int64) throws(WireError) -> Int64 {
        guard inner >= 0, inner <= last else {
            throw .invalidRecords(reason: "inner offset \(inner) lies outside 0...\(last)")
        }
        return offset - last + inner
    }
}

extension ByteBuffer {
    /// A key or value of a message: its length, -1 for null, and its bytes.
    fileprivate mutating func readLegacyField() throws(WireError) -> ByteBuffer? {
        guard let length = readInteger(as: Int32.self) else { throw .truncated(at: readerIndex, needed: 4) }
        guard length >= 0 else { return nil }
        guard let slice = readSlice(length: Int(length)) else {
            throw .truncated(at: readerIndex, needed: Int(length) - readableBytes)
        }
        return slice
    }
}
