public import NIOCore

/// One record as applications see it; key, value and headers are slices of the batch it was read from.
public struct Record: Hashable, Sendable {
    public var offset: Int64
    /// Milliseconds since 1970; -1 if the record has none.
    public var timestamp: Int64
    public var key: ByteBuffer?
    /// Nil in a tombstone.
    public var value: ByteBuffer?
    public var headers: [RecordHeader]

    public init(
        offset: Int64, timestamp: Int64, key: ByteBuffer?, value: ByteBuffer?, headers: [RecordHeader] = []
    ) {
        self.offset = offset
        self.timestamp = timestamp
        self.key = key
        self.value = value
        self.headers = headers
    }
}

/// A header of a record. Its key should be UTF-8, but brokers do not check: it is kept as bytes.
public struct RecordHeader: Hashable, Sendable {
    public var key: ByteBuffer
    public var value: ByteBuffer?

    public init(key: ByteBuffer, value: ByteBuffer?) {
        self.key = key
        self.value = value
    }

    public init(name: String, value: ByteBuffer?) {
        self.init(key: ByteBuffer(string: name), value: value)
    }

    /// The key as text; bytes that are not UTF-8 are replaced.
    public var name: String { String(buffer: key) }
}
