import KafkaWire
package import NIOCore

/// The bytes of a journal as entries, and what comes after the last one that holds.
///
/// Only an unfinished write may be dropped, since nobody was answered for it. It can leave an incomplete last entry, a
/// last entry whose bytes did not all get to the disk, or zeros; everything else that does not hold was written in
/// order once and is damage. So is an end within the part that a start writes whole.
package struct JournalContents {
    package enum Tail: Hashable {
        case none
        /// An unfinished write of so many bytes.
        case torn(Int)
        case damaged(String)
    }

    /// The bodies of the entries, oldest first.
    package private(set) var entries: [ByteBuffer] = []
    /// End of the entries that hold.
    package private(set) var end = 0
    package private(set) var tail = Tail.none

    static let headerLength = 8
    private static let smallestBody = 2

    package init(_ bytes: ByteBuffer) {
        let count = bytes.readableBytes
        while end < count {
            guard let body = Self.entry(bytes, at: end) else {
                tail = Self.tail(bytes, at: end)
                return
            }
            entries.append(body)
            end += Self.headerLength + body.readableBytes
        }
    }

    /// The body of a whole entry at `position`, if there is one.
    private static func entry(_ bytes: ByteBuffer, at position: Int) -> ByteBuffer? {
        let start = bytes.readerIndex + position
        guard let (length, checksum) = bytes.getMultipleIntegers(at: start, as: (Int32, UInt32).self),
            length >= smallestBody, let body = bytes.getSlice(at: start + headerLength, length: Int(length)),
            CRC32C.checksum(of: body) == checksum
        else { return nil }
        return body
    }

    private static func tail(_ bytes: ByteBuffer, at position: Int) -> Tail {
        let left = bytes.readableBytes - position
        let torn = Tail.torn(left)
        let start = bytes.readerIndex + position
        if isZero(bytes, from: start) { return torn }
        guard let (length, checksum) = bytes.getMultipleIntegers(at: start, as: (Int32, UInt32).self) else {
            return torn
        }
        if (1...left).contains(where: { entry(bytes, at: position + $0) != nil }) {
            return .damaged("entries that hold follow it")
        }
        guard length >= smallestBody else { return .damaged("it has no length that is ever written") }
        let end = start + headerLength + Int(length)
        if end > bytes.writerIndex {
            // Incomplete, unless all of it is there and only its length is wrong.
            guard let rest = bytes.getSlice(at: start + headerLength, length: left - headerLength),
                CRC32C.checksum(of: rest) == checksum
            else { return torn }
            return .damaged("its length is wrong")
        }
        return isZero(bytes, from: end) ? torn : .damaged("its checksum is wrong, and bytes follow it")
    }

    private static func isZero(_ bytes: ByteBuffer, from index: Int) -> Bool {
        bytes.viewBytes(at: index, length: bytes.writerIndex - index)?.allSatisfy { $0 == 0 } ?? true
    }
}
