internal import PlainText

/// An error that ends a command: what to tell the person, and the exit code.
struct Failure: Error, CustomStringConvertible {
    enum ExitCode: Int32 {
        /// Something failed or differs.
        case failed = 1
        /// Wrong usage or configuration.
        case usage = 2
    }

    /// Printable; of several lines only where several things are wrong.
    let description: String
    let exitCode: ExitCode

    /// One line: breaks in what came from outside are escaped.
    init(_ description: String, exitCode: ExitCode = .failed) {
        self.init(lines: [description], exitCode: exitCode)
    }

    /// One line for each thing that is wrong.
    init(lines: [String], exitCode: ExitCode = .failed) {
        description = lines.map { $0.printable(atMost: 8_192) }.joined(separator: "\n")
        self.exitCode = exitCode
    }
}
