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
    /// Creates a directory for the owner alone, and its parents for everybody; those that exist are left as they are.
    static func createDirectory(_ path: String) throws(LogError) {
        for end in path.indices where path[end] == "/" && end != path.startIndex {
            _ = mkdir(String(path[..<end]), 0o755)
        }
        guard mkdir(path, 0o700) == 0 || errno == EEXIST else {
            throw LogError("create directory", path: path, errno: errno)
        }
    }

    /// A directory of a data directory: neither a link nor anything else of its name will do.
    static func createOwnDirectory(_ path: String) throws(LogError) {
        guard mkdir(path, 0o700) != 0 else { return }
        guard errno == EEXIST else { throw LogError("create directory", path: path, errno: errno) }
        switch kind(of: path) {
        case .directory: return
        case .link: throw LogError("open directory", path: path, errno: ELOOP)
        default: throw LogError("open directory", path: path, errno: ENOTDIR)
        }
    }

    enum Kind { case file, directory, link, other }

    /// The kind of what has this name, without following a link; nil if nothing has it.
    static func kind(of path: String) -> Kind? {
        var information = stat()
        guard lstat(path, &information) == 0 else { return nil }
        return switch information.st_mode & S_IFMT {
        case S_IFREG: .file
        case S_IFDIR: .directory
        case S_IFLNK: .link
        default: .other
        }
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

    static func exists(_ path: String) -> Bool { kind(of: path) != nil }

    /// A file that is not there is fine.
    static func remove(_ path: String) throws(LogError) {
        guard unlink(path) == 0 || errno == ENOENT else { throw LogError("remove", path: path, errno: errno) }
    }

    /// A directory and the files in it. One that holds more than files stays, without its files, as does a link.
    static func removeDirectory(_ path: String) throws(LogError) {
        guard exists(path) else { return }
        let descriptor = open(path, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC)
        guard descriptor >= 0 else { throw LogError("remove", path: path, errno: errno) }
        defer { close(descriptor) }
        for name in try names(in: path) {
            guard unlinkat(descriptor, name, 0) == 0 || errno == ENOENT else {
                throw LogError("remove", path: "\(path)/\(name)", errno: errno)
            }
        }
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

    /// Replaces a small file in one step: a crash leaves the old or the new contents. With `flushed` the new ones are on
    /// the disk for good, name and all, when this returns.
    static func replace(
        _ path: String, with contents: ByteBuffer, flushed: Bool, faults: DiskFaults? = nil
    ) throws(LogError) {
        let draft = path + ".tmp"
        do {
            // What a crash left of an earlier draft goes; whatever has its name is not written through.
            try remove(draft)
            let file = try PosixFile(draft, .createNew, faults: faults)
            try file.write(contents, ByteBuffer(), at: 0)
            if flushed { try file.flush() }
        } catch {
            try? remove(draft)
            throw error
        }
        try rename(draft, to: path)
        if flushed, let slash = path.lastIndex(of: "/") { try flushDirectory(String(path[..<slash])) }
    }

    /// Waits until the names in a directory are on the disk: a new file's bytes alone do not survive a loss of power.
    static func flushDirectory(_ path: String) throws(LogError) {
        let descriptor = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC)
        guard descriptor >= 0 else { throw LogError("open", path: path, errno: errno) }
        defer { close(descriptor) }
        guard fsync(descriptor) == 0 else { throw LogError("flush", path: path, errno: errno) }
    }

    /// The whole of a small file, or nil if there is none.
    static func contents(of path: String, followsLinks: Bool = false) throws(LogError) -> ByteBuffer? {
        guard exists(path) else { return nil }
        let file = try PosixFile(path, .read, followsLinks: followsLinks)
        return try file.readUpTo(try file.size(), at: 0)
    }
}
