internal import Glibc
internal import PlainText

extension ConfigFile {
    /// A sentence for each file that settings name (certificates, keys, tokens) and that this process cannot read, with
    /// the line of the setting. They are read when they are used, which may be on another machine: for `config check`.
    public func unreadableFiles(of file: String) -> [String] {
        settings.compactMap { setting in
            guard case .key(let name)? = setting.path.steps.last, name.hasSuffix("File"),
                let written = setting.written, case .text(let path)? = written.value,
                let reason = Self.obstacle(to: path)
            else { return nil }
            let place = "\(file):\(written.line):\(written.column): \(setting.path)"
            return "\(place): cannot read \(path): \(reason)".printable(atMost: 4_096)
        }
    }

    private static func obstacle(to path: String) -> UnreadableFile? {
        var status = stat()
        guard stat(path, &status) == 0 else { return UnreadableFile(errno) }
        guard status.st_mode & S_IFMT != S_IFDIR else { return UnreadableFile(EISDIR) }
        // Opening a pipe would wait for its writer.
        return access(path, R_OK) == 0 ? nil : UnreadableFile(errno)
    }
}
