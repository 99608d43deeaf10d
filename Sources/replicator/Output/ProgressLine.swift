internal import Glibc
internal import PlainText
internal import Synchronization

/// A progress bar on standard error for work that takes longer than a second; where that is no terminal nothing, or now
/// and then a line.
///
/// ```
/// verify  [##########··········]  51 %  1.2 M of 2.4 M records, 310 MB/s, 3 s left
/// ```
final class ProgressLine: Sendable {
    private struct State {
        let start: ContinuousClock.Instant
        var lastDrawn: ContinuousClock.Instant
        var isDrawn = false
        /// Said last, or to be said next, where there is no terminal.
        var plain: String?
    }

    private let title: String
    private let isTerminal: Bool
    private let spacing: Duration?
    private let state: Mutex<State>

    private static let width = 24

    /// - Parameter spacing: where there is no terminal, a line is said when this time has passed since the last one; nil
    ///   for none at all.
    init(_ title: String, linesEvery spacing: Duration? = nil) {
        self.title = title
        self.spacing = spacing
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
        draw(text) { seconds in
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
        draw(text, text)
    }

    /// Says again how far it is, once that is due, where there is no terminal on which it could be seen.
    func tick() {
        guard !isTerminal, let spacing else { return }
        let now = ContinuousClock.now
        let line: String? = state.withLock { state in
            guard let plain = state.plain, now - state.lastDrawn >= spacing else { return nil }
            state.lastDrawn = now
            return plain
        }
        if let line { write("\(title.printable()): \(line.printable())\n") }
    }

    private func draw(_ plain: (_ seconds: Double) -> String, _ text: (_ seconds: Double) -> String) {
        let now = ContinuousClock.now
        guard isTerminal else {
            guard spacing != nil else { return }
            state.withLock { $0.plain = plain((now - $0.start) / .seconds(1)) }
            return tick()
        }
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
        let isDrawn = state.withLock { state in
            state.plain = nil
            return state.isDrawn
        }
        if isDrawn { write("\r\u{1B}[K") }
    }

    private func write(_ text: String) {
        StandardError.write(text)
    }
}
