/// The moments at which progress is shown: a bar is drawn a few times a second, a line in a file or pipe is written now
/// and then. Work that is done at once shows nothing.
package struct ProgressPace: Sendable {
    private let start: ContinuousClock.Instant
    private let isTerminal: Bool
    private let spacing: Duration
    private var last: ContinuousClock.Instant

    package static let usualSpacing: Duration = .seconds(10)

    /// - Parameter spacing: time between two lines where there is no terminal.
    package init(start: ContinuousClock.Instant, isTerminal: Bool, spacing: Duration = Self.usualSpacing) {
        self.start = start
        self.spacing = spacing
        self.isTerminal = isTerminal
        last = start
    }

    /// - Returns: whether it is time; it is taken as shown then.
    package mutating func isDue(at now: ContinuousClock.Instant) -> Bool {
        let pause: Duration = isTerminal ? .milliseconds(200) : spacing
        guard !isTerminal || now - start > .seconds(1), now - last >= pause else { return false }
        last = now
        return true
    }

    package func seconds(at now: ContinuousClock.Instant) -> Double { (now - start) / .seconds(1) }
}
