/// An error that ends a command: what to tell the person, and the exit code.
struct Failure: Error, CustomStringConvertible {
    enum ExitCode: Int32 {
        /// Something failed or differs.
        case failed = 1
        /// Wrong usage or configuration.
        case usage = 2
    }

    let description: String
    let exitCode: ExitCode

    init(_ description: String, exitCode: ExitCode = .failed) {
        self.description = description
        self.exitCode = exitCode
    }
}
