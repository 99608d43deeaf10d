package import KafkaWire
internal import NIOCore

/// What `verify` keeps of a record to compare it: where it stands, and a hash of each of its parts.
///
/// Hashes are SipHash with a seed of this process, 64 bits each; they are compared within one run only.
package struct RecordPrint: Hashable, Sendable {
    package var offset: Int64
    package var key: UInt64
    package var value: UInt64
    package var headers: UInt64
    /// Milliseconds since 1970; 0 where the target keeps its own times.
    package var timestamp: Int64
    /// Whether the record says that its key has no value any more.
    package var isTombstone = false

    package init(
        offset: Int64, key: UInt64, value: UInt64, headers: UInt64, timestamp: Int64, isTombstone: Bool = false
    ) {
        self.offset = offset
        self.key = key
        self.value = value
        self.headers = headers
        self.timestamp = timestamp
        self.isTombstone = isTombstone
    }

    /// - Parameter ignoresTimestamp: for a target that stamps records itself (LogAppendTime).
    package init(_ record: RawRecord, ignoresTimestamp: Bool) throws(WireError) {
        self.init(
            offset: record.offset, key: Self.hash(record.key), value: Self.hash(record.value),
            headers: record.headerCount == 0 ? Self.noHeaders : Self.hash(try record.headers),
            timestamp: ignoresTimestamp ? 0 : record.timestamp, isTombstone: record.value == nil)
    }

    package init(_ record: Record, ignoresTimestamp: Bool) {
        self.init(
            offset: record.offset, key: Self.hash(record.key), value: Self.hash(record.value),
            headers: Self.hash(record.headers), timestamp: ignoresTimestamp ? 0 : record.timestamp,
            isTombstone: record.value == nil)
    }

    /// Everything that must be the same on both sides: all but the offset.
    package var content: Content {
        Content(key: key, value: value, headers: headers, timestamp: timestamp)
    }

    package struct Content: Hashable, Sendable {
        var key: UInt64
        var value: UInt64
        var headers: UInt64
        var timestamp: Int64
    }

    package func hasContent(of other: RecordPrint) -> Bool {
        key == other.key && value == other.value && headers == other.headers && timestamp == other.timestamp
    }

    /// The parts in which two records differ.
    package func differences(from other: RecordPrint) -> [RecordPart] {
        var parts: [RecordPart] = []
        if key != other.key { parts.append(.key) }
        if value != other.value { parts.append(.value) }
        if headers != other.headers { parts.append(.headers) }
        if timestamp != other.timestamp { parts.append(.timestamp) }
        return parts
    }

    private static let noHeaders: UInt64 = 0

    private static func hash(_ bytes: ByteBuffer?) -> UInt64 {
        guard let bytes else { return 1 }
        var hasher = Hasher()
        bytes.withUnsafeReadableBytes { hasher.combine(bytes: $0) }
        return UInt64(bitPattern: Int64(hasher.finalize()))
    }

    /// The loop header is ours: it is left out.
    private static func hash(_ headers: [RecordHeader]) -> UInt64 {
        var hasher = Hasher()
        var count = 0
        for header in headers where header.key != LoopHeader.keyBytes {
            count += 1
            hasher.combine(header.key.readableBytes)
            header.key.withUnsafeReadableBytes { hasher.combine(bytes: $0) }
            hasher.combine(header.value?.readableBytes ?? -1)
            header.value?.withUnsafeReadableBytes { hasher.combine(bytes: $0) }
        }
        return count == 0 ? noHeaders : UInt64(bitPattern: Int64(hasher.finalize()))
    }
}

/// A part of a record that must arrive unchanged.
public enum RecordPart: String, Hashable, Sendable, CaseIterable, Codable {
    case key, value, headers, timestamp
}
