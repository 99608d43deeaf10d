internal import Glibc
internal import PlainText

/// Standard output. Each text is written at once, also into a pipe.
enum StandardOutput {
    /// For people: lines of ours, whatever came from outside in them.
    static func say(_ lines: String) {
        write(lines.printable(atMost: nil, keepsLines: true))
    }

    /// For machines: JSON, in which everything is escaped by its own rules.
    static func write(_ document: String) {
        print(document)
        fflush(nil)
    }
}
