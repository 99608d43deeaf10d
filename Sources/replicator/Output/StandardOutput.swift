internal import Glibc
internal import PlainText
internal import TerminalText

/// Standard output. Each text is written at once, also into a pipe.
enum StandardOutput {
    /// For people: lines of ours, whatever came from outside in them.
    static func say(_ lines: String) {
        write(lines.printable(atMost: nil, keepsLines: true))
    }

    /// For people: lines of ours whose texts are printable, with styles of a terminal in them where it has such.
    static func show(_ lines: [String]) {
        write(lines.joined(separator: "\n"))
    }

    /// Writes lines over those that are on the terminal.
    static func redraw(_ lines: [String]) {
        print(ScreenRedraw.text(lines), terminator: "")
        fflush(nil)
    }

    /// For machines: JSON, in which everything is escaped by its own rules.
    static func write(_ document: String) {
        print(document)
        fflush(nil)
    }
}
