import NIOCore

/// A segment in memory.
///
/// Batches are copied, so that no network frame stays alive for a small part of it. Small ones share a chunk; a chunk
/// is handed out as slices once it is full and as a copy before, since writing into a buffer that others hold would
/// copy it as a whole.
final class MemorySegmentData: SegmentData {
    private struct Chunk {
        let start: Int
        let bytes: ByteBuffer

        var end: Int { start + bytes.readableBytes }
    }

    private var sealed: [Chunk] = []
    private var open = ByteBuffer()
    private var openStart = 0
    private(set) var modificationTime: Int64

    /// A power of two, as buffers round their capacity to one.
    private static let chunkSize = 64 << 10
    private static let smallestOwnChunk = 16 << 10

    init(now: Int64) {
        modificationTime = now
    }

    var name: String { "segment in memory" }

    var count: Int { openStart + open.readableBytes }

    func append(_ head: ByteBuffer, _ payload: ByteBuffer, now: Int64) {
        let size = head.readableBytes + payload.readableBytes
        if open.readableBytes + size > Self.chunkSize || size >= Self.smallestOwnChunk { closeChunk() }
        open.reserveCapacity(minimumWritableBytes: size)
        open.writeImmutableBuffer(head)
        open.writeImmutableBuffer(payload)
        if size >= Self.smallestOwnChunk { closeChunk() }
        modificationTime = now
    }

    private func closeChunk() {
        guard open.readableBytes > 0 else { return }
        // Room that nothing will fill is given back where it is worth a copy.
        let isLoose = open.capacity > Self.chunkSize / 8 && open.readableBytes * 2 <= open.capacity
        let bytes = isLoose ? open.copied : open
        sealed.append(Chunk(start: openStart, bytes: bytes))
        openStart += bytes.readableBytes
        open = ByteBuffer()
    }

    func read(_ range: Range<Int>) -> [ByteBuffer] {
        var slices: [ByteBuffer] = []
        var position = range.lowerBound
        var index = chunkIndex(of: position)
        while position < range.upperBound, index < sealed.count {
            let end = min(sealed[index].end, range.upperBound)
            sealed[index].bytes.appendSlice(position - sealed[index].start, end - position, to: &slices)
            position = end
            index += 1
        }
        if position < range.upperBound {
            var own: [ByteBuffer] = []
            open.appendSlice(position - openStart, range.upperBound - position, to: &own)
            slices += own.map(\.copied)
        }
        return slices
    }

    func peek(at position: Int, count: Int) -> ByteBuffer {
        let index = chunkIndex(of: position)
        let (bytes, start) = index < sealed.count ? (sealed[index].bytes, sealed[index].start) : (open, openStart)
        let offset = position - start
        return bytes.getSlice(at: bytes.readerIndex + offset, length: bytes.readableBytes - offset) ?? ByteBuffer()
    }

    func truncate(to count: Int) {
        guard count < self.count else { return }
        if count >= openStart {
            open.moveWriterIndex(to: open.readerIndex + count - openStart)
            return
        }
        let index = chunkIndex(of: count)
        let chunk = sealed[index]
        sealed.removeSubrange(index...)
        openStart = chunk.start
        open = chunk.bytes.getSlice(at: chunk.bytes.readerIndex, length: count - chunk.start)?.copied ?? ByteBuffer()
    }

    func flush() {}

    func seal() { closeChunk() }

    func unseal() {}

    func delete() {
        sealed = []
        open = ByteBuffer()
        openStart = 0
    }

    /// The first chunk that ends after `position`; `sealed.count` for the open one.
    private func chunkIndex(of position: Int) -> Int {
        sealed.firstIndex(sortedBy: { $0.end > position })
    }
}

extension ByteBuffer {
    /// The same bytes in a buffer of their own.
    fileprivate var copied: ByteBuffer {
        var copy = ByteBufferAllocator().buffer(capacity: readableBytes)
        copy.writeImmutableBuffer(self)
        return copy
    }

    fileprivate func appendSlice(_ offset: Int, _ length: Int, to slices: inout [ByteBuffer]) {
        guard length > 0, let slice = getSlice(at: readerIndex + offset, length: length) else { return }
        slices.append(slice)
    }
}

extension RandomAccessCollection where Index == Int {
    /// The first index whose element satisfies `predicate`, or `endIndex`; all after it must satisfy it too.
    func firstIndex(sortedBy predicate: (Element) -> Bool) -> Int {
        var low = startIndex
        var high = endIndex
        while low < high {
            let middle = low + (high - low) / 2
            if predicate(self[middle]) { high = middle } else { low = middle + 1 }
        }
        return low
    }
}
