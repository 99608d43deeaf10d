public import NIOCore

/// The value of a `records` field: bytes that follow one another on the wire but may lie in several slices,
/// so that a batch with a rewritten header is sent without moving its payload.
public struct RecordBytes: Hashable, Sendable {
    private var first: ByteBuffer
    private var rest: [ByteBuffer] = []

    public init(_ slice: ByteBuffer) {
        first = slice
    }

    public init(header: ByteBuffer, payload: ByteBuffer) {
        first = header
        rest = [payload]
    }

    /// The slices must not be empty as a list; their bytes may be.
    public init(slices: [ByteBuffer]) {
        first = slices.first ?? ByteBuffer()
        rest = Array(slices.dropFirst())
    }

    public var readableBytes: Int {
        rest.reduce(first.readableBytes) { $0 + $1.readableBytes }
    }

    public mutating func append(_ slice: ByteBuffer) {
        rest.append(slice)
    }

    /// One buffer with all bytes; copies only when they lie in more than one slice.
    public var contiguous: ByteBuffer {
        guard !rest.isEmpty else { return first }
        var all = ByteBuffer()
        all.reserveCapacity(readableBytes)
        forEachSlice { all.writeImmutableBuffer($0) }
        return all
    }

    /// The slices in order, for writers that gather.
    package func forEachSlice(_ body: (ByteBuffer) -> Void) {
        body(first)
        for slice in rest { body(slice) }
    }

    public static func == (left: RecordBytes, right: RecordBytes) -> Bool {
        left.contiguous == right.contiguous
    }

    public func hash(into hasher: inout Hasher) {
        hasher.combine(contiguous)
    }
}
