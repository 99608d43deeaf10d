internal import FoundationEssentials
internal import PlainText

/// Reason for which a command ends, as the last thing on standard error: lines of text, or under `--json` an object of the
/// kind that logs have.
enum LastError {
    private struct Document: Encodable {
        var exitCode: Int32
        var level = "error"
        var logger = "replicator"
        var message: String
        var time: String
    }

    /// - Parameter message: of lines that hold nothing from outside that is not printable.
    static func text(_ message: String, exitCode: Int32, asJSON: Bool) -> String {
        guard !message.isEmpty else { return "" }
        var message = message.printable(atMost: 1 << 16, keepsLines: true)
        if !asJSON { return message.hasSuffix("\n") ? message : message + "\n" }
        while message.hasSuffix("\n") { message.removeLast() }
        let document = Document(
            exitCode: exitCode, message: message,
            time: Date().formatted(Date.ISO8601FormatStyle(includingFractionalSeconds: true)))
        // It consists of strings and a number, which can always be encoded.
        return ((try? JSONText.line(document)) ?? message) + "\n"
    }

    /// Returns true if these arguments ask for JSON.
    static func isJSON(_ arguments: [String]) -> Bool {
        arguments.dropFirst().prefix { $0 != "--" }.contains("--json")
    }
}
