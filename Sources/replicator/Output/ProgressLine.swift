internal import Glibc
internal import PlainText
internal import Synchronization

/// A progress bar on standard error for work that takes longer than a second; nothing where that is no terminal.
///
/// ```
/// verify  [##########··········]  51 %  1.2 M of 2.4 M records, 310 MB/s, 3 s left
/// ```
final class ProgressLine: Sendable {
    private struct State {
        let start: ContinuousClock.Instant
        var lastDrawn: ContinuousClock.Instant
        var isDrawn = false
    }

    private let title: String
    private let isTerminal: Bool
    private let state: Mutex<State>

    private static let width = 24

    init(_ title: String) {
        self.title = title
        isTerminal = isatty(STDERR_FILENO) == 1
        let now = ContinuousClock.now
        state = Mutex(State(start: now, lastDrawn: now))
    }

    /// - Parameters:
    ///   - done: of `total`, in whatever unit.
    ///   - text: what stands behind the bar, given the seconds since the start.
    ///   - tellsTimeLeft: whether the time left is told, taken from the time that the part done has needed.
    func show(
        done: Int64, total: Int64, tellsTimeLeft: Bool = true, text: (_ seconds: Double) -> String
    ) {
        draw { seconds in
            let share = total > 0 ? min(1, Double(done) / Double(total)) : 0
            let filled = Int(share * Double(Self.width))
            let bar = String(repeating: "#", count: filled) + String(repeating: "·", count: Self.width - filled)
            let left =
                tellsTimeLeft && share > 0.01
                ? ", \(Quantities.seconds((seconds / share - seconds).rounded(.up))) left" : ""
            return "[\(bar)] \(Int(share * 100)) %  \(text(seconds))\(left)"
        }
    }

    /// For work without an end: no bar.
    func show(text: (_ seconds: Double) -> String) {
        draw(text)
    }

    private func draw(_ text: (_ seconds: Double) -> String) {
        guard isTerminal else { return }
        let now = ContinuousClock.now
        let seconds: Double? = state.withLock { state in
            guard now - state.start > .seconds(1), now - state.lastDrawn > .milliseconds(200) else { return nil }
            state.lastDrawn = now
            state.isDrawn = true
            return (now - state.start) / .seconds(1)
        }
        guard let seconds else { return }
        write("\r\u{1B}[K\(title.printable())  \(text(seconds).printable())")
    }

    /// Takes the bar away.
    func finish() {
        let isDrawn = state.withLock { $0.isDrawn }
        if isDrawn { write("\r\u{1B}[K") }
    }

    private func write(_ text: String) {
        StandardError.write(text)
    }
}
