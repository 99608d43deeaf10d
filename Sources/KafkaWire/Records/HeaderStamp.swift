import NIOCore

/// A record header that differs from one record to the next in one number only: encoded once, and copied with that
/// number in its place.
public struct HeaderStamp: Hashable, Sendable {
    private let template: RecordHeader
    private let numberPosition: Int
    /// Key and value, each with its length in front.
    let encoded: ByteBuffer

    /// - Parameters:
    ///   - template: its value holds eight bytes for the number.
    ///   - position: where they begin in the value.
    public init(_ template: RecordHeader, numberAt position: Int) {
        let value = template.value ?? ByteBuffer()
        precondition(position >= 0 && position + 8 <= value.readableBytes, "the number must lie in the header's value")
        self.template = template
        numberPosition = position
        var encoded = ByteBuffer()
        encoded.writeWithUnsafeMutableBytes(minimumWritableBytes: ByteWriter.size(headers: [template])) { bytes in
            var writer = ByteWriter(bytes)
            writer.header(template)
            return writer.position
        }
        self.encoded = encoded
    }

    /// The header with a number, which is stored big-endian.
    public func header(_ number: Int64) -> RecordHeader {
        var header = template
        if let start = header.value?.readerIndex { header.value?.setInteger(number, at: start + numberPosition) }
        return header
    }

    /// The bytes that it adds to a record.
    public var sizeInBytes: Int { encoded.readableBytes }

    /// Bytes from the end of the encoded header back to where its number begins.
    var numberDistanceFromEnd: Int { (template.value?.readableBytes ?? 0) - numberPosition }
}
