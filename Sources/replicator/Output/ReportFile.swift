/// A file that a command writes its report to. It may hold keys of records.
enum ReportFile {
    /// Finds out that a report cannot be written before the work it is about, not after.
    static func checkWritable(_ path: String) throws(Failure) {
        do throws(SystemReason) {
            try PrivateFile.checkWritable(path)
            try PrivateFile.reserve(path)
        } catch {
            throw Failure("--report: cannot write \(path): \(error)", exitCode: .usage)
        }
    }

    static func write(_ text: String, to path: String) throws(Failure) {
        do throws(SystemReason) {
            try PrivateFile.write(text + "\n", to: path)
        } catch {
            throw Failure("--report: cannot write \(path): \(error)")
        }
    }
}
