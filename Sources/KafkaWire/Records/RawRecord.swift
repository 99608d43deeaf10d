public import NIOCore

/// A record whose key, value and headers are still encoded: what a rewrite copies without looking inside.
///
/// It holds the batch's payload once and knows where its parts lie: a slice for each part would cost more than copying
/// a small record does.
public struct RawRecord: Sendable {
    public let offset: Int64
    /// Milliseconds since 1970; -1 if the record has none.
    public let timestamp: Int64
    private let layout: RecordLayout
    let payload: ByteBuffer

    init(offset: Int64, timestamp: Int64, layout: RecordLayout, payload: ByteBuffer) {
        self.offset = offset
        self.timestamp = timestamp
        self.layout = layout
        self.payload = payload
    }

    public var key: ByteBuffer? { payload.part(layout.keyStart, layout.keyLength) }
    /// Nil in a tombstone.
    public var value: ByteBuffer? { payload.part(layout.valueStart, layout.valueLength) }
    public var headerCount: Int { layout.headerCount }

    /// The range of key and value in the payload, each with its length in front.
    var keyAndValue: Range<Int> { layout.keyFieldStart..<layout.valueEnd }
    /// The range of the headers without their count; their structure was checked when the record was read.
    var encodedHeaders: Range<Int> { layout.headersStart..<layout.end }

    /// Bytes that the record takes in a batch, at most.
    public var sizeBound: Int { 26 + keyAndValue.count + encodedHeaders.count }

    /// The headers, decoded.
    public var headers: [RecordHeader] {
        get throws(WireError) {
            headerCount == 0 ? [] : try payload.recordHeaders(count: headerCount, at: layout.headersStart)
        }
    }
}
