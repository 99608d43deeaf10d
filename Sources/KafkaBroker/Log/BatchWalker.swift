import KafkaWire
import NIOCore

/// Walks the batches of a segment by their headers, without reading what lies between them.
struct BatchWalker {
    private let data: any SegmentData
    private let end: Int
    /// The number of bytes that are read at once.
    private let blockSize: Int
    private var block = ByteBuffer()
    /// The position of the next batch.
    private(set) var position: Int

    /// - Parameter position: where a batch begins.
    init(_ data: any SegmentData, from position: Int, to end: Int? = nil, blockSize: Int = 8 << 10) {
        self.data = data
        self.position = position
        self.end = end ?? data.count
        self.blockSize = blockSize
    }

    /// The next batch's header and position; nil at the end.
    mutating func next() throws(LogError) -> (header: RecordBatchHeader, position: Int)? {
        guard position < end else { return nil }
        if block.readableBytes < RecordBatchHeader.length {
            block = try data.peek(at: position, count: blockSize)
        }
        guard let header = try? RecordBatchHeader(parsing: block), header.batchLength >= Self.smallestBatchLength,
            position + header.sizeInBytes <= data.count
        else {
            throw LogError("read batch at byte \(position)", path: data.name, errno: 0, leavesDoubt: true)
        }
        let found = (header, position)
        position += header.sizeInBytes
        block.moveReaderIndex(forwardBy: min(header.sizeInBytes, block.readableBytes))
        return found
    }

    /// `batchLength` of a batch without records.
    static let smallestBatchLength = Int32(RecordBatchHeader.length - 12)
}
