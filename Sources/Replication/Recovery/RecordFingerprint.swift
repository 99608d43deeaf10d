package import KafkaWire
package import NIOCore

/// Fingerprint of a record: its offset, and a hash of each of its parts.
///
/// Hashes are SipHash with a seed of this process, 64 bits each; they are compared within one run only.
package struct RecordFingerprint: Hashable, Sendable {
    package var offset: Int64
    package var key: UInt64
    package var value: UInt64
    package var headers: UInt64
    /// Milliseconds since 1970; 0 where the target keeps its own times.
    package var timestamp: Int64
    /// True for a record that deletes its key.
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

    /// - Parameters:
    ///   - ignoresTimestamp: for a target that stamps records itself (LogAppendTime).
    ///   - counted: names of the headers that count; nil for all.
    package init(_ record: RawRecord, ignoresTimestamp: Bool, counted: Set<ByteBuffer>? = nil) throws(WireError) {
        self.init(
            offset: record.offset, key: Self.hash(record.key), value: Self.hash(record.value),
            headers: record.headerCount == 0 ? Self.noHeaders : Self.hash(try record.headers, counted),
            timestamp: ignoresTimestamp ? 0 : record.timestamp, isTombstone: record.value == nil)
    }

    package init(_ record: Record, ignoresTimestamp: Bool, counted: Set<ByteBuffer>? = nil) {
        self.init(
            offset: record.offset, key: Self.hash(record.key), value: Self.hash(record.value),
            headers: Self.hash(record.headers, counted), timestamp: ignoresTimestamp ? 0 : record.timestamp,
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

    package func hasContent(of other: RecordFingerprint) -> Bool {
        key == other.key && value == other.value && headers == other.headers && timestamp == other.timestamp
    }

    private static let noHeaders: UInt64 = 0

    private static func hash(_ bytes: ByteBuffer?) -> UInt64 {
        guard let bytes else { return 1 }
        var hasher = Hasher()
        bytes.withUnsafeReadableBytes { hasher.combine(bytes: $0) }
        return UInt64(bitPattern: Int64(hasher.finalize()))
    }

    /// The loop header is ours: it does not count.
    private static func hash(_ headers: [RecordHeader], _ counted: Set<ByteBuffer>?) -> UInt64 {
        var hasher = Hasher()
        var count = 0
        for header in headers where header.key != LoopHeader.keyBytes && counted?.contains(header.key) ?? true {
            count += 1
            hasher.combine(header.key.readableBytes)
            header.key.withUnsafeReadableBytes { hasher.combine(bytes: $0) }
            hasher.combine(header.value?.readableBytes ?? -1)
            header.value?.withUnsafeReadableBytes { hasher.combine(bytes: $0) }
        }
        return count == 0 ? noHeaders : UInt64(bitPattern: Int64(hasher.finalize()))
    }
}
