import NIOCore

#if canImport(Glibc)
import Glibc
#elseif canImport(Musl)
import Musl
#elseif canImport(Darwin)
import Darwin
#endif

/// An open file, read and written at positions by plain system calls; closed with its last reference.
///
/// Calls interrupted by signals are repeated and short transfers continued, so that each method does all or throws.
final class PosixFile {
    let path: String
    private let descriptor: Int32
    private let faults: DiskFaults?

    enum Mode { case read, readWrite, create }

    init(_ path: String, _ mode: Mode, faults: DiskFaults? = nil) throws(LogError) {
        let flags =
            switch mode {
            case .read: O_RDONLY
            case .readWrite: O_RDWR
            case .create: O_RDWR | O_CREAT
            }
        let opened = Self.retrying { open(path, flags | O_CLOEXEC, 0o644) }
        guard opened >= 0 else { throw LogError("open", path: path, errno: errno) }
        self.path = path
        self.descriptor = opened
        self.faults = faults
    }

    deinit {
        close(descriptor)
    }

    func size() throws(LogError) -> Int {
        var information = stat()
        guard fstat(descriptor, &information) == 0 else { throw failure("stat") }
        return Int(information.st_size)
    }

    /// Milliseconds since 1970.
    func modificationTime() throws(LogError) -> Int64 {
        var information = stat()
        guard fstat(descriptor, &information) == 0 else { throw failure("stat") }
        #if canImport(Darwin)
        let time = information.st_mtimespec
        #else
        let time = information.st_mtim
        #endif
        return Int64(time.tv_sec) * 1_000 + Int64(time.tv_nsec) / 1_000_000
    }

    /// Exactly `count` bytes from `position`, in a buffer of their size. A file that ends before them is an error.
    func read(at position: Int, count: Int) throws(LogError) -> ByteBuffer {
        let buffer = try readUpTo(count, at: position)
        guard buffer.readableBytes == count else { throw LogError("read past the end", path: path, errno: EIO) }
        return buffer
    }

    /// Up to `count` bytes from `position`; fewer only at the end of the file.
    func readUpTo(_ count: Int, at position: Int) throws(LogError) -> ByteBuffer {
        guard count > 0 else { return ByteBuffer() }
        var buffer = ByteBufferAllocator().buffer(capacity: count)
        var problem: Int32 = 0
        buffer.writeWithUnsafeMutableBytes(minimumWritableBytes: count) { bytes in
            guard let start = bytes.baseAddress else { return 0 }
            var done = 0
            // In bounds: done + (count - done) == count <= bytes.count.
            while done < count {
                let got = Self.retrying { pread(descriptor, start + done, count - done, off_t(position + done)) }
                if got < 0 { problem = errno }
                if got <= 0 { break }
                done += got
            }
            return done
        }
        guard problem == 0 else { throw LogError("read", path: path, errno: problem) }
        return buffer
    }

    /// All bytes of both pieces at `position`, with one call where the system takes them at once.
    /// After an error any part of them may have been written.
    func write(_ head: ByteBuffer, _ tail: ByteBuffer, at position: Int) throws(LogError) {
        let total = head.readableBytes + tail.readableBytes
        let granted = faults?.allowance(for: total) ?? (bytes: total, errno: 0)
        let problem = head.withUnsafeReadableBytes { head in
            tail.withUnsafeReadableBytes { tail in
                writeAll(head, tail, limit: granted.bytes, at: position)
            }
        }
        guard problem == 0, granted.errno == 0 else {
            throw LogError("write", path: path, errno: problem != 0 ? problem : granted.errno)
        }
    }

    private func writeAll(
        _ head: UnsafeRawBufferPointer, _ tail: UnsafeRawBufferPointer, limit: Int, at position: Int
    ) -> Int32 {
        var done = 0
        while done < limit {
            // In bounds: both pieces begin at most at their end and end at most at `limit` bytes of the whole.
            let fromHead = head[min(done, head.count)..<min(head.count, limit)]
            let tailStart = max(done - head.count, 0)
            let fromTail = tail[tailStart..<max(limit - head.count, tailStart)]
            var pieces = [fromHead, fromTail].filter { !$0.isEmpty }.map { piece in
                let piece = UnsafeRawBufferPointer(rebasing: piece)
                return iovec(iov_base: UnsafeMutableRawPointer(mutating: piece.baseAddress), iov_len: piece.count)
            }
            let count = Int32(pieces.count)
            let wrote = Self.retrying { pwritev(descriptor, &pieces, count, off_t(position + done)) }
            if wrote < 0 { return errno }
            if wrote == 0 { return EIO }
            done += wrote
        }
        return 0
    }

