import NIOCore

#if canImport(Glibc)
import Glibc
#elseif canImport(Musl)
import Musl
#elseif canImport(Darwin)
import Darwin
#endif

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

    /// Waits until the names in a directory are on the disk: a new file's bytes alone do not survive a loss of power.
    static func flushDirectory(_ path: String) throws(LogError) {
        let descriptor = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC)
        guard descriptor >= 0 else { throw LogError("open", path: path, errno: errno) }
        defer { close(descriptor) }
        guard fsync(descriptor) == 0 else { throw LogError("flush", path: path, errno: errno) }
    }

    /// The whole of a small file, or nil if there is none.
    static func contents(of path: String) throws(LogError) -> ByteBuffer? {
        guard exists(path) else { return nil }
        let file = try PosixFile(path, .read)
        return try file.readUpTo(try file.size(), at: 0)
    }
}
