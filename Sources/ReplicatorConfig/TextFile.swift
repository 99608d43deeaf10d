internal import Glibc

/// Reading of a whole file, which may also be a pipe: `<(…)` of a shell, `/dev/stdin`, a named pipe.
public enum TextFile {
    /// Encodings that a text may be in.
    public enum Encoding: Sendable {
        case utf8
        /// UTF-8, or else Latin-1, in which Java reads properties and every byte means something.
        case utf8OrLatin1
    }

    /// More than any configuration has, and little enough for what never ends.
    private static let limit = 16 << 20

    /// - Parameter path: `-` is the standard input.
    /// - Throws: ``UnreadableFile`` with the reason.
    public static func read(_ path: String, as encoding: Encoding = .utf8) throws(UnreadableFile) -> String {
        let isStandardInput = ["-", "/dev/stdin", "/dev/fd/0", "/proc/self/fd/0"].contains(path)
        // Opened by its name it may be refused, when it belongs to another user or is a socket.
        let descriptor = isStandardInput ? STDIN_FILENO : open(path, O_RDONLY | O_CLOEXEC)
        guard descriptor >= 0 else { throw UnreadableFile(errno) }
        defer { if !isStandardInput { _ = close(descriptor) } }
        var bytes: [UInt8] = []
        var chunk = [UInt8](repeating: 0, count: 64 << 10)
        while bytes.count <= limit {
            let count = chunk.withUnsafeMutableBytes { Glibc.read(descriptor, $0.baseAddress, $0.count) }
            if count == 0 { return try text(bytes, encoding) }
            if count > 0 {
                bytes += chunk[..<count]
            } else if errno != EINTR {
                throw UnreadableFile(errno)
            }
        }
        throw UnreadableFile("it is larger than 16 MiB")
    }

    /// Returns true if it can be read again: no pipe, no socket, no terminal.
    public static func isRegular(_ path: String) -> Bool {
        var status = stat()
        return stat(path, &status) == 0 && status.st_mode & S_IFMT == S_IFREG
    }

    private static func text(_ bytes: [UInt8], _ encoding: Encoding) throws(UnreadableFile) -> String {
        if let text = String(validating: bytes, as: UTF8.self) { return text }
        switch encoding {
        case .utf8: throw UnreadableFile("it is not UTF-8 text")
        case .utf8OrLatin1:
            var text = String.UnicodeScalarView()
            text.append(contentsOf: bytes.map { Unicode.Scalar($0) })
            return String(text)
        }
    }
}

/// Reason that a file cannot be read, as a person says it.
public struct UnreadableFile: Error, Sendable, CustomStringConvertible {
    public let description: String

    init(_ description: String) {
        self.description = description
    }

    init(_ error: Int32) {
        switch error {
        case ENOENT: description = "no such file"
        case EACCES, EPERM: description = "permission denied"
        case EISDIR: description = "it is a directory"
        case ENOTDIR: description = "a part of its path is not a directory"
        case ELOOP: description = "too many symbolic links"
        case ENAMETOOLONG: description = "its name is too long"
        case EMFILE, ENFILE: description = "too many files are open"
        case EBADF: description = "it is closed"
        default: description = String(cString: strerror(error)).lowercased()
        }
    }
}
