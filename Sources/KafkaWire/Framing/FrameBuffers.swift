import NIOCore

/// Memory of frames that have been handed out, to be used again once nobody holds a slice of them.
///
/// Fresh memory is faulted in page by page, which costs as much as the kernel's copy into it. A buffer is used again
/// only for a frame about as long as those that it has held, so that what is in memory follows what the frames hold.
struct FrameBuffers: Sendable {
    private struct Entry {
        var buffer: ByteBuffer
        /// Bytes of the buffer that were ever written to: the rest takes no memory.
        var touched: Int
        /// Handed out since buffers were last forgotten.
        var isRecent = true
    }

    private var entries: [Entry] = []
    private var bytes = 0

    /// Smaller frames are not worth the bookkeeping.
    static let smallest = 64 << 10
    /// Bytes of frames that are remembered at most, in use or not.
    private static let mostBytes = 16 << 20

    /// True if there is anything to give back, now or later.
    var isEmpty: Bool { entries.isEmpty }

    /// Notes a frame that is handed out. Its bytes are not written to until ``take(_:)`` returns the buffer.
    mutating func handedOut(_ frame: ByteBuffer, touched: Int) {
        guard touched >= Self.smallest, bytes + touched <= Self.mostBytes else { return }
        bytes += touched
        entries.append(Entry(buffer: frame, touched: touched))
    }

    /// An unused buffer for a frame of this length, empty, with the number of its bytes that were written to before.
    mutating func take(_ length: Int) -> (buffer: ByteBuffer, touched: Int)? {
        for index in entries.indices.reversed() where Self.fits(entries[index], length) {
            guard entries[index].buffer.modifyIfUniquelyOwned({ $0.clear() }) != nil else { continue }
            let entry = entries.remove(at: index)
            bytes -= entry.touched
            return (entry.buffer, entry.touched)
        }
        return nil
    }

    private static func fits(_ entry: Entry, _ length: Int) -> Bool {
        entry.buffer.storageCapacity >= length && entry.touched <= length + length / 4 + smallest
    }

    /// Forgets the buffers that no frame was put into since the last call: their memory goes back as soon as nobody
    /// holds a slice of them.
    mutating func forgetUnused() {
        entries.removeAll { !$0.isRecent }
        bytes = entries.reduce(0) { $0 + $1.touched }
        for index in entries.indices { entries[index].isRecent = false }
    }
}
