import NIOCore

/// A segment in a file. Only the segment that takes appends keeps its file open.
final class FileSegmentData: SegmentData {
    let name: String
    private let faults: DiskFaults?
    private(set) var count: Int
    private(set) var modificationTime: Int64
    private var file: PosixFile?
    private var isSealed = false

    init(path: String, creating: Bool, now: Int64, faults: DiskFaults?) throws(LogError) {
        name = path
        self.faults = faults
        let opened = try PosixFile(path, creating ? .create : .readWrite, faults: faults)
        if creating {
            try opened.truncate(to: 0)
            count = 0
            modificationTime = now
        } else {
            count = try opened.size()
            modificationTime = try opened.modificationTime()
        }
        // Opened again when it is needed: a broker may hold far more partitions than it may hold open files.
        file = nil
    }

    func append(_ head: ByteBuffer, _ payload: ByteBuffer, now: Int64) throws(LogError) {
        let file = try opened()
        do {
            try file.write(head, payload, at: count)
        } catch {
            // A torn batch must not stay in front of the next one.
            guard (try? file.truncate(to: count)) != nil else { throw error.leavingDoubt() }
            throw error
        }
        count += head.readableBytes + payload.readableBytes
        modificationTime = now
    }

    func read(_ range: Range<Int>) throws(LogError) -> [ByteBuffer] {
        guard !range.isEmpty else { return [] }
        return [try opened().read(at: range.lowerBound, count: range.count)]
    }

    func peek(at position: Int, count: Int) throws(LogError) -> ByteBuffer {
        try opened().readUpTo(min(count, self.count - position), at: position)
    }

    func truncate(to count: Int) throws(LogError) {
        guard count < self.count else { return }
        do {
            try opened().truncate(to: count)
        } catch {
            throw error.leavingDoubt()
        }
        self.count = count
    }

    func flush() throws(LogError) {
        do {
            try opened().flush()
        } catch {
            // The system may have dropped the pages that it could not write, and will not say so again.
            throw error.leavingDoubt()
        }
    }

    func seal() {
        isSealed = true
        file = nil
    }

    func unseal() { isSealed = false }

    func delete() throws(LogError) {
        file = nil
        try FileSystem.remove(name)
    }

    private func opened() throws(LogError) -> PosixFile {
        if let file { return file }
        let opened = try PosixFile(name, .readWrite, faults: faults)
        if !isSealed { file = opened }
        return opened
    }
}
