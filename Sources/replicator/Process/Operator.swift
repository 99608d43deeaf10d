internal import Glibc

/// The person, or the machine, that gave a command.
enum Operator {
    /// This process, as others are told that want the same.
    static var process: String {
        var name = [CChar](repeating: 0, count: 256)
        guard gethostname(&name, name.count - 1) == 0 else { return "process \(getpid())" }
        let host = String(decoding: name.prefix { $0 != 0 }.map { UInt8(bitPattern: $0) }, as: UTF8.self)
        return "process \(getpid()) on \(host)"
    }

    /// Asks before something is done that is not easily taken back.
    ///
    /// - Throws: ``Failure`` when the answer is not yes, or there is nobody to ask.
    static func confirm(_ question: String, for command: String) throws(Failure) {
        guard isatty(STDIN_FILENO) == 1 else {
            throw Failure("\(command): there is no terminal to ask at; say --yes", exitCode: .usage)
        }
        print("\(question) [y/N] ", terminator: "")
        fflush(nil)
        guard let answer = readLine()?.lowercased(), answer == "y" || answer == "yes" else {
            throw Failure("\(command): nothing was done")
        }
    }
}
