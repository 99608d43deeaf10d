internal import Glibc

/// A file that holds records or secrets: only its owner may read it, from the moment at which it is made, and what
/// another has put in its place is not followed.
enum PrivateFile {
    /// Makes a new file, in place of one that an earlier attempt has left under the same name.
    ///
    /// - Returns: its descriptor, open for writing.
    /// - Throws: the system's reason.
    static func create(_ path: String) throws(SystemReason) -> Int32 {
        // A link goes away, not what it leads to.
        if unlink(path) != 0, errno != ENOENT { throw SystemReason() }
        let descriptor = open(path, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0o600)
        guard descriptor >= 0 else { throw SystemReason() }
        return descriptor
    }

    /// Checks that a text can be written there: to a file that is there, or to a new one beside it.
    static func checkWritable(_ path: String) throws(SystemReason) {
        if isSpecial(path) || access(path, F_OK) == 0 {
            guard access(path, W_OK) == 0 else { throw SystemReason() }
            var status = stat()
            guard stat(path, &status) != 0 || status.st_mode & S_IFMT != S_IFDIR else {
                errno = EISDIR
                throw SystemReason()
            }
        }
        guard !isSpecial(path) else { return }
        close(try create(partial(path)))
        unlink(partial(path))
    }

    /// Makes an empty file where there is nothing yet, which shows that the work has begun.
    static func reserve(_ path: String) throws(SystemReason) {
        let descriptor = open(path, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0o600)
        guard descriptor >= 0 || errno == EEXIST else { throw SystemReason() }
        if descriptor >= 0 { close(descriptor) }
    }

    /// Replaces the file by one with this text, as a whole. One that was there keeps who may read it.
    static func write(_ text: String, to path: String) throws(SystemReason) {
        let special = isSpecial(path)
        let descriptor = special ? open(path, O_WRONLY | O_CLOEXEC) : try create(partial(path))
        guard descriptor >= 0 else { throw SystemReason() }
        var reason: SystemReason?
        var old = stat()
        if !special, lstat(path, &old) == 0, old.st_mode & S_IFMT == S_IFREG { fchmod(descriptor, old.st_mode & 0o777) }
        var text = text
        text.withUTF8 { bytes in
            var rest = UnsafeRawBufferPointer(bytes)
            while !rest.isEmpty {
                let count = Glibc.write(descriptor, rest.baseAddress, rest.count)
                guard count > 0 || errno == EINTR else {
                    reason = SystemReason()
                    return
                }
                rest = UnsafeRawBufferPointer(rebasing: rest.dropFirst(max(0, count)))
            }
        }
        if close(descriptor) != 0, reason == nil { reason = SystemReason() }
        if reason == nil, !special, rename(partial(path), path) != 0 { reason = SystemReason() }
        if let reason {
            if !special { unlink(partial(path)) }
            throw reason
        }
    }

    /// The name that a file has until it is whole.
    static func partial(_ path: String) -> String { path + ".partial" }

    /// A terminal, a pipe and the like, which cannot be replaced.
    private static func isSpecial(_ path: String) -> Bool {
        var status = stat()
        guard stat(path, &status) == 0 else { return false }
        return status.st_mode & S_IFMT != S_IFREG && status.st_mode & S_IFMT != S_IFDIR
    }
}

/// Reason that the system gives for the last call that failed.
struct SystemReason: Error, CustomStringConvertible {
    let description = String(cString: strerror(errno))
}
