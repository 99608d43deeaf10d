internal import KafkaWire
internal import NIOCore

/// Order of the batches in one answer of the source, by their headers.
///
/// Base offsets are not under a batch's checksum. In a log they rise; where they do not, one of them is wrong, and
/// which one it is only shows from what follows.
struct AnswerOrder {
    /// Source offsets of a batch.
    private struct Span {
        var base: Int64
        var next: Int64
    }

    /// Nil for an answer whose batches rise: all but those of a damaged log.
    private var later: ArraySlice<Span>?

    init(_ records: ByteBuffer) {
        guard !Self.rises(records) else { return }
        var reader = LogEntryReader(records)
        var spans: [Span] = []
        while let entry = try? reader.next() {
            switch entry {
            case .batch(let batch):
                spans.append(Span(base: batch.header.baseOffset, next: batch.header.nextOffset))
            case .legacy(let message): spans.append(Span(base: message.offset, next: message.offset + 1))
            }
        }
        later = spans[...]
    }

    /// Moves to the next batch.
    mutating func advance() {
        _ = later?.popFirst()
    }

    /// Base offset of a batch that comes later in the answer and lies in front of `base` all the same, although not in
    /// front of `position`.
    func returns(behind base: Int64, from position: Int64) -> Int64? {
        later?.first { $0.base >= position && $0.next <= base }?.base
    }

    /// Looks at the headers in place: each answer is looked at, and its batches may be small.
    private static func rises(_ records: ByteBuffer) -> Bool {
        records.withUnsafeReadableBytes { bytes in
            var start = 0
            var end = Int64.min
            // In bounds: a header is only read where 61 bytes are left.
            while bytes.count - start >= RecordBatchHeader.length {
                let base = Int64(bigEndian: bytes.loadUnaligned(fromByteOffset: start, as: Int64.self))
                let length = Int32(bigEndian: bytes.loadUnaligned(fromByteOffset: start + 8, as: Int32.self))
                guard length > 0, Int(length) <= bytes.count - start - 12 else { return true }
                guard base >= end else { return false }
                let isBatch = bytes[start + 16] == 2
                let last = Int32(bigEndian: bytes.loadUnaligned(fromByteOffset: start + 23, as: Int32.self))
                end = base &+ (isBatch ? Int64(max(last, 0)) : 0) &+ 1
                start += 12 + Int(length)
            }
            return true
        }
    }
}
