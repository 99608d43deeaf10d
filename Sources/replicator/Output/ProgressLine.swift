internal import Glibc
internal import PlainText
internal import Synchronization
internal import TerminalText

/// Progress on standard error of work that takes longer than a second: a bar within a terminal's width, or a line now
/// and then where that is no terminal.
final class ProgressLine: Sendable {
    private struct State {
        var pace: ProgressPace
        var isDrawn = false
        var latest: @Sendable (_ seconds: Double) -> ProgressText
    }

    private let title: String
    private let isTerminal: Bool
    private let state: Mutex<State>

    /// - Parameter spacing: time between two lines where there is no terminal.
    init(_ title: String, linesEvery spacing: Duration = ProgressPace.usualSpacing) {
        let title = title.printable()
        self.title = title
        isTerminal = isatty(STDERR_FILENO) == 1
        state = Mutex(
            State(pace: ProgressPace(start: .now, isTerminal: isTerminal, spacing: spacing)) { seconds in
                ProgressText(title: title, details: ["working for \(Quantities.seconds(seconds.rounded()))"])
            })
    }

    /// - Parameters:
    ///   - title: of this part of the work; the line's own unless given.
    ///   - done: of `total`, in whatever unit.
    ///   - tellsTimeLeft: whether the time left is told, taken from the time that the part done has needed.
    ///   - details: the text behind the bar, given the seconds since the start; the most important first.
    func show(
        _ title: String? = nil, done: Int64, total: Int64, tellsTimeLeft: Bool = true,
        details: @escaping @Sendable (_ seconds: Double) -> [String]
    ) {
        let share = total > 0 ? min(1, Double(done) / Double(total)) : 0
        show(title, share: share) { seconds in
            let left =
                tellsTimeLeft && share > 0.01
                ? ["\(Quantities.seconds((seconds / share - seconds).rounded(.up))) left"] : []
            return details(seconds) + left
        }
    }

    /// For work without an end: no bar.
    func show(details: @escaping @Sendable (_ seconds: Double) -> [String]) {
        show(nil, share: nil, details)
    }

    private func show(
        _ title: String?, share: Double?, _ details: @escaping @Sendable (_ seconds: Double) -> [String]
    ) {
        let title = title ?? self.title
        state.withLock {
            $0.latest = { ProgressText(title: title, share: share, details: details($0).map { $0.printable() }) }
        }
        draw()
    }

    /// Does the work, and shows meanwhile that it lasts: also while nothing is told of it.
    func during<Value: Sendable>(_ work: @escaping @Sendable () async throws -> Value) async throws -> Value {
        defer { finish() }
        return try await withThrowingTaskGroup(of: Value?.self) { tasks in
            tasks.addTask { try await work() }
            tasks.addTask {
                while (try? await Task.sleep(for: .milliseconds(500))) != nil { self.draw() }
                return nil
            }
            defer { tasks.cancelAll() }
            while let ended = try await tasks.next() {
                if let ended { return ended }
            }
            throw CancellationError()
        }
    }

    private func draw() {
        let now = ContinuousClock.now
        let due = state.withLock { state -> ProgressText? in
            guard state.pace.isDue(at: now) else { return nil }
            state.isDrawn = isTerminal
            return state.latest(state.pace.seconds(at: now))
        }
        guard let due else { return }
        let line = due.line(within: Terminal.size(of: STDERR_FILENO)?.columns)
        StandardError.write(isTerminal ? "\r\u{1B}[K\(line)" : line + "\n")
    }

    /// Takes the bar away.
    func finish() {
        let wasDrawn = state.withLock { state in
            defer { state.isDrawn = false }
            return state.isDrawn
        }
        if wasDrawn { StandardError.write("\r\u{1B}[K") }
    }
}