    func truncate(to size: Int) throws(LogError) {
        if let error = faults?.truncateError, error != 0 { throw LogError("truncate", path: path, errno: error) }
        guard Self.retrying({ ftruncate(descriptor, off_t(size)) }) == 0 else { throw failure("truncate") }
    }

    /// Waits until the file's bytes and size are on the disk.
    func flush() throws(LogError) {
        if let error = faults?.flushError, error != 0 { throw LogError("flush", path: path, errno: error) }
        #if canImport(Darwin)
        let result = Self.retrying { fsync(descriptor) }
        #else
        let result = Self.retrying { fdatasync(descriptor) }
        #endif
        guard result == 0 else { throw failure("flush") }
    }

    private func failure(_ operation: String) -> LogError {
        LogError(operation, path: path, errno: errno)
    }

    private static func retrying<Result: SignedInteger>(_ call: () -> Result) -> Result {
        while true {
            let result = call()
            if result != -1 || errno != EINTR { return result }
        }
    }

    static func text(ofError number: Int32) -> String {
        number == 0 ? "unexpected contents" : String(cString: strerror(number))
    }
}

/// The few things done with names of files rather than with files.
enum FileSystem {
    static func createDirectory(_ path: String) throws(LogError) {
        var isPresent = false
        // Parents first; those that exist are left alone.
        for end in path.indices where path[end] == "/" && end != path.startIndex {
            _ = mkdir(String(path[..<end]), 0o755)
        }
        if mkdir(path, 0o755) != 0 { isPresent = errno == EEXIST } else { isPresent = true }
        guard isPresent else { throw LogError("create directory", path: path, errno: errno) }
    }

    /// Names in a directory, without `.` and `..`.
    static func names(in path: String) throws(LogError) -> [String] {
        guard let directory = opendir(path) else { throw LogError("list", path: path, errno: errno) }
        defer { closedir(directory) }
        var names: [String] = []
        while let entry = readdir(directory) {
            let name = withUnsafeBytes(of: &entry.pointee.d_name) { bytes in
                String(decoding: bytes.prefix { $0 != 0 }, as: UTF8.self)
            }
            if name != "." && name != ".." { names.append(name) }
        }
        return names.sorted()
    }

    static func exists(_ path: String) -> Bool { access(path, F_OK) == 0 }

    /// A file that is not there is fine.
    static func remove(_ path: String) throws(LogError) {
        guard unlink(path) == 0 || errno == ENOENT else { throw LogError("remove", path: path, errno: errno) }
    }

    /// A directory and the plain files in it.
    static func removeDirectory(_ path: String) throws(LogError) {
        guard exists(path) else { return }
        for name in try names(in: path) { try remove("\(path)/\(name)") }
        guard rmdir(path) == 0 else { throw LogError("remove", path: path, errno: errno) }
    }

    static func rename(_ path: String, to newPath: String) throws(LogError) {
        #if canImport(Glibc)
        let result = Glibc.rename(path, newPath)
        #elseif canImport(Musl)
        let result = Musl.rename(path, newPath)
        #else
        let result = Darwin.rename(path, newPath)
        #endif
        guard result == 0 else { throw LogError("rename", path: path, errno: errno) }
    }

    /// Replaces a small file in one step: a crash leaves the old or the new contents.
    static func replace(
        _ path: String, with contents: ByteBuffer, flushed: Bool, faults: DiskFaults? = nil
    ) throws(LogError) {
        let draft = path + ".tmp"
        do {
            let file = try PosixFile(draft, .create, faults: faults)
            try file.truncate(to: 0)
            try file.write(contents, ByteBuffer(), at: 0)
            if flushed { try file.flush() }
        } catch {
            try? remove(draft)
            throw error
        }
        try rename(draft, to: path)
    }

    /// The whole of a small file, or nil if there is none.
    static func contents(of path: String) throws(LogError) -> ByteBuffer? {
        guard exists(path) else { return nil }
        let file = try PosixFile(path, .read)
        return try file.readUpTo(try file.size(), at: 0)
    }
}
