internal import FoundationEssentials
internal import Glibc

/// A file that a command writes its report to.
enum ReportFile {
    /// Finds out that a report cannot be written before the work it is about, not after.
    static func checkWritable(_ path: String) throws(Failure) {
        let descriptor = open(path, O_WRONLY | O_CREAT, 0o644)
        guard descriptor >= 0 else {
            throw Failure("--report: cannot write \(path): \(String(cString: strerror(errno)))", exitCode: .usage)
        }
        close(descriptor)
    }

    static func write(_ text: String, to path: String) throws(Failure) {
        do {
            try Data((text + "\n").utf8).write(to: URL(filePath: path), options: .atomic)
        } catch {
            throw Failure("--report: cannot write \(path): \(error)")
        }
    }
}
