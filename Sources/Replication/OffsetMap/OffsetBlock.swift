internal import KafkaClient
package import NIOCore

/// A number of consecutive segments in the form in which they are stored: two bytes for a typical one.
///
/// Version 1 (1 byte), number of segments, source and target offset of the first; then for each the hole before it
/// at the source, `length × 4 + flags`, with flag 1 the hole before it at the target, with flag 2 its count and its
/// stride beyond its length. All numbers are variable-length: seven bits per byte, the lowest first.
package struct OffsetBlock: Hashable, Sendable {
    package let bytes: ByteBuffer
    /// Offsets of the first record.
    package let source: Int64
    package let target: Int64
    /// Offsets behind the last record.
    package let sourceEnd: Int64
    package let targetEnd: Int64

    /// Number of segments that a block takes before the next one is begun.
    static let capacity = 256

    /// - Parameter segments: ordered, not empty.
    package init(_ segments: [OffsetSegment]) {
        guard let first = segments.first, let last = segments.last else {
            preconditionFailure("a block is made when there is something to put into it")
        }
        source = first.source
        target = first.target
        sourceEnd = last.sourceEnd
        targetEnd = last.targetEnd
        var bytes = ByteBuffer()
        bytes.writeInteger(1, as: UInt8.self)
        bytes.writeVariable(Int64(segments.count))
        bytes.writeVariable(first.source)
        bytes.writeVariable(first.target)
        var sourceEnd = first.source
        var targetEnd = first.target
        for segment in segments {
            let hole = segment.target - targetEnd
            bytes.writeVariable(segment.source - sourceEnd)
            bytes.writeVariable(segment.length << 2 | (hole > 0 ? 1 : 0) | (segment.count > 1 ? 2 : 0))
            if hole > 0 { bytes.writeVariable(hole) }
            if segment.count > 1 {
                bytes.writeVariable(segment.count)
                bytes.writeVariable(segment.stride - segment.length)
            }
            sourceEnd = segment.sourceEnd
            targetEnd = segment.targetEnd
        }
        self.bytes = bytes
    }

    /// - Throws: ``DamagedOffsets`` for bytes that are not a block's.
    package init(decoding bytes: ByteBuffer) throws(DamagedOffsets) {
        let segments = try Self.decode(bytes)
        guard let first = segments.first, let last = segments.last else { throw DamagedOffsets() }
        self.bytes = bytes
        source = first.source
        target = first.target
        sourceEnd = last.sourceEnd
        targetEnd = last.targetEnd
    }

    package var segments: [OffsetSegment] {
        // Never empty: the bytes were made or checked by an initializer.
        (try? Self.decode(bytes)) ?? []
    }

    private static func decode(_ bytes: ByteBuffer) throws(DamagedOffsets) -> [OffsetSegment] {
        var bytes = bytes
        guard bytes.readInteger(as: UInt8.self) == 1 else { throw DamagedOffsets() }
        let count = try bytes.readVariable()
        var source = try bytes.readVariable()
        var target = try bytes.readVariable()
        // Two bytes at least for each: what is announced must be there.
        guard count > 0, count <= bytes.readableBytes / 2 else { throw DamagedOffsets() }
        var segments: [OffsetSegment] = []
        segments.reserveCapacity(Int(count))
        for _ in 0..<count {
            let segment = try bytes.readSegment(source, target)
            source = segment.sourceEnd
            target = segment.targetEnd
            segments.append(segment)
        }
        guard bytes.readableBytes == 0 else { throw DamagedOffsets() }
        return segments
    }
}

/// Stored offsets that cannot have been written by this program.
package struct DamagedOffsets: Error, Hashable, CustomStringConvertible {
    package init() {}

    package var description: String { "the stored offset segments are damaged" }
}

extension ByteBuffer {
    fileprivate mutating func readVariable() throws(DamagedOffsets) -> Int64 {
        guard let value = readVariableNumber(), value <= LogOffset.largest else { throw DamagedOffsets() }
        return value
    }

    fileprivate mutating func readSegment(
        _ sourceEnd: Int64, _ targetEnd: Int64
    ) throws(DamagedOffsets) -> OffsetSegment {
        let sourceHole = try readVariable()
        let lengthAndFlags = try readVariable()
        let targetHole = lengthAndFlags & 1 != 0 ? try readVariable() : 0
        var segment = OffsetSegment(
            source: sourceEnd + sourceHole, target: targetEnd + targetHole, length: lengthAndFlags >> 2)
        if lengthAndFlags & 2 != 0 {
            segment.count = try readVariable()
            segment.stride += try readVariable()
        }
        guard segment.length > 0, segment.count > 0, segment.source <= LogOffset.largest,
            segment.target <= LogOffset.largest,
            !segment.count.multipliedReportingOverflow(by: segment.stride).overflow,
            segment.count * segment.stride <= LogOffset.largest, segment.sourceEnd <= LogOffset.largest,
            segment.targetEnd <= LogOffset.largest
        else { throw DamagedOffsets() }
        return segment
    }
}
