import NIOCore

/// Writes the fields of records into memory that was sized for them before.
///
/// For use inside `withUnsafeMutableBytes` only. Sizes are computed first and writes are checked against the end, so
/// that a wrong size is a trap and not a write into foreign memory.
struct ByteWriter {
    private let bytes: UnsafeMutableRawBufferPointer
    private(set) var position = 0

    init(_ bytes: UnsafeMutableRawBufferPointer) {
        self.bytes = bytes
    }

    @inline(__always)
    mutating func byte(_ value: UInt8) {
        bytes[position] = value
        position += 1
    }

    @inline(__always)
    mutating func varint(_ value: Int) {
        var rest = Self.zigZag(value)
        while rest >= 0x80 {
            byte(UInt8(truncatingIfNeeded: rest) | 0x80)
            rest >>= 7
        }
        byte(UInt8(rest))
    }

    @inline(__always)
    mutating func raw(_ source: ByteBuffer) {
        source.withUnsafeReadableBytes { raw($0, $0.indices) }
    }

    @inline(__always)
    mutating func raw(_ source: UnsafeRawBufferPointer, _ range: Range<Int>) {
        UnsafeMutableRawBufferPointer(rebasing: bytes[position..<position + range.count])
            .copyMemory(from: UnsafeRawBufferPointer(rebasing: source[range]))
        position += range.count
    }

    /// A length and as many bytes; -1 alone for null.
    @inline(__always)
    mutating func nullable(_ source: ByteBuffer?) {
        guard let source else { return varint(-1) }
        varint(source.readableBytes)
        raw(source)
    }

    mutating func header(_ header: RecordHeader) {
        nullable(header.key)
        nullable(header.value)
    }

    @inline(__always)
    mutating func stamp(_ stamp: HeaderStamp, _ number: Int64) {
        raw(stamp.encoded)
        bytes.storeBytes(
            of: number.bigEndian, toByteOffset: position - stamp.numberDistanceFromEnd, as: Int64.self)
    }

    // Sizes

    @inline(__always)
    static func zigZag(_ value: Int) -> UInt64 {
        UInt64(bitPattern: Int64(value << 1) ^ Int64(value >> 63))
    }

    /// Bytes of a varint.
    @inline(__always)
    static func size(varint value: Int) -> Int {
        max(70 - zigZag(value).leadingZeroBitCount, 7) / 7
    }

    @inline(__always)
    static func size(nullable value: ByteBuffer?) -> Int {
        guard let value else { return 1 }
        return size(varint: value.readableBytes) + value.readableBytes
    }

    static func size(headers: [RecordHeader]) -> Int {
        headers.reduce(0) { $0 + size(nullable: $1.key) + size(nullable: $1.value) }
    }
}
