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
/// Only regular files are opened, and none through a symbolic link unless the caller says so.
final class PosixFile {
    let path: String
    private let descriptor: Int32
    private let faults: DiskFaults?

    enum Mode {
        case read, readWrite
        /// An existing file is opened, a missing one created.
        case create
        /// A file of that name must not exist.
        case createNew
    }

    /// - Parameter followsLinks: for files that the settings name; those of the data directory are never links.
    init(
        _ path: String, _ mode: Mode, followsLinks: Bool = false, faults: DiskFaults? = nil
    ) throws(LogError) {
        let access =
            switch mode {
            case .read: O_RDONLY
            case .readWrite: O_RDWR
            case .create: O_RDWR | O_CREAT
            case .createNew: O_RDWR | O_CREAT | O_EXCL
            }
        // Without O_NONBLOCK a named pipe in the place of a file would be waited for; regular files do not care.
        let flags = access | O_CLOEXEC | O_NONBLOCK | (followsLinks ? 0 : O_NOFOLLOW)
        // Records and keys are nobody else's business.
        let opened = Self.retrying { open(path, flags, 0o600) }
        guard opened >= 0 else { throw LogError("open", path: path, errno: errno) }
        self.path = path
        self.descriptor = opened
        self.faults = faults
        var information = stat()
        guard fstat(opened, &information) == 0 else { throw failure("stat") }
        guard information.st_mode & S_IFMT == S_IFREG else {
            throw LogError("open", path: path, errno: 0, detail: "it is not a regular file")
        }
    }

    /// Locks the file for as long as it is open; false if another open file holds the lock.
    func tryLock() throws(LogError) -> Bool {
        if Self.retrying({ flock(descriptor, LOCK_EX | LOCK_NB) }) == 0 { return true }
        guard errno == EWOULDBLOCK else { throw failure("lock") }
        return false
    }

    /// Lets the owner alone read and write the file.
    func restrictToOwner() throws(LogError) {
        guard fchmod(descriptor, 0o600) == 0 else { throw failure("change the mode") }
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
        faults?.wait()
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
        faults?.wait()
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
        faults?.wait()
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
        switch number {
        case 0: "unexpected contents"
        case ELOOP: "it is a symbolic link, which is not followed"
        default: String(cString: strerror(number))
        }
    }
}
