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

    /// The offset at which the checksum's coverage begins: at the magic byte.
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
    /// - Parameter innerSet: the entry's value, decompressed.
    public func records(innerSet: ByteBuffer) throws(WireError) -> [Record] {
        var reader = try InnerMessageReader(innerSet, of: self)
        var records: [Record] = []
        while let record = try reader.next() { records.append(record) }
        return records
    }
}

/// Iterates over the messages of a compressed entry, as slices.
///
/// In magic 0 the inner messages carry their offsets; in magic 1 they count from 0 and the entry carries the offset of
/// the last (KIP-31), except that old librdkafka producers leave 0 there. With LogAppendTime the entry's time is that of
/// all.
package struct InnerMessageReader: Sendable {
    private let entry: LegacyEntry
    private var entries: LogEntryReader
    /// The last inner offset; nil where inner offsets are the messages' own.
    private var last: Int64?

    /// - Parameter innerSet: the entry's value, decompressed.
    package init(_ innerSet: ByteBuffer, of entry: LegacyEntry) throws(WireError) {
        self.entry = entry
        entries = LogEntryReader(innerSet)
        var reader = entries
        var last: Int64?
        while let inner = try reader.next() { last = try checked(inner).offset }
        guard reader.partialBytes == 0 else {
            throw .invalidRecords(reason: "compressed message set ends inside a message")
        }
        guard let last else { throw .invalidRecords(reason: "compressed message set without messages") }
        guard entry.magic == 1, entry.offset != 0 else { return }
        guard last >= 0, last <= entry.offset else {
            throw .invalidRecords(reason: "last inner offset \(last) lies outside 0...\(entry.offset)")
        }
        self.last = last
    }

    private func checked(_ inner: LogEntry) throws(WireError) -> LegacyEntry {
        guard case .legacy(let inner) = inner else {
            throw .invalidRecords(reason: "record batch inside a compressed message set")
        }
        guard inner.codec == CompressionCodec.none else {
            throw .invalidRecords(reason: "compressed message inside a compressed message set")
        }
        guard inner.magic == entry.magic else {
            throw .invalidRecords(reason: "message of magic \(inner.magic) inside a set of magic \(entry.magic)")
        }
        return inner
    }

    /// The next record, or nil after the last.
    package mutating func next() throws(WireError) -> Record? {
        guard let inner = try entries.next() else { return nil }
        var record = try checked(inner).record
        if entry.timestampType == .logAppendTime { record.timestamp = entry.timestamp }
        guard let last else { return record }
        guard record.offset >= 0, record.offset <= last else {
            throw .invalidRecords(reason: "inner offset \(record.offset) lies outside 0...\(last)")
        }
        record.offset += entry.offset - last
        return record
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
