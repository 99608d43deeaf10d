/// A colour or weight that a terminal shows text in.
package enum TerminalStyle: String, Sendable {
    case good = "32"
    case warning = "33"
    case bad = "31"
    case heading = "1"
    case dim = "2"

    /// - Returns: the text with what switches the style on and off; unchanged where it is not wanted.
    package func apply(to text: String, isWanted: Bool) -> String {
        isWanted && !text.isEmpty ? "\u{1B}[\(rawValue)m\(text)\u{1B}[0m" : text
    }
}

/// The abilities of a terminal, as its environment tells them.
package struct TerminalAbilities: Sendable, Hashable {
    package var hasColors: Bool
    package var movesCursor: Bool

    /// - Parameter isTerminal: nothing but text goes into files and pipes.
    package init(isTerminal: Bool, environment: [String: String]) {
        movesCursor = isTerminal && environment["TERM"] != "dumb"
        // https://no-color.org: whatever its value, unless empty.
        hasColors = movesCursor && environment["NO_COLOR", default: ""].isEmpty
    }
}
