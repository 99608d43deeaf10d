public import NIOCore

/// A record whose key, value and headers are still encoded, as slices: what a rewrite copies without looking inside.
public struct RawRecord: Hashable, Sendable {
    public let offset: Int64
    /// Milliseconds since 1970; -1 if the record has none.
    public let timestamp: Int64
    public let key: ByteBuffer?
    /// Nil in a tombstone.
    public let value: ByteBuffer?
    public let headerCount: Int
    /// Key and value, each with its length in front.
    let keyAndValue: ByteBuffer
    /// The headers without their count; their structure was checked when the record was read.
    let headerBytes: ByteBuffer

    init(offset: Int64, timestamp: Int64, layout: RecordLayout, payload: ByteBuffer) {
        self.offset = offset
        self.timestamp = timestamp
        key = payload.part(layout.keyStart, layout.keyLength)
        value = payload.part(layout.valueStart, layout.valueLength)
        headerCount = layout.headerCount
        // Never absent: both ranges were checked to lie in the payload.
        keyAndValue = payload.part(layout.keyFieldStart, layout.valueEnd - layout.keyFieldStart) ?? ByteBuffer()
        headerBytes = payload.part(layout.headersStart, layout.end - layout.headersStart) ?? ByteBuffer()
    }

    /// Bytes that the record takes in a batch, at most.
    public var sizeBound: Int { 26 + keyAndValue.readableBytes + headerBytes.readableBytes }

    /// The headers, decoded.
    public var headers: [RecordHeader] {
        get throws(WireError) {
            headerCount == 0 ? [] : try headerBytes.recordHeaders(count: headerCount, at: 0)
        }
    }
}
