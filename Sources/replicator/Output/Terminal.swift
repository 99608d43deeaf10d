internal import FoundationEssentials
internal import Glibc
internal import TerminalText

/// The terminals that the process writes to, if they are any.
enum Terminal {
    /// The size where nothing says how large a terminal is.
    private static let usual = Size(columns: 80, rows: 24)

    struct Size {
        var columns: Int
        var rows: Int
    }

    /// Its size now, which changes with its window.
    ///
    /// - Returns: nil for a file or a pipe.
    static func size(of descriptor: Int32) -> Size? {
        guard isatty(descriptor) == 1 else { return nil }
        var size = winsize()
        guard ioctl(descriptor, UInt(TIOCGWINSZ), &size) == 0 else { return usual }
        return Size(
            columns: size.ws_col > 0 ? Int(size.ws_col) : usual.columns,
            rows: size.ws_row > 0 ? Int(size.ws_row) : usual.rows)
    }

    static var abilitiesOfOutput: TerminalAbilities {
        TerminalAbilities(
            isTerminal: isatty(STDOUT_FILENO) == 1, environment: ProcessInfo.processInfo.environment)
    }
}
