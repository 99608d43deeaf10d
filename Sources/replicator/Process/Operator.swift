internal import Glibc
internal import ReplicatorConfig

/// The person, or the machine, that gave a command.
enum Operator {
    /// This process, as others are told that want the same.
    static var process: String {
        guard let host = MachineName.current else { return "process \(getpid())" }
        return "process \(getpid()) on \(host)"
    }

    /// Asks before something is done that is not easily taken back.
    ///
    /// - Throws: ``Failure`` when the answer is not yes, or there is nobody to ask.
    static func confirm(_ question: String, for command: String) throws(Failure) {
        guard isatty(STDIN_FILENO) == 1 else {
            throw Failure("\(command): there is no terminal to ask at; use --yes", exitCode: .usage)
        }
        print("\(question) [y/N] ", terminator: "")
        fflush(nil)
        guard let answer = readLine()?.lowercased(), answer == "y" || answer == "yes" else {
            throw Failure("\(command): nothing was done")
        }
    }
}
